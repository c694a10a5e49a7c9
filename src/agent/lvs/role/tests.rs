use super::*;
use crate::testing::check_rows;

const UNPROMOTED: bool = false;
const PROMOTED: bool = true;

fn channel(id: u8) -> SyncChannel {
    SyncChannel { interface: "eth1".into(), id, ..SyncChannel::default() }
}

fn record(promoted: bool, id: Option<u8>) -> RoleRecord {
    RoleRecord { promoted, channel: id.map(channel), ..RoleRecord::default() }
}

/// Which daemons run, with the numbers of their channels.
fn running(master: Option<u8>, backup: Option<u8>) -> SyncDaemons {
    SyncDaemons { master: master.map(channel), backup: backup.map(channel) }
}

#[test]
fn a_role_stops_what_does_not_belong_to_it_before_it_starts_what_does() {
    let words = |orders: Vec<SyncOrder>| orders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
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
            (Some(record(PROMOTED, Some(7))), running(None, None), record(PROMOTED, Some(7)), master.clone()),
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
            // The record is lost, and what runs is what is wanted.
            (None, running(None, Some(7)), record(UNPROMOTED, Some(7)), String::new()),
            (None, running(None, Some(7)), record(PROMOTED, Some(7)), format!("sync daemon backup: stopped, {master}")),
            // The daemons of another program are left alone, and one of the same kind is in the way.
            (None, running(Some(9), None), record(UNPROMOTED, Some(7)), backup),
            (Some(record(PROMOTED, None)), running(Some(9), Some(9)), record(UNPROMOTED, None), String::new()),
            (None, running(None, Some(9)), record(UNPROMOTED, Some(7)), String::new()),
        ],
        |(record, running, wanted, expected)| {
            assert_eq!(words(orders(record.as_ref(), &running, &wanted)), expected);
        },
    );
}

#[test]
fn a_daemon_on_an_interface_that_was_deleted_or_had_no_address_is_started_again_once_there_is_one_that_has() {
    let at = |interface_index, promoted| RoleRecord { interface_index, ..record(promoted, Some(7)) };
    let orphan = "was started before this interface was there";
    check_rows(
        [
            (Some(4), Some(6), true),
            (Some(4), Some(4), false),
            // There is none yet, or it has no address; and the daemon was started when it had none.
            (Some(4), None, false),
            (None, Some(6), true),
            (None, None, false),
        ],
        |(before, now, is_ended)| {
            for (promoted, daemon, running) in [
                (UNPROMOTED, SyncDaemon::Backup, running(None, Some(7))),
                (PROMOTED, SyncDaemon::Master, running(Some(7), None)),
            ] {
                let expected = [SyncOrder::Stop(daemon), SyncOrder::Start(daemon, channel(7))];
                let expected = if is_ended { expected.to_vec() } else { vec![] };
                assert_eq!(orders(Some(&at(before, promoted)), &running, &at(now, promoted)), expected);
                let sight = Sight { running, interface_index: now, ..Sight::default() };
                let answer = judge(&at(before, promoted), sight, Ok(Status::Running)).expect("a status");
                assert_eq!(format!("{answer:?}").contains(orphan), is_ended, "{answer:?}");
            }
        },
    );
    // There is nothing to end.
    let orders = orders(Some(&at(Some(4), UNPROMOTED)), &running(None, None), &at(Some(6), UNPROMOTED));
    assert_eq!(orders, [SyncOrder::Start(SyncDaemon::Backup, channel(7))]);
}

#[test]
fn monitor_says_the_role_and_shows_a_synchronisation_that_does_not_work() {
    let degraded = |text: &str| Ok(Status::Degraded(text.to_owned()));
    let promoted = |text: &str| Ok(Status::DegradedPromoted(text.to_owned()));
    let failed = |reason: &str| Ok(Status::FailedPromoted(reason.to_owned()));
    let generic = |reason: &str| Err(Failure::generic(reason));
    let table_fails = || Err(Failure::generic("t"));
    let no_master = "sync daemon master on eth1: does not run";
    let no_backup = "sync daemon backup on eth1: does not run";
    let foreign = "sync daemon backup on eth1 with id 7: not started: another program runs one on eth1 with id 9; stop it \
                   (ipvsadm --stop-daemon backup)";
    let other_port = SyncDaemons { master: None, backup: Some(SyncChannel { port: 1, ..channel(7) }) };
    let (synced, backup, master) = (Some(7), running(None, Some(7)), running(Some(7), None));
    check_rows(
        [
            (record(UNPROMOTED, synced), backup.clone(), Ok(Status::Running), Ok(Status::Running)),
            (record(UNPROMOTED, synced), backup.clone(), degraded("d"), degraded("d")),
            (record(UNPROMOTED, synced), backup.clone(), table_fails(), generic("t")),
            (record(UNPROMOTED, synced), running(None, None), Ok(Status::Running), degraded(no_backup)),
            (record(UNPROMOTED, synced), running(None, None), degraded("d"), degraded(&format!("d; {no_backup}"))),
            (
                record(UNPROMOTED, synced),
                running(Some(7), Some(7)),
                Ok(Status::Running),
                degraded("sync daemon master on eth1: still runs"),
            ),
            // The daemon of another program beside ours is none of our business.
            (record(UNPROMOTED, synced), running(Some(9), Some(7)), Ok(Status::Running), Ok(Status::Running)),
            (record(UNPROMOTED, synced), running(None, Some(9)), Ok(Status::Running), degraded(foreign)),
            (
                record(UNPROMOTED, synced),
                other_port,
                Ok(Status::Running),
                degraded("sync daemon backup on eth1: runs with another group, port, ttl or maxlen"),
            ),
            (record(PROMOTED, synced), master.clone(), Ok(Status::Running), Ok(Status::Promoted)),
            (record(PROMOTED, synced), master.clone(), degraded("d"), promoted("d")),
            (record(PROMOTED, synced), master.clone(), table_fails(), failed("t")),
            (record(PROMOTED, synced), running(None, None), Ok(Status::Running), promoted(no_master)),
            // Something has emptied the table, or has ended all of it.
            (record(PROMOTED, synced), master, Ok(Status::Stopped), failed("every virtual service is missing")),
            (record(UNPROMOTED, synced), backup, Ok(Status::Stopped), generic("every virtual service is missing")),
            (record(PROMOTED, synced), running(None, None), Ok(Status::Stopped), Ok(Status::Stopped)),
            // Without synchronisation the record is all that tells.
            (record(PROMOTED, None), running(None, None), Ok(Status::Running), Ok(Status::Promoted)),
            (record(UNPROMOTED, None), running(None, None), Ok(Status::Running), Ok(Status::Running)),
            (record(PROMOTED, None), running(None, None), Ok(Status::Stopped), Ok(Status::Stopped)),
        ],
        |(record, running, table, expected)| {
            let sight = Sight { running, ..Sight::default() };
            assert_eq!(judge(&record, sight, table), expected);
        },
    );
}

#[test]
fn a_director_that_directs_nothing_is_broken_and_a_standby_may() {
    let answer = |promoted, daemons: SyncDaemons, backup_only| {
        let sight = Sight { running: daemons, backup_only, troubles: vec!["x".into()], ..Sight::default() };
        judge(&record(promoted, None), sight, Ok(Status::Running))
    };
    let blocked = answer(PROMOTED, running(None, Some(9)), true).expect("a status");
    assert!(
        matches!(&blocked, Status::FailedPromoted(text) if text.contains("this node directs nothing")),
        "{blocked:?}"
    );
    let works = Ok(Status::DegradedPromoted("x".into()));
    assert_eq!(answer(PROMOTED, running(None, Some(9)), false), works);
    assert_eq!(answer(PROMOTED, running(Some(9), None), true), works);
    assert_eq!(answer(UNPROMOTED, running(None, Some(9)), true), Ok(Status::Degraded("x".into())));
}
