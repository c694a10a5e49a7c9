//! The table of directives: it drives parsing, placement and "did you mean".

use super::problem::{Origin, Report};
use super::section::{CheckType, GlobalSection, Located, ProtocolWord, SchedulerFlags, Section, Settings};
use super::{LogTarget, value};
use crate::model::{Family, HttpMethod, Secret};

/// A directive's value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub origin: Origin,
    pub directive: &'static str,
    pub value: &'a str,
}

impl Entry<'_> {
    /// The beginning of a message: `checkport "x"`. A secret's value is never part of it.
    pub fn name(&self) -> String {
        if !is_secret(self.directive) {
            self.origin.name_value(self.directive, self.value)
        } else if matches!(self.origin, Origin::Parameter(_)) {
            "the value".into()
        } else {
            self.directive.into()
        }
    }

    pub fn locate<T>(&self, value: T) -> Located<T> {
        Located { origin: self.origin, word: self.value.into(), value }
    }

    /// For what most sections do not have.
    fn locate_boxed<T>(&self, value: T) -> Option<Box<Located<T>>> {
        Some(Box::new(self.locate(value)))
    }

    /// The value between double quotes. The error never contains the value.
    fn quoted(&self, report: &mut Report) -> Result<String, String> {
        let (text, after) = value::quoted(self.value)?;
        if !after.is_empty() {
            report.warn(self.origin, format!("{}: ignored what follows the closing double quote", self.name()));
        }
        Ok(text.into())
    }

    /// The value with or without double quotes.
    fn text(&self, report: &mut Report) -> Result<String, String> {
        if self.value.starts_with('"') {
            return self.quoted(report);
        }
        if self.value.is_empty() { Err("expected a value".into()) } else { Ok(self.value.into()) }
    }

    /// The same, for a value that ldirectord wants in quotes and that many files have without.
    fn leniently_quoted(&self, report: &mut Report) -> Result<String, String> {
        let text = self.text(report)?;
        if !self.value.starts_with('"') {
            report.warn(self.origin, format!("{}: no double quotes around it, which ldirectord refuses", self.name()));
        }
        Ok(text)
    }

    /// The first word: ldirectord ignores what follows.
    fn word(&self, report: &mut Report) -> &str {
        let (word, rest) = self.value.split_once(char::is_whitespace).unwrap_or((self.value, ""));
        if !rest.is_empty() {
            report.warn(self.origin, format!("{}: ignored what follows the first word", self.name()));
        }
        value::bare(word)
    }
}

/// Stores a value; the error is what was expected.
pub(super) type Setter<T> = fn(&mut T, &Entry, &mut Report) -> Result<(), String>;

pub(super) enum Action {
    /// Opens a section.
    Virtual(Family),
    Real(Family),
    /// In a section and outside.
    Fallback(Family),
    /// In a section and outside.
    Setting(Setter<Settings>),
    /// Outside of sections only.
    Global(Setter<GlobalSection>),
    /// In a section only.
    Section(Setter<Section>),
    /// Accepted, without effect, for this reason.
    Ignored(&'static str),
    /// Known, but the feature does not exist yet.
    Unsupported,
    /// Gone from ldirectord itself in favour of these.
    Replaced(&'static str),
}

pub(super) struct Directive {
    pub name: &'static str,
    /// The file's form has double quotes; a resource parameter gives the text without them.
    pub quoted: bool,
    pub action: Action,
}

const fn plain(name: &'static str, action: Action) -> Directive {
    Directive { name, quoted: false, action }
}

const fn quoted(name: &'static str, action: Action) -> Directive {
    Directive { name, quoted: true, action }
}

/// One month, the longest persistence that ipvsadm(8) lets through (`MAX_TIMEOUT` of ipvsadm.c).
const LONGEST_PERSISTENCE: u32 = 31 * 24 * 60 * 60;

static DIRECTIVES: &[Directive] = &[
    plain("virtual", Action::Virtual(Family::Ipv4)),
    plain("virtual6", Action::Virtual(Family::Ipv6)),
    plain("real", Action::Real(Family::Ipv4)),
    plain("real6", Action::Real(Family::Ipv6)),
    plain("fallback", Action::Fallback(Family::Ipv4)),
    plain("fallback6", Action::Fallback(Family::Ipv6)),
    plain("checktimeout", Action::Setting(|s, e, _| value::seconds(e.value).map(|v| s.checktimeout = Some(v)))),
    plain("negotiatetimeout", Action::Setting(|s, e, _| value::seconds(e.value).map(|v| s.negotiatetimeout = Some(v)))),
    plain("checkinterval", Action::Setting(|s, e, _| value::seconds(e.value).map(|v| s.checkinterval = Some(v)))),
    plain(
        "failurecount",
        Action::Setting(|s, e, _| value::number(e.value, 1, u32::MAX).map(|v| s.failurecount = Some(v))),
    ),
    plain("quiescent", Action::Setting(|s, e, _| value::yes_no(e.value).map(|v| s.quiescent = Some(v)))),
    plain("cleanstop", Action::Setting(|s, e, _| value::yes_no(e.value).map(|v| s.cleanstop = Some(v)))),
    plain("checkcount", Action::Setting(checkcount)),
    plain("autoreload", Action::Global(|g, e, _| value::yes_no(e.value).map(|v| g.autoreload = Some(v)))),
    quoted("callback", Action::Global(|g, e, r| e.leniently_quoted(r).map(|v| g.callback = Some(v.into())))),
    quoted("logfile", Action::Global(logfile)),
    plain("checktype", Action::Section(|s, e, r| CheckType::parse(e.word(r)).map(|v| s.checktype = e.locate_boxed(v)))),
    plain("service", Action::Section(|s, e, r| service_name(e.word(r)).map(|v| s.service = e.locate_boxed(v)))),
    quoted("checkcommand", Action::Section(|s, e, r| e.text(r).map(|v| s.checkcommand = Some(v.into())))),
    plain("checkport", Action::Section(|s, e, _| value::port(e.value).map(|v| s.checkport = Some(v)))),
    quoted("request", Action::Section(|s, e, r| e.leniently_quoted(r).map(|v| s.request = e.locate_boxed(v)))),
    quoted("receive", Action::Section(|s, e, r| e.quoted(r).map(|v| s.receive = e.locate_boxed(v)))),
    plain("httpmethod", Action::Section(|s, e, r| http_method(e.word(r)).map(|v| s.httpmethod = Some(v)))),
    quoted("virtualhost", Action::Section(virtualhost)),
    quoted("login", Action::Section(|s, e, r| e.quoted(r).map(|v| s.login = Some(v)))),
    quoted("passwd", Action::Section(|s, e, r| e.quoted(r).map(|v| s.passwd = Some(Secret::new(v))))),
    quoted("database", Action::Section(|s, e, r| e.quoted(r).map(|v| s.database = Some(v)))),
    plain("scheduler", Action::Section(|s, e, r| value::word(e.word(r)).map(|v| s.scheduler = Some(v)))),
    plain(
        "persistent",
        Action::Section(|s, e, _| value::number(e.value, 0, LONGEST_PERSISTENCE).map(|v| s.persistent = Some(v))),
    ),
    plain("netmask", Action::Section(|s, e, _| netmask(e.value, s.family).map(|v| s.netmask = e.locate_boxed(v)))),
    plain(
        "schedflags",
        Action::Section(|s, e, r| scheduler_flags(e.word(r)).map(|v| s.schedflags = e.locate_boxed(v))),
    ),
    plain(
        "protocol",
        Action::Section(|s, e, r| ProtocolWord::parse(e.word(r)).map(|v| s.protocol = e.locate_boxed(v))),
    ),
    plain("ops", Action::Section(|s, e, _| value::yes_no(e.value).map(|v| s.ops = e.locate_boxed(v)))),
    plain("fork", Action::Ignored("all checks run at once anyway")),
    plain("supervised", Action::Ignored("the daemon's command line decides")),
    plain("readdquiescent", Action::Ignored("a missing real server is always added again")),
    plain("load", Action::Ignored("ldirectord never used it either")),
    plain("servicename", Action::Ignored("only alert mails would show it")),
    plain("comment", Action::Ignored("only alert mails would show it")),
    plain("emailalert", Action::Unsupported),
    plain("emailalertfrom", Action::Unsupported),
    plain("emailalertfreq", Action::Unsupported),
    plain("emailalertstatus", Action::Unsupported),
    plain("smtp", Action::Unsupported),
    plain("execute", Action::Unsupported),
    plain("fallbackcommand", Action::Unsupported),
    plain("maintenancedir", Action::Unsupported),
    plain("monitorfile", Action::Unsupported),
    quoted("secret", Action::Unsupported),
    plain("timeout", Action::Replaced("checktimeout and negotiatetimeout")),
    plain("connecttimeout", Action::Replaced("negotiatetimeout")),
];

pub(super) fn find(name: &str) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.name == name)
}

fn is_secret(directive: &str) -> bool {
    matches!(directive, "passwd" | "secret")
}

/// The directive that a mistyped word is closest to.
pub(super) fn suggestion(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    // A longer word cannot be within the bound, and the distance costs the product of the lengths.
    if word.chars().count() > 32 {
        return None;
    }
    let near = DIRECTIVES.iter().filter(|directive| directive.name.len().abs_diff(word.chars().count()) <= 2);
    let close = near.map(|directive| (distance(&word, directive.name), directive.name));
    let (distance, name) = close.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2 && distance * 3 <= name.len()).then_some(name)
}

/// How many letters to insert, delete or replace.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (index, left) in a.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((right, pair), last) in b.chars().zip(row.windows(2)).zip(0_usize..) {
            let &[diagonal, above] = pair else { continue };
            let before = next.get(last).copied().unwrap_or(usize::MAX - 1);
            next.push((diagonal + usize::from(left != right)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

fn checkcount(_: &mut Settings, entry: &Entry, report: &mut Report) -> Result<(), String> {
    value::number(entry.value, 1, u32::MAX)?;
    report.warn(entry.origin, "checkcount: deprecated and without effect: use failurecount");
    Ok(())
}

fn logfile(global: &mut GlobalSection, entry: &Entry, report: &mut Report) -> Result<(), String> {
    let target = entry.leniently_quoted(report)?;
    global.logfile = Some(LogTarget::from(target));
    Ok(())
}

fn http_method(value: &str) -> Result<HttpMethod, String> {
    match value.to_ascii_uppercase().as_str() {
        "GET" => Ok(HttpMethod::Get),
        "HEAD" => Ok(HttpMethod::Head),
        _ => Err("expected GET or HEAD".into()),
    }
}

fn virtualhost(section: &mut Section, entry: &Entry, report: &mut Report) -> Result<(), String> {
    // Templates leave an empty one; ldirectord takes it.
    if value::bare(entry.value).is_empty() {
        section.virtualhost = None;
        return Ok(());
    }
    let host = entry.text(report)?;
    if !host.chars().all(|character| character.is_ascii_graphic() && character != '"') {
        return Err("expected a host name".into());
    }
    section.virtualhost = Some(host);
    Ok(())
}

fn netmask(value: &str, family: Family) -> Result<u8, String> {
    match family {
        Family::Ipv4 => value::ipv4_netmask(value),
        Family::Ipv6 => value::number(value, 1, 128)
            .ok()
            .and_then(|length| length.try_into().ok())
            .ok_or_else(|| "expected a prefix length from 1 to 128".into()),
    }
}

/// A flag of `schedflags`, the scheduler that it belongs to (any for none), and its place among the kernel's three
/// scheduler flags (`IP_VS_SVC_F_SCHED_*`, `include/uapi/linux/ip_vs.h`).
static SCHEDULER_FLAGS: &[(&str, Option<&str>, usize)] = &[
    ("sh-fallback", Some("sh"), 0),
    ("sh-port", Some("sh"), 1),
    ("mh-fallback", Some("mh"), 0),
    ("mh-port", Some("mh"), 1),
    ("flag-1", None, 0),
    ("flag-2", None, 1),
    ("flag-3", None, 2),
];

/// The flags, and the schedulers that they need.
fn scheduler_flags(value: &str) -> Result<SchedulerFlags, String> {
    let mut wanted = SchedulerFlags::default();
    for word in value.split(',') {
        let Some((_, scheduler, place)) = SCHEDULER_FLAGS.iter().find(|(name, _, _)| *name == word) else {
            let names: Vec<&str> = SCHEDULER_FLAGS.iter().map(|(name, _, _)| *name).collect();
            return Err(format!("expected a comma separated list of {}", names.join(" ")));
        };
        wanted.schedulers.extend(scheduler);
        if let Some(flag) = wanted.flags.get_mut(*place) {
            *flag = true;
        }
    }
    Ok(wanted)
}

/// Every service that ldirectord can negotiate with, and its port.
pub(super) static SERVICES: &[(&str, u16)] = &[
    ("ftp", 21),
    ("smtp", 25),
    ("dns", 53),
    ("http", 80),
    ("pop", 110),
    ("nntp", 119),
    ("imap", 143),
    ("ldap", 389),
    ("https", 443),
    ("submission", 587),
    ("ldaps", 636),
    ("imaps", 993),
    ("pops", 995),
    ("oracle", 1521),
    ("radius", 1812),
    ("http_proxy", 3128),
    ("mysql", 3306),
    ("sip", 5060),
    ("pgsql", 5432),
    ("simpletcp", 0),
    ("none", 0),
];

fn service_name(value: &str) -> Result<&'static str, String> {
    let known = SERVICES.iter().find(|(name, _)| *name == value);
    known.map(|(name, _)| *name).ok_or_else(|| {
        let names: Vec<&str> = SERVICES.iter().map(|(name, _)| *name).collect();
        format!("expected one of {}", names.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_gets_its_neighbour_and_a_strange_one_nothing() {
        for (word, meant) in
            [("chektype", "checktype"), ("CheckTimeout", "checktimeout"), ("quiesent", "quiescent"), ("rea", "real")]
        {
            assert_eq!(suggestion(word), Some(meant), "{word}");
        }
        for word in ["[vip]", "include", "x", "", "frobnicate"] {
            assert_eq!(suggestion(word), None, "{word}");
        }
    }

    #[test]
    fn every_directive_has_one_entry() {
        for directive in DIRECTIVES {
            let same = DIRECTIVES.iter().filter(|other| other.name == directive.name).count();
            assert_eq!(same, 1, "{}", directive.name);
        }
    }
}
