//! Checkers: what each asks, in the directives of a section.

use super::address;
use super::block::Statement;
use super::timing::Timing;
use crate::convert::{Place, Remark};

/// What a real server is asked.
#[derive(Debug, Clone)]
pub(super) struct Checker {
    pub place: Place,
    pub keyword: String,
    /// The directives that say it, each with its value as a line has it; `request` and `receive` are apart.
    pub directives: Vec<(Place, &'static str, String)>,
    /// Of this real server alone, where the others are asked something else.
    pub request: Option<(Place, String)>,
    pub receive: Option<(Place, String)>,
    /// Whether it contacts a port, and which, if not that of the real server.
    pub asks_port: bool,
    pub port: Option<u16>,
    pub timing: Timing,
    /// Failures that it forgives where nothing is said.
    pub retries: u32,
}

/// A kind of checker.
struct Kind {
    keyword: &'static str,
    checktype: &'static str,
    service: Option<&'static str>,
    asks_port: bool,
    /// keepalived.conf(5).
    retries: u32,
}

const fn kind(keyword: &'static str, checktype: &'static str, service: Option<&'static str>, asks_port: bool) -> Kind {
    Kind { keyword, checktype, service, asks_port, retries: 1 }
}

/// Those that say most of a real server first: where several are written, a section has the first of them.
const KINDS: &[Kind] = &[
    kind("HTTP_GET", "negotiate", Some("http"), true),
    kind("SSL_GET", "negotiate", Some("https"), true),
    kind("SMTP_CHECK", "negotiate", Some("smtp"), true),
    Kind { retries: 3, ..kind("DNS_CHECK", "negotiate", Some("dns"), true) },
    Kind { retries: 0, ..kind("MISC_CHECK", "external", None, false) },
    kind("TCP_CHECK", "connect", None, true),
    kind("UDP_CHECK", "ping", None, false),
    kind("PING_CHECK", "ping", None, false),
];

/// Reads the checkers of a real server, and chooses one.
pub(super) fn read(
    real_server: &Statement,
    virtualhost: Option<&Statement>,
    is_tcp: bool,
    remarks: &mut Vec<Remark>,
) -> Option<Checker> {
    let written = |kind: &'static Kind| {
        let same = real_server.block.iter().filter(move |statement| statement.keyword() == kind.keyword);
        same.map(move |statement| (kind, statement))
    };
    let mut all = KINDS.iter().flat_map(written);
    let (kind, statement) = all.next()?;
    for (_, other) in all {
        let why = format!("a real server has one check: {} at {} counts", kind.keyword, statement.place);
        remarks.push(other.left_out(why));
    }
    Some(checker(kind, statement, virtualhost, is_tcp, remarks))
}

/// Whether it is a checker that is known here, which [`read`] takes.
pub(super) fn is_checker(keyword: &str) -> bool {
    KINDS.iter().any(|kind| kind.keyword == keyword)
}

fn checker(
    kind: &'static Kind,
    statement: &Statement,
    virtualhost: Option<&Statement>,
    is_tcp: bool,
    remarks: &mut Vec<Remark>,
) -> Checker {
    let place = || statement.place.clone();
    let mut checker = Checker {
        place: place(),
        keyword: kind.keyword.into(),
        directives: vec![(place(), "checktype", kind.checktype.into())],
        request: None,
        receive: None,
        asks_port: kind.asks_port,
        port: None,
        timing: Timing::default(),
        retries: kind.retries,
    };
    checker.directives.extend(kind.service.map(|service| (place(), "service", service.into())));
    for inner in &statement.block {
        if checker.timing.take(inner, remarks) || checker.take_connection(inner, remarks) {
            continue;
        }
        match (kind.keyword, inner.keyword()) {
            ("HTTP_GET" | "SSL_GET", _) => checker.take_http(inner, remarks),
            ("DNS_CHECK", "name") => checker.request = argument(inner),
            ("DNS_CHECK", "type") if inner.argument(1) == Some("A") => {}
            ("MISC_CHECK", _) => checker.take_program(inner, remarks),
            ("SMTP_CHECK", "helo_name") => remarks.push(inner.left_out("the check greets as localhost.localdomain")),
            ("UDP_CHECK", "payload" | "require_reply" | "min_reply_length" | "max_reply_length") => {
                remarks.push(inner.left_out("the host is pinged; service=simpletcp asks a line of text over UDP"));
            }
            ("DNS_CHECK", "type") => remarks.push(inner.left_out("the name's addresses are asked for (A, AAAA)")),
            _ => remarks.push(inner.unknown()),
        }
    }
    match kind.keyword {
        "HTTP_GET" | "SSL_GET" if checker.directives.iter().all(|(_, name, _)| *name != "virtualhost") => {
            checker.take_virtualhost(virtualhost);
        }
        "DNS_CHECK" if checker.request.is_none() => {
            // The root has no address, which is what the check asks for.
            let why =
                "the check asks for the addresses of a name, and none is given: the port is connected to, or pinged";
            remarks.push(statement.left_out(why));
            checker.directives = vec![(place(), "checktype", "connect".into())];
        }
        "TCP_CHECK" if !is_tcp => {
            remarks.push(statement.left_out("the virtual service is not TCP: the host is pinged"));
            checker.directives = vec![(place(), "checktype", "ping".into())];
            checker.asks_port = false;
        }
        "UDP_CHECK" => remarks.push(statement.otherwise("the host is pinged")),
        _ => {}
    }
    checker
}

fn argument(statement: &Statement) -> Option<(Place, String)> {
    Some((statement.place.clone(), statement.argument(1)?.to_owned()))
}

impl Checker {
    /// Whether the other asks the same, but for request and answer.
    pub fn is_like(&self, other: &Self) -> bool {
        let said = |checker: &Self| -> Vec<(&'static str, String)> {
            checker.directives.iter().map(|(_, name, value)| (*name, value.clone())).collect()
        };
        said(self) == said(other)
    }

    /// What is asked and answered; empty where nothing is said.
    pub fn question(&self) -> (&str, &str) {
        (
            self.request.as_ref().map_or("", |(_, text)| text.as_str()),
            self.receive.as_ref().map_or("", |(_, text)| text.as_str()),
        )
    }

    /// Whom and from where it asks.
    fn take_connection(&mut self, statement: &Statement, remarks: &mut Vec<Remark>) -> bool {
        match statement.keyword() {
            "connect_port" => match address::port(statement.argument(1)) {
                Ok(port) => self.port = Some(port).filter(|port| *port != 0),
                Err(why) => remarks.push(statement.left_out(why)),
            },
            "connect_ip" => remarks.push(statement.left_out("a real server is checked at its own address")),
            "bindto" | "bind_if" | "bind_port" | "fwmark" => {
                remarks.push(statement.left_out("the kernel chooses the source of a check"));
            }
            _ => return false,
        }
        true
    }

    fn take_http(&mut self, statement: &Statement, remarks: &mut Vec<Remark>) {
        match statement.keyword() {
            "url" if self.request.is_some() => {
                remarks.push(statement.left_out("a real server is asked for one URL: the first counts"));
            }
            "url" => statement.block.iter().for_each(|inner| self.take_url(inner, remarks)),
            "virtualhost" => self.take_virtualhost(Some(statement)),
            "enable_sni" | "fast_recovery" | "tls_compliant" => {
                remarks.push(statement.otherwise("always so"));
            }
            "http_protocol" => remarks.push(statement.otherwise("the check speaks HTTP/1.1")),
            _ => remarks.push(statement.unknown()),
        }
    }

    fn take_url(&mut self, statement: &Statement, remarks: &mut Vec<Remark>) {
        match statement.keyword() {
            "path" => self.request = argument(statement),
            "virtualhost" => self.take_virtualhost(Some(statement)),
            "regex" => {
                let pattern = statement.shell_arguments().into_iter().next();
                self.receive = pattern.map(|pattern| (statement.place.clone(), pattern));
            }
            "status_code" if statement.arguments() == ["200-299"] => {}
            "status_code" => remarks.push(statement.left_out("every status from 200 to 299 is good, and no other")),
            "digest" => remarks.push(statement.left_out("receive= compares the text of the page by a pattern")),
            "regex_no_match" => {
                self.receive = None;
                remarks.push(statement.left_out("the page must match receive=, and this pattern is left out too"));
            }
            "tls_compliant" => remarks.push(statement.otherwise("always so")),
            _ => remarks.push(statement.unknown()),
        }
    }

    fn take_virtualhost(&mut self, statement: Option<&Statement>) {
        if let Some((place, host)) = statement.and_then(argument) {
            self.directives.retain(|(_, name, _)| *name != "virtualhost");
            self.directives.push((place, "virtualhost", host));
        }
    }

    fn take_program(&mut self, statement: &Statement, remarks: &mut Vec<Remark>) {
        if statement.keyword() != "misc_path" {
            remarks.push(match statement.keyword() {
                "misc_dynamic" => statement.left_out("the exit status says up (0) or down, and no weight"),
                "user" => statement.left_out("the program runs as the health monitor's user, root"),
                _ => statement.unknown(),
            });
            return;
        }
        // A path in quotes has its arguments between them.
        let words = statement.shell_arguments().join(" ");
        let mut words = words.split_whitespace();
        let Some(program) = words.next() else { return };
        self.directives.push((statement.place.clone(), "checkcommand", format!("\"{program}\"")));
        let arguments = "the program is called with VIP VPORT RIP RPORT";
        remarks.push(match words.next() {
            Some(_) => statement.left_out(format!("{arguments}, not with the arguments that are written here")),
            None => statement.otherwise(arguments),
        });
    }
}
