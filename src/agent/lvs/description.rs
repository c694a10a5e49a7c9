//! The declaration of `ocf:rust:lvs`.

use super::channel;
use crate::config::{DIRECTIVES, Directive};
use crate::ocf::{Action, ActionDefaults, Description, Parameter, ParameterKind};

const CONFIGFILE: Parameter = Parameter::new(
    "configfile",
    ParameterKind::Text,
    "configuration file",
    "A ldirectord.cf with the virtual services, instead of the parameters below. Only the services are programmed; give \
     the file to ocf:rust:ldirectord instead to have them checked as well. A change of this parameter restarts the \
     resource, since another file may have other virtual services.",
);

/// How many directives are parameters.
#[expect(clippy::indexing_slicing, reason = "a row that is not there does not compile")]
const COUNT: usize = {
    let (mut count, mut row) = (0, 0);
    while row < DIRECTIVES.len() {
        if DIRECTIVES[row].is_parameter {
            count += 1;
        }
        row += 1;
    }
    count
};

/// `configfile`, the directives of a service, whose values [`crate::config`] judges, and the connection synchronisation.
#[expect(clippy::indexing_slicing, reason = "a row that is not there does not compile")]
const PARAMETERS: [Parameter; COUNT + 1 + channel::PARAMETERS.len()] = {
    let mut all = [CONFIGFILE; COUNT + 1 + channel::PARAMETERS.len()];
    let (mut next, mut row) = (1, 0);
    while row < DIRECTIVES.len() {
        if DIRECTIVES[row].is_parameter {
            all[next] = parameter(&DIRECTIVES[row]);
            next += 1;
        }
        row += 1;
    }
    let mut of_channel = 0;
    while of_channel < channel::PARAMETERS.len() {
        all[next] = channel::PARAMETERS[of_channel];
        (next, of_channel) = (next + 1, of_channel + 1);
    }
    all
};

const fn parameter(directive: &Directive) -> Parameter {
    Parameter {
        default: directive.default,
        secret: directive.secret,
        reloadable: !directive.names_services,
        // No two resources may claim one virtual service.
        unique: matches!(directive.name.as_bytes(), b"virtual"),
        ..Parameter::new(directive.name, ParameterKind::Text, directive.short, directive.long)
    }
}

pub const DESCRIPTION: Description = Description {
    name: "lvs",
    version: env!("CARGO_PKG_VERSION"),
    short: "Virtual services and real servers of Linux Virtual Server (IPVS)",
    long: "Programs virtual services and their real servers into the kernel's IPVS table, keeps what is already right, \
           and removes on stop exactly what it declared. The parameters are the directives of ldirectord.cf. Colocate \
           ocf:rust:ldirectord with it to have the real servers checked. As a promotable clone it keeps the table equal on \
           all directors, and their kernels tell each other of the connections (sync_interface): a take-over loses none. \
           A changed parameter is reloaded: weights, scheduler, real servers and checks change while every other entry \
           and all connections stay; only another virtual, protocol or configfile restarts the resource. Monitor with \
           OCF_CHECK_LEVEL=10 also finds scheduler flags, thresholds and kinds of tunnels that something else has set in \
           a table of more than 8 virtual services.",
    parameters: &PARAMETERS,
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::new(Action::Promote, 20),
        ActionDefaults::new(Action::Demote, 20),
        ActionDefaults::new(Action::ReloadAgent, 20),
        ActionDefaults::monitor(20, 10),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_other_virtual_services_restarts_the_resource() {
        let restarting = PARAMETERS.iter().filter(|parameter| !parameter.reloadable).map(|parameter| parameter.name);
        assert_eq!(restarting.collect::<Vec<_>>(), ["configfile", "virtual", "protocol"]);
    }
}
