//! How often and how long announcements are sent: repetitions, monitor, stop.

use std::net::IpAddr;
use std::time::Duration;

use super::capture::now;
use super::common::{Agent, until, until_equal};
use super::rfc_frames::series;
use super::{Wire, address};

const BOTH: &str = "192.0.2.9 2001:db8::9";

fn both() -> [IpAddr; 2] {
    ["192.0.2.9", "2001:db8::9"].map(address)
}

/// Returns how often each address was announced; the list is empty when none was.
fn counts(wire: &Wire) -> Vec<usize> {
    series(&wire.sent(), wire.mac, &both()).values().map(Vec::len).collect()
}

fn has_ended(wire: &Wire) {
    until_equal("the helper has ended", &vec![], || wire.host.processes_with("announce"));
}

fn with<'a>(vip: &Agent<'a>, count: &str, interval: &str, again: &str) -> Agent<'a> {
    vip.clone().params(&[("arp_count", count), ("arp_interval", interval), ("arp_repeat_after", again)])
}

#[test]
fn each_announcement_has_its_time_and_all_of_them_once_more() {
    let wire = Wire::new();
    with(&wire.vip(BOTH), "3", "100", "1500ms").start();
    let returned = now();
    has_ended(&wire);
    let times = series(&wire.sent(), wire.mac, &both());
    for (address, times) in &times {
        assert_eq!(times.len(), 6, "{address}");
        assert!(times[0] < returned, "{address}: start returned before the first frame");
        for (time, offset) in times.iter().zip([0, 100, 200, 1500, 1600, 1700]) {
            // The pace lets a frame go ahead of its time by the credit of 10 ms.
            assert!(*time + Duration::from_millis(10) >= times[0] + Duration::from_millis(offset), "{address}: early");
        }
    }
    assert_eq!(times.len(), 2);
}

#[test]
fn a_count_of_0_announces_nothing_and_a_count_of_1_only_once() {
    let wire = Wire::new();
    let vip = wire.vip(BOTH);
    with(&vip, "0", "100", "1ms").start();
    assert_eq!(wire.host.processes_with("announce"), [0; 0]);
    assert_eq!(counts(&wire), [0; 0]);
    vip.stop();
    with(&vip, "1", "100", "0").start();
    assert_eq!(wire.host.processes_with("announce"), [0; 0]);
    assert_eq!(counts(&wire), [1, 1]);
}

/// stop comes in the middle of a series, and while the helper waits for the time of the repetition.
#[test]
fn no_frame_leaves_after_stop() {
    for (count, again, heard) in [("1000", "1s", 3), ("1", "1h", 1)] {
        let wire = Wire::new();
        let vip = with(&wire.vip(BOTH), count, "10", again);
        vip.start();
        until("some announcements", || counts(&wire).iter().all(|count| *count >= heard).then_some(()));
        assert_eq!(wire.host.processes_with("announce").len(), 1);
        vip.stop();
        let stopped = now();
        has_ended(&wire);
        let sent = wire.sent();
        assert!(sent.iter().all(|frame| frame.at <= stopped), "{count}: a frame after stop");
    }
}

/// A second start announces again, and its series takes the place of the first one's.
#[test]
fn start_once_more_announces_once_more_with_one_helper() {
    let wire = Wire::new();
    let vip = wire.vip(BOTH);
    with(&vip, "1", "100", "1h").start();
    with(&vip, "1", "100", "500ms").start();
    until_equal("two at once, one of the repetition", &vec![3, 3], || counts(&wire));
    has_ended(&wire);
    assert_eq!(counts(&wire), [3, 3]);
}

#[test]
fn monitor_announces_only_when_it_is_asked_to() {
    let wire = Wire::new();
    let vip = with(&wire.vip(BOTH), "1", "50", "0");
    vip.start();
    vip.monitor().expect(0).silent();
    assert_eq!(counts(&wire), [1, 1]);
    let refreshing = vip.clone().param("arp_count_refresh", "3");
    refreshing.monitor().expect(0).silent();
    let returned = now();
    has_ended(&wire);
    let times = series(&wire.sent(), wire.mac, &both());
    for (address, times) in times {
        assert_eq!(times.len(), 4, "{address}: one by start, three by monitor");
        assert!(times[1] < returned, "{address}: monitor returned before the first frame");
    }
    // monitor itself sends a single announcement.
    vip.clone().param("arp_count_refresh", "1").monitor().expect(0).silent();
    assert_eq!(wire.host.processes_with("announce"), [0; 0]);
    assert_eq!(counts(&wire), [5, 5]);
}

/// There is nothing to announce of addresses that are not there.
#[test]
fn a_monitor_of_stopped_addresses_announces_nothing() {
    let wire = Wire::new();
    let vip = wire.vip(BOTH).param("arp_count_refresh", "3");
    vip.monitor().expect(7).silent();
    vip.probe().expect(7).silent();
    assert_eq!(wire.host.processes_with("announce"), [0; 0]);
    assert_eq!(counts(&wire), [0; 0]);
}
