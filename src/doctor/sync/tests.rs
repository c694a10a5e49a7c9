use super::*;
use crate::testing::check_rows;

fn channel() -> SyncChannel {
    SyncChannel { interface: "eth0".into(), id: 7, ..SyncChannel::default() }
}

/// A standby that hears its director.
fn right() -> SyncFacts {
    let one = Synchronised {
        instance: "db-lvs".into(),
        promoted: false,
        channel: channel(),
        interface: Ok(()),
        has_director: true,
    };
    let daemons = SyncDaemons { master: None, backup: Some(channel()) };
    let heard = vec![heard(7, 8848)];
    SyncFacts { resources: vec![one], daemons: Some(daemons), heard, ..SyncFacts::default() }
}

fn heard(id: u8, port: u16) -> Heard {
    Heard { from: [10, 9, 0, 12].into(), id, port }
}

fn promoted(mut facts: SyncFacts) -> SyncFacts {
    facts.resources[0].promoted = true;
    facts.daemons = Some(SyncDaemons { master: Some(channel()), backup: None });
    facts
}

#[test]
fn each_fault_of_the_channel_is_named() {
    let nothing = SyncFacts { heard: Vec::new(), ..right() };
    let mut down = right();
    down.resources[0].interface = Err("it is down".into());
    let other = SyncDaemons { master: None, backup: Some(SyncChannel { id: 9, ..channel() }) };
    let long = Some(Duration::from_secs(60));
    let mut alone = SyncFacts { deaf_for: long, ..right() };
    alone.resources[0].has_director = false;
    check_rows(
        [
            (right(), ""),
            (nothing.clone(), ""),
            (promoted(nothing.clone()), ""),
            (alone, ""),
            (SyncFacts { deaf_for: Some(Duration::from_secs(3)), ..right() }, ""),
            (SyncFacts { daemons: None, ..right() }, ""),
            (down, "eth0: it is down"),
            (SyncFacts { daemons: Some(SyncDaemons::default()), ..right() }, "sync daemon backup does not run"),
            (
                SyncFacts { daemons: Some(other), ..right() },
                "runs on eth0 224.0.0.81 port 8848 sync_id 9, must be eth0 224.0.0.81 port 8848 sync_id 7",
            ),
            (
                SyncFacts { heard: vec![heard(8, 8848)], ..right() },
                "10.9.0.12 sends with sync_id 8 to port 8848, and this node has sync_id 7",
            ),
            (promoted(right()), "10.9.0.12 sends connections with the same sync_id 7"),
            (
                promoted(SyncFacts { clash: Some("10.9.0.13".into()), ..nothing }),
                "10.9.0.13 sends connections with the same sync_id 7",
            ),
            (SyncFacts { deaf_for: long, ..right() }, "no word of the director arrives on eth0"),
            (SyncFacts { hears_no_more: true, ..right() }, "no word of the director arrives on eth0 any more"),
            (promoted(SyncFacts { hears_no_more: true, heard: Vec::new(), ..right() }), ""),
        ],
        |(facts, expected)| {
            let found: Vec<String> = findings(&facts).into_iter().map(|one| one.what).collect();
            match expected {
                "" => assert_eq!(found, [""; 0]),
                _ => assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}"),
            }
        },
    );
}
