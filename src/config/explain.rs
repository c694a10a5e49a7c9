//! Every value that counts, and where it comes from.

use std::borrow::Cow;
use std::fmt;

use super::check::Questions;
use super::directive::Directive;
use super::effective::{Author, Resolution};
use super::file::{Depth, read};
use super::problem::{Origin, Problem, Report};
use super::section::{Outside, Preview, Section};
use super::table::{self, DIRECTIVES};
use super::written::{Effective, Value, Written};
use super::{Config, Resolver, Service, render};

/// Appends each service of the text to `out`, with the value of every directive and its source, as `check-config --explain`
/// shows it. Secrets are not shown.
///
/// # Errors
/// As [`parse_file`](super::parse_file).
pub fn explain(text: &[u8], resolver: &dyn Resolver, out: &mut String) -> Result<Config, Vec<Problem>> {
    let (mut report, mut sections) = (Report::default(), Vec::new());
    let outside = read(text, Depth::Whole, &mut report, |section| sections.push(section));
    let mut preview = Preview::default();
    sections.iter().for_each(|section| preview.note(section));
    let questions = Questions::new(resolver);
    let mut resolution = Resolution::new(&outside, &preview, (resolver, Author::User), &questions);
    sections.iter().for_each(|section| resolution.add(section));
    let config = resolution.finish(report).result()?;
    // Writing into a string cannot fail.
    let _ = sections
        .iter()
        .zip(&config.services)
        .try_for_each(|(section, service)| explain_service(section, service, &outside, out));
    Ok(config)
}

fn explain_service(section: &Section, service: &Service, outside: &Outside, out: &mut dyn fmt::Write) -> fmt::Result {
    let values = Effective { section: &section.values, outside: &outside.values };
    line(out, section.directive(), &service.service.key.to_string(), &place(section.origin))?;
    for directive in DIRECTIVES {
        let Some(value) = (directive.declared)(service) else { continue };
        let value = if directive.secret { Cow::Borrowed("***") } else { value };
        line(out, &format!("  {}", directive.name), &value, &source(directive, &value, values))?;
    }
    if let Some(fallback) = &service.fallback {
        let global = outside.fallbacks().find(|(_, family)| *family == section.family).map(|(spec, _)| spec);
        let source = section.fallback.as_deref().or(global).map(|spec| place(spec.origin)).unwrap_or_default();
        line(out, "  fallback", &format!("{} {}", fallback.key, fallback.forwarding), &source)?;
    }
    service.real_servers.iter().try_for_each(|real| {
        let mut value = String::new();
        render::render_real(&mut value, service, real)?;
        let from = real.dns.as_ref().map(|name| format!(", from DNS {name}")).unwrap_or_default();
        line(out, "  real", &value, &(place(real.origin) + &from))
    })?;
    let unknown = service.followed.iter().filter(|followed| followed.members.is_empty());
    unknown.into_iter().try_for_each(|followed| {
        line(out, "  real", &followed.line, &format!("{}, no records known", place(followed.origin)))
    })
}

/// Where the value comes from. A directive that stands in for this one counts before it, where it is written in the section
/// and this one is not.
fn source(directive: &Directive, value: &str, values: Effective) -> String {
    let givers = DIRECTIVES.iter().filter(|other| other.gives == directive.name);
    if let Some(Written { directive: giver, at }) = givers.filter_map(|other| values.written(other.name)).next() {
        return format!("{}, {}", place(at.origin), giver.name);
    }
    let written = match table::find(directive.derived_from) {
        Some(other) => values.first_written([directive.name, other.name]),
        None => values.written(directive.name),
    };
    match written {
        Some(Written { at, .. }) if is_replaced(directive, &at.value, value) => {
            format!("{}, but {}", place(at.origin), directive.derived_from)
        }
        Some(written) if written.directive.name == directive.name => place(written.at.origin),
        None if directive.default.is_some_and(|default| default == value) => "default".into(),
        _ => format!("from {}", directive.derived_from),
    }
}

/// Whether another word counts than the one that is written, for the reason that the row of the directive has.
fn is_replaced(directive: &Directive, written: &Value, counts: &str) -> bool {
    let has_reason = !directive.derived_from.is_empty() && table::find(directive.derived_from).is_none();
    has_reason && matches!(written, Value::Text(text) if **text != *counts)
}

/// One value; its source stands in a column of its own where the value leaves room for it.
fn line(out: &mut dyn fmt::Write, name: &str, value: &str, source: &str) -> fmt::Result {
    writeln!(out, "{:<56}  # {source}", format!("{name} = {value}"))
}

fn place(origin: Origin) -> String {
    origin.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::AnyName;
    use super::*;

    #[test]
    fn every_value_has_its_source_and_a_password_is_not_shown() {
        let text = "checktimeout=3\nvirtual=192.0.2.1:3306\n\treal=192.0.2.2 gate 2\n\treal=192.0.2.3:3307 masq\n\
                    \tlogin=\"l\"\n\tpasswd=\"hunter2\"\n\trequest=\"SELECT 1\"\nfallback=127.0.0.1\n";
        let mut out = String::new();
        explain(text.as_bytes(), &AnyName::default(), &mut out).expect("right");
        let lines: Vec<String> =
            out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "virtual = tcp 192.0.2.1:3306 # line 2",
            "protocol = tcp # from virtual",
            "scheduler = wrr # default",
            "checktype = negotiate # default",
            "service = mysql # from the port of virtual",
            "request = SELECT 1 # line 7",
            "login = l # line 5",
            "passwd = *** # line 6",
            "checkinterval = 10 # default",
            "negotiatetimeout = 3 # from checktimeout",
            "failurecount = 1 # default",
            "rise = 1 # default",
            "initstate = down # default",
            "quorum = 1 # default",
            "hysteresis = 0 # default",
            "quorumaction = fallback # default",
            "maxejected = 100% # default",
            "secondopinion = no # default",
            "slowstart = 0 # default",
            "quiescent = no # default",
            "readdquiescent = no # default",
            "on_drift = repair # default",
            "evidence = report # default",
            "drain_timeout = 300 # default",
            "cleanstop = yes # default",
            "fallback = 127.0.0.1:3306 gate # line 8",
            "real = 192.0.2.2:3306 gate 2 # line 3",
            "real = 192.0.2.3:3307 masq 1 # line 4",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_time_limit_comes_from_the_line_that_counts() {
        for (outside, section, expected) in [
            ("negotiatetimeout=20", "checktimeout=3", "negotiatetimeout = 3 # from checktimeout"),
            ("checktimeout=3", "negotiatetimeout=20", "negotiatetimeout = 20 # line 3"),
            ("checktimeout=30", "request=\"x\"", "negotiatetimeout = 30 # from checktimeout"),
            ("negotiatetimeout=20", "checktype=ping", "checktimeout = 20 # from negotiatetimeout"),
            ("quiescent=yes", "checktype=ping", "checktimeout = 5 # default"),
        ] {
            let mut out = String::new();
            let text = format!("{outside}\nvirtual=192.0.2.1:80\n\t{section}\n");
            explain(text.as_bytes(), &AnyName::default(), &mut out).expect("right");
            let told = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            let of_checks = |line: &String| line.contains("timeout") && !line.starts_with("drain");
            assert_eq!(told.filter(of_checks).collect::<Vec<_>>(), [expected], "{text}");
        }
    }

    #[test]
    fn a_check_that_is_not_the_written_one_has_the_reason_beside_its_line() {
        for (lines, expected) in [
            ("\tprotocol=udp\n\tchecktype=connect\n", "checktype = ping # line 3, but protocol: a UDP port is pinged"),
            ("\tchecktype=connect\n", "checktype = connect # line 2"),
            ("\tchecktype=ping\n\tprotocol=udp\n", "checktype = ping # line 2"),
            ("\tchecktype=checktimeout3\n", "checktype = 3 # line 2"),
        ] {
            let mut out = String::new();
            explain(format!("virtual=192.0.2.1:80\n{lines}").as_bytes(), &AnyName::default(), &mut out).expect("right");
            let told = out.lines().find(|line| line.contains("checktype")).expect("a line");
            assert_eq!(told.split_whitespace().collect::<Vec<_>>().join(" "), expected);
        }
    }

    #[test]
    fn a_password_from_a_file_has_the_line_that_names_the_file() {
        let text = "virtual=192.0.2.1:3306\n\tlogin=\"l\"\n\trole=any\n\tpasswd_file=/a\n";
        let mut out = String::new();
        explain(text.as_bytes(), &AnyName::default(), &mut out).expect("right");
        let line = out.lines().find(|line| line.contains("passwd")).expect("a line");
        assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), "passwd = *** # line 4, passwd_file");
    }

    #[test]
    fn no_value_comes_from_nowhere() {
        // One service of each kind of check, with as little written as it takes.
        let text = "virtual=192.0.2.1:80\n\tpersistent=9\nvirtual=7\n\tservice=https\nvirtual=192.0.2.1:53\n\
                    \tchecktype=connect\nvirtual=192.0.2.1:99\n\tchecktype=external\n\tscheduler=sh\n\
                    \tschedflags=sh-port\nvirtual6=[2001:db8::1]:99\n\tchecktype=connect\n";
        let mut out = String::new();
        explain(text.as_bytes(), &AnyName::default(), &mut out).expect("right");
        let without: Vec<&str> = out.lines().filter(|line| line.trim_end().ends_with("# from")).collect();
        assert_eq!(without, [""; 0]);
    }
}
