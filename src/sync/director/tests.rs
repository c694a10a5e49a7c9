use super::*;
use crate::sync::Standby;

const DIRECTOR: [u8; 4] = [10, 0, 0, 1];
const STANDBY: [u8; 4] = [10, 0, 0, 2];

/// A director and a standby on one virtual clock, whose kernels know so many connections.
struct Pair {
    director: Director,
    standby: Standby,
    start: Instant,
    now: Instant,
    connections: u32,
    known: u32,
    /// How many of a sending get lost, at each sending in turn; later ones lose nothing.
    losses: Vec<u32>,
    /// The most that the standby takes, whatever it is sent.
    most: u32,
    withheld: u32,
    cost: Duration,
    /// When each sending began, in milliseconds.
    sendings: Vec<u128>,
    notices: usize,
    events: Vec<String>,
}

impl Pair {
    fn new(connections: u32) -> Self {
        let now = Instant::now();
        Self {
            director: Director::default(),
            standby: Standby::new(1),
            start: now,
            now,
            connections,
            known: 0,
            losses: Vec::new(),
            most: u32::MAX,
            withheld: 0,
            cost: Duration::from_millis(1),
            sendings: Vec::new(),
            notices: 0,
            events: Vec::new(),
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.now += Duration::from_millis(10);
            if self.now >= self.standby.next_word(self.now) {
                let Notice::Standby { connections, run } = self.standby.speak(self.known, self.now) else {
                    panic!("a standby speaks for itself")
                };
                self.director.hear(STANDBY.into(), connections, run, self.now);
            }
            if self.now >= self.director.next_step(self.now) {
                self.step();
            }
        }
    }

    fn step(&mut self) {
        match self.director.judge(self.connections, self.now) {
            DirectorStep::SendTable => self.send(),
            DirectorStep::Speak(Notice::Director { connections }) => {
                self.notices += 1;
                let event = self.standby.hear(DIRECTOR.into(), connections, self.known, self.now);
                self.events.extend(event.map(|event| event.to_string()));
            }
            DirectorStep::Speak(other) => panic!("{other:?}"),
            DirectorStep::Wait => {}
        }
        self.events.extend(self.director.take_events().into_iter().map(|event| event.to_string()));
    }

    fn send(&mut self) {
        self.sendings.push((self.now - self.start).as_millis());
        let lost = if self.losses.is_empty() { 0 } else { self.losses.remove(0) };
        let sent = self.connections - self.withheld;
        self.known = self.known.max((sent - lost).min(self.most));
        self.now += self.cost;
        self.director.sent(Sending { withheld: self.withheld, cost: self.cost }, self.now);
    }

    fn coverage(&self) -> Option<u8> {
        self.standby.coverage().map(Coverage::per_cent)
    }
}

#[test]
fn a_standby_that_joins_is_warm_after_one_sending_and_the_table_is_read_no_more() {
    let mut pair = Pair::new(10_000);
    pair.run(1);
    assert_eq!((pair.coverage(), pair.sendings.len()), (Some(100), 1));
    assert!(pair.sendings[0] <= 20, "{:?}", pair.sendings);
    pair.run(3600);
    assert_eq!(pair.sendings.len(), 1);
    assert_eq!(
        pair.events,
        [
            "standby 10.0.0.2 knows 0 % of 10000 connections",
            "this standby knows 100 % of 10000 connections of director 10.0.0.1",
            "standby 10.0.0.2 knows 100 % of 10000 connections",
        ]
    );
    // It answers each notice of the standby, and speaks by itself.
    assert!(pair.notices <= 3600 / 2, "{}", pair.notices);
}

#[test]
fn what_got_lost_is_sent_again_until_nothing_is_missing() {
    let mut pair = Pair::new(10_000);
    pair.losses = vec![1564, 300, 1];
    pair.run(10);
    assert_eq!((pair.coverage(), pair.sendings.len()), (Some(100), 4), "{:?}", pair.sendings);
    let pauses: Vec<u128> = pair.sendings.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses.iter().all(|pause| (1000..2500).contains(pause)), "{pauses:?}");
}

#[test]
fn a_standby_that_starts_anew_is_told_everything_anew_even_if_it_seems_to_know_enough() {
    let mut pair = Pair::new(1000);
    pair.run(10);
    pair.standby = Standby::new(2);
    pair.run(10);
    assert_eq!(pair.sendings.len(), 2);
}

#[test]
fn connections_that_are_never_sent_are_not_missing() {
    let mut pair = Pair::new(1000);
    pair.withheld = 400;
    pair.run(30);
    assert_eq!((pair.coverage(), pair.sendings.len()), (Some(100), 1));
    assert!(pair.events.iter().any(|event| event == "standby 10.0.0.2 knows 100 % of 600 connections"));
}

#[test]
fn a_standby_that_can_know_no_more_is_told_less_and_less_often() {
    let mut pair = Pair::new(1000);
    pair.most = 700;
    pair.run(600);
    assert_eq!(pair.coverage(), Some(70));
    assert!((10..20).contains(&pair.sendings.len()), "{:?}", pair.sendings);
    let last: Vec<u128> = pair.sendings.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(last[last.len() - 3..].iter().all(|pause| (60_000..61_000).contains(pause)), "{last:?}");
}

#[test]
fn the_longer_the_reading_takes_the_rarer_it_is() {
    crate::testing::check_rows([(10, 1000), (70, 1000), (700, 7000), (10_000, 100_000)], |(cost, pause)| {
        let mut pair = Pair::new(50_000);
        pair.cost = Duration::from_millis(cost);
        pair.losses = vec![30_000, 20_000, 10_000];
        pair.run(400);
        assert_eq!(pair.sendings.len(), 4, "{:?}", pair.sendings);
        let pauses: Vec<u128> = pair.sendings.windows(2).map(|two| two[1] - two[0] - u128::from(cost)).collect();
        assert!(pauses.iter().all(|found| (pause..pause + 1500).contains(found)), "{cost} ms: {pauses:?}");
    });
}

#[test]
fn one_in_a_hundred_of_a_large_table_is_left_to_the_kernel() {
    let mut pair = Pair::new(50_000);
    pair.losses = vec![500];
    pair.run(60);
    assert_eq!((pair.coverage(), pair.sendings.len()), (Some(99), 1));
    let mut pair = Pair::new(50_000);
    pair.losses = vec![501];
    pair.run(60);
    assert_eq!((pair.coverage(), pair.sendings.len()), (Some(100), 2));
}

#[test]
fn a_table_that_is_too_large_is_not_read_and_that_is_said_once() {
    let mut pair = Pair::new(100_001);
    pair.run(600);
    assert_eq!((pair.coverage(), pair.sendings.len()), (Some(0), 0));
    let said = pair.events.iter().filter(|event| event.contains("100001 connections are too many"));
    assert_eq!(said.count(), 1, "{:?}", pair.events);
    pair.connections = 1000;
    pair.run(10);
    assert_eq!((pair.coverage(), pair.sendings.len()), (Some(100), 1));
}

#[test]
fn a_failed_sending_is_tried_again_after_a_minute() {
    let mut director = Director::default();
    let start = Instant::now();
    director.hear(STANDBY.into(), 0, 1, start);
    assert_eq!(director.judge(10, start), DirectorStep::SendTable);
    director.failed(start);
    for second in 1..60 {
        let now = start + Duration::from_secs(second);
        director.hear(STANDBY.into(), 0, 1, now);
        assert_ne!(director.judge(10, now), DirectorStep::SendTable, "{second}");
    }
    let now = start + Duration::from_secs(60);
    director.hear(STANDBY.into(), 0, 1, now);
    assert_eq!(director.judge(10, now), DirectorStep::SendTable);
}

#[test]
fn forged_addresses_take_no_memory_and_silent_standbys_are_forgotten() {
    let mut director = Director::default();
    let start = Instant::now();
    for host in 0..=255 {
        director.hear([10, 0, 1, host].into(), 0, 1, start);
    }
    director.judge(0, start);
    assert_eq!(director.standbys().count(), Director::MOST_STANDBYS);
    director.judge(0, start + Director::SILENT);
    assert_eq!(director.standbys().count(), 0);
}

#[test]
fn the_latest_are_sent_to_a_standby_that_listens_unless_the_table_is_large() {
    let may_send = |connections| {
        let mut pair = Pair::new(connections);
        let alone = pair.director.may_send_latest();
        pair.run(1);
        (alone, pair.director.may_send_latest())
    };
    assert_eq!(may_send(30_000), (false, true));
    assert_eq!(may_send(30_001), (false, false));
}
