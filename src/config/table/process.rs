//! The process and its file, and words that have no effect or another one.

use super::{ignored, value};
use crate::config::directive::{Directive, Form, Kind, Scope};
use crate::config::words;

pub(super) const PROCESS: &[Directive] = &[
    value("checkcount", Scope::Both, Kind::Number { min: 1, max: u32::MAX })
        .note("deprecated and without effect: use failurecount"),
    value("autoreload", Scope::Outside, Kind::YesNo).default("no"),
    value("supervised", Scope::Outside, Kind::YesNo).default("no"),
    value("callback", Scope::Outside, Kind::LenientlyQuoted),
    value("logfile", Scope::Outside, Kind::LenientlyQuoted),
    value("metrics", Scope::Outside, Kind::Judged(words::metrics_address)),
    value("observe_group", Scope::Outside, Kind::Judged(words::group_name)),
    ignored("fork", "all checks run at once anyway"),
    ignored("load", "ldirectord never used it either"),
    Directive::new("execute", Scope::Outside, Form::Execute),
    Directive::new("timeout", Scope::Both, Form::Replaced("checktimeout and negotiatetimeout")),
    Directive::new("connecttimeout", Scope::Both, Form::Replaced("negotiatetimeout")),
];
