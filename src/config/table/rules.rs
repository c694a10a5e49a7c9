//! What follows from the checks: how many results decide, and the rules of a service as a whole.

use super::{path_text, value};
use crate::config::directive::{Directive, Kind, Scope};
use crate::config::{OnDrift, OnEvidence, evidence, words};
use crate::model::Quorum;

/// An edit of the configuration shall not cut off clients, and a client that talks for longer shall not keep a server
/// that is to be switched off for ever. Five minutes are what load balancers of large sites give.
const DRAIN_TIMEOUT: &str = "300";

pub(super) const RULES: &[Directive] = &[
    value("failurecount", Scope::Both, Kind::Number { min: 1, max: u32::MAX })
        .default("1")
        .derived_from("fall")
        .declared(|service| Some(service.failurecount.to_string().into()))
        .parameter("failures until down", "Failed checks in a row until a real server is taken out."),
    value("fall", Scope::Both, Kind::Number { min: 1, max: u32::MAX }).parameter(
        "failures until down",
        "The same as failurecount, which counts where both are set: the word that goes with rise.",
    ),
    value("rise", Scope::Both, Kind::Number { min: 1, max: u32::MAX })
        .default("1")
        .declared(|service| Some(service.rise.to_string().into()))
        // As with drain_timeout.
        .implied(|service| service.rise == 1)
        .parameter(
            "good checks until up",
            "Good checks in a row until a real server that was down serves again. One that was never checked serves after the \
             first.",
        ),
    value("initstate", Scope::Both, Kind::Word(words::init_state))
        .default("down")
        .declared(|service| Some(words::init_word(service.starts_up).into()))
        // As with drain_timeout.
        .implied(|service| !service.starts_up)
        .parameter(
            "real servers that were never checked",
            "down: one that the table does not have waits for its first good check. up: it serves at once, and goes at its first \
             bad check. One that is known to be down waits in either case, and one that the table has goes on serving.",
        ),
    value("quorum", Scope::Both, Kind::Word(words::quorum))
        .default("1")
        .declared(|service| Some(service.quorum.required.to_string().into()))
        // As with drain_timeout.
        .implied(|service| service.quorum.required == Quorum::default().required)
        .parameter(
            "weight that has to serve",
            "The weight that the real servers that serve must have together, or a share of the configured weight such as 50%, \
             backup ones aside. Below it backup real servers join; where they do not help either, quorumaction says what \
             happens. 1: any real server is enough.",
        ),
    value("hysteresis", Scope::Both, Kind::Word(words::amount))
        .default("0")
        .declared(|service| Some(service.quorum.hysteresis.to_string().into()))
        // As with drain_timeout.
        .implied(|service| service.quorum.hysteresis == Quorum::default().hysteresis)
        .parameter(
            "hysteresis of the quorum",
            "The quorum is lost below quorum less this, and met again at quorum and this, but for more than all real servers \
             have together. A weight, or a share such as 10%.",
        ),
    value("quorumaction", Scope::Both, Kind::Word(words::quorum_action))
        .default("fallback")
        .declared(|service| Some(service.quorum.action.name().into()))
        // As with drain_timeout.
        .implied(|service| service.quorum.action == Quorum::default().action)
        .parameter(
            "what a lost quorum does",
            "fallback: the fallback serves alone; without one those that are well go on. keep: those that are well go on, and \
             those that fail from then on stay too. stop: no client is served. command: those that are well go on, and \
             fallbackcommand is told.",
        ),
    value("maxejected", Scope::Both, Kind::Word(words::share))
        .default("100%")
        .declared(|service| Some(words::percent_text(service.maxejected.into()).into()))
        // As with drain_timeout.
        .implied(|service| service.maxejected == 100)
        .parameter(
            "share that failed checks may take out",
            "When more than this share of the real servers fails, the fault is sought at this node: what fails stays in, and \
             so does what failed at once with it, within checkinterval and the time limit of a check. Monitor says 190 \
             meanwhile. 100%: all may leave.",
        ),
    value("secondopinion", Scope::Both, Kind::YesNo)
        .default("no")
        .declared(|service| Some(words::yes_no(service.secondopinion).into()))
        // As with drain_timeout.
        .implied(|service| !service.secondopinion)
        .parameter(
            "ask the other directors before the last one leaves",
            "yes: before failed checks take out the last real server, or the only one that may serve, the health monitors of the \
             other directors are asked whether they reach it, for at most 300 ms, or a second where one has just reached it. \
             Where one does, the fault is sought at this node, and what failed with the last one stays in. Without an answer \
             this node decides alone. Monitor says 190 meanwhile. The directors need UDP port 9118 between the addresses of \
             their cluster.",
        ),
    value("slowstart", Scope::Both, Kind::AtMost(u32::MAX))
        .default("0")
        .declared(|service| Some(service.slowstart.as_secs().to_string().into()))
        // As with drain_timeout.
        .implied(|service| service.slowstart.is_zero())
        .parameter(
            "time to the whole weight",
            "Seconds in which the weight of a real server that has come up rises from 1 to the whole one, in 20 steps at most. \
             The first real server of an empty service has it at once, and so have those of a start. One that goes down \
             begins anew. 0: at once.",
        ),
    value("quiescent", Scope::Both, Kind::YesNo)
        .default("no")
        .declared(|service| Some(words::yes_no(service.quiescent).into()))
        .parameter(
            "keep failed real servers at weight 0",
            "yes: a failed real server stays with weight 0, so that its connections can end. no: it is removed.",
        ),
    value("readdquiescent", Scope::Both, Kind::YesNo)
        .default("no")
        .declared(|service| Some(words::yes_no(service.readdquiescent).into()))
        .parameter(
            "add deleted real servers of weight 0 again",
            "With quiescent: a failed real server whose entry was deleted by hand is added again with weight 0 (yes), or \
             stays away until it is healthy (no).",
        ),
    value("on_drift", Scope::Both, Kind::Word(words::on_drift))
        .default(words::REPAIR)
        .declared(|service| Some(words::drift_word(service.on_drift).into()))
        // As with drain_timeout.
        .implied(|service| service.on_drift == OnDrift::Repair)
        .parameter(
            "answer to changes by hand",
            "What becomes of an entry that another program, such as ipvsadm, has changed, added or deleted: repair brings \
             back what is configured; report leaves it and reports it (190) until it is undone, or until start or \
             reload-agent.",
        ),
    value("evidence", Scope::Both, Kind::Word(evidence::checked))
        .default("report")
        .declared(|service| Some(evidence::word_of(&service.service.key, service.on_evidence)?.into()))
        // As with drain_timeout.
        .implied(|service| service.on_evidence == OnEvidence::Report)
        .parameter(
            "answer to swallowed connections",
            "What becomes of a TCP real server that passes its checks while ten connections of clients in a row get no answer, \
             and another one answers: report says so (190) until it answers; act takes it out as well, for 30 s and twice as \
             long each time it does the same again, under maxejected; no does not look.",
        ),
    value("drain_timeout", Scope::Both, Kind::AtMost(u32::MAX))
        .default(DRAIN_TIMEOUT)
        .declared(|service| Some(service.drain_timeout.as_secs().to_string().into()))
        // Older health monitors do not know the directive, and have to go on while an upgrade is under way.
        .implied(|service| service.drain_timeout.as_secs().to_string() == DRAIN_TIMEOUT)
        .parameter(
            "time limit of a drain",
            "Seconds for which a real server that has left the configuration keeps the connections that it has: it gets \
             weight 0, and is removed when it has no connection any more, or when the time is over. 0 removes it at once.",
        ),
    value("cleanstop", Scope::Both, Kind::YesNo)
        .default("yes")
        .declared(|service| Some(words::yes_no(service.cleanstop).into()))
        .parameter(
            "remove at stop",
            "Accepted as in ldirectord.cf; stopping this resource always removes its services.",
        ),
    value("maintenancedir", Scope::Both, Kind::Rest)
        .declared(|service| path_text(service.maintenancedir.as_deref()))
        .parameter(
            "folder of maintenance files",
            "A file in this folder that is named ADDRESS:PORT, ADDRESS or by the host name of a real server takes it out at once.",
        ),
];
