//! The health check of a section: which question, how long, on which port.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::directive::SERVICES;
use super::problem::Report;
use super::real::{Question, RealSpec};
use super::section::{CheckType, Located, Section, Settings};
use crate::model::{Check, CheckMethod, HttpCheck, HttpMethod, MysqlCheck, Protocol, RealServer, ServiceKey};

/// Patterns that were tried. To compile one costs as much as hundreds of lines, and services often share theirs.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    tried: RefCell<HashMap<String, Result<(), String>>>,
}

impl Patterns {
    /// A Perl regular expression that the check will understand.
    fn accept(&self, receive: &str) -> Result<String, String> {
        let known = self.tried.borrow().get(receive).cloned();
        let result = known.unwrap_or_else(|| {
            let result = crate::check::validate_pattern(receive);
            self.tried.borrow_mut().insert(receive.to_owned(), result.clone());
            result
        });
        result.map(|()| receive.to_owned()).map_err(|cause| format!("expected a regular expression: {cause}"))
    }
}

/// What the checks of one section have in common.
pub(super) struct Template<'a> {
    method: Arc<CheckMethod>,
    timeout: Duration,
    checkport: Option<u16>,
    service: &'static str,
    /// For external checks.
    key: ServiceKey,
    patterns: &'a Patterns,
}

impl<'a> Template<'a> {
    /// `None` when something is wrong, which is then reported.
    pub fn new(
        section: &Section,
        global: &Settings,
        key: ServiceKey,
        patterns: &'a Patterns,
        report: &mut Report,
    ) -> Option<Self> {
        let checktype = section.checktype.as_ref().map_or(CheckType::Negotiate, |located| located.value);
        let service = section.service.as_ref().map_or_else(|| default_service(key), |located| located.value);
        let is_udp = matches!(key, ServiceKey::Address { protocol: Protocol::Udp, .. });
        let method = match checktype {
            CheckType::On => Some(CheckMethod::On),
            CheckType::Off => Some(CheckMethod::Off),
            CheckType::Ping => Some(CheckMethod::Ping),
            // A UDP port cannot be connected to: ldirectord pings the host instead.
            CheckType::Connect if is_udp => Some(CheckMethod::Ping),
            CheckType::Connect => Some(CheckMethod::Connect),
            CheckType::External => {
                let command = section.checkcommand.clone().unwrap_or_else(|| PathBuf::from("/bin/true"));
                Some(CheckMethod::External { command, arguments: Vec::new() })
            }
            CheckType::Negotiate => negotiate(section, service, patterns, report),
        }?;
        let timeout = timeout(checktype, &section.settings, global);
        Some(Self { method: Arc::new(method), timeout, checkport: section.checkport, service, key, patterns })
    }

    /// The check of one real server. `written` is the port of its line, if it has one.
    pub fn check(&self, real: &RealServer, written: Option<u16>, own: Option<&Question>) -> Result<Check, String> {
        let (own_method, port) = match (&*self.method, own) {
            (CheckMethod::On | CheckMethod::Off | CheckMethod::Ping, _) => (None, 0),
            (CheckMethod::External { command, .. }, _) => {
                let arguments = external_arguments(self.key, real);
                (Some(CheckMethod::External { command: command.clone(), arguments }), real.key.port)
            }
            (CheckMethod::Http(http), Some(own)) => {
                (Some(CheckMethod::Http(self.own_http(http, own)?)), self.port(real, written)?)
            }
            (CheckMethod::Mysql(mysql), Some(own)) => {
                (Some(CheckMethod::Mysql(own_mysql(mysql, own)?)), self.port(real, written)?)
            }
            (CheckMethod::Connect | CheckMethod::Http(_) | CheckMethod::Mysql(_), _) => {
                (None, self.port(real, written)?)
            }
        };
        let method = own_method.map_or_else(|| Arc::clone(&self.method), Arc::new);
        Ok(Check { method, target: SocketAddr::new(real.key.address, port), timeout: self.timeout })
    }

    /// A real server's own question replaces both parts of the section's, an empty `receive` too.
    fn own_http(&self, section: &HttpCheck, (request, receive): &Question) -> Result<HttpCheck, String> {
        let receive = if receive.is_empty() { None } else { Some(self.patterns.accept(receive)?) };
        Ok(HttpCheck { request: http_path(request)?, receive, ..section.clone() })
    }

    /// `checkport`, else the port that was written, else the service's usual one, else the virtual service's.
    fn port(&self, real: &RealServer, written: Option<u16>) -> Result<u16, String> {
        let port = self.checkport.or(written).or_else(|| service_port(self.service));
        port.or(Some(real.key.port))
            .filter(|port| *port != 0)
            .ok_or_else(|| "no port to check: expected ADDRESS:PORT or a checkport".into())
    }

    /// ldirectord's default for a real server without a port surprises where the service has an unusual one.
    pub fn warn_about_port(&self, spec: &Located<RealSpec>, key: ServiceKey, report: &mut Report) {
        let asks_port = matches!(*self.method, CheckMethod::Connect | CheckMethod::Http(_) | CheckMethod::Mysql(_));
        let ServiceKey::Address { port, .. } = key else { return };
        let Some(usual) = service_port(self.service).filter(|usual| *usual != port) else { return };
        if asks_port && spec.value.port.is_none() && self.checkport.is_none() {
            let text =
                format!("checked on port {usual} of service {}, not on {port}: a checkport decides", self.service);
            report.warn(spec.origin, format!("{}: {text}", spec.origin.name_value("real", &spec.word)));
        }
    }
}

/// The service's usual port, for those that have one.
fn service_port(service: &str) -> Option<u16> {
    SERVICES.iter().find(|(name, port)| *name == service && *port != 0).map(|(_, port)| *port)
}

/// By the port of the virtual service; a firewall mark has none.
fn default_service(key: ServiceKey) -> &'static str {
    let ServiceKey::Address { port, .. } = key else { return "none" };
    SERVICES.iter().find(|(_, usual)| *usual == port && port != 0).map_or("none", |(name, _)| name)
}

/// ldirectord's order: the section's own word first, whichever of the two it is.
fn timeout(checktype: CheckType, section: &Settings, global: &Settings) -> Duration {
    let in_order = |settings: &Settings| match checktype {
        CheckType::Negotiate => settings.negotiatetimeout.or(settings.checktimeout),
        _ => settings.checktimeout.or(settings.negotiatetimeout),
    };
    let default = if checktype == CheckType::Negotiate { 30 } else { 5 };
    in_order(section).or_else(|| in_order(global)).unwrap_or(Duration::from_secs(default))
}

fn negotiate(
    section: &Section,
    service: &'static str,
    patterns: &Patterns,
    report: &mut Report,
) -> Option<CheckMethod> {
    match service {
        "none" => {
            let text = "never checked: service is none: use checktype=connect, or checktype=on to say so";
            report.warn(section.origin, format!("{}: {text}", section.name()));
            Some(CheckMethod::On)
        }
        "http" | "https" => http(section, service == "https", patterns, report),
        "mysql" => mysql(section, report),
        _ => {
            let text = format!("service {service}: checking it is not supported yet: use checktype=connect");
            match &section.service {
                Some(located) => report.error(located.origin, text),
                None => report.error(section.origin, format!("{}: {text}", section.name())),
            }
            None
        }
    }
}

fn http(section: &Section, tls: bool, patterns: &Patterns, report: &mut Report) -> Option<CheckMethod> {
    let path = section.request.as_ref().map_or(Ok("/".to_string()), |request| {
        http_path(&request.value)
            .map_err(|text| format!("{}: {text}", request.origin.name_value("request", &request.word)))
    });
    let request = section.request.as_ref().map_or(section.origin, |request| request.origin);
    let path = report.keep(request, path);
    let receive = match &section.receive {
        None => None,
        Some(receive) => {
            let name = receive.origin.name_value("receive", &receive.word);
            let pattern = patterns.accept(&receive.value).map_err(|text| format!("{name}: {text}"));
            Some(report.keep(receive.origin, pattern)?)
        }
    };
    Some(CheckMethod::Http(HttpCheck {
        tls,
        method: section.httpmethod.unwrap_or(HttpMethod::Get),
        request: path?,
        virtual_host: section.virtualhost.clone(),
        receive,
    }))
}

fn mysql(section: &Section, report: &mut Report) -> Option<CheckMethod> {
    let request = section.request.as_ref().map(|request| request.value.clone()).unwrap_or_default();
    let all_ask = !section.real_servers.is_empty()
        && section.real_servers.iter().all(|spec| spec.value.options.question.is_some());
    let mut missing = Vec::new();
    if section.login.is_none() {
        missing.push("login");
    }
    if !is_statement(&request) && !all_ask {
        missing.push("request");
    }
    for directive in &missing {
        report.error(
            section.origin,
            format!("{}: {directive} is missing: service mysql needs it (or use checktype=connect)", section.name()),
        );
    }
    missing.is_empty().then(|| {
        CheckMethod::Mysql(MysqlCheck {
            login: section.login.clone().unwrap_or_default(),
            password: section.passwd.clone().unwrap_or_default(),
            database: section.database.clone(),
            request,
        })
    })
}

fn own_mysql(section: &MysqlCheck, (request, _): &Question) -> Result<MysqlCheck, String> {
    if !is_statement(request) {
        return Err("expected an SQL statement in the first pair of double quotes".into());
    }
    Ok(MysqlCheck { request: request.clone(), ..section.clone() })
}

/// A lone slash is ldirectord's default request: no statement.
fn is_statement(request: &str) -> bool {
    !matches!(request.trim(), "" | "/")
}

/// Path and query with a leading slash, otherwise as written: the check escapes what a request line cannot hold.
fn http_path(request: &str) -> Result<String, String> {
    if request.contains("http://") || request.contains("https://") {
        return Err("a whole URL: not supported yet: expected the path, and the host name in virtualhost".into());
    }
    Ok(if request.starts_with('/') { request.to_owned() } else { format!("/{request}") })
}

/// `VIP VPORT RIP RPORT`, or `MARK 0 RIP RPORT`; IPv6 addresses in square brackets. The real server's own port, not
/// the checkport.
pub(super) fn external_arguments(key: ServiceKey, real: &RealServer) -> Vec<String> {
    let (virtual_address, virtual_port) = match key {
        ServiceKey::Address { address, port, .. } => (bracketed(address), port),
        ServiceKey::Fwmark { mark, .. } => (mark.to_string(), 0),
    };
    vec![virtual_address, virtual_port.to_string(), bracketed(real.key.address), real.key.port.to_string()]
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
