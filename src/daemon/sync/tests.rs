use super::*;
use crate::model::SyncChannel;
use crate::ownership::RoleRecord;
use crate::testing::Scratch;

fn role(promoted: bool) -> RoleRecord {
    let group = "224.0.0.81".parse().expect("address");
    let interface = "nosuch0".into();
    let channel = Some(SyncChannel { interface, id: 1, group, port: 8848, ttl: 1, maxlen: 1472 });
    RoleRecord { promoted, channel, ..RoleRecord::default() }
}

/// Returns what is told of faults at each of these milliseconds.
fn troubles(worker: &mut Worker, start: Instant, times: impl IntoIterator<Item = u64>) -> Vec<(u64, Option<String>)> {
    let told = |at| {
        let news = worker.turn(start + Duration::from_millis(at)).trouble?;
        assert_eq!(news.object, "connection synchronisation on nosuch0");
        Some((at, news.trouble))
    };
    times.into_iter().filter_map(told).collect()
}

#[test]
fn an_interface_that_is_not_there_is_told_once_and_tried_again_ever_more_rarely() {
    let scratch = Scratch::new("sync");
    let run_dir = RunDir::at(scratch.path());
    run_dir.roles().write_json("a", &role(false)).expect("write");
    let (mut worker, start) = (Worker::new(run_dir.clone()), Instant::now());
    assert_eq!(troubles(&mut worker, start, [0]), [], "another health monitor follows the declarations");
    assert!(worker.session.is_none());
    worker.follow(true);
    let told = troubles(&mut worker, start, (50..60_000).step_by(50));
    assert_eq!(told, [(50, Some("find the interface: No such device".to_owned()))]);
    let pause = worker.retry.as_ref().map(|retry| retry.pause);
    assert_eq!(pause, Some(Duration::from_secs(32)));
    run_dir.roles().remove("a").expect("remove");
    assert_eq!(troubles(&mut worker, start, [62_000, 64_000]), [(62_000, None)], "nothing is wanted any more");
}

#[test]
fn another_role_begins_anew_and_the_same_one_goes_on() {
    let scratch = Scratch::new("role");
    let run_dir = RunDir::at(scratch.path());
    let (mut worker, start) = (Worker::new(run_dir.clone()), Instant::now());
    worker.follow(true);
    let mut promoted = |seconds| {
        let news = worker.turn(start + Duration::from_secs(seconds));
        (worker.retry.as_ref().map(|retry| retry.pause.as_secs()), news.status.map(|status| status.promoted))
    };
    assert_eq!(promoted(0), (None, None));
    run_dir.roles().write_json("a", &role(false)).expect("write");
    assert_eq!(promoted(2), (Some(1), Some(false)));
    assert_eq!(promoted(4), (Some(2), Some(false)));
    run_dir.roles().write_json("a", &role(true)).expect("write");
    assert_eq!(promoted(6), (Some(1), Some(true)));
    run_dir.roles().remove("a").expect("remove");
    assert_eq!(promoted(8), (None, None));
}

#[test]
fn a_resource_that_becomes_promoted_or_is_no_more_is_told_once_whether_it_synchronises_or_not() {
    let scratch = Scratch::new("promoted");
    let run_dir = RunDir::at(scratch.path());
    let (mut worker, start) = (Worker::new(run_dir.clone()), Instant::now());
    let told = |worker: &mut Worker, seconds| -> Vec<String> {
        let events = worker.turn(start + Duration::from_secs(seconds)).events;
        events.iter().map(ToString::to_string).collect()
    };
    let silent = |promoted| RoleRecord { channel: None, ..role(promoted) };
    run_dir.roles().write_json("a", &silent(true)).expect("write");
    assert_eq!(told(&mut worker, 0), [""; 0], "another health monitor follows the declarations");
    worker.follow(true);
    assert_eq!(told(&mut worker, 2), ["a: promoted on this node"]);
    assert_eq!(told(&mut worker, 4), [""; 0]);
    run_dir.roles().write_json("a", &silent(false)).expect("write");
    run_dir.roles().write_json("b", &silent(true)).expect("write");
    assert_eq!(told(&mut worker, 6), ["a: no longer promoted on this node", "b: promoted on this node"]);
    worker.follow(false);
    assert_eq!(told(&mut worker, 8), [""; 0], "it knows of no role any more");
}
