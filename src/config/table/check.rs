//! How the real servers of a service are checked.

use std::borrow::Cow;

use super::value;
use crate::check::{CheckKind, NamedBy, TimeLimit};
use crate::config::directive::{Directive, Kind, Scope, asked};
use crate::config::words;
use crate::model::{Field, ServiceKey};

pub(super) const CHECK: &[Directive] = &[
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
            "What negotiate speaks: agent (HAProxy's agent check), dns, ftp, http, https, http_proxy, imap, imaps, ldap, \
             ldaps, mysql, nntp, pgsql, pop, pops, radius, simpletcp, sip, smtp, submission or none. Default: by port.",
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
    value("weightheader", Scope::Section, Kind::Word(words::header_name))
        .declared(|service| asked(service, Field::Weightheader))
        .parameter(
            "header with the weight",
            "Name of the header in whose words an HTTP server says how much of its weight it wants: 50%, drain, up, down. A line \
             of the body that begins with the name and a colon says the same. Not set: the server is not asked.",
        ),
    value("drainon404", Scope::Section, Kind::Word(words::yes_or_no))
        .declared(|service| asked(service, Field::Drainon404))
        .parameter(
            "404 drains",
            "Whether the status 404 drains an HTTP server (it keeps its connections and gets no new ones) instead of being a \
             failure. yes or no.",
        ),
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
    // What is declared is the password itself.
    value("passwd_file", Scope::Section, Kind::Text)
        .gives("passwd")
        .parameter("file with the password of the check",
            "Path of a file whose only line is the password, in place of passwd. It belongs to root, and no other user may read it, \
             nor any group but root and haclient. It is read at start and at reload, on each node. See also: crm resource secret.",
        ),
    value("secret", Scope::Section, Kind::Quoted)
        .secret()
        .declared(|service| asked(service, Field::Secret))
        .parameter("shared secret of the check", "Secret that the RADIUS server shares with this host."),
    value("database", Scope::Section, Kind::Quoted)
        .declared(|service| asked(service, Field::Database))
        .parameter("database of the check", "Database that the check connects to."),
    value("role", Scope::Section, Kind::Word(words::role))
        .declared(|service| asked(service, Field::Role))
        .parameter(
            "role of the database server",
            "For service=mysql: writer (only a server that takes writes serves), reader (only one that is read only), or any. With \
             this, maxlag, donor or busypercent a node of Galera or of Group Replication must be in order, too, and request is \
             optional. Not set: the server is asked for nothing of the kind.",
        ),
    value("maxlag", Scope::Section, Kind::Word(words::lag))
        .declared(|service| asked(service, Field::Maxlag))
        .parameter(
            "replication lag that drains",
            "For service=mysql: a replica that is behind by more seconds, or whose replication is stopped, gets weight 0: its \
             connections go on.",
        ),
    value("lagenter", Scope::Section, Kind::Word(words::lag))
        .declared(|service| asked(service, Field::Lagenter))
        .parameter(
            "replication lag that ends the drain",
            "For service=mysql: a replica that gets no clients gets some again when it is behind by at most so many seconds. At \
             most maxlag, which counts where this is not set.",
        ),
    value("heartbeat", Scope::Section, Kind::Word(words::table))
        .declared(|service| asked(service, Field::Heartbeat))
        .parameter(
            "table of heartbeats",
            "For service=mysql with maxlag: DATABASE.TABLE, into which pt-heartbeat --utc writes on the primary; the lag is the \
             age of its newest row. Not set: what the replica says of its lag.",
        ),
    value("donor", Scope::Section, Kind::Word(words::yes_or_no))
        .declared(|service| asked(service, Field::Donor))
        .parameter(
            "serve from a Galera donor",
            "For service=mysql: yes lets a Galera node serve that feeds another node or is desynchronised. Not set or no: it \
             gets weight 0 meanwhile.",
        ),
    value("busypercent", Scope::Section, Kind::Word(words::percent))
        .declared(|service| asked(service, Field::Busypercent))
        .parameter(
            "share of connections that lowers the weight",
            "For service=mysql: above this share of max_connections, in per cent, the weight falls, down to a tenth where all \
             connections are in use. Not set: connections do not count.",
        ),
    value("freshlogin", Scope::Section, Kind::Word(words::lag))
        .declared(|service| asked(service, Field::Freshlogin))
        .parameter(
            "time from one login to the next",
            "For service=mysql: the check keeps its session for so many seconds, in place of a login at each check. A session in \
             which anything goes wrong is closed, and a fresh login decides. Not set or 0: each check logs in, which alone shows \
             a server that has no connection left.",
        ),
    value("checkinterval", Scope::Both, Kind::Seconds)
        .default("10")
        .declared(|service| Some(service.checkinterval.as_secs().to_string().into()))
        .parameter("time between checks", "Seconds from one check of a real server to the next."),
    value("doubtinterval", Scope::Both, Kind::Seconds)
        .declared(|service| Some(service.doubtinterval?.as_secs().to_string().into()))
        .parameter(
            "time between checks while in doubt",
            "Seconds from one check to the next while a real server is in doubt: some checks have failed and failurecount is not \
             reached, or some were good and rise is not. Not set: checkinterval.",
        ),
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
    value("checkpath", Scope::Both, Kind::YesNo)
        .declared(|service| service.checkpath.map(|_| "yes".into()))
        .parameter(
            "check of the way through the virtual IP",
            "yes: beside its check each real server is asked whether it accepts connections to the virtual IP the way they are \
             forwarded to it, within checktimeout; TCP only. docs/path-checks.md.",
        ),
];

/// The time limit, where it is this directive that names it.
fn limit_of(service: &crate::config::Service, limit: TimeLimit) -> Option<Cow<'_, str>> {
    let kind = CheckKind::find(service.question.kind)?;
    let own = (kind.limit == limit).then_some(service.checktimeout);
    let between = service.between.as_ref().filter(|_| limit == TimeLimit::Checktimeout).map(|between| between.timeout);
    let of_path = service.checkpath.filter(|_| limit == TimeLimit::Checktimeout);
    Some(own.or(between).or(of_path)?.as_secs().to_string().into())
}
