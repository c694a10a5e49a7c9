//! Writes services as a text that reads back to them: every value that counts, every name resolved.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use super::table::DIRECTIVES;
use super::{Config, Draining, RealServerConfig, Service};
use crate::check::CheckKind;
use crate::model::{Family, RealServer, ServiceKey};

/// Lines of a section without those of its real servers, and bytes of a line: a text that grows is copied again and again.
const USUAL_SECTION: usize = 10;
const USUAL_LINE: usize = 40;

/// The beginning of a declaration's first line. It is a comment: version 0.1 knows no forms, and a health monitor of that
/// version has to go on while an upgrade is under way.
const FORM: &str = "# declaration, form ";
/// The form that this version writes, and the newest that it reads.
const NEWEST_FORM: u32 = 1;

/// Refuses a declaration of a newer version, which may mean something else by the same words.
///
/// # Errors
/// What the first line says, and what to do about it.
pub fn refuse_newer_form(declaration: &str) -> Result<(), String> {
    let first = declaration.lines().next().unwrap_or_default();
    match first.strip_prefix(FORM).map(str::parse) {
        None | Some(Ok(..=NEWEST_FORM)) => Ok(()),
        Some(_) => Err(format!("\"{first}\": a newer lvs-agents wrote this: upgrade this one")),
    }
}

/// The services in the configuration language, for those who read declarations. It contains passwords: for files of mode
/// 0600 only.
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
    writeln!(out, "{FORM}{NEWEST_FORM}")?;
    config.services.iter().try_for_each(|service| render_service(out, service))
}

fn render_service(out: &mut dyn Write, service: &Service) -> fmt::Result {
    let key = service.service.key;
    let six = if key.family() == Family::Ipv6 { "6" } else { "" };
    match key {
        ServiceKey::Fwmark { mark, .. } => writeln!(out, "virtual{six}={mark}")?,
        ServiceKey::Address { address, port, .. } => {
            writeln!(out, "virtual{six}={}", SocketAddr::new(address, port))?;
        }
    }
    for directive in DIRECTIVES {
        if let Some(value) = directive.written_for(service) {
            writeln!(out, "\t{}={value}", directive.name)?;
        }
    }
    if let Some(fallback) = &service.fallback {
        writeln!(out, "\tfallback{six}={} {}", fallback.key, fallback.forwarding)?;
    }
    for real in &service.real_servers {
        write!(out, "\treal{six}=")?;
        render_real(out, service, real)?;
        writeln!(out)?;
    }
    service.draining.iter().try_for_each(|Draining { real_server, since }| {
        write!(out, "\treal{six}=")?;
        render_entry(out, real_server)?;
        writeln!(out, " draining:{since}")
    })
}

/// The value of a `real` line.
pub(super) fn render_real(out: &mut dyn Write, service: &Service, real: &RealServerConfig) -> fmt::Result {
    let key = real.real_server.key;
    render_entry(out, &real.real_server)?;
    let (own, shared) = (&real.check.question, &service.question);
    if (&own.request, &own.receive) != (&shared.request, &shared.receive) {
        write!(out, " \"{}\",\"{}\"", own.request, own.receive)?;
    }
    let asked = real.check.target.port();
    if asked != key.port && CheckKind::find(own.kind).is_some_and(CheckKind::asks_a_port) {
        write!(out, " checkport:{asked}")?;
    }
    if real.backup {
        write!(out, " backup")?;
    }
    Ok(())
}

/// What the kernel is to hold.
fn render_entry(out: &mut dyn Write, real: &RealServer) -> fmt::Result {
    let RealServer { key, forwarding, weight, upper_threshold, lower_threshold, .. } = real;
    match (key.port, key.address.is_ipv6()) {
        (0, true) => write!(out, "[{}]", key.address)?,
        (0, false) => write!(out, "{}", key.address)?,
        _ => write!(out, "{key}")?,
    }
    write!(out, " {forwarding} {weight}{}", forwarding.options())?;
    if *lower_threshold > 0 {
        write!(out, " l:{lower_threshold}")?;
    }
    if *upper_threshold > 0 {
        write!(out, " u:{upper_threshold}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_of_a_newer_form_is_refused_and_one_without_a_form_is_old() {
        let rows = [("", true), ("virtual=192.0.2.1:80", true), ("# declaration, form 1\n", true)];
        let newer = ["# declaration, form 2\nvirtual=192.0.2.1:80", "# declaration, form x", "# declaration, form "];
        crate::testing::check_rows(rows.into_iter().chain(newer.map(|text| (text, false))), |(text, is_read)| {
            assert_eq!(refuse_newer_form(text).is_ok(), is_read);
        });
        assert_eq!(refuse_newer_form(&render(&Config::default())), Ok(()));
    }
}
