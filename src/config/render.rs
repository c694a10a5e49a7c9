//! Writes a configuration as a file that reads back to it, with every value said and every name resolved.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use super::directive::SERVICES;
use super::{Config, Global, LogTarget, RealServerConfig, Service};
use crate::model::{Check, CheckMethod, Family, HttpMethod, RealServer, ServiceKey, VirtualService};

/// Lines of a section without those of its real servers, and bytes of a line: a text that grows is copied again and again.
const USUAL_SECTION: usize = 8;
const USUAL_LINE: usize = 40;

/// The text of an `ldirectord.cf`. It contains passwords: for files of mode 0600 only.
pub fn render(config: &Config) -> String {
    let lines: usize = config.services.iter().map(|service| USUAL_SECTION + service.real_servers.len()).sum();
    let mut text = String::with_capacity(lines * USUAL_LINE);
    // Writing into a string cannot fail.
    let _ = render_into(&mut text, config);
    text
}

/// The same text, for a reader that does not need it as a whole.
///
/// # Errors
/// Those of the writer alone.
pub fn render_into(out: &mut dyn Write, config: &Config) -> fmt::Result {
    render_global(out, &config.global)?;
    config.services.iter().try_for_each(|service| render_service(out, service))
}

fn render_global(out: &mut dyn Write, global: &Global) -> fmt::Result {
    let default = Global::default();
    if global.checkinterval != default.checkinterval {
        writeln!(out, "checkinterval={}", global.checkinterval.as_secs())?;
    }
    if global.autoreload != default.autoreload {
        writeln!(out, "autoreload={}", yes_no(global.autoreload))?;
    }
    if global.cleanstop != default.cleanstop {
        writeln!(out, "cleanstop={}", yes_no(global.cleanstop))?;
    }
    if let Some(callback) = &global.callback {
        writeln!(out, "callback=\"{}\"", callback.display())?;
    }
    match &global.logfile {
        None => Ok(()),
        Some(LogTarget::File(path)) => writeln!(out, "logfile=\"{}\"", path.display()),
        Some(LogTarget::Syslog(facility)) => writeln!(out, "logfile=\"{facility}\""),
    }
}

fn render_service(out: &mut dyn Write, service: &Service) -> fmt::Result {
    let six = if service.service.key.family() == Family::Ipv6 { "6" } else { "" };
    render_virtual(out, &service.service, six)?;
    writeln!(out, "\tcheckinterval={}", service.checkinterval.as_secs())?;
    writeln!(out, "\tfailurecount={}", service.failurecount)?;
    writeln!(out, "\tquiescent={}", yes_no(service.quiescent))?;
    writeln!(out, "\tcleanstop={}", yes_no(service.cleanstop))?;
    if let Some(fallback) = &service.fallback {
        writeln!(out, "\tfallback{six}={} {}", fallback.key, fallback.forwarding)?;
    }
    let Some(first) = service.real_servers.first() else {
        // Nothing is checked, and saying so spares the reader a warning.
        return writeln!(out, "\tchecktype=on");
    };
    let own_questions = service.real_servers.iter().any(|real| question(&real.check) != question(&first.check));
    render_check(out, &first.check, !own_questions)?;
    let check_port = check_port(service);
    if let Some(name) = service_of_connect(service, check_port) {
        writeln!(out, "\tservice={name}")?;
    }
    if let Some(port) = check_port {
        writeln!(out, "\tcheckport={port}")?;
    }
    for real in &service.real_servers {
        let shown = Shown { port: shows_port(check_port, real), question: own_questions };
        render_real(out, real, six, shown)?;
    }
    Ok(())
}

fn render_virtual(out: &mut dyn Write, service: &VirtualService, six: &str) -> fmt::Result {
    match service.key {
        ServiceKey::Fwmark { mark, .. } => writeln!(out, "virtual{six}={mark}")?,
        ServiceKey::Address { protocol, address, port } => {
            writeln!(out, "virtual{six}={}", SocketAddr::new(address, port))?;
            writeln!(out, "\tprotocol={protocol}")?;
        }
    }
    writeln!(out, "\tscheduler={}", service.scheduler)?;
    if let Some(persistence) = service.persistence {
        writeln!(out, "\tpersistent={}", persistence.timeout)?;
        match service.key.family() {
            Family::Ipv6 => writeln!(out, "\tnetmask={}", persistence.prefix_length)?,
            Family::Ipv4 => writeln!(out, "\tnetmask={}", dotted_quad(persistence.prefix_length))?,
        }
    }
    let flags = ["flag-1", "flag-2", "flag-3"].into_iter().zip(service.flags.scheduler);
    let flags: Vec<&str> = flags.filter(|(_, set)| *set).map(|(name, _)| name).collect();
    if !flags.is_empty() {
        writeln!(out, "\tschedflags={}", flags.join(","))?;
    }
    if service.flags.one_packet {
        writeln!(out, "\tops=yes")?;
    }
    Ok(())
}

fn render_check(out: &mut dyn Write, check: &Check, with_question: bool) -> fmt::Result {
    // Without negotiatetimeout this counts for every kind of check.
    writeln!(out, "\tchecktimeout={}", check.timeout.as_secs())?;
    match &*check.method {
        CheckMethod::On => writeln!(out, "\tchecktype=on"),
        CheckMethod::Off => writeln!(out, "\tchecktype=off"),
        CheckMethod::Connect => writeln!(out, "\tchecktype=connect"),
        CheckMethod::Ping => writeln!(out, "\tchecktype=ping"),
        CheckMethod::External { command, .. } => {
            writeln!(out, "\tchecktype=external\n\tcheckcommand=\"{}\"", command.display())
        }
        CheckMethod::Http(http) => {
            writeln!(out, "\tchecktype=negotiate\n\tservice={}", if http.tls { "https" } else { "http" })?;
            if http.method == HttpMethod::Head {
                writeln!(out, "\thttpmethod=HEAD")?;
            }
            if let Some(host) = &http.virtual_host {
                writeln!(out, "\tvirtualhost=\"{host}\"")?;
            }
            render_question(out, check, with_question)
        }
        CheckMethod::Mysql(mysql) => {
            writeln!(out, "\tchecktype=negotiate\n\tservice=mysql\n\tlogin=\"{}\"", mysql.login)?;
            if !mysql.password.reveal().is_empty() {
                writeln!(out, "\tpasswd=\"{}\"", mysql.password.reveal())?;
            }
            if let Some(database) = &mysql.database {
                writeln!(out, "\tdatabase=\"{database}\"")?;
            }
            render_question(out, check, with_question)
        }
    }
}

fn render_question(out: &mut dyn Write, check: &Check, wanted: bool) -> fmt::Result {
    let Some((request, receive)) = question(check).filter(|_| wanted) else { return Ok(()) };
    writeln!(out, "\trequest=\"{request}\"")?;
    if receive.is_empty() { Ok(()) } else { writeln!(out, "\treceive=\"{receive}\"") }
}

/// Which of the optional parts a `real` line has.
struct Shown {
    port: bool,
    question: bool,
}

fn render_real(out: &mut dyn Write, real: &RealServerConfig, six: &str, shown: Shown) -> fmt::Result {
    let RealServer { key, forwarding, weight, upper_threshold, lower_threshold, .. } = &real.real_server;
    match (shown.port && key.port != 0, six) {
        (true, _) => write!(out, "\treal{six}={key}")?,
        (false, "") => write!(out, "\treal={}", key.address)?,
        (false, _) => write!(out, "\treal{six}=[{}]", key.address)?,
    }
    write!(out, " {forwarding} {weight}")?;
    if let Some((request, receive)) = question(&real.check).filter(|_| shown.question) {
        write!(out, " \"{request}\",\"{receive}\"")?;
    }
    if *lower_threshold > 0 {
        write!(out, " l:{lower_threshold}")?;
    }
    if *upper_threshold > 0 {
        write!(out, " u:{upper_threshold}")?;
    }
    writeln!(out)
}

/// What can differ between the real servers of one service: `request` and `receive`.
fn question(check: &Check) -> Option<(&str, &str)> {
    match &*check.method {
        CheckMethod::Http(http) => Some((&http.request, http.receive.as_deref().unwrap_or(""))),
        CheckMethod::Mysql(mysql) => Some((&mysql.request, "")),
        _ => None,
    }
}

/// The port that the check contacts, if it contacts one.
fn asked_port(check: &Check) -> Option<u16> {
    match *check.method {
        CheckMethod::Connect | CheckMethod::Http(_) | CheckMethod::Mysql(_) => Some(check.target.port()),
        CheckMethod::On | CheckMethod::Off | CheckMethod::Ping | CheckMethod::External { .. } => None,
    }
}

/// `checkport`, where all real servers are asked on one port and not all on their own.
fn check_port(service: &Service) -> Option<u16> {
    let first = asked_port(&service.real_servers.first()?.check)?;
    let shared = service.real_servers.iter().all(|real| asked_port(&real.check) == Some(first));
    let own = service.real_servers.iter().all(|real| real.real_server.key.port == first);
    (shared && !own).then_some(first)
}

/// A real server that is asked on neither its own port nor a shared one was written without a port: its service's usual
/// one is asked.
fn shows_port(check_port: Option<u16>, real: &RealServerConfig) -> bool {
    check_port.is_some() || asked_port(&real.check).is_none_or(|port| port == real.real_server.key.port)
}

/// A plain connect has no service of its own to take that usual port from.
fn service_of_connect(service: &Service, check_port: Option<u16>) -> Option<&'static str> {
    let bare = service.real_servers.iter().find(|real| !shows_port(check_port, real))?;
    let known = SERVICES.iter().find(|(_, port)| *port == bare.check.target.port())?;
    (*bare.check.method == CheckMethod::Connect).then_some(known.0)
}

fn dotted_quad(prefix_length: u8) -> std::net::Ipv4Addr {
    let host_bits = u32::from(Family::Ipv4.bits().saturating_sub(prefix_length));
    u32::MAX.checked_shl(host_bits).unwrap_or(0).into()
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
