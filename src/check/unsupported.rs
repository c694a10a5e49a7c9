//! Services of ldirectord that cannot be checked yet. A configuration that wants one is refused, and says so.

use super::kind::{CheckKind, PLAIN, Port};

pub(super) const FTP: CheckKind = CheckKind { name: "ftp", port: Port::Usual(21), ..PLAIN };
pub(super) const SMTP: CheckKind = CheckKind { name: "smtp", port: Port::Usual(25), ..PLAIN };
pub(super) const POP: CheckKind = CheckKind { name: "pop", port: Port::Usual(110), ..PLAIN };
pub(super) const NNTP: CheckKind = CheckKind { name: "nntp", port: Port::Usual(119), ..PLAIN };
pub(super) const IMAP: CheckKind = CheckKind { name: "imap", port: Port::Usual(143), ..PLAIN };
pub(super) const SUBMISSION: CheckKind = CheckKind { name: "submission", port: Port::Usual(587), ..PLAIN };
pub(super) const IMAPS: CheckKind = CheckKind { name: "imaps", port: Port::Usual(993), ..PLAIN };
pub(super) const POPS: CheckKind = CheckKind { name: "pops", port: Port::Usual(995), ..PLAIN };
pub(super) const SIP: CheckKind = CheckKind { name: "sip", port: Port::Usual(5060), ..PLAIN };
pub(super) const SIMPLETCP: CheckKind = CheckKind { name: "simpletcp", port: Port::Asked, ..PLAIN };
