//! Decides what monitor answers for the addresses that it finds.

use super::assignment::Assignment;
use crate::netlink::route::{Link, ObservedAddress};
use crate::plan::{AddressState, AddressTable};

/// The number of faults that a reason names one by one: hundreds of addresses go with one interface.
const SHOWN: usize = 4;

/// What monitor answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressVerdict {
    /// None of the addresses is there.
    Stopped,
    /// Every address is as it must be.
    Running,
    /// Some addresses are of no use to clients for a reason that no restart mends; the others are as they must be.
    Degraded(String),
    /// Recovery mends what is wrong, or no address is of use to clients.
    Failed(String),
}

/// What an address is judged by, beside its state.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The address as the kernel describes it.
    pub observed: Option<&'a ObservedAddress>,
    /// The interface that holds it.
    pub link: Option<&'a Link>,
    /// Whether an interface without carrier counts.
    pub carrier_matters: bool,
}

enum AddressFault {
    /// Recovery mends it.
    Mendable(String),
    /// The address is of no use here, whatever is done about it.
    Unusable(String),
}

/// Judges the wanted addresses by the ones in `table`, and by the evidence on each.
pub fn judge<'a>(
    wanted: &[Assignment],
    table: &AddressTable<'_>,
    evidence: impl Fn(&Assignment) -> Evidence<'a>,
) -> AddressVerdict {
    let states: Vec<AddressState> = wanted.iter().map(|wanted| table.state(&wanted.address)).collect();
    if states.iter().all(|state| *state == AddressState::Missing) {
        return AddressVerdict::Stopped;
    }
    let (mut mendable, mut unusable) = (Vec::new(), Vec::new());
    for (wanted, state) in wanted.iter().zip(&states) {
        match fault(wanted, state, &evidence(wanted)) {
            Some(AddressFault::Mendable(text)) => mendable.push(text),
            Some(AddressFault::Unusable(text)) => unusable.push(text),
            None => {}
        }
    }
    match (mendable.is_empty(), unusable.len()) {
        (true, 0) => AddressVerdict::Running,
        (true, count) if count < wanted.len() => AddressVerdict::Degraded(summary(&unusable)),
        _ => AddressVerdict::Failed(summary(&[mendable, unusable].concat())),
    }
}

fn fault(wanted: &Assignment, state: &AddressState, evidence: &Evidence<'_>) -> Option<AddressFault> {
    let (name, nic) = (format!("ip \"{}\"", wanted.address.address), &wanted.nic);
    match state {
        AddressState::Missing => {
            Some(AddressFault::Mendable(format!("{name}: missing on {nic}, while others of the resource are there")))
        }
        AddressState::Different(held) if held.prefix_length == wanted.address.prefix_length => {
            let label = |label: &Option<String>| label.clone().unwrap_or_else(|| "no label".into());
            let (is, must) = (label(&held.label), label(&wanted.address.label));
            Some(AddressFault::Mendable(format!("{name}: has {is} on {nic}, must have {must}")))
        }
        AddressState::Different(held) => {
            Some(AddressFault::Mendable(format!("{name}: is {held} on {nic}, must be {}", wanted.address)))
        }
        AddressState::Present => {
            let has_twin = evidence.observed.is_some_and(|observed| observed.dad_failed);
            let is_down = evidence.link.is_some_and(|link| !link.up);
            let has_no_carrier = evidence.carrier_matters && evidence.link.is_some_and(|link| !link.running);
            match (is_down, has_twin, has_no_carrier) {
                (true, _, _) => Some(AddressFault::Mendable(format!("{name}: nic {nic} is down"))),
                (_, true, _) => Some(AddressFault::Unusable(format!("{name}: another host on the link has it"))),
                (_, _, true) => Some(AddressFault::Unusable(format!("{name}: nic {nic} has no carrier"))),
                (false, false, false) => None,
            }
        }
    }
}

/// Returns all of a few texts, or the first ones and how many more there are.
pub fn summary(texts: &[String]) -> String {
    if texts.len() <= SHOWN {
        return texts.join("; ");
    }
    let shown = texts.get(..SHOWN - 1).unwrap_or_default().join("; ");
    format!("{shown}; and {} more", texts.len() - (SHOWN - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InterfaceAddress;
    use crate::testing::check_rows;

    fn wanted(host: u8, interface: u32) -> Assignment {
        let address = InterfaceAddress {
            address: [192, 0, 2, host].into(),
            prefix_length: 24,
            interface,
            label: None,
            broadcast: None,
        };
        Assignment { address, nic: format!("eth{interface}") }
    }

    fn link(index: u32, up: bool, running: bool) -> Link {
        let name = format!("eth{index}");
        Link {
            index,
            name,
            altnames: Vec::new(),
            up,
            running,
            loopback: false,
            point_to_point: false,
            no_arp: false,
            mac: None,
            mtu: Some(1500),
        }
    }

    /// Returns the verdict on addresses 1 and 2 on eth1 and eth2.
    fn verdict(present: &[usize], links: [Link; 2], carrier_matters: bool) -> AddressVerdict {
        let all = [wanted(1, 1), wanted(2, 2)];
        let table = present.iter().map(|index| &all[*index].address).collect();
        judge(&all, &table, |wanted| Evidence {
            observed: None,
            link: links.iter().find(|link| link.index == wanted.address.interface),
            carrier_matters,
        })
    }

    #[test]
    fn what_recovery_mends_is_a_failure_and_what_it_does_not_is_degraded_while_something_is_left() {
        let up = |index| link(index, true, true);
        let bare = |index| link(index, true, false);
        let down = |index| link(index, false, false);
        let text = |text: &str| text.to_owned();
        check_rows(
            [
                (&[][..], [up(1), up(2)], true, AddressVerdict::Stopped),
                (&[], [down(1), down(2)], true, AddressVerdict::Stopped),
                (&[0, 1], [up(1), up(2)], true, AddressVerdict::Running),
                (
                    &[0, 1],
                    [up(1), bare(2)],
                    true,
                    AddressVerdict::Degraded(text("ip \"192.0.2.2\": nic eth2 has no carrier")),
                ),
                (&[0, 1], [up(1), bare(2)], false, AddressVerdict::Running),
                (
                    &[0, 1],
                    [bare(1), bare(2)],
                    true,
                    AddressVerdict::Failed(text(
                        "ip \"192.0.2.1\": nic eth1 has no carrier; ip \"192.0.2.2\": nic eth2 has no carrier",
                    )),
                ),
                (&[0, 1], [bare(1), bare(2)], false, AddressVerdict::Running),
                (&[0, 1], [up(1), down(2)], false, AddressVerdict::Failed(text("ip \"192.0.2.2\": nic eth2 is down"))),
                (
                    &[0],
                    [up(1), up(2)],
                    true,
                    AddressVerdict::Failed(text(
                        "ip \"192.0.2.2\": missing on eth2, while others of the resource are there",
                    )),
                ),
            ],
            |(present, links, carrier_matters, expected)| {
                assert_eq!(verdict(present, links, carrier_matters), expected);
            },
        );
    }

    #[test]
    fn a_long_list_of_texts_is_cut_short() {
        let texts: Vec<String> = (0..400).map(|number| number.to_string()).collect();
        assert_eq!(summary(&texts[..4]), "0; 1; 2; 3");
        assert_eq!(summary(&texts), "0; 1; 2; and 397 more");
    }
}
