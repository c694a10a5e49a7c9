//! The declaration of `ocf:rust:lvs`.

use crate::ocf::{Action, ActionDefaults, Description, Kind, Parameter};

const fn directive(name: &'static str, short: &'static str, long: &'static str) -> Parameter {
    Parameter::new(name, Kind::Text, short, long)
}

/// Parameters that are directives of the configuration language; [`crate::config`] judges their values.
pub const DIRECTIVES: [Parameter; 26] = [
    directive(
        "virtual",
        "virtual service",
        "The virtual service that clients connect to: ADDRESS:PORT, [IPV6]:PORT, or a firewall mark (a number). Several, \
         separated by commas or newlines, share all other parameters.",
    )
    .unique(),
    directive(
        "real",
        "real servers",
        "The real servers, separated by commas or newlines, each: ADDRESS[:PORT] gate|masq|ipip [WEIGHT]. The weight is \
         1 when not given; 0 sends no new connections there.",
    ),
    directive("protocol", "transport protocol", "tcp or udp; for a firewall mark fwm. Default: tcp, udp for port 53."),
    directive("scheduler", "scheduler", "Scheduling method: rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos.")
        .default("wrr"),
    directive("schedflags", "scheduler flags", "Flags of the scheduler, such as sh-port, mh-fallback, flag-1."),
    directive(
        "persistent",
        "persistence timeout",
        "Seconds for which a client stays with its real server after its last connection. Not set: no persistence.",
    ),
    directive("netmask", "persistence granularity", "Clients of one network count as one: netmask or IPv6 prefix length."),
    directive("ops", "one-packet scheduling", "Schedule each packet by itself; UDP only. yes or no."),
    directive(
        "fallback",
        "fallback server",
        "Server that is used while no real server is healthy: ADDRESS[:PORT] [gate|masq|ipip].",
    ),
    directive(
        "checktype",
        "kind of health check",
        "How ocf:rust:ldirectord checks the real servers: connect, negotiate, ping, external, on or off.",
    )
    .default("negotiate"),
    directive("service", "protocol of the check", "What negotiate speaks: http, https, mysql or none. Default: by port."),
    directive("checkcommand", "program of the check", "Path of the program for checktype=external."),
    directive("checkport", "port of the check", "Port that is checked when it is not the real server's own."),
    directive("request", "what is asked", "HTTP path, or SQL query that must return at least one row."),
    directive("receive", "expected answer", "Perl regular expression that the answer must match somewhere."),
    directive("httpmethod", "HTTP method", "GET or HEAD."),
    directive("virtualhost", "HTTP host", "Host header and TLS server name of the check."),
    directive("login", "user of the check", "User name for checks that log in."),
    directive("passwd", "password of the check", "Password for checks that log in.").secret(),
    directive("database", "database of the check", "Database that the check connects to."),
    directive("checkinterval", "time between checks", "Seconds from one check of a real server to the next.").default("10"),
    directive("checktimeout", "time limit of a check", "Seconds that a check may take as a whole. Default: 5."),
    directive(
        "negotiatetimeout",
        "time limit of a negotiate check",
        "Seconds that a negotiate check may take. Default: checktimeout if set, else 30.",
    ),
    directive("failurecount", "failures until down", "Failed checks in a row until a real server is taken out.")
        .default("1"),
    directive(
        "quiescent",
        "keep failed real servers at weight 0",
        "yes: a failed real server stays with weight 0, so that its connections can end. no: it is removed.",
    )
    .default("no"),
    directive("cleanstop", "remove at stop", "Accepted as in ldirectord.cf; stopping this resource always removes its services.")
        .default("yes"),
];

const CONFIGFILE: Parameter = Parameter::new(
    "configfile",
    Kind::Text,
    "configuration file",
    "A ldirectord.cf with the virtual services, instead of the parameters below. Only the services are programmed; give \
     the file to ocf:rust:ldirectord instead to have them checked as well.",
);

#[expect(clippy::indexing_slicing, reason = "a place that is not there does not compile")]
const PARAMETERS: [Parameter; 27] = {
    let mut all = [CONFIGFILE; 27];
    let mut index = 0;
    while index < DIRECTIVES.len() {
        all[index + 1] = DIRECTIVES[index];
        index += 1;
    }
    all
};

pub const DESCRIPTION: Description = Description {
    name: "lvs",
    version: env!("CARGO_PKG_VERSION"),
    short: "Virtual services and real servers of Linux Virtual Server (IPVS)",
    long: "Programs virtual services and their real servers into the kernel's IPVS table, keeps what is already right, \
           and removes on stop exactly what it declared. The parameters are the directives of ldirectord.cf. Colocate \
           ocf:rust:ldirectord with it to have the real servers checked. Monitor with OCF_CHECK_LEVEL=10 also finds \
           scheduler flags and thresholds that something else has set in a table of more than 8 virtual services.",
    parameters: &PARAMETERS,
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::monitor(20, 10),
    ],
};
