//! Oracle databases, which a program of the administrator checks.
//!
//! Their protocol is spoken by Oracle's own client library alone. It is not free, loads itself into the process and waits
//! without a time limit, so it has no place in this one.

use super::kind::{CheckKind, PLAIN, Port};

pub(super) const KIND: CheckKind = CheckKind {
    name: "oracle",
    port: Port::Usual(1521),
    instead: "only Oracle's own client can ask it: use checktype=external with a checkcommand that runs sqlplus, or \
              checktype=connect",
    ..PLAIN
};
