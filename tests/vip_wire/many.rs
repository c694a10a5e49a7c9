//! 300 addresses of one resource: all of them announced before start returns, at a pace that neighbours can follow, and
//! again as often as was asked for.

use std::net::IpAddr;
use std::time::Duration;

use super::Wire;
use super::capture::{Frame, now};
use super::common::until_equal;
use super::rfc_frames::{announcement, series};

const COUNT: usize = 300;
const GAP: Duration = Duration::from_micros(250);
/// Moments that passed unused may be made up for as far back as this: so many addresses may leave at once.
const CREDIT: Duration = Duration::from_millis(10);
const INTERVAL: Duration = Duration::from_millis(200);
const REPEAT_AFTER: Duration = Duration::from_secs(2);

fn addresses(first: IpAddr) -> Vec<IpAddr> {
    let offset = |number: usize| match first {
        IpAddr::V4(first) => IpAddr::from((u32::from(first) + number as u32).to_be_bytes()),
        IpAddr::V6(first) => IpAddr::from((u128::from(first) + number as u128).to_be_bytes()),
    };
    (0..COUNT).map(offset).collect()
}

/// Asserts that no more addresses leave than the pace allows, in any stretch of time: where a sender was late, its next
/// ones may only make up for the credit. (In 10 ms: 40 by pace, 40 by credit, the two at the ends.) How fast it must be
/// is not tested.
fn paced(times: &[Duration]) {
    for (index, from) in times.iter().enumerate() {
        for (later, to) in times.iter().enumerate().skip(index) {
            let allowed = 2 + (CREDIT + (*to - *from)).as_micros() / GAP.as_micros();
            let count = later - index + 1;
            assert!(count as u128 <= allowed, "{count} addresses in {:?}", *to - *from);
        }
    }
}

/// Prints the times, which are shown with --nocapture.
fn print_times(first: IpAddr, times: &[Duration], returned: Duration) {
    let in_window = |from: &Duration| times.iter().filter(|to| **to >= *from && **to - *from < CREDIT).count();
    let most = times.iter().map(in_window).max().unwrap_or_default();
    let (begin, end) = (times[0], times[times.len() - 1]);
    let rest = returned.saturating_sub(end);
    println!(
        "{first}: the first frames of {COUNT} within {:?}, {rest:?} before start returned; at most {most} in 10 ms",
        end - begin
    );
}

fn check(first: &str, last: &str, prefix: u8) {
    let (wire, first_address) = (Wire::new(), super::address(first));
    let addresses = addresses(first_address);
    let vip = wire.vip(&format!("{first}-{last}/{prefix}")).param("arp_repeat_after", "2s");
    vip.start();
    let returned = now();
    until_equal("the helper has ended", &vec![], || wire.host.processes_with("announce"));
    let frames = wire.sent();
    let times = series(&frames, wire.mac, &addresses);
    assert_eq!(times.len(), COUNT);
    assert!(times.values().all(|times| times.len() == 10), "5, and 5 again");
    first_round(&frames, &wire, &addresses, returned);
    let of_round = |round: usize| addresses.iter().map(|address| times[address][round]).collect::<Vec<Duration>>();
    let firsts = of_round(0);
    print_times(first_address, &firsts, returned);
    let mut all: Vec<Duration> = times.values().flatten().copied().collect();
    all.sort();
    paced(&all);
    for round in 1..10 {
        later_round(round, &of_round(round), firsts[COUNT - 1]);
    }
    vip.stop();
    assert_eq!(wire.sent().len(), frames.len(), "stop says something");
}

/// Asserts that the first round is in the order of the list, before start has returned.
fn first_round(frames: &[Frame], wire: &Wire, addresses: &[IpAddr], returned: Duration) {
    let expected: Vec<Vec<u8>> = addresses.iter().flat_map(|address| announcement(wire.mac, *address)).collect();
    let first = frames.get(..expected.len()).expect("a first round");
    assert!(first.iter().map(|frame| &frame.bytes).eq(&expected), "the first round is not in order");
    assert!(first.iter().all(|frame| frame.at < returned), "start returned before the last of the first frames");
}

/// Asserts that a later round is never earlier than its time, and spread over the interval: fewer addresses leave at
/// once than in the first round.
fn later_round(round: usize, times: &[Duration], began: Duration) {
    let number = u32::try_from(round).expect("few");
    let offset = if number < 5 { INTERVAL * number } else { REPEAT_AFTER + INTERVAL * (number - 5) };
    assert!(times.iter().all(|time| *time + CREDIT >= began + offset), "round {round}: too early");
    assert!(times.is_sorted(), "round {round}: out of order");
    let (spread, between) = (times[COUNT - 1] - times[0], INTERVAL * (COUNT as u32 - 2) / COUNT as u32);
    assert!(spread + CREDIT >= between, "round {round}: {COUNT} addresses within {spread:?}");
}

#[test]
fn many_ipv4_addresses_are_announced_at_the_pace_of_the_node() {
    check("10.9.0.1", "10.9.1.44", 16);
}

#[test]
fn many_ipv6_addresses_are_announced_at_the_pace_of_the_node() {
    check("2001:db8:9::1", "2001:db8:9::12c", 64);
}
