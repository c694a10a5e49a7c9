//! Addresses that leave: in an order in which nothing of ours is promoted or comes back, and nothing of others is lost.

use super::common::{Agent, Host};

/// A host on which nobody can change a kernel setting, as in a container, and where the kernel takes a whole subnet with its
/// first address.
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
    for (list, left) in [
        ("10.60.0.1/24", &["eth0 10.60.0.1/24"][..]),
        ("10.60.0.4/24", &["eth0 10.60.0.4/24"]),
        ("10.60.0.2-10.60.0.3/24", &["eth0 10.60.0.2/24", "eth0 10.60.0.3/24"]),
    ] {
        let host = read_only_host();
        vip(&host, "10.60.0.1-10.60.0.4/24").start();
        vip(&host, list).start();
        assert_eq!(host.addresses(), left, "{list}");
        vip(&host, list).monitor().expect(0).silent();
        vip(&host, list).stop();
        assert_eq!(host.addresses(), [""; 0], "{list}");
    }
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
    // Whoever puts it back at once: the kernel has said that the deletion was done.
    host.sh("(ip monitor address | while read -r line; do ip address add 192.0.2.9/24 dev eth0; done) >/dev/null 2>&1 & echo $! > /run/test/again");
    super::common::until("somebody puts it back", || {
        host.sh("ip address del 192.0.2.9/24 dev eth0 2>/dev/null || true");
        host.addresses().contains(&"eth0 192.0.2.9/24".to_owned()).then_some(())
    });
    // Time for the one who puts it back, between the deletion and the last look.
    let slowly = ["strace", "-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:delay_exit=300000"];
    let kept = vip.under(&slowly).run("stop");
    kept.expect(1).says("address 192.0.2.9/24: delete from eth0: is still there");
    assert!(host.run_files().contains(&"my-vip.json".to_owned()), "the next stop must know of it");
}
