//! What the log says of a change: ldirectord's sentences, so that scripts that read its log go on working, each
//! followed by the reason that ldirectord left out.

use super::log::Log;
use crate::health::{Pool, Transition};
use crate::model::{Change, RealServer, RealServerKey, ServiceKey, Table};

/// Health that changes nothing in the table is worth a line too.
pub fn transition(log: &Log, pool: &Pool, real: &RealServerKey, transition: Transition) {
    let service = name(&pool.key());
    match transition {
        Transition::SoftFailure { failures } => log.line(&format!(
            "Soft failure real server: {real} ({service}) failure {failures}/{}: {}",
            pool.settings().failurecount,
            reason(pool, real)
        )),
        Transition::Recovered => log.line(&format!("Resetting soft failure count: {real} ({service})")),
        Transition::CameUp | Transition::WentDown | Transition::Unasked { .. } | Transition::AskedAgain => {}
    }
}

/// A change that the kernel has executed. `observed` is the table before it.
pub fn change(log: &Log, pool: Option<&Pool>, change: &Change, observed: &Table) {
    log.line(&sentence(pool, change, observed));
}

fn sentence(pool: Option<&Pool>, change: &Change, observed: &Table) -> String {
    match change {
        Change::AddService(service) => format!("Added virtual server: {}", name(&service.key)),
        Change::EditService(service) => format!("Changed virtual server: {}", name(&service.key)),
        Change::DeleteService(key) => format!("Purged virtual server: {}", name(key)),
        Change::AddRealServer(key, real) => weighted("Added", pool, key, real),
        Change::EditRealServer(key, real) if real.weight == 0 => weighted("Quiescent", pool, key, real),
        Change::EditRealServer(key, real) => {
            let held = observed.get(key).and_then(|entry| entry.real_servers.get(&real.key));
            let verb = if held.is_some_and(|held| held.weight == 0) { "Restored" } else { "Changed" };
            weighted(verb, pool, key, real)
        }
        Change::DeleteRealServer(key, real) => {
            format!("Deleted {} server: {real} ({}){}", kind(pool, real), name(key), suffix(pool, real))
        }
    }
}

fn weighted(verb: &str, pool: Option<&Pool>, key: &ServiceKey, real: &RealServer) -> String {
    let (kind, service, suffix) = (kind(pool, &real.key), name(key), suffix(pool, &real.key));
    format!("{verb} {kind} server: {} ({service}) (Weight set to {}){suffix}", real.key, real.weight)
}

/// `IP:PORT` or the mark.
fn name(key: &ServiceKey) -> String {
    match key {
        ServiceKey::Address { address, port, .. } => std::net::SocketAddr::new(*address, *port).to_string(),
        ServiceKey::Fwmark { mark, .. } => mark.to_string(),
    }
}

fn kind(pool: Option<&Pool>, real: &RealServerKey) -> &'static str {
    let fallback = pool.and_then(|pool| pool.settings().fallback.as_ref());
    let configured = pool.is_some_and(|pool| pool.standing(real).is_some());
    if !configured && fallback.is_some_and(|fallback| fallback.key == *real) { "fallback" } else { "real" }
}

fn suffix(pool: Option<&Pool>, real: &RealServerKey) -> String {
    match pool.map(|pool| reason(pool, real)) {
        Some(reason) if !reason.is_empty() && reason != "configured" => format!(": {reason}"),
        _ => String::new(),
    }
}

fn reason(pool: &Pool, real: &RealServerKey) -> String {
    pool.standing(real).map(|standing| standing.reason).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Outcome, PoolSettings, RealServerSettings};
    use crate::testing::{real_server as real, virtual_service};
    use std::time::Instant;

    fn pool() -> Pool {
        let settings = PoolSettings {
            service: virtual_service("tcp 192.0.2.1:80"),
            real_servers: vec![RealServerSettings { real_server: real(2, 3), disabled: false }],
            fallback: Some(real(9, 1)),
            quiescent: true,
            failurecount: 1,
        };
        Pool::new(settings, None, &Default::default(), Instant::now())
    }

    #[test]
    fn sentences_are_ldirectords_with_the_reason_behind() {
        let mut pool = pool();
        let key = pool.key();
        pool.note(real(2, 3).key, &Outcome::Bad("refused".into()), Instant::now());
        let mut held = pool.entry(Instant::now());
        held.real_servers.insert(real(2, 0).key, real(2, 0));
        let observed: Table = [(key, held)].into();
        let say = |pool: &Pool, change| sentence(Some(pool), &change, &observed);
        assert_eq!(
            say(&pool, Change::EditRealServer(key, real(2, 0))),
            "Quiescent real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 0): check failed 1 of 1: refused"
        );
        assert_eq!(
            say(&pool, Change::AddRealServer(key, real(9, 1))),
            "Added fallback server: 192.0.2.9:80 (192.0.2.1:80) (Weight set to 1)"
        );
        pool.note(real(2, 3).key, &Outcome::Good, Instant::now());
        assert_eq!(
            say(&pool, Change::EditRealServer(key, real(2, 3))),
            "Restored real server: 192.0.2.2:80 (192.0.2.1:80) (Weight set to 3)"
        );
        let gone = real(9, 1).key;
        assert_eq!(
            say(&pool, Change::DeleteRealServer(key, gone)),
            "Deleted fallback server: 192.0.2.9:80 (192.0.2.1:80)"
        );
        assert_eq!(say(&pool, Change::DeleteService(key)), "Purged virtual server: 192.0.2.1:80");
    }
}
