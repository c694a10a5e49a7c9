//! The table of directives: one row each.

use std::borrow::Cow;
use std::path::Path;

use super::directive::{Directive, Form, Kind, Scope, asked};
use super::{OnDrift, words};
use crate::check::{CheckKind, NamedBy, TimeLimit};
use crate::model::{Family, Field, Persistence, ServiceKey};

/// One month, the longest persistence that ipvsadm(8) lets through (`MAX_TIMEOUT` of ipvsadm.c).
const LONGEST_PERSISTENCE: u32 = 31 * 24 * 60 * 60;

/// An edit of the configuration shall not cut off clients, and a client that talks for longer shall not keep a server
/// that is to be switched off for ever. Five minutes are what load balancers of large sites give.
const DRAIN_TIMEOUT: &str = "300";

const fn value(name: &'static str, scope: Scope, kind: Kind) -> Directive {
    Directive::new(name, scope, Form::Value(kind))
}

/// Accepted without effect, wherever it stands.
const fn ignored(name: &'static str, why: &'static str) -> Directive {
    Directive::new(name, Scope::Both, Form::Ignored(why))
}

/// Every directive. Those of a service stand in the order in which a declaration has them.
pub const DIRECTIVES: &[Directive] = &[
    Directive::new("virtual", Scope::Section, Form::Virtual(Family::Ipv4)).parameter(
        "virtual service",
        "The virtual service that clients connect to: ADDRESS:PORT, [IPV6]:PORT, or a firewall mark (a number). Several, \
         separated by commas or newlines, share all other parameters. A change restarts the resource: clients connect \
         elsewhere then, and the cluster moves what belongs to the address in its order.",
    )
    .names_services(),
    Directive::new("virtual6", Scope::Section, Form::Virtual(Family::Ipv6)),
    Directive::new("real", Scope::Section, Form::Real(Family::Ipv4)).parameter(
        "real servers",
        "The real servers, separated by commas or newlines, each: ADDRESS[:PORT] gate|masq|ipip|gue|gre [WEIGHT] \
         [l:LOWER] [u:UPPER] [tun-port:PORT] [tun-csum|tun-remcsum]. The weight is 1 when not given; 0 sends no new \
         connections there. Above UPPER connections a real server gets no new ones until it has fewer than LOWER. The \
         port of gue is 6080 when not given; tun-remcsum is for gue only.",
    ),
    Directive::new("real6", Scope::Section, Form::Real(Family::Ipv6)),
    Directive::new("fallback", Scope::Both, Form::Fallback(Family::Ipv4)).parameter(
        "fallback server",
        "Server that is used while no real server is healthy: ADDRESS[:PORT] [gate|masq|ipip|gue|gre].",
    ),
    Directive::new("fallback6", Scope::Both, Form::Fallback(Family::Ipv6)),
    value("protocol", Scope::Section, Kind::Word(words::protocol))
        .derived_from("virtual")
        .declared(|service| match service.service.key {
            ServiceKey::Address { protocol, .. } => Some(protocol.to_string().into()),
            ServiceKey::Fwmark { .. } => Some(words::FIREWALL_MARK.into()),
        })
        .parameter(
            "transport protocol",
            "tcp, udp or sctp; for a firewall mark fwm. Default: tcp, udp for port 53. A change restarts the resource, as \
             it makes another virtual service.",
        )
        .names_services(),
    value("scheduler", Scope::Section, Kind::Scheduler)
        .default("wrr")
        .declared(|service| Some(service.service.scheduler.as_str().into()))
        .parameter("scheduler", "Scheduling method: rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos."),
    value("schedflags", Scope::Section, Kind::Word(words::scheduler_flags))
        .declared(|service| words::flags_text(service.service.flags.scheduler))
        .parameter("scheduler flags", "Flags of the scheduler, such as sh-port, mh-fallback, flag-1."),
    value("persistent", Scope::Section, Kind::AtMost(LONGEST_PERSISTENCE))
        .declared(|service| Some(service.service.persistence?.timeout.to_string().into()))
        .parameter(
            "persistence timeout",
            "Seconds for which a client stays with its real server after its last connection. Not set: no persistence.",
        ),
    value("netmask", Scope::Section, Kind::Netmask)
        .derived_from("persistent: one address")
        .declared(|service| {
            let Persistence { prefix_length, .. } = service.service.persistence?;
            Some(words::netmask(service.service.key.family(), prefix_length).into())
        })
        .parameter(
            "persistence granularity",
            "Clients of one network count as one: netmask or IPv6 prefix length.",
        ),
    value("persistence_engine", Scope::Section, Kind::Word(words::persistence_engine))
        .declared(|service| Some(service.service.persistence?.engine?.name().into()))
        .parameter(
            "persistence engine",
            "What tells clients apart with persistent: sip, the Call-ID of a SIP dialogue, UDP only. Not set: their address.",
        ),
    value("ops", Scope::Section, Kind::YesNo)
        .declared(|service| service.service.flags.one_packet.then_some("yes".into()))
        .parameter("one-packet scheduling", "Schedule each packet by itself; UDP only. yes or no."),
    value("checktype", Scope::Section, Kind::Word(words::checktype))
        .default(words::NEGOTIATE)
        .derived_from("protocol: a UDP port is pinged")
        .declared(|service| match (CheckKind::find(service.question.kind)?.named_by, &service.between) {
            (NamedBy::Checktype, _) => Some(service.question.kind.into()),
            (NamedBy::Service, None) => Some(words::NEGOTIATE.into()),
            (NamedBy::Service, Some(between)) => Some(between.count.to_string().into()),
        })
        .parameter(
            "kind of health check",
            "How ocf:rust:ldirectord checks the real servers: connect, negotiate, ping, external, external-perl, on, off, \
             or a number: so many checks that only connect between two that negotiate.",
        ),
    value("service", Scope::Section, Kind::Word(words::service))
        .derived_from("the port of virtual")
        .declared(|service| {
            let kind = CheckKind::find(service.question.kind)?;
            (kind.named_by == NamedBy::Service).then_some(kind.name.into())
        })
        // Written out it would bring defaults with it that a service without a `service` line does not have.
        .implied(|service| match service.service.key {
            ServiceKey::Address { port, .. } => {
                CheckKind::of_port(port).is_some_and(|kind| kind.name == service.question.kind)
            }
            ServiceKey::Fwmark { .. } => false,
        })
        .parameter("protocol of the check", 
            "What negotiate speaks: dns, ftp, http, https, http_proxy, imap, imaps, ldap, ldaps, mysql, nntp, pgsql, pop, pops, \
             radius, simpletcp, sip, smtp, submission or none. Default: by port.",
        ),
    value("checkcommand", Scope::Section, Kind::Text)
        .derived_from("checktype")
        .declared(|service| asked(service, Field::Checkcommand))
        .parameter(
            "program of the check",
            "Path of the program for checktype=external, or of the Perl script for external-perl.",
        ),
    value("checkport", Scope::Section, Kind::Port)
        .parameter("port of the check", "Port that is checked when it is not the real server's own."),
    value("request", Scope::Section, Kind::LenientlyQuoted)
        .declared(|service| asked(service, Field::Request))
        .derived_from("service")
        .parameter(
            "what is asked",
            "HTTP path or URL; FTP file; text that simpletcp sends (with \\n for a newline); SQL statement that must return or \
             change a row; name or address for dns; entry for ldap.",
        ),
    value("receive", Scope::Section, Kind::Quoted)
        .declared(|service| asked(service, Field::Receive))
        .parameter("expected answer", "Perl regular expression that the answer must match somewhere."),
    value("httpmethod", Scope::Section, Kind::Word(words::http_method))
        .declared(|service| asked(service, Field::Httpmethod))
        .derived_from("service")
        .parameter("HTTP method", "GET or HEAD."),
    value("virtualhost", Scope::Section, Kind::HostName)
        .declared(|service| asked(service, Field::Virtualhost))
        .parameter("HTTP host", "Host header and TLS server name of the check."),
    value("login", Scope::Section, Kind::Quoted)
        .derived_from("service")
        .declared(|service| asked(service, Field::Login))
        .parameter("user of the check", 
            "User name for checks that log in; for sip the address that is asked for. Default where service is given: \
             ldirectord@HOST for sip; anonymous for ftp.",
        ),
    value("passwd", Scope::Section, Kind::Quoted)
        .secret()
        .derived_from("service")
        .declared(|service| asked(service, Field::Passwd))
        .parameter("password of the check", 
            "Password for checks that log in. Default where service is given: ldirectord@HOST for ftp.",
        ),
    value("secret", Scope::Section, Kind::Quoted)
        .secret()
        .declared(|service| asked(service, Field::Secret))
        .parameter("shared secret of the check", "Secret that the RADIUS server shares with this host."),
    value("database", Scope::Section, Kind::Quoted)
        .declared(|service| asked(service, Field::Database))
        .parameter("database of the check", "Database that the check connects to."),
    value("checkinterval", Scope::Both, Kind::Seconds)
        .default("10")
        .declared(|service| Some(service.checkinterval.as_secs().to_string().into()))
        .parameter("time between checks", "Seconds from one check of a real server to the next."),
    value("checktimeout", Scope::Both, Kind::Seconds)
        .default("5")
        .derived_from("negotiatetimeout")
        .declared(|service| limit_of(service, TimeLimit::Checktimeout))
        .parameter(
            "time limit of a check",
            "Seconds that a check other than negotiate may take as a whole; also one of ldap, ldaps and radius.",
        ),
    value("negotiatetimeout", Scope::Both, Kind::Seconds)
        .default("30")
        .derived_from("checktimeout")
        .declared(|service| limit_of(service, TimeLimit::Negotiatetimeout))
        .parameter(
            "time limit of a negotiate check",
            "Seconds that a negotiate check may take as a whole; checktimeout counts where only that one is set.",
        ),
    value("failurecount", Scope::Both, Kind::Number { min: 1, max: u32::MAX })
        .default("1")
        .declared(|service| Some(service.failurecount.to_string().into()))
        .parameter("failures until down", "Failed checks in a row until a real server is taken out."),
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
    value("monitorfile", Scope::Section, Kind::Text)
        .declared(|service| path_text(service.notices.monitorfile.as_deref()))
        .parameter("file of check results", "A line for the result of each check is appended to this file."),
    value("fallbackcommand", Scope::Both, Kind::Rest)
        .declared(|service| service.notices.fallbackcommand.as_deref().map(Cow::Borrowed))
        .parameter(
            "program for the fallback",
            "Run through the shell, with start or stop, VIP:PORT and the protocol, when no real server serves any more and when one does again.",
        ),
    value("servicename", Scope::Section, Kind::Rest)
        .declared(|service| said(&service.notices.servicename))
        .parameter("name of the service in mails", "What people call the service: shown in the subject and the text of alert mails."),
    value("comment", Scope::Section, Kind::Rest)
        .declared(|service| said(&service.notices.comment))
        .parameter("comment in mails", "Shown in the text of alert mails."),
    value("emailalert", Scope::Both, Kind::Judged(words::mail_addresses))
        .declared(|service| said(&mail_of(service)?.to))
        .parameter("addresses of alert mails", "Who gets a mail for each change of a real server: addresses, separated by commas."),
    value("emailalertfrom", Scope::Both, Kind::Judged(words::mail_address))
        .declared(|service| said(&mail_of(service)?.from))
        .parameter("sender of alert mails", "The address that alert mails come from. Default: root at this host."),
    value("emailalertfreq", Scope::Both, Kind::AtMost(u32::MAX))
        .default("0")
        .declared(|service| Some(mail_of(service)?.frequency.as_secs().to_string().into()))
        .parameter("time between reminders", "Seconds from one mail about a real server that is away to the next. 0: no reminders."),
    value("emailalertstatus", Scope::Both, Kind::Judged(words::alert_status))
        .default("all")
        .declared(|service| said(&mail_of(service)?.status))
        .parameter("when alert mails are sent", "all, none, or a comma separated list of starting, running, stopping and reloading."),
    value("smtp", Scope::Both, Kind::HostName)
        .default("localhost")
        .declared(|service| said(&mail_of(service)?.relay.host))
        .parameter("mail relay", "The host that takes alert mails."),
    value("smtp_port", Scope::Both, Kind::Port)
        .default("25")
        .declared(|service| Some(mail_of(service)?.relay.port.to_string().into()))
        .parameter("port of the mail relay", "The port of the mail relay: usually 25, 587 for smtp_tls=starttls with a login, 465 for smtp_tls=yes."),
    value("smtp_tls", Scope::Both, Kind::Word(words::smtp_tls))
        .default("no")
        .declared(|service| Some(words::tls_word(mail_of(service)?.relay.tls).into()))
        .parameter("encryption to the mail relay", "no, starttls (from the command STARTTLS on), or yes (from the first byte on)."),
    value("smtp_login", Scope::Both, Kind::Quoted)
        .declared(|service| said(&mail_of(service)?.relay.login))
        .parameter("user at the mail relay", "User name, where the mail relay wants a login."),
    value("smtp_passwd", Scope::Both, Kind::Quoted)
        .secret()
        .declared(|service| said(mail_of(service)?.relay.passwd.reveal()))
        .parameter("password at the mail relay", "Password, where the mail relay wants a login."),
    value("checkcount", Scope::Both, Kind::Number { min: 1, max: u32::MAX })
        .note("deprecated and without effect: use failurecount"),
    value("autoreload", Scope::Outside, Kind::YesNo).default("no"),
    value("supervised", Scope::Outside, Kind::YesNo).default("no"),
    value("callback", Scope::Outside, Kind::LenientlyQuoted),
    value("logfile", Scope::Outside, Kind::LenientlyQuoted),
    value("metrics", Scope::Outside, Kind::Judged(words::metrics_address)),
    ignored("fork", "all checks run at once anyway"),
    ignored("load", "ldirectord never used it either"),
    Directive::new("execute", Scope::Outside, Form::Execute),
    Directive::new("timeout", Scope::Both, Form::Replaced("checktimeout and negotiatetimeout")),
    Directive::new("connecttimeout", Scope::Both, Form::Replaced("negotiatetimeout")),
];

/// The time limit, where it is this directive that names it.
fn limit_of(service: &super::Service, limit: TimeLimit) -> Option<Cow<'_, str>> {
    let kind = CheckKind::find(service.question.kind)?;
    let own = (kind.limit == limit).then_some(service.checktimeout);
    let between = service.between.as_ref().filter(|_| limit == TimeLimit::Checktimeout).map(|between| between.timeout);
    Some(own.or(between)?.as_secs().to_string().into())
}

fn mail_of(service: &super::Service) -> Option<&super::MailSettings> {
    service.notices.mail.as_deref()
}

/// A text, unless it is empty, which says nothing.
fn said(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text)).filter(|text| !text.is_empty())
}

/// A path as the configuration has it: it was read from text.
fn path_text(path: Option<&Path>) -> Option<Cow<'_, str>> {
    path.map(Path::to_string_lossy)
}

pub(super) fn find(name: &str) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.name == name)
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
    fn every_directive_has_one_row() {
        for directive in DIRECTIVES {
            let same = DIRECTIVES.iter().filter(|other| other.name == directive.name).count();
            assert_eq!(same, 1, "{}", directive.name);
        }
    }

    #[test]
    fn the_help_names_every_service_that_can_be_checked() {
        let help = find("service").expect("a row").long;
        let words: Vec<&str> = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for kind in CheckKind::all_named_by(NamedBy::Service) {
            let is_usable = kind.ask.is_some() || kind.stands_for.is_some();
            assert_eq!(words.contains(&kind.name), is_usable, "{}", kind.name);
        }
    }

    #[test]
    fn every_part_of_a_question_has_a_row() {
        for field in CheckKind::all().flat_map(|kind| kind.fields).map(|(field, _)| *field) {
            assert!(find(field.directive()).is_some(), "{field:?}");
        }
    }
}
