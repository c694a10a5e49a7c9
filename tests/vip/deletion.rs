//! Addresses leave in an order in which nothing of ours is promoted or comes back, and nothing of others is lost.

use super::common::rows::check_rows;
use super::common::{Agent, Host};

/// Makes a host on which no kernel setting can be changed, as in a container, and where the kernel takes a whole subnet
/// with its first address.
fn read_only_host() -> Host {
    let host = Host::with_eth0(&[]);
    host.sh("echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
    host.sh("echo 0 > /proc/sys/net/ipv4/conf/eth0/promote_secondaries");
    host.sh("mount -o bind,ro /proc/sys /proc/sys");
    host
}

fn vip<'a>(host: &'a Host, ip: &str) -> Agent<'a> {
    host.agent("vip").params(&[("ip", ip), ("nic", "eth0"), ("nodad", "yes"), ("arp_count", "0")])
}

#[test]
fn stop_leaves_none_of_several_addresses_alone_in_their_subnet_where_no_setting_can_be_changed() {
    let host = read_only_host();
    let vip = vip(&host, "10.60.0.1-10.60.0.4/24");
    vip.start();
    assert_eq!(host.addresses().len(), 4);
    vip.stop();
    assert_eq!(host.addresses(), [""; 0]);
}

#[test]
fn a_start_with_a_shorter_list_takes_away_what_left_the_list_and_keeps_the_rest() {
    check_rows(
        [
            ("10.60.0.1/24", &["eth0 10.60.0.1/24"][..]),
            ("10.60.0.4/24", &["eth0 10.60.0.4/24"]),
            ("10.60.0.2-10.60.0.3/24", &["eth0 10.60.0.2/24", "eth0 10.60.0.3/24"]),
        ],
        |(list, left)| {
            let host = read_only_host();
            vip(&host, "10.60.0.1-10.60.0.4/24").start();
            vip(&host, list).start();
            assert_eq!(host.addresses(), left, "{list}");
            vip(&host, list).monitor().expect(0).silent();
            vip(&host, list).stop();
            assert_eq!(host.addresses(), [""; 0], "{list}");
        },
    );
}

/// The setting that would keep others' addresses cannot be written down before it is set, and so is not set.
#[test]
fn stop_with_a_full_run_directory_leaves_none_of_ours_and_all_of_others() {
    let host = Host::with_eth0(&[]);
    host.sh("mkdir /run/lvs-agents && mount -t tmpfs -o size=64k tmpfs /run/lvs-agents");
    host.sh("echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
    let vip = vip(&host, "10.60.0.1-10.60.0.4/24");
    vip.start();
    host.sh("ip address add 10.60.0.100/24 dev eth0 && ip address add 10.60.0.101/24 dev eth0");
    host.sh("cat /dev/zero > /run/lvs-agents/fill 2>/dev/null; true");
    vip.stop();
    assert_eq!(host.addresses(), ["eth0 10.60.0.100/24", "eth0 10.60.0.101/24"]);
}

/// Primary and secondary addresses of ours and of others in every order.
#[test]
fn stop_keeps_the_addresses_of_others_in_between_and_leaves_none_of_ours() {
    let others = ["10.60.0.3/24", "10.60.0.9/24", "10.61.0.1/16"];
    for order in 0..3 {
        let host = read_only_host();
        if order == 0 {
            host.sh("ip address add 10.60.0.9/24 dev eth0");
        }
        let first = vip(&host, "10.60.0.1-10.60.0.2/24 10.61.0.7/16").instance("first");
        first.start();
        if order == 1 {
            host.sh("ip address add 10.60.0.9/24 dev eth0");
        }
        host.sh("ip address add 10.60.0.3/24 dev eth0 && ip address add 10.61.0.1/16 dev eth0");
        let second = vip(&host, "10.60.0.4-10.60.0.6/24").instance("second");
        second.start();
        if order == 2 {
            host.sh("ip address add 10.60.0.9/24 dev eth0");
        }
        first.stop();
        second.monitor().expect(0).silent();
        assert_eq!(host.addresses().len(), others.len() + 3, "{order}: {:?}", host.addresses());
        second.stop();
        assert_eq!(host.addresses(), others.map(|other| format!("eth0 {other}")), "{order}");
    }
}

/// A promotion costs the kernel a look at every other address of the interface, for each address that leaves.
#[test]
fn stop_promotes_none_of_its_own_addresses() {
    let host = Host::with_eth0(&[]);
    host.sh("echo 1 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
    let vip = vip(&host, "10.60.0.1-10.60.0.40/24");
    vip.start();
    let events = host.follow("ip -o monitor address");
    vip.stop();
    host.sh("ip address add 192.0.2.99/32 dev eth0");
    let seen = events.until_contains("192.0.2.99");
    let promoted = seen.lines().filter(|line| line.contains("10.60.0.") && !line.starts_with("Deleted"));
    assert_eq!(promoted.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn stop_fails_when_an_address_is_still_there_after_it_was_deleted() {
    let host = Host::with_eth0(&["192.0.2.1/24"]);
    let vip = vip(&host, "192.0.2.9/24");
    vip.start();
    // Another program puts the address back at once: the kernel has said that the deletion was done.
    host.sh("(ip monitor address | while read -r line; do ip address add 192.0.2.9/24 dev eth0; done) >/dev/null 2>&1 & echo $! > /run/test/again");
    super::common::until("somebody puts it back", || {
        host.sh("ip address del 192.0.2.9/24 dev eth0 2>/dev/null || true");
        host.addresses().contains(&"eth0 192.0.2.9/24".to_owned()).then_some(())
    });
    // The delay gives that program time, between the deletion and the last look.
    let slowly = ["strace", "-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:delay_exit=300000"];
    let kept = vip.under(&slowly).run("stop");
    kept.expect(1).says("address 192.0.2.9/24: delete from eth0: is still there");
    assert!(host.run_files().contains(&"my-vip.json".to_owned()), "the next stop must know of it");
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Shell commands that break what is around a stop, before it.
const BROKEN: [&str; 6] = [
    "true",
    "mount -o bind,ro /proc/sys /proc/sys",
    "mount -t tmpfs -o size=4k tmpfs /run/lvs-agents/vip && cat /dev/zero > /run/lvs-agents/vip/fill 2>/dev/null; true",
    "rm -r /run/lvs-agents",
    "echo '{' > /run/lvs-agents/vip/ours.json && mount -o bind,ro /proc/sys /proc/sys",
    "echo 1 > /proc/sys/net/ipv4/conf/eth0/promote_secondaries",
];

/// Addresses of this resource, of another one and of no resource in three networks, mixed by a dice.
#[test]
fn whatever_is_broken_stop_leaves_none_of_ours_and_all_of_others() {
    for seed in 0..36 {
        let mut dice = Dice(seed);
        let host = Host::with_eth0(&[]);
        host.sh("echo 0 > /proc/sys/net/ipv4/conf/all/promote_secondaries");
        let mut lists = [const { Vec::new() }; 4];
        for number in 1..=12 {
            let address = format!("10.60.{}.{number}/24", dice.below(3));
            lists[dice.below(4) as usize].push(address);
        }
        let [ours, second, before, after] = lists;
        if ours.is_empty() || second.is_empty() {
            continue;
        }
        let add = |list: &[String]| {
            for address in list {
                host.sh(&format!("ip address add {address} dev eth0"));
            }
        };
        let second_vip = vip(&host, &second.join(" ")).instance("second");
        let our_vip = vip(&host, &ours.join(" ")).instance("ours");
        add(&before);
        let order = if dice.below(2) == 0 { [&second_vip, &our_vip] } else { [&our_vip, &second_vip] };
        order.iter().for_each(|vip| vip.start());
        add(&after);
        let broken = BROKEN[dice.below(BROKEN.len() as u64) as usize];
        host.sh(broken);
        our_vip.stop();
        let mut expected: Vec<String> =
            [second, before, after].concat().iter().map(|address| format!("eth0 {address}")).collect();
        expected.sort();
        assert_eq!(host.addresses(), expected, "seed {seed}, {broken}, {ours:?}");
    }
}
