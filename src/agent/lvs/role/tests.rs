use super::*;
use crate::testing::check_rows;

const UNPROMOTED: bool = false;
const PROMOTED: bool = true;

fn channel(id: u8) -> SyncChannel {
    SyncChannel { interface: "eth1".into(), id, ..SyncChannel::default() }
}

fn record(promoted: bool, id: Option<u8>) -> RoleRecord {
    RoleRecord { promoted, channel: id.map(channel), score: None }
}

/// Which daemons run, with the numbers of their channels.
fn running(master: Option<u8>, backup: Option<u8>) -> SyncDaemons {
    SyncDaemons { master: master.map(channel), backup: backup.map(channel) }
}

#[test]
fn a_role_stops_what_does_not_belong_to_it_before_it_starts_what_does() {
    let words = |orders: Result<Vec<SyncOrder>, String>| match orders {
        Ok(orders) => orders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Err(text) => text,
    };
    let start = |daemon| format!("sync daemon {daemon} on eth1 with id 7: started");
    let (master, backup) = (start("master"), start("backup"));
    check_rows(
        [
            // A fresh node.
            (None, running(None, None), record(UNPROMOTED, Some(7)), backup.clone()),
            // A promotion.
            (
                Some(record(UNPROMOTED, Some(7))),
                running(None, Some(7)),
                record(PROMOTED, Some(7)),
                format!("sync daemon backup: stopped, {master}"),
            ),
            // A demotion.
            (
                Some(record(PROMOTED, Some(7))),
                running(Some(7), None),
                record(UNPROMOTED, Some(7)),
                format!("sync daemon master: stopped, {backup}"),
            ),
            // Killed between the record and the kernel.
            (Some(record(PROMOTED, Some(7))), running(None, None), record(PROMOTED, Some(7)), master),
            // It is so already.
            (Some(record(PROMOTED, Some(7))), running(Some(7), None), record(PROMOTED, Some(7)), String::new()),
            // The number has changed.
            (
                Some(record(UNPROMOTED, Some(6))),
                running(None, Some(6)),
                record(UNPROMOTED, Some(7)),
                format!("sync daemon backup: stopped, {backup}"),
            ),
            // The interface was taken out of the parameters; and the end of the resource.
            (
                Some(record(PROMOTED, Some(7))),
                running(Some(7), None),
                record(UNPROMOTED, None),
                "sync daemon master: stopped".into(),
            ),
            // The daemons of another program are left alone, and one of the same kind is in the way.
            (None, running(Some(9), None), record(UNPROMOTED, Some(7)), backup),
            (Some(record(PROMOTED, None)), running(Some(9), Some(9)), record(UNPROMOTED, None), String::new()),
            (
                None,
                running(None, Some(9)),
                record(UNPROMOTED, Some(7)),
                "sync daemon backup on eth1 with id 7: start: another program runs one on eth1 with id 9; stop it (ipvsadm \
                 --stop-daemon backup)"
                    .into(),
            ),
        ],
        |(record, running, wanted, expected)| {
            assert_eq!(words(orders(record.as_ref(), &running, &wanted)), expected);
        },
    );
}

#[test]
fn monitor_says_the_role_that_the_kernel_has() {
    let degraded = || Ok(Status::Degraded("d".into()));
    let failed = |reason: &str| Ok(Status::FailedPromoted(reason.to_owned()));
    let generic = |reason: &str| Err(Failure::generic(reason));
    let table_fails = || Err(Failure::generic("t"));
    let no_master = "sync daemon master on eth1: does not run";
    let no_backup = "sync daemon backup on eth1: does not run";
    let both = "sync daemon master on eth1: still runs";
    let (synced, backup, master) = (Some(7), running(None, Some(7)), running(Some(7), None));
    check_rows(
        [
            (record(UNPROMOTED, synced), backup.clone(), Ok(Status::Running), Ok(Status::Running)),
            (record(UNPROMOTED, synced), backup.clone(), degraded(), degraded()),
            (record(UNPROMOTED, synced), backup.clone(), table_fails(), generic("t")),
            (record(UNPROMOTED, synced), running(None, None), Ok(Status::Running), generic(no_backup)),
            (record(UNPROMOTED, synced), running(Some(7), Some(7)), Ok(Status::Running), generic(both)),
            // The daemon of another program beside ours is none of our business.
            (record(UNPROMOTED, synced), running(Some(9), Some(7)), Ok(Status::Running), Ok(Status::Running)),
            (
                record(UNPROMOTED, synced),
                running(None, Some(9)),
                Ok(Status::Running),
                generic("sync daemon backup: runs on eth1 with id 9 instead"),
            ),
            (record(PROMOTED, synced), master.clone(), Ok(Status::Running), Ok(Status::Promoted)),
            (record(PROMOTED, synced), master.clone(), degraded(), Ok(Status::DegradedPromoted("d".into()))),
            (record(PROMOTED, synced), master.clone(), table_fails(), failed("t")),
            (record(PROMOTED, synced), running(None, None), Ok(Status::Running), failed(no_master)),
            (record(PROMOTED, synced), running(None, None), table_fails(), failed(&format!("t; {no_master}"))),
            // Something has emptied the table.
            (record(PROMOTED, synced), master, Ok(Status::Stopped), failed("every virtual service is missing")),
            (record(UNPROMOTED, synced), backup, Ok(Status::Stopped), generic("every virtual service is missing")),
            // Without synchronisation the record is all that tells.
            (record(PROMOTED, None), running(None, None), Ok(Status::Running), Ok(Status::Promoted)),
            (record(UNPROMOTED, None), running(None, None), Ok(Status::Running), Ok(Status::Running)),
            (record(PROMOTED, None), running(None, None), Ok(Status::Stopped), Ok(Status::Stopped)),
        ],
        |(record, running, table, expected)| {
            assert_eq!(judge(&record, &running, table), expected);
        },
    );
}

#[test]
fn another_director_with_the_same_number_is_named_where_nothing_worse_is_wrong() {
    let clash = || Some("10.8.0.9".to_owned());
    check_rows(
        [
            (Status::Running, Some(190)),
            (Status::Promoted, Some(191)),
            (Status::Stopped, None),
            (Status::Degraded("d".into()), None),
            (Status::FailedPromoted("f".into()), None),
        ],
        |(status, code)| {
            assert_eq!(with_clash(status.clone(), None), status);
            match (with_clash(status.clone(), clash()), code) {
                (Status::Degraded(text), Some(190)) | (Status::DegradedPromoted(text), Some(191)) => {
                    assert!(text.starts_with("10.8.0.9 sends connections under the same sync_id"), "{text}");
                }
                (other, None) => assert_eq!(other, status),
                (other, _) => panic!("{other:?}"),
            }
        },
    );
}
