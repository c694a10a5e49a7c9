use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::testing::real_server;

/// The size of a SYN of Linux, and of a packet that only acknowledges.
const SYN: u64 = 60;
const ACK: u64 = 52;

fn at(milliseconds: u64) -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now) + Duration::from_millis(milliseconds)
}

fn key(host: u8) -> RealServerKey {
    real_server(host, 1).key
}

/// So many connections with so many packets each, of so many bytes together for each connection.
fn more(counts: Counts, connections: u64, packets: u64, bytes: u64) -> Counts {
    Counts {
        connections: counts.connections + connections,
        in_packets: counts.in_packets + connections * packets,
        in_bytes: counts.in_bytes + connections * bytes,
        open: counts.open + connections,
        ..counts
    }
}

/// Connections that were answered and have ended.
fn ended(counts: Counts, connections: u64) -> Counts {
    let counts = more(counts, connections, 6, SYN + 4 * ACK + 300);
    Counts { inactive: counts.inactive + connections, ..counts }
}

fn swallowed(counts: Counts, connections: u64) -> Counts {
    more(counts, connections, 2, 2 * SYN)
}

fn sample(connections: u64, half_open: u64) -> Sample {
    Sample { connections, half_open }
}

#[test]
fn only_new_connections_of_which_nothing_but_syns_came_are_unanswered() {
    let start = Counts { connections: 7, in_packets: 70, in_bytes: 7000, out_packets: 5, inactive: 3, open: 9 };
    let unanswered = |connections, packets, bytes| Reading::Swallowed(Unanswered { connections, packets, bytes });
    let rows = [
        ("nothing", start, Family::Ipv4, Reading::Quiet),
        ("SYNs", more(start, 10, 1, 60), Family::Ipv4, unanswered(10, 10, 600)),
        ("the largest SYNs", more(start, 10, 2, 128), Family::Ipv4, unanswered(10, 20, 1280)),
        ("a byte more", Counts { in_bytes: 8281, ..more(start, 10, 2, 128) }, Family::Ipv4, Reading::Answered),
        ("the largest SYNs of IPv6", more(start, 10, 2, 168), Family::Ipv6, unanswered(10, 20, 1680)),
        ("a byte more", Counts { in_bytes: 8681, ..more(start, 10, 2, 168) }, Family::Ipv6, Reading::Answered),
        ("six repetitions", more(start, 10, 7, 420), Family::Ipv4, unanswered(10, 70, 4200)),
        ("a packet more", Counts { in_packets: 141, ..more(start, 10, 7, 420) }, Family::Ipv4, Reading::Unclear),
        ("SYNs of older ones", Counts { in_packets: 72, in_bytes: 7120, ..start }, Family::Ipv4, Reading::Unclear),
        ("an answer", Counts { out_packets: 6, ..more(start, 10, 1, 60) }, Family::Ipv4, Reading::Answered),
        ("an end", Counts { inactive: 4, ..more(start, 10, 1, 60) }, Family::Ipv4, Reading::Answered),
        ("one forgotten", Counts { inactive: 2, ..more(start, 10, 1, 60) }, Family::Ipv4, unanswered(10, 10, 600)),
        ("a new entry", swallowed(Counts::default(), 3), Family::Ipv4, Reading::Unclear),
        // What healthy servers get.
        ("HTTP", more(start, 10, 6, SYN + 4 * ACK + 132), Family::Ipv4, Reading::Answered),
        ("MySQL", more(start, 10, 9, SYN + 6 * ACK + 250 + 57), Family::Ipv4, Reading::Answered),
        ("downloads", more(start, 10, 200, SYN + 199 * ACK + 100), Family::Ipv4, Reading::Unclear),
    ];
    crate::testing::check_rows(rows, |(what, now, family, expected)| {
        assert_eq!(reading(start, now, family), expected, "{what}");
    });
}

/// Two real servers, of which the first answers every second what the second swallows.
fn served_and_swallowed(connections: u64, seconds: u64) -> Evidence {
    let (mut evidence, mut one, mut two) = (Evidence::default(), Counts::default(), Counts::default());
    for second in 0..=seconds {
        evidence.note(Family::Ipv4, [(key(1), one), (key(2), two)], at(second * 1000));
        (one, two) = (ended(one, connections), swallowed(two, connections));
    }
    evidence
}

#[test]
fn ten_unanswered_connections_in_a_row_raise_a_suspicion_where_another_real_server_answers() {
    let all = |_: &RealServerKey| true;
    crate::testing::check_rows([(9, false), (10, true)], |(connections, expected)| {
        let evidence = served_and_swallowed(connections, 1);
        assert_eq!(evidence.needs_sample(all, at(1000)), expected, "{connections}");
    });
    let evidence = served_and_swallowed(5, 2);
    assert!(evidence.needs_sample(all, at(2000)), "the row goes on");
    assert!(!evidence.needs_sample(|real| *real != key(2), at(2000)), "it is judged already");
    assert!(evidence.needs_sample(all, at(32_000)));
    assert!(!evidence.needs_sample(all, at(32_001)), "the other one may have died meanwhile");
    let mut alone = Evidence::default();
    alone.note(Family::Ipv4, [(key(2), Counts::default())], at(0));
    alone.note(Family::Ipv4, [(key(2), swallowed(Counts::default(), 99))], at(1000));
    assert!(!alone.needs_sample(all, at(1000)), "there is nothing to compare with");
}

#[test]
fn a_row_ends_with_an_answer_with_what_is_unclear_and_after_thirty_seconds() {
    let start = Counts::default();
    let nine = swallowed(start, 9);
    let rows = [
        ("one more", vec![(1000, nine), (2000, swallowed(nine, 1))], true),
        ("nothing between", vec![(1000, nine), (9000, nine), (11_000, swallowed(nine, 1))], true),
        ("an answer between", vec![(1000, nine), (2000, ended(nine, 1)), (3000, swallowed(ended(nine, 1), 1))], false),
        ("an answer at once", vec![(1000, nine), (2000, ended(swallowed(nine, 1), 1))], false),
        ("a new entry", vec![(1000, nine), (2000, start), (3000, swallowed(start, 1))], false),
        ("thirty seconds", vec![(1000, nine), (30_000, swallowed(nine, 1))], true),
        ("more than that", vec![(1000, nine), (30_001, swallowed(nine, 1))], false),
    ];
    crate::testing::check_rows(rows, |(what, steps, expected)| {
        let mut evidence = Evidence::default();
        evidence.note(Family::Ipv4, [(key(2), start)], at(0));
        for (milliseconds, counts) in steps {
            evidence.note(Family::Ipv4, [(key(2), counts)], at(milliseconds));
        }
        assert_eq!(evidence.watched[&key(2)].is_suspected(), expected, "{what}");
    });
}

#[test]
fn a_sample_proves_what_most_of_the_row_is_half_open_and_of_another_real_server_hardly_anything() {
    let evidence = served_and_swallowed(12, 1);
    let other = sample(16, 1);
    crate::testing::check_rows(
        [
            // Of twelve in a row, all of which the sample has.
            ("all", sample(12, 12), other, true),
            ("three in four", sample(12, 9), other, true),
            ("fewer", sample(12, 8), other, false),
            // A part of a larger table says as much, and one that is too small nothing.
            ("eight of a part", sample(8, 8), other, true),
            ("seven of a part", sample(7, 7), other, false),
            ("none", Sample::default(), other, false),
            // The connections of before are there as well.
            ("older ones", sample(500, 12), other, true),
            ("flooded as well", sample(12, 12), sample(16, 2), false),
            ("among older ones", sample(12, 12), sample(1600, 2), false),
            ("too few to compare", sample(12, 12), sample(7, 0), false),
            ("enough to compare", sample(12, 12), sample(8, 1), true),
        ],
        |(what, of_suspect, of_other, expected)| {
            let samples = [(key(1), of_other), (key(2), of_suspect)].into();
            let judged: Vec<_> = evidence.judge(&samples, at(1000)).into_iter().map(|(real, _)| real).collect();
            let expected: &[RealServerKey] = if expected { &[key(2)] } else { &[] };
            assert_eq!(judged, expected, "{what}");
        },
    );
}

/// Data of older connections.
fn data(counts: Counts) -> Counts {
    Counts { in_packets: counts.in_packets + 100, in_bytes: counts.in_bytes + 50_000, ..counts }
}

#[test]
fn only_one_that_takes_new_clients_and_answers_them_accuses_another() {
    /// What comes to both in a second, and the samples in the end.
    #[derive(Debug)]
    struct Case {
        what: &'static str,
        seconds: u64,
        second: fn(u64, [Counts; 2]) -> [Counts; 2],
        samples: [Sample; 2],
        expected: bool,
    }
    let cases = [
        Case {
            what: "the other one answers",
            seconds: 21,
            second: |second, [one, two]| {
                [ended(one, 20), if second < 20 { ended(two, 20) } else { swallowed(two, 20) }]
            },
            samples: [sample(420, 2), sample(420, 20)],
            expected: true,
        },
        Case {
            what: "both have lost their way back",
            seconds: 21,
            second: |second, both| both.map(|one| if second < 20 { ended(one, 20) } else { swallowed(one, 20) }),
            samples: [sample(1200, 36), sample(1200, 36)],
            expected: false,
        },
        Case {
            what: "both have, and the counters of the second one are newer",
            seconds: 21,
            second: |second, [one, two]| match second {
                0..20 => [ended(one, 20), ended(two, 20)],
                _ => [one, swallowed(two, 20)],
            },
            samples: [sample(420, 20), sample(420, 20)],
            expected: false,
        },
        Case {
            what: "the scheduler gives all new clients to the second one, which has just come back",
            seconds: 12,
            second: |_, [one, two]| [data(one), swallowed(two, 1)],
            samples: [sample(1000, 0), sample(12, 12)],
            expected: false,
        },
        Case {
            what: "both get stray SYNs, and the first one has old sessions",
            seconds: 12,
            second: |_, [one, two]| [data(swallowed(one, 1)), swallowed(two, 1)],
            samples: [sample(1012, 12), sample(12, 12)],
            expected: false,
        },
        Case {
            what: "the new clients of the first one came too long ago",
            seconds: 45,
            second: |second, [one, two]| match second {
                0 => [ended(one, 100), two],
                1..33 => [data(one), two],
                _ => [data(one), swallowed(two, 1)],
            },
            samples: [sample(100, 0), sample(12, 12)],
            expected: false,
        },
    ];
    crate::testing::check_rows(cases, |Case { what, seconds, second, samples: [one, two], expected }| {
        let (mut evidence, mut counts) = (Evidence::default(), [Counts::default(); 2]);
        for number in 0..=seconds {
            evidence.note(Family::Ipv4, (1_u8..).map(key).zip(counts), at(number * 1000));
            counts = second(number, counts);
        }
        let judged = evidence.judge(&[(key(1), one), (key(2), two)].into(), at(seconds * 1000));
        let judged: Vec<_> = judged.into_iter().map(|(real, _)| real).collect();
        let expected: &[RealServerKey] = if expected { &[key(2)] } else { &[] };
        assert_eq!(judged, expected, "{what}");
    });
}

#[test]
fn a_suspicion_ends_under_stray_syns_when_no_row_of_them_has_come_for_thirty_seconds() {
    let mut evidence = served_and_swallowed(12, 1);
    let mut two = evidence.watched[&key(2)].counts;
    for second in 2..60 {
        two = swallowed(two, 1);
        let stray = evidence.note(Family::Ipv4, [(key(2), two)], at(second * 1000));
        assert_eq!(stray, [], "it has answered nobody");
        two = ended(two, 1);
        let are_well = evidence.note(Family::Ipv4, [(key(2), two)], at(second * 1000 + 500));
        // The row goes on until the first answer.
        assert_eq!(are_well == [key(2)], second >= 32, "{second}");
    }
}

#[test]
fn one_that_answers_and_swallows_nothing_for_a_while_is_named_so_that_its_suspicion_ends() {
    let mut evidence = served_and_swallowed(12, 1);
    let counts = |host| evidence.watched[&key(host)].counts;
    let (one, two) = (counts(1), counts(2));
    let mut note = |two, milliseconds| evidence.note(Family::Ipv4, [(key(1), one), (key(2), two)], at(milliseconds));
    assert_eq!(note(ended(two, 1), 5999), [], "a client may have repeated the end of an older connection");
    assert_eq!(note(ended(two, 1), 6000), [], "nothing is new");
    assert_eq!(note(ended(two, 2), 6001), [key(2)]);
    assert_eq!(evidence.note(Family::Ipv4, [(key(1), one)], at(7000)), []);
    assert_eq!(evidence.watched.len(), 1, "one that takes no clients is forgotten");
}

/// Who sends what in a second: connections that are answered and those of a flood, to each of the real servers.
fn any_second() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((0..30_u64, 0..2000_u64), 3)
}

proptest! {
    /// Whatever the mixture, and whatever older sessions there are and send: where more than one in eight new connections of
    /// every real server is of a flood, none is judged.
    #[test]
    fn a_flood_over_all_real_servers_proves_nothing(
        seconds in proptest::collection::vec(any_second(), 1..40),
        old in proptest::array::uniform3(0..2000_u64),
    ) {
        let mut evidence = Evidence::default();
        let mut counts = old.map(|open| Counts { open, ..Counts::default() });
        let mut samples: BTreeMap<RealServerKey, Sample> = (1..).map(key).zip(old.map(|old| sample(old, 0))).collect();
        for (second, row) in (0_u64..).zip(&seconds) {
            for (((host, counts), old), (answered, flood)) in (1_u8..).zip(&mut counts).zip(old).zip(row) {
                let flood = flood + answered / 7 + 1;
                *counts = more(ended(*counts, *answered), flood, 1, SYN);
                if old >= 1000 {
                    *counts = data(*counts);
                }
                let of_table = samples.entry(key(host)).or_default();
                of_table.connections += answered + flood;
                of_table.half_open += flood;
            }
            let counted = (1_u8..).map(key).zip(counts);
            evidence.note(Family::Ipv4, counted, at(second * 1000));
            prop_assert_eq!(evidence.judge(&samples, at(second * 1000)), []);
        }
    }

    /// No real server whose new connections are all answered is judged, whatever another one does.
    #[test]
    fn one_that_answers_every_second_is_never_judged(
        rates in proptest::collection::vec((1..50_u64, 0..50_u64), 1..60),
        any_sample in (0..100_u64, 0..100_u64),
    ) {
        let (mut evidence, mut one, mut two) = (Evidence::default(), Counts::default(), Counts::default());
        let samples = [(key(1), sample(any_sample.0, any_sample.1)), (key(2), sample(50, 0))].into();
        for (second, (answered, other)) in (0_u64..).zip(rates) {
            (one, two) = (ended(one, answered), ended(two, other));
            evidence.note(Family::Ipv4, [(key(1), one), (key(2), two)], at(second * 1000));
            let judged = evidence.judge(&samples, at(second * 1000));
            prop_assert!(judged.iter().all(|(real, _)| *real != key(1)), "{judged:?}");
        }
    }
}
