use proptest::prelude::*;

use super::*;

const PLAIN: AddressOptions =
    AddressOptions { no_dad: false, optimistic: false, no_prefix_route: false, preferred_lifetime: None, metric: None };

fn on(text: &str, interface: u32, label: Option<&str>) -> InterfaceAddress {
    let (address, prefix) = text.split_once('/').expect("prefix");
    InterfaceAddress {
        address: address.parse().expect("address"),
        prefix_length: prefix.parse().expect("prefix"),
        interface,
        label: label.map(Into::into),
        broadcast: None,
    }
}

fn vip(prefix_length: u8, interface: u32, label: Option<&str>) -> InterfaceAddress {
    on(&format!("192.0.2.9/{prefix_length}"), interface, label)
}

#[test]
fn identity_is_address_and_interface() {
    let wanted = vip(24, 2, None);
    assert_eq!(address_state(&wanted, &[]), AddressState::Missing);
    assert_eq!(address_state(&wanted, &[vip(24, 3, None)]), AddressState::Missing);
    assert_eq!(address_state(&wanted, &[vip(24, 2, Some("eth0:1"))]), AddressState::Present);
    assert_eq!(address_state(&wanted, &[vip(32, 2, None)]), AddressState::Different(vip(32, 2, None)));
    assert_eq!(address_state(&wanted, &[vip(32, 2, None), vip(24, 2, None)]), AddressState::Present);
}

#[test]
fn a_wanted_label_is_part_of_the_configuration() {
    let wanted = vip(24, 2, Some("eth0:vip"));
    let plain = vip(24, 2, Some("eth0"));
    assert_eq!(address_state(&wanted, std::slice::from_ref(&plain)), AddressState::Different(plain));
    assert_eq!(address_state(&wanted, std::slice::from_ref(&wanted)), AddressState::Present);
}

/// Returns the changes in a few words: `+` and `-` with prefix and label.
fn steps(wanted: &InterfaceAddress, held: &[InterfaceAddress]) -> Vec<String> {
    let changes = address_changes(std::slice::from_ref(wanted), PLAIN, &held.iter().collect());
    let word = |change: &AddressChange| {
        let place = change.address();
        let sign = if matches!(change, AddressChange::Add(..)) { '+' } else { '-' };
        format!("{sign}{}{}", place.prefix_length, place.label.as_deref().unwrap_or_default())
    };
    changes.iter().map(word).collect()
}

#[test]
fn each_form_is_changed_into_the_wanted_one_without_a_moment_without_it() {
    let label = |text| vip(24, 2, Some(text));
    crate::testing::check_rows(
        [
            (vip(24, 2, None), vec![], vec!["+24"]),
            (vip(24, 2, None), vec![vip(24, 2, None)], vec![]),
            (vip(24, 2, None), vec![vip(32, 2, None)], vec!["+24", "-32"]),
            (vip(24, 2, None), vec![vip(32, 2, None), vip(28, 2, None)], vec!["+24", "-32", "-28"]),
            // A kill -9 in the middle of a change of label leaves this.
            (vip(24, 2, None), vec![vip(24, 2, None), vip(32, 2, None)], vec!["-32"]),
            (label("a"), vec![label("b")], vec!["+32", "-24b", "+24a", "-32"]),
            (label("a"), vec![label("b"), vip(28, 2, None)], vec!["-24b", "+24a", "-28"]),
            (vip(32, 2, Some("a")), vec![vip(32, 2, None)], vec!["+31", "-32", "+32a", "-31"]),
            (vip(24, 2, None), vec![vip(24, 3, None)], vec!["+24"]),
            (on("2001:db8::9/64", 2, None), vec![on("2001:db8::9/128", 2, None)], vec!["-128", "+64"]),
        ],
        |(wanted, held, expected)| {
            assert_eq!(steps(&wanted, &held), expected, "{wanted:?} {held:?}");
        },
    );
}

/// Does with a change what the kernel does (but for the others of the subnet).
fn execute(held: &mut Vec<InterfaceAddress>, change: &AddressChange) {
    match change {
        AddressChange::Add(place, _) => {
            let twin = |other: &InterfaceAddress| {
                other.identity() == place.identity()
                    && (place.address.is_ipv6() || other.prefix_length == place.prefix_length)
            };
            assert!(!held.iter().any(twin), "{place} is there already");
            held.push(place.clone());
        }
        AddressChange::Delete(place) => {
            let before = held.len();
            held.retain(|other| !(other.identity() == place.identity() && other.prefix_length == place.prefix_length));
            assert_eq!(held.len(), before - 1, "{place} is not there");
        }
    }
}

proptest! {
    #[test]
    fn the_changes_lead_to_the_wanted_form_and_an_ipv4_address_is_never_missing(
        wanted_prefix in prop::sample::select(vec![16u8, 24, 31, 32]),
        labelled: bool,
        copies in prop::collection::btree_map(prop::sample::select(vec![16u8, 24, 28, 31, 32]), any::<bool>(), 0..4),
    ) {
        let name = |labelled: bool| labelled.then_some("eth0:x");
        let wanted = vip(wanted_prefix, 2, name(labelled));
        let mut held: Vec<_> = copies.iter().map(|(prefix, labelled)| vip(*prefix, 2, name(*labelled))).collect();
        let neighbour = vip(24, 3, None);
        held.push(neighbour.clone());
        let was_there = held.len() > 1;
        for change in address_changes(std::slice::from_ref(&wanted), PLAIN, &held.clone().iter().collect()) {
            execute(&mut held, &change);
            prop_assert!(!was_there || held.iter().any(|other| other.identity() == wanted.identity()), "{held:?}");
        }
        prop_assert_eq!(held.len(), 2);
        prop_assert!(held.contains(&neighbour));
        prop_assert_eq!(address_state(&wanted, &held), AddressState::Present);
    }
}

#[test]
fn only_what_is_gone_without_a_deletion_was_lost() {
    let all = ["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24", "2001:db8::3/64"].map(|text| on(text, 2, None));
    let elsewhere = on("192.0.2.4/24", 3, None);
    let before: Vec<_> = all.iter().chain([&elsewhere]).cloned().collect();
    let after = [all[1].clone()];
    let changes = [AddressChange::Delete(all[0].clone())];
    assert_eq!(lost_addresses(&before, &changes, &after.iter().collect()), [&all[2]]);
    let changes = [AddressChange::Add(all[0].clone(), PLAIN)];
    assert_eq!(lost_addresses(&before, &changes, &after.iter().collect()), [&elsewhere; 0]);
}

/// The addresses of an interface as the kernel keeps them: the first one of each subnet, then the others as they came.
#[derive(Debug, Default, Clone)]
struct FakeInterface {
    promotes: bool,
    primary: Vec<InterfaceAddress>,
    secondary: Vec<InterfaceAddress>,
    promotions: usize,
}

impl FakeInterface {
    fn held(&self) -> Vec<InterfaceAddress> {
        self.primary.iter().chain(&self.secondary).cloned().collect()
    }

    fn add(&mut self, place: InterfaceAddress) {
        let has_first = self.primary.iter().any(|first| subnet(first) == subnet(&place));
        if has_first { self.secondary.push(place) } else { self.primary.push(place) }
    }

    /// Returns false when the address had gone with another one.
    fn delete(&mut self, place: &InterfaceAddress) -> bool {
        let count = self.secondary.len();
        self.secondary.retain(|held| held != place);
        let Some(index) = self.primary.iter().position(|held| held == place) else {
            return self.secondary.len() < count;
        };
        self.primary.remove(index);
        let (orphans, others): (Vec<_>, Vec<_>) =
            self.secondary.drain(..).partition(|held| subnet(held) == subnet(place));
        self.secondary = others;
        if self.promotes {
            self.promotions += usize::from(!orphans.is_empty());
            orphans.into_iter().for_each(|orphan| self.add(orphan));
        }
        true
    }
}

proptest! {
    #[test]
    fn deletions_in_order_take_nothing_of_ours_along_and_promote_only_what_others_have(
        added in prop::collection::btree_set((0u8..3, 1u8..30), 1..24),
        ours in prop::collection::vec(any::<bool>(), 24),
        shuffle in any::<prop::sample::Index>(),
    ) {
        let mut places: Vec<_> =
            added.iter().map(|(subnet, host)| on(&format!("10.60.{subnet}.{host}/24"), 2, None)).collect();
        places.rotate_left(shuffle.index(added.len()));
        let mut kernel = FakeInterface::default();
        places.iter().for_each(|place| kernel.add(place.clone()));
        let is_ours = |place: &&InterfaceAddress| {
            places.iter().position(|known| known == *place).is_some_and(|index| ours[index])
        };
        let held = kernel.held();
        let (leaving, staying): (Vec<_>, Vec<_>) = held.iter().partition(is_ours);
        let leaving: Vec<InterfaceAddress> = leaving.into_iter().cloned().collect();
        let order = deletion_order(leaving.clone());
        let changes: Vec<AddressChange> = order.iter().cloned().map(AddressChange::Delete).collect();
        kernel.promotes = !interfaces_to_promote_on(&held, &changes).is_empty();
        for place in &order {
            prop_assert!(kernel.delete(place), "{place} had gone with another one");
        }
        let mut left = kernel.held();
        left.sort_by_key(InterfaceAddress::identity);
        let mut expected: Vec<_> = staying.into_iter().cloned().collect();
        expected.sort_by_key(InterfaceAddress::identity);
        prop_assert_eq!(&left, &expected);
        prop_assert!(kernel.promotions <= 3, "at most one for each subnet: {}", kernel.promotions);
        prop_assert!(!expected.is_empty() || !kernel.promotes, "there is nothing to promote");
    }
}

#[test]
fn ipv6_addresses_leave_as_they_are_listed() {
    let list = ["2001:db8::3/64", "10.0.0.1/24", "2001:db8::2/64", "10.0.0.2/24"].map(|text| on(text, 2, None));
    let order: Vec<String> = deletion_order(list.to_vec()).iter().map(ToString::to_string).collect();
    assert_eq!(order, ["10.0.0.2/24", "10.0.0.1/24", "2001:db8::3/64", "2001:db8::2/64"]);
}
