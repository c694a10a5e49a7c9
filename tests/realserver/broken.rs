//! Stop succeeds and leaves nothing, whatever became of parameters and records.

use super::{FORMER, addresses, host, settings};

#[test]
fn stop_succeeds_whatever_is_broken() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    let wrong = [
        ("ip", ""),
        ("ip", "x"),
        ("ip", "192.0.2.9/24"),
        ("ip", "192.0.2.9@eth0"),
        ("forwarding", "x"),
        ("nic", "nosuch"),
        ("nic", "../x"),
        ("nic", ","),
    ];
    for (name, bad) in wrong {
        realserver.start();
        realserver.clone().param(name, bad).stop();
        assert_eq!((addresses(&host), settings(&host)), (vec![], FORMER.map(String::from).to_vec()), "{bad:?}");
        realserver.clone().param(name, bad).probe().expect(7);
        realserver.clone().param(name, bad).stop();
    }
    realserver.start();
    host.sh("rm -r /run/lvs-agents");
    realserver.stop();
    assert_eq!(addresses(&host), [""; 0]);
}

#[test]
fn a_damaged_record_does_not_keep_the_address() {
    let strange = "{\"wanted\":{\"claims\":[{\"address\":\"192.0.2.9\",\"device\":\"nosuch\"}],\"nics\":[\"../x\"]},\
                   \"former\":[[\"../../../run/x\",\"1\"],[\"net/ipv4/conf/nosuch/arp_ignore\",\"0\"]]}";
    for damage in ["", "{\"wanted\":{\"cl", "[]", "\u{0}", strange] {
        let host = host();
        let realserver = host.agent("realserver").param("ip", "192.0.2.9");
        realserver.start();
        host.write("/run/lvs-agents/realserver/my-realserver.json", damage);
        realserver.stop();
        if damage != strange {
            assert_eq!(addresses(&host), [""; 0], "{damage:?}");
        }
        realserver.start();
        realserver.monitor().expect(0).silent();
    }
}

#[test]
fn a_damaged_record_of_another_instance_is_none() {
    let host = host();
    host.write("/run/lvs-agents/realserver/other.json", "{");
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    realserver.monitor().expect(0).silent();
    realserver.stop();
    assert_eq!((addresses(&host), settings(&host)), (vec![], FORMER.map(String::from).to_vec()));
}

/// The cluster would start what it believes to be stopped everywhere else, too.
#[test]
fn an_address_whose_record_is_gone_is_still_running() {
    let host = host();
    let realserver = host.agent("realserver").param("ip", "192.0.2.9");
    realserver.start();
    host.sh("rm -r /run/lvs-agents");
    realserver.monitor().expect(0).silent();
    realserver.probe().expect(0).silent();
    host.agent("realserver").instance("other").param("ip", "192.0.2.9").start();
    realserver.probe().expect(7).silent();
}
