use proptest::prelude::*;

use super::*;
use crate::daemon::checker::DoubtInterval;
use crate::model::{Between, Check};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn job(port: u16, timeout: Duration, interval: Duration) -> Arc<Job> {
    let target = ([192, 0, 2, 1], port).into();
    let check = Check { question: Question::of("connect").into(), target, timeout, between: None };
    Arc::new(Job { check, interval, path: None, doubt: None, standings: vec![Arc::default()] })
}

fn jobs(count: u16, timeout: Duration, interval: Duration) -> HashSet<Arc<Job>> {
    (0..count).map(|port| job(port, timeout, interval)).collect()
}

/// A machine that runs at most `lanes` checks at once, each of which takes `length`; it looks at the schedule every
/// millisecond.
struct Machine {
    schedule: Schedule,
    now: Instant,
    zero: Instant,
    lanes: usize,
    length: Duration,
    running: Vec<(Instant, JobId)>,
    /// The port and the time of each start.
    starts: Vec<(u16, Duration)>,
}

impl Machine {
    fn new(lanes: usize, length: Duration) -> Self {
        let now = Instant::now();
        let schedule = Schedule::default();
        Self { schedule, now, zero: now, lanes, length, running: Vec::new(), starts: Vec::new() }
    }

    fn replace(&mut self, wanted: HashSet<Arc<Job>>) {
        let abandoned = self.schedule.replace(wanted, self.now);
        self.running.retain(|(_, id)| !abandoned.contains(id));
    }

    /// Runs for that long and returns the greatest lateness of a start.
    fn run(&mut self, time: Duration) -> Duration {
        let (end, mut latest) = (self.now + time, Duration::ZERO);
        while self.now < end {
            self.now += ms(1);
            let now = self.now;
            for (_, id) in self.running.extract_if(.., |(ends, _)| *ends <= now) {
                self.schedule.finished(id, &[Outcome::Good.into()], now).expect("a wanted job");
            }
            while self.running.len() < self.lanes
                && let Some(start) = self.schedule.start_next(now, |_| true)
            {
                assert!(self.running.iter().all(|(_, id)| *id != start.id), "two runs of one job at once");
                latest = latest.max(start.late);
                self.starts.push((start.job.check.target.port(), now - self.zero));
                self.running.push((now + self.length, start.id));
            }
        }
        latest
    }

    fn starts_of(&self, port: u16) -> Vec<Duration> {
        self.starts.iter().filter(|start| start.0 == port).map(|start| start.1).collect()
    }

    /// The most starts in any ten milliseconds since `since`.
    fn burst(&self, since: Duration) -> usize {
        let times: Vec<Duration> = self.starts.iter().map(|start| start.1).filter(|at| *at >= since).collect();
        times
            .iter()
            .map(|first| times.iter().filter(|at| **at >= *first && **at < *first + ms(10)).count())
            .max()
            .unwrap_or(0)
    }
}

#[test]
fn the_first_round_is_quick_and_the_others_are_spread_over_the_interval() {
    let mut machine = Machine::new(usize::MAX, ms(1));
    machine.replace(jobs(1000, ms(500), ms(1000)));
    machine.run(ms(105));
    assert_eq!(machine.starts.len(), 1000, "100 us each");
    assert!((95..=130).contains(&machine.burst(ms(0))), "{}", machine.burst(ms(0)));
    machine.run(ms(1395));
    machine.starts.clear();
    machine.run(ms(10_000));
    assert_eq!(machine.starts.len(), 10_000);
    assert!(machine.burst(ms(0)) <= 12, "{}", machine.burst(ms(0)));
}

#[test]
fn the_first_round_of_many_takes_a_second_and_that_of_a_few_no_longer_than_their_interval() {
    crate::testing::check_rows(
        [(20_000, ms(10_000), ms(1002)), (5000, ms(200), ms(202)), (1, ms(5000), ms(2))],
        |(count, interval, round)| {
            let mut machine = Machine::new(usize::MAX, ms(100));
            machine.replace(jobs(count, ms(500), interval));
            machine.run(round);
            let asked: HashSet<u16> = machine.starts.iter().map(|start| start.0).collect();
            assert_eq!(asked.len(), usize::from(count));
        },
    );
}

#[test]
fn an_edit_of_a_timeout_or_interval_moves_no_check() {
    crate::testing::check_rows(
        [(ms(700), ms(1000)), (ms(500), ms(2000)), (ms(500), ms(500)), (ms(300), ms(10_000))],
        |(timeout, interval)| {
            let mut machine = Machine::new(usize::MAX, ms(3));
            machine.replace(jobs(1000, ms(500), ms(1000)));
            machine.run(ms(3500));
            let edited = machine.now - machine.zero;
            machine.replace(jobs(1000, timeout, interval));
            machine.run(interval * 3);
            let burst = machine.burst(edited);
            let even = usize::try_from(10_000 / interval.as_millis()).expect("a number") + 1;
            assert!(burst <= even * 2 + 2, "{burst} at once with {timeout:?} every {interval:?}, {even} wanted");
            let after = |port| machine.starts_of(port).into_iter().filter(|at| *at > edited).count();
            assert!((0..1000).all(|port| (2..=4).contains(&after(port))), "every job went on");
        },
    );
}

#[test]
fn a_check_in_doubt_comes_sooner_and_returns_to_its_beat() {
    let doubt = DoubtInterval { interval: ms(200), failures: 3, successes: 1 };
    let job = Arc::new(Job { doubt: Some(doubt), ..(*job(1, ms(100), ms(1000))).clone() });
    let (mut schedule, zero) = (Schedule::default(), Instant::now());
    schedule.replace(HashSet::from([job]), zero);
    let mut at = zero;
    let mut run = |outcome: &Outcome, schedule: &mut Schedule| {
        at = schedule.next().expect("a job waits").max(at);
        let id = schedule.start_next(at, |_| true).expect("it is due").id;
        schedule.finished(id, &[outcome.clone().into()], at + ms(5));
        at - zero
    };
    let bad = Outcome::Bad("refused".into());
    let mut starts = |outcomes: &[&Outcome], schedule: &mut Schedule| -> Vec<Duration> {
        outcomes.iter().map(|outcome| run(outcome, schedule)).collect()
    };
    let first = starts(&[&Outcome::Good, &Outcome::Good, &bad], &mut schedule);
    let beat = first[1];
    assert_eq!(first[2], beat + ms(1000));
    let rest = starts(&[&bad, &bad, &Outcome::Good, &Outcome::Good], &mut schedule);
    let expected = [ms(1200), ms(1400), ms(2000), ms(3000)].map(|after| beat + after);
    assert_eq!(rest, expected, "two more within 400 ms, then the old beat");
}

#[test]
fn each_standing_has_a_doubt_of_its_own_and_one_is_enough_for_the_shorter_interval() {
    let doubt = Some(DoubtInterval { interval: ms(200), failures: 2, successes: 2 });
    let standings =
        ["any", "reader", "writer"].map(|role| Standing { role: role.into(), ..Standing::default() }.into());
    let job = Arc::new(Job { doubt, standings: standings.into(), ..(*job(1, ms(100), ms(1000))).clone() });
    let (mut schedule, mut at) = (Schedule::default(), Instant::now());
    schedule.replace(HashSet::from([Arc::clone(&job)]), at);
    let mut last = at;
    // What each makes of a run (g: good, b: bad), and the milliseconds since the one before it, which the first two begin.
    let rows = [
        ("ggg", None),
        ("ggg", None),
        ("bgg", None),
        ("bgb", Some(200)),
        ("bgb", Some(200)),
        ("bgb", Some(600)),
        ("bgb", Some(1000)),
    ];
    for (verdicts, waited) in rows {
        at = schedule.next().expect("a job waits").max(at);
        let id = schedule.start_next(at, |_| true).expect("it is due").id;
        let found = at - std::mem::replace(&mut last, at);
        assert!(waited.is_none_or(|waited| found == ms(waited)), "{verdicts} after {found:?}, not {waited:?} ms");
        let outcome = |c| if c == 'g' { Outcome::Good } else { Outcome::Bad("refused".into()) };
        let verdicts: Vec<Verdict> = verdicts.chars().map(|c| outcome(c).into()).collect();
        schedule.finished(id, &verdicts, at);
    }
}

#[test]
fn an_edit_before_the_first_answer_asks_soon() {
    let mut machine = Machine::new(usize::MAX, ms(400));
    machine.replace(jobs(10, ms(500), ms(60_000)));
    machine.run(ms(100));
    machine.replace(jobs(10, ms(600), ms(60_000)));
    machine.run(ms(100));
    assert_eq!(machine.starts.len(), 20, "the first runs had no result");
}

#[test]
fn after_a_pause_nothing_is_made_up_for_and_the_rhythm_is_the_old_one() {
    let mut machine = Machine::new(usize::MAX, ms(1));
    machine.replace(jobs(1000, ms(500), ms(1000)));
    machine.run(ms(3000));
    machine.now += ms(7300);
    let back = machine.now - machine.zero;
    let latest = machine.run(ms(1000));
    assert!(latest >= ms(7000), "{latest:?}");
    assert!((1400..=1600).contains(&machine.starts.iter().filter(|start| start.1 > back).count()), "no catching up");
    assert!(machine.run(ms(3000)) <= ms(1));
    assert!(machine.burst(back + ms(2000)) <= 12);
}

#[test]
fn a_check_that_takes_longer_than_its_interval_starts_again_when_it_has_ended_and_is_not_late() {
    let mut machine = Machine::new(usize::MAX, ms(2500));
    machine.replace(jobs(1, ms(5000), ms(1000)));
    let latest = machine.run(ms(30_000));
    assert!((11..=12).contains(&machine.starts.len()), "{:?}", machine.starts);
    assert!(latest <= ms(1));
}

#[test]
fn what_does_not_fit_waits_at_the_head_and_lets_none_pass() {
    let (mut schedule, now) = (Schedule::default(), Instant::now());
    schedule.replace(jobs(2, ms(500), ms(1000)), now);
    let soon = now + ms(1);
    let head = schedule.next();
    assert!(schedule.start_next(soon, |_| false).is_none());
    assert_eq!(schedule.next(), head);
    assert!(schedule.start_next(soon, |_| true).is_some());
}

#[test]
fn a_job_that_has_left_has_no_result_and_gives_its_place_back() {
    let (mut schedule, now) = (Schedule::default(), Instant::now());
    schedule.replace(jobs(2, ms(500), ms(1000)), now);
    let start = schedule.start_next(now + ms(1), |_| true).expect("due");
    assert_eq!(schedule.replace(HashSet::new(), now + ms(2)), [start.id]);
    assert!(schedule.finished(start.id, &[Outcome::Good.into()], now + ms(3)).is_none());
    assert_eq!(schedule.next(), None);
}

proptest! {
    // Each case is a simulation of some seconds: few of them, or many by PROPTEST_CASES.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(20), ..ProptestConfig::default() })]

    /// `lanes / length` checks a millisecond are possible, from a tenth of what is wanted to plenty.
    #[test]
    fn an_overloaded_machine_asks_every_server_about_equally_often_and_recovers_by_itself(
        count in 20..200_u16, interval in 50..500_u64, length in 1..200_u64, percent in 10..300_u64
    ) {
        let (interval, length) = (ms(interval), ms(length));
        let wanted = f64::from(count) / interval.as_secs_f64();
        let lanes = ((wanted * length.as_secs_f64() * percent as f64 / 100.0) as usize).max(1);
        let mut machine = Machine::new(lanes, length);
        machine.replace(jobs(count, ms(500), interval));
        // This is time for about forty rounds.
        let round = (length * u32::from(count) / u32::try_from(lanes).expect("few")).max(interval).max(length);
        machine.run(round * 40);
        let counts: Vec<usize> = (0..count).map(|port| machine.starts_of(port).len()).collect();
        let (fewest, most) = (counts.iter().min().expect("one"), counts.iter().max().expect("one"));
        // A machine that is just too slow lets some keep their beat longer than others: up to a quarter.
        prop_assert!(most - fewest <= 2 + fewest / 4, "{fewest} to {most} in {round:?} each");
        prop_assert!(*fewest >= 30, "{fewest} in forty rounds of {round:?}");
        let even = count.div_ceil(10);
        for port in 0..count {
            let starts = machine.starts_of(port);
            let gaps = starts.windows(2).skip(1).map(|pair| pair[1] - pair[0]);
            prop_assert!(gaps.min().is_none_or(|gap| gap >= interval / 2 - ms(1)), "caught up: {starts:?}");
        }
        // Nine tenths leave and the machine becomes fast: the rest is punctual within three rounds.
        machine.lanes = usize::MAX;
        machine.replace(jobs(even, ms(500), interval));
        machine.run(round * 3);
        prop_assert!(machine.run(interval * 2) <= ms(1));
    }

    #[test]
    fn a_beat_lies_on_the_grid_and_is_the_first(beat in 0..5000_u64, interval in 1..3000_u64, earliest in 0..20_000_u64) {
        let zero = Instant::now();
        let found = first_beat(zero + ms(beat), ms(interval), zero + ms(earliest)) - zero;
        prop_assert!(found >= ms(earliest));
        prop_assert_eq!((found.as_millis() as u64 - beat) % interval, 0);
        prop_assert!(found < ms(earliest + interval) || found == ms(beat));
    }
}

#[test]
fn a_combined_check_asks_first_then_after_every_n_good_ones_and_after_whatever_is_not_good() {
    let now = Instant::now();
    let between = Between { count: 2, kind: "connect", timeout: ms(100) };
    let mut combined = (*job(1, ms(100), ms(1000))).clone();
    combined.check.between = Some(between.into());
    let mut schedule = Schedule::default();
    schedule.replace([Arc::new(combined)].into(), now);
    let bad = || Outcome::Bad("refused".into());
    let mut at = now;
    for (number, (is_between, outcome)) in [
        (false, bad()),
        (false, Outcome::Good),
        (true, Outcome::Good),
        (true, Outcome::Good),
        (false, Outcome::Good),
        (true, bad()),
        (false, bad()),
        (false, Outcome::Good),
        (true, Outcome::NotAsked("no descriptors".into())),
        (false, Outcome::Good),
        (true, Outcome::Good),
    ]
    .into_iter()
    .enumerate()
    {
        at += ms(2000);
        let start = schedule.start_next(at, |_| true).expect("due");
        assert_eq!(start.is_between, is_between, "run {number}");
        schedule.finished(start.id, &[outcome.into()], at).expect("wanted");
    }
}

#[test]
fn a_check_that_is_wanted_now_is_due_at_once_with_its_question_and_goes_back_to_its_beat() {
    let now = Instant::now();
    let mut combined = (*job(1, ms(100), ms(1000))).clone();
    combined.check.between = Some(Between { count: 9, kind: "connect", timeout: ms(100) }.into());
    let (combined, other) = (Arc::new(combined), job(2, ms(100), ms(1000)));
    let wanted = HashSet::from([Arc::clone(&combined)]);
    let mut schedule = Schedule::default();
    schedule.replace([Arc::clone(&combined), other].into(), now);
    let run = |schedule: &mut Schedule, at| {
        let start = schedule.start_next(at, |_| true).expect("due");
        schedule.finished(start.id, &[Outcome::Good.into()], at).expect("wanted");
        start
    };
    (0..2).for_each(|_| drop(run(&mut schedule, now + ms(1500))));
    let dues = |schedule: &Schedule| {
        let mut dues: Vec<Instant> = schedule.jobs.values().filter_map(ScheduledJob::due).collect();
        dues.sort();
        dues
    };
    let before = dues(&schedule);
    assert!(before.iter().all(|due| *due > now + ms(1600)), "none is due");
    schedule.ask_now(&wanted, now + ms(1600));
    let start = run(&mut schedule, now + ms(1600));
    assert_eq!((start.job.clone(), start.is_between), (Arc::clone(&combined), false), "its question");
    assert!(schedule.start_next(now + ms(1600), |_| true).is_none(), "once, and no other one");
    assert_eq!(schedule.queue.len(), 2);
    let on_beat = |(due, before): (&Instant, &Instant)| (*due - *before).as_millis() % 1000 == 0;
    assert!(dues(&schedule).iter().zip(&before).all(on_beat), "{:?}", dues(&schedule));

    let until = now + ms(5000);
    let started = schedule.start_next(until, |job| *job == *combined).or_else(|| {
        run(&mut schedule, until);
        schedule.start_next(until, |job| *job == *combined)
    });
    let started = started.expect("due");
    schedule.ask_now(&wanted, until + ms(10));
    schedule.finished(started.id, &[Outcome::Good.into()], until + ms(50)).expect("wanted");
    let again = loop {
        let start = schedule.start_next(until + ms(50), |_| true).expect("it was under way, and is made again at once");
        if start.job == combined {
            break start;
        }
    };
    assert!(!again.is_between);
}
