//! Services of ldirectord that cannot be checked yet. A configuration that wants one is refused, and says so.

use super::kind::{CheckKind, PLAIN, Port};

pub(super) const DNS: CheckKind = CheckKind { name: "dns", port: Port::Usual(53), ..PLAIN };
pub(super) const LDAP: CheckKind = CheckKind { name: "ldap", port: Port::Usual(389), ..PLAIN };
pub(super) const LDAPS: CheckKind = CheckKind { name: "ldaps", port: Port::Usual(636), ..PLAIN };
pub(super) const ORACLE: CheckKind = CheckKind { name: "oracle", port: Port::Usual(1521), ..PLAIN };
pub(super) const RADIUS: CheckKind = CheckKind { name: "radius", port: Port::Usual(1812), ..PLAIN };
pub(super) const HTTP_PROXY: CheckKind = CheckKind { name: "http_proxy", port: Port::Usual(3128), ..PLAIN };
pub(super) const PGSQL: CheckKind = CheckKind { name: "pgsql", port: Port::Usual(5432), ..PLAIN };
