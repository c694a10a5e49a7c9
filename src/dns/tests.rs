use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::testing::check_rows;

fn member(host: u8) -> DnsMember {
    DnsMember::at(Ipv4Addr::new(192, 0, 2, host).into())
}

fn members(hosts: &[u8]) -> Vec<DnsMember> {
    hosts.iter().map(|host| member(*host)).collect()
}

fn whole(hosts: &[u8], life: Option<u64>) -> Answer {
    Answer { members: members(hosts), time_to_live: life.map(Duration::from_secs), ..Answer::default() }
}

fn partial(hosts: &[u8]) -> Answer {
    Answer { missing: Some("target b: no answer".into()), ..whole(hosts, Some(60)) }
}

#[test]
fn what_an_answer_has_joins_and_only_a_whole_answer_removes() {
    let rows: [(&[u8], Answer, &[u8], bool); 9] = [
        (&[], whole(&[1, 2], Some(60)), &[1, 2], true),
        (&[1, 2], whole(&[2, 1], Some(60)), &[1, 2], false),
        (&[1, 2], whole(&[2, 3], Some(60)), &[2, 3], true),
        (&[1, 2], Answer::missing("no answer"), &[1, 2], false),
        (&[1, 2], whole(&[], Some(60)), &[1, 2], false),
        (&[1, 2], partial(&[1]), &[1, 2], false),
        (&[1, 2], partial(&[3]), &[1, 2, 3], true),
        (&[], Answer::missing("no answer"), &[], false),
        (&[1], whole(&[2, 2], None), &[2], true),
    ];
    check_rows(rows, |(before, answer, after, changed)| {
        let mut known = Known::remembered(members(before));
        assert_eq!(known.note(answer, Instant::now()), changed);
        assert_eq!(known.members(), members(after));
    });
}

#[test]
fn a_name_is_asked_again_when_its_records_have_had_their_life_within_bounds() {
    let rows = [
        (whole(&[1], Some(0)), 5),
        (whole(&[1], Some(5)), 5),
        (whole(&[1], Some(6)), 6),
        (whole(&[1], Some(300)), 300),
        (whole(&[1], Some(301)), 300),
        (whole(&[1], None), 30),
        (whole(&[], Some(300)), 5),
        (partial(&[1]), 5),
        (Answer::missing("no answer"), 5),
    ];
    check_rows(rows, |(answer, seconds)| {
        let (now, mut known) = (Instant::now(), Known::default());
        assert_eq!(known.due(), None);
        known.note(answer, now);
        assert_eq!(known.due(), Some(now + Duration::from_secs(seconds)));
    });
}

#[test]
fn a_trouble_has_its_newest_cause_and_its_beginning_until_a_whole_answer_ends_it() {
    let (start, mut known) = (Instant::now(), Known::default());
    let at = |seconds| start + Duration::from_secs(seconds);
    known.note(whole(&[1], Some(60)), at(0));
    assert_eq!(known.trouble(), None);
    known.note(Answer::missing("no answer"), at(10));
    known.note(Answer::missing("server failure"), at(20));
    known.note(partial(&[2]), at(30));
    known.note(whole(&[], None), at(40));
    assert_eq!(known.trouble(), Some(&Trouble { cause: "the answer has no address".into(), since: at(10) }));
    known.note(whole(&[1], None), at(50));
    assert_eq!(known.trouble(), None);
    known.note(whole(&[], None), at(60));
    assert_eq!(known.trouble(), Some(&Trouble { cause: "the answer has no address".into(), since: at(60) }));
}

#[test]
fn too_many_records_change_nothing_of_those_that_are_known() {
    let (now, mut known) = (Instant::now(), Known::remembered(members(&[200, 201])));
    let all: Vec<u8> = (1..=201).collect();
    assert!(known.note(whole(&all, None), now));
    let expected: Vec<u8> = (1..=62).chain([200, 201]).collect();
    assert_eq!(known.members(), members(&expected));
    assert_eq!(known.trouble().map(|trouble| trouble.cause.as_str()), Some("201 real servers: 64 of them count"));
    let backwards: Vec<u8> = all.into_iter().rev().collect();
    assert!(!known.note(whole(&backwards, None), now));

    let mut known = Known::default();
    known.note(Answer { left_out: 6, ..whole(&[1, 2], None) }, now);
    assert_eq!(known.trouble().map(|trouble| trouble.cause.as_str()), Some("70 records: 64 of them count"));
    assert!(known.note(whole(&[1], None), now), "the answer was whole, and so is this one");
}

#[test]
fn two_records_of_one_host_and_port_are_one_member_that_serves() {
    let record = |weight, backup| DnsMember { port: Some(80), weight: Some(weight), backup, ..member(1) };
    let both = [record(9, true), record(3, false), record(2, false)];
    for members in [both.to_vec(), both.iter().rev().cloned().collect()] {
        let mut known = Known::default();
        known.note(Answer { members, ..Answer::default() }, Instant::now());
        assert_eq!(known.members(), [record(3, false)]);
    }
    let mut known = Known::remembered(vec![record(9, false)]);
    let lowered = Answer { members: vec![record(1, true)], ..Answer::missing("target b: no answer") };
    assert!(known.note(lowered, Instant::now()));
    assert_eq!(known.members(), [record(1, true)], "the newer record counts");
}

proptest! {
    #[test]
    fn no_sequence_of_answers_breaks_the_rule(
        answers in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..80), any::<bool>(), 0_u64..1000), 0..20)
    ) {
        let (mut now, mut known) = (Instant::now(), Known::default());
        for (hosts, is_whole, life) in answers {
            let before = known.members().to_vec();
            let answer = Answer { missing: (!is_whole).then(|| "cut".into()), ..whole(&hosts, Some(life)) };
            let mut shuffled = known.clone();
            let mirrored = Answer { members: answer.members.iter().rev().cloned().collect(), ..answer.clone() };
            shuffled.note(mirrored, now);
            let is_changed = known.note(answer, now);
            prop_assert_eq!(&known, &shuffled, "the order of records means nothing");
            prop_assert_eq!(is_changed, before != known.members());
            prop_assert!(known.members().len() <= MOST);
            prop_assert!(known.members().is_sorted());
            let ends = is_whole && !hosts.is_empty();
            if ends {
                prop_assert!(known.members().iter().all(|member| members(&hosts).contains(member)));
            } else {
                prop_assert!(before.iter().all(|member| known.members().contains(member)), "nobody is removed");
                prop_assert!(known.trouble().is_some());
            }
            let due = known.due().expect("asked");
            prop_assert!(due >= now + PAUSE[0] && due <= now + PAUSE[1]);
            now = due;
        }
    }
}
