//! The health check of a section: which question, how long, on which port.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::problem::Report;
use super::real::{Options, RealSpec};
use super::section::Section;
use super::words::{self, NEGOTIATE};
use super::written::{Effective, Located, Written, default_number};
use super::{Resolver, parameters};
use crate::check::{CheckKind, Invalid, Need, Port, TimeLimit, Transport};
use crate::model::{Between, Check, Field, Protocol, Question, RealServer, Secret, ServiceKey};

/// Questions that were judged. Thousands of services share one, and to judge its pattern costs as much as hundreds of lines.
pub(super) struct Questions<'a> {
    known: RefCell<HashMap<Arc<Question>, Result<(), Invalid>>>,
    resolver: &'a dyn Resolver,
}

impl<'a> Questions<'a> {
    pub fn new(resolver: &'a dyn Resolver) -> Self {
        Self { known: RefCell::default(), resolver }
    }

    /// The section's word for a part of its question, else what counts without one.
    fn said(&self, field: Field, need: Need, values: Effective) -> String {
        let text = or_default(values.text(field.directive()), need);
        match need {
            Need::DefaultWhereNamed(make) if text.is_empty() && !values.text("service").is_empty() => {
                make(&self.resolver.own_name())
            }
            _ => text.to_owned(),
        }
    }

    /// The question, shared with all that ask the same, if it can be asked.
    fn share(&self, kind: &CheckKind, question: Question) -> Result<Arc<Question>, Invalid> {
        let known =
            self.known.borrow().get_key_value(&question).map(|(shared, result)| (shared.clone(), result.clone()));
        let (shared, result) = known.unwrap_or_else(|| {
            let (result, shared) = ((kind.validate)(&question), Arc::new(question));
            self.known.borrow_mut().insert(Arc::clone(&shared), result.clone());
            (shared, result)
        });
        result.map(|()| shared)
    }
}

/// What the checks of one section have in common.
pub(super) struct Template<'a> {
    kind: &'static CheckKind,
    pub question: Arc<Question>,
    pub timeout: Duration,
    pub between: Option<Arc<Between>>,
    checkport: Option<u16>,
    /// Asked where neither a line nor `checkport` names a port.
    service: &'static CheckKind,
    key: ServiceKey,
    questions: &'a Questions<'a>,
}

impl<'a> Template<'a> {
    /// `None` when something is wrong, which is then reported.
    pub fn new(
        section: &Section,
        values: Effective,
        key: ServiceKey,
        questions: &'a Questions<'a>,
        report: &mut Report,
    ) -> Option<Self> {
        let service = service(values, key);
        let Chosen { kind, between, warning } = choose(values, key, service);
        if kind.ask.is_none() {
            let text = format!("service {}: {}", kind.name, kind.instead);
            match values.written("service") {
                Some(written) => report.error(written.at.origin, text),
                None => report.error(section.origin, format!("{}: {text}", section.name())),
            }
            return None;
        }
        if let Some(warning) = warning {
            report.warn(section.origin, format!("{}: {warning}", section.name()));
        }
        let protocol = match kind.transport {
            Transport::Tcp => Protocol::Tcp,
            // No check speaks SCTP: the real server is asked as one behind a mark is.
            Transport::OfService(behind_a_mark) => {
                protocol(key).filter(|protocol| *protocol != Protocol::Sctp).unwrap_or(behind_a_mark)
            }
        };
        let question = Question { protocol, ..Question::of(kind.name) };
        let question = section_question(kind, question, section, values, questions, report)?;
        let checkport = values.written("checkport").and_then(|_| values.number("checkport").try_into().ok());
        let timeout = timeout(kind.limit, values);
        Some(Self { kind, question, timeout, between, checkport, service, key, questions })
    }

    /// The check of one real server. `written` is the port of its line, if it has one.
    pub fn check(&self, real: &RealServer, written: Option<u16>, own: &Options) -> Result<Check, String> {
        let question = match self.kind.port {
            Port::Told => {
                Arc::new(Question { arguments: external_arguments(self.key, real), ..(*self.question).clone() })
            }
            _ => self.own_question(own)?,
        };
        let target = SocketAddr::new(real.key.address, self.port(real, written, own)?);
        Ok(Check { question, target, timeout: self.timeout, between: self.between.clone() })
    }

    /// A real server's own question replaces both parts of the section's, an empty `receive` too.
    fn own_question(&self, own: &Options) -> Result<Arc<Question>, String> {
        let Some(own) = &own.question else { return Ok(Arc::clone(&self.question)) };
        let mut question = (*self.question).clone();
        for (field, text) in [(Field::Request, &own.0), (Field::Receive, &own.1)] {
            if let Some((_, need)) = self.kind.fields.iter().find(|(known, _)| *known == field) {
                question.set(field, or_default(text, *need).to_owned());
            }
        }
        self.questions.share(self.kind, question).map_err(|invalid| invalid.expected)
    }

    /// The line's own, else `checkport`, else the port that was written, else the service's usual one, else the virtual
    /// service's.
    fn port(&self, real: &RealServer, written: Option<u16>, own: &Options) -> Result<u16, String> {
        match self.kind.port {
            Port::None => return Ok(0),
            Port::Told => return Ok(real.key.port),
            Port::Asked | Port::Usual(_) => {}
        }
        let said = own.checkport.or(self.checkport).or(written).or_else(|| self.service.usual_port());
        Some(said.unwrap_or(real.key.port))
            .filter(|port| *port != 0)
            .ok_or_else(|| "no port to check: expected ADDRESS:PORT or a checkport".into())
    }

    /// ldirectord's default for a real server without a port surprises where the service has an unusual one.
    pub fn warn_about_port(&self, spec: &Located<RealSpec>, key: ServiceKey, report: &mut Report) {
        let ServiceKey::Address { port, .. } = key else { return };
        let Some(usual) = self.service.usual_port().filter(|usual| *usual != port) else { return };
        let is_said = spec.value.port.is_some() || self.checkport.or(spec.value.options.checkport).is_some();
        if self.kind.asks_a_port() && !is_said {
            let text =
                format!("checked on port {usual} of service {}, not on {port}: a checkport decides", self.service.name);
            report.warn(spec.origin, format!("{}: {text}", spec.origin.name_value("real", &spec.word)));
        }
    }
}

/// The service that is written, else the one whose usual port the virtual service has.
fn service(values: Effective, key: ServiceKey) -> &'static CheckKind {
    let written = Some(values.text("service")).filter(|name| !name.is_empty());
    let by_port = || match key {
        ServiceKey::Address { port, .. } => CheckKind::of_port(port),
        ServiceKey::Fwmark { .. } => None,
    };
    written.map_or_else(by_port, CheckKind::find).unwrap_or(CheckKind::none())
}

/// The checks of a section.
struct Chosen {
    kind: &'static CheckKind,
    between: Option<Arc<Between>>,
    warning: Option<&'static str>,
}

fn choose(values: Effective, key: ServiceKey, service: &'static CheckKind) -> Chosen {
    // A UDP port cannot be connected to: ldirectord pings the host instead. Nor does a check speak SCTP.
    let connect = match protocol(key) {
        Some(Protocol::Udp | Protocol::Sctp) => "ping",
        Some(Protocol::Tcp) | None => "connect",
    };
    let name = values.text("checktype");
    let (kind, count) = match (name, words::combined(name)) {
        (NEGOTIATE, _) => (service, 0),
        // What only connects in between would do nothing but connect.
        (_, Some(count)) if service.stands_for.is_some() && count > 0 => (find(connect), 0),
        (_, Some(count)) => (service, count),
        ("connect", _) => (find(connect), 0),
        _ => (find(name), 0),
    };
    let timeout = timeout(TimeLimit::Checktimeout, values);
    let between = (count > 0).then(|| Between { count, kind: connect, timeout }.into());
    match kind.stands_for {
        None => Chosen { kind, between, warning: None },
        Some((kind, warning)) => Chosen { kind, between: None, warning: Some(warning) },
    }
}

fn find(name: &str) -> &'static CheckKind {
    CheckKind::find(name).unwrap_or(CheckKind::none())
}

fn protocol(key: ServiceKey) -> Option<Protocol> {
    match key {
        ServiceKey::Address { protocol, .. } => Some(protocol),
        ServiceKey::Fwmark { .. } => None,
    }
}

/// The section's own word first, whichever of the two time limits it is, as ldirectord has it.
pub(super) fn timeout(limit: TimeLimit, values: Effective) -> Duration {
    let names = match limit {
        TimeLimit::Checktimeout => ["checktimeout", "negotiatetimeout"],
        TimeLimit::Negotiatetimeout => ["negotiatetimeout", "checktimeout"],
    };
    let [name, _] = names;
    let written = values.first_written(names).and_then(Written::number);
    let seconds = written.unwrap_or_else(|| default_number(name));
    Duration::from_secs(seconds.into())
}

/// What the section asks where a line does not say otherwise.
fn section_question(
    kind: &'static CheckKind,
    mut question: Question,
    section: &Section,
    values: Effective,
    questions: &Questions,
    report: &mut Report,
) -> Option<Arc<Question>> {
    let all_ask = !section.real_servers.is_empty()
        && section.real_servers.iter().all(|spec| spec.value.options.question.is_some());
    let mut is_complete = true;
    for (field, need) in kind.fields {
        let text = questions.said(*field, *need, values);
        let is_said = all_ask && matches!(field, Field::Request | Field::Receive);
        let is_required = match need {
            Need::Required => true,
            Need::RequiredWithout(others) => others.iter().all(|other| values.text(other.directive()).is_empty()),
            Need::Optional | Need::Default(_) | Need::DefaultWhereNamed(_) => false,
        };
        if is_required && text.is_empty() && !is_said {
            is_complete = false;
            let (name, service) = (section.name(), kind.name);
            let directive = field.directive();
            let missing = format!("{directive} is missing: service {service} needs it (or use checktype=connect)");
            report.error(section.origin, format!("{name}: {missing}"));
        }
        question.set(*field, text);
    }
    if kind.fields.iter().any(|(field, _)| *field == Field::Passwd) {
        match password(values, questions.resolver) {
            Ok(None) => {}
            Ok(Some(password)) => question.passwd = password,
            Err((written, text)) => {
                is_complete = false;
                report.error(written.at.origin, format!("{}: {text}", written.name()));
            }
        }
    }
    if !is_complete {
        return None;
    }
    if all_ask {
        // Nobody is asked this; each line's own question is judged.
        return Some(Arc::new(question));
    }
    let Invalid { field, expected } = match questions.share(kind, question) {
        Ok(question) => return Some(question),
        Err(invalid) => invalid,
    };
    let directive = field.directive();
    match values.written(directive) {
        Some(written) => report.error(written.at.origin, format!("{}: {expected}", written.name())),
        None => report.error(section.origin, format!("{}: {directive}: {expected}", section.name())),
    }
    None
}

/// The password in the file that is named, if one is.
fn password<'v>(values: Effective<'v>, resolver: &dyn Resolver) -> Result<Option<Secret>, (&'v Written, String)> {
    let directive = "passwd_file";
    let Some(written) = values.written(directive) else { return Ok(None) };
    let objection = |text: String| Err((written, text));
    if values.written(Field::Passwd.directive()).is_some() {
        return objection("passwd is set too: expected one of them".into());
    }
    let path = Path::new(values.text(directive));
    if !path.is_absolute() {
        return objection("expected an absolute path".into());
    }
    let password = match resolver.password(path) {
        Ok(password) => password,
        Err(cause) => return objection(cause),
    };
    // A declaration holds it, in the same language.
    match parameters::is_writable(Field::Passwd, password.reveal()) {
        true => Ok(Some(password)),
        false => objection("the password has \"#\" or \" //\" behind a double quote, which passwd cannot have".into()),
    }
}

fn or_default(text: &str, need: Need) -> &str {
    match need {
        Need::Default(default) if text.is_empty() => default,
        _ => text,
    }
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
