//! What holds after any sequence of results, configurations and times.

use proptest::prelude::*;

use super::*;
use crate::health::Health;
use crate::health::pool::tally::Tier;
use crate::model::{Advice, Amount, Quorum, QuorumAction};

#[derive(Debug, Clone)]
enum Step {
    Note(u8, Outcome),
    /// Milliseconds.
    Wait(u64),
    Reconfigure(Box<PoolSettings>),
    /// It swallows connections, and that takes it out or is only reported.
    Suspect(u8, bool),
    Clear(u8),
    Hear(OthersAnswer),
}

fn any_amount(most: u32) -> impl Strategy<Value = Amount> {
    prop_oneof![(0..most).prop_map(Amount::Weight), (0..=100u8).prop_map(Amount::Percent)]
}

pub(super) fn any_quorum() -> impl Strategy<Value = Quorum> {
    use QuorumAction::{Command, Fallback, Keep, Stop};
    let action = prop_oneof![Just(Fallback), Just(Keep), Just(Stop), Just(Command)];
    let quorum = (any_amount(8), any_amount(4), action).prop_map(|(required, hysteresis, action)| Quorum {
        required,
        hysteresis,
        action,
    });
    prop_oneof![Just(Quorum::default()), quorum]
}

pub(super) fn any_cap() -> impl Strategy<Value = EjectionCap> {
    (1..100u8, 0..2000u64).prop_map(|(percent, round)| EjectionCap { percent, round: Duration::from_millis(round) })
}

fn any_second_opinion() -> impl Strategy<Value = Option<SecondOpinion>> {
    let rule = (0..2000u64).prop_map(|round| SecondOpinion { round: Duration::from_millis(round) });
    proptest::option::of(rule)
}

fn any_answer() -> impl Strategy<Value = OthersAnswer> {
    prop_oneof![
        Just(OthersAnswer::Reached { by: "n2".into() }),
        Just(OthersAnswer::NotReached),
        Just(OthersAnswer::Awaited),
        Just(OthersAnswer::Silence(Silence::Unknown)),
        Just(OthersAnswer::Silence(Silence::NoOther)),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let slow_start = prop_oneof![Just(0), 1..3000u64].prop_map(Duration::from_millis);
    let cap = proptest::option::of(any_cap());
    let switch_takes = prop_oneof![Just(0), 1..3000u64].prop_map(Duration::from_millis);
    (any_quorum(), cap, any_second_opinion(), slow_start, proptest::bool::weighted(0.2), switch_takes).prop_map(
        |(quorum, ejection_cap, second_opinion, slow_start, single, switch_takes)| Policy {
            quorum,
            ejection_cap,
            second_opinion,
            slow_start,
            single,
            switch_takes,
            starts_up: false,
        },
    )
}

fn any_settings() -> impl Strategy<Value = PoolSettings> {
    let flag = || proptest::bool::weighted(0.2);
    let reals = proptest::collection::btree_map(1..6u8, (0..3u32, flag(), flag()), 0..5);
    let rest = (any::<bool>(), any::<bool>(), 1..4u32, any_policy());
    (reals, rest).prop_map(|(reals, (fallback, quiescent, failurecount, policy))| PoolSettings {
        draining: Vec::new(),
        real_servers: reals
            .into_iter()
            .map(|(host, (weight, disabled, backup))| RealServerSettings {
                real_server: real(host, weight),
                disabled,
                backup,
            })
            .collect(),
        fallback: fallback.then(|| real(FALLBACK, 1)),
        quiescent,
        limits: Limits { failurecount, rise: 1 },
        policy,
        ..settings(&[], false)
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Good),
        3 => (prop_oneof![Just(0), Just(100), 0..=100_u8], any::<bool>()).prop_map(|(percent, lets_in)| {
            Outcome::Advised(Advice { percent, lets_in, reason: "busy".into() })
        }),
        3 => Just(Outcome::Bad("refused".into())),
        1 => Just(Outcome::NotAsked("too many open files".into())),
    ];
    prop_oneof![
        8 => (1..7u8, outcome).prop_map(|(host, outcome)| Step::Note(host, outcome)),
        3 => (0..700u64).prop_map(Step::Wait),
        1 => (20_000..40_000u64).prop_map(Step::Wait),
        1 => (1..7u8, any::<bool>()).prop_map(|(host, acts)| Step::Suspect(host, acts)),
        1 => (1..7u8).prop_map(Step::Clear),
        1 => any_answer().prop_map(Step::Hear),
        1 => any_settings().prop_map(|settings| Step::Reconfigure(Box::new(settings))),
    ]
}

/// A pool over a kernel that holds anything, after health monitors that knew anything.
fn any_pool() -> impl Strategy<Value = Pool> {
    let keys = || proptest::collection::btree_set((1..6u8).prop_map(|host| real(host, 1).key), 0..4);
    let held = proptest::collection::btree_map(prop_oneof![1..6u8, Just(FALLBACK)], 0..3u32, 0..5);
    let (advised, rising) = (proptest::option::of(0..=100_u8), proptest::option::of(0..4000_u64));
    let reduced = proptest::collection::btree_map(1..6u8, (advised, rising), 0..3);
    let known = (keys(), keys(), reduced, any::<bool>()).prop_map(|(up, down, reduced, quorum_lost)| {
        let since = |milliseconds| now() - Duration::from_millis(milliseconds);
        let reduced = reduced.into_iter().map(|(host, (advised, rising))| {
            (real(host, 1).key, ReducedWeight { advised, rising_since: rising.map(since) })
        });
        KnownHealth { up, down, reduced: reduced.collect(), quorum_lost, ..Default::default() }
    });
    (any_settings(), proptest::option::of(held), known).prop_map(|(settings, held, known)| {
        let observed = held.map(|held| ServiceEntry {
            service: settings.service.clone(),
            real_servers: held.into_iter().map(|(host, weight)| (real(host, 1).key, real(host, weight))).collect(),
        });
        Pool::new(settings, observed.as_ref(), &known, now())
    })
}

fn take(pool: &mut Pool, step: Step, at: &mut Instant) -> Vec<PoolEvent> {
    match step {
        Step::Note(host, outcome) => pool.note(real(host, 1).key, &outcome, *at),
        Step::Reconfigure(settings) => pool.reconfigure(*settings, *at),
        Step::Suspect(host, acts) => pool.suspect(&real(host, 1).key, "swallows", acts, *at),
        Step::Clear(host) => pool.clear(&real(host, 1).key, *at),
        Step::Hear(answer) => pool.hear(&answer, *at),
        Step::Wait(milliseconds) => {
            *at += Duration::from_millis(milliseconds);
            pool.advance(*at)
        }
    }
}

fn real_server_serves(pool: &Pool, at: Instant) -> bool {
    pool.entry(at).real_servers.values().any(|held| held.key != real(FALLBACK, 1).key && held.weight > 0)
}

fn fallback_is_in(pool: &Pool, at: Instant) -> bool {
    pool.entry(at).real_servers.contains_key(&real(FALLBACK, 1).key)
}

/// Counts the same as the counters, the long way.
fn recount(pool: &Pool) -> Tally {
    let off: BTreeSet<RealServerKey> =
        pool.settings().real_servers.iter().filter(|real| real.disabled).map(|real| real.real_server.key).collect();
    let backups: BTreeSet<RealServerKey> =
        pool.settings().real_servers.iter().filter(|real| real.backup).map(|real| real.real_server.key).collect();
    let enabled: Vec<_> = pool.members().filter(|(real, _, _)| !off.contains(&real.key)).collect();
    type Is<'a> = &'a dyn Fn(u32, &RealServer, &Member) -> bool;
    let weights = |is_one: Is<'_>| -> Vec<u64> {
        let weighted = enabled.iter().map(|(real, member, _)| (member.weight(real.weight), real, member));
        let ones = weighted.filter(|(weight, real, member)| is_one(*weight, real, member));
        ones.map(|(weight, _, _)| u64::from(weight)).collect()
    };
    let how_many = |is_one: Is<'_>| weights(is_one).len() as u64;
    let weight = |is_one: Is<'_>| weights(is_one).iter().sum::<u64>();
    let since =
        |from: Option<Instant>, fell: Option<Instant>| from.is_some_and(|from| fell.is_some_and(|at| at >= from));
    let is_held =
        |member: &Member| since(pool.holds.cap, member.fell()) || since(pool.holds.opinion, member.failed_checks_at());
    let is_out = |member: &Member| member.suspicion().is_some_and(|suspicion| suspicion.out_for.is_some());
    let is_awaited = |member: &Member| {
        member.awaits_first_result() && member.health() == Health::Unknown(Admission::Outside) && !is_out(member)
    };
    let tier = |is_backup: bool| {
        let is_of = |real: &RealServer| backups.contains(&real.key) == is_backup;
        let all = pool.settings().real_servers.iter().filter(|real| !real.disabled && is_of(&real.real_server));
        Tier {
            well: how_many(&|weight, real, member| is_of(real) && weight > 0 && member.serves()),
            weight: weight(&|_, real, member| is_of(real) && member.serves()),
            rising: weight(&|_, real, member| is_of(real) && member.serves() && pool.ramps.rises(&real.key)),
            held: weight(&|_, real, member| is_of(real) && is_held(member)),
            awaited: how_many(&|weight, real, member| is_of(real) && weight > 0 && is_awaited(member)),
            configured: all.map(|real| u64::from(real.real_server.weight)).sum(),
        }
    };
    let is_primary = |weight: u32, real: &RealServer| !backups.contains(&real.key) && weight > 0;
    let is_unchecked = |member: &Member| {
        member.awaits_first_result() && member.health() == Health::Unknown(Admission::Unchecked) && !is_out(member)
    };
    Tally {
        enabled: enabled.len() as u64,
        trusted: how_many(&|weight, real, member| is_primary(weight, real) && member.is_known_up()),
        untried: how_many(&|weight, real, member| is_primary(weight, real) && is_unchecked(member)),
        unasked: how_many(&|_, _, member| member.awaits_first_result()),
        judged: how_many(&|_, real, _| real.weight > 0),
        failed: how_many(&|weight, _, member| {
            let has_failed = [Health::Down, Health::Unknown(Admission::KnownDown)].contains(&member.health());
            weight > 0 && (has_failed || is_out(member))
        }),
        sure: how_many(&|weight, _, member| weight > 0 && member.is_sure()),
        fallen: how_many(&|weight, _, member| weight > 0 && member.failed_checks_at().is_some()),
        kept: weight(&|_, _, member| since(pool.holds.quorum, member.fell()) && !is_held(member)),
        primary: tier(false),
        backup: tier(true),
    }
}

proptest! {
    #[test]
    fn the_counters_equal_a_recount(mut pool in any_pool(), steps in proptest::collection::vec(any_step(), 0..60)) {
        let mut at = now();
        prop_assert_eq!(pool.tally, recount(&pool));
        for step in steps {
            take(&mut pool, step, &mut at);
            prop_assert_eq!(pool.tally, recount(&pool));
        }
    }

    #[test]
    fn the_fallback_never_serves_beside_a_real_server_and_one_of_them_serves_once_all_were_asked(
        mut pool in any_pool(), steps in proptest::collection::vec(any_step(), 0..60)
    ) {
        let mut at = now();
        pool.advance(at);
        for step in steps {
            take(&mut pool, step, &mut at);
            let (reals, fallback) = (real_server_serves(&pool, at), fallback_is_in(&pool, at));
            prop_assert!(!(reals && fallback));
            let stops = pool.settings().policy.quorum.action == QuorumAction::Stop;
            if pool.settings().fallback.is_some() && !stops && !pool.is_switched_off() && pool.tally.unasked == 0 {
                prop_assert!(reals || fallback);
            }
            prop_assert_eq!(pool.nobody_serves(), !reals && !fallback);
        }
    }

    #[test]
    fn nothing_changes_by_time_alone_before_the_next_change(
        mut pool in any_pool(), steps in proptest::collection::vec(any_step(), 0..40)
    ) {
        let mut at = now();
        for step in steps {
            let next = pool.next_change(at);
            let last = next.map_or(at + Duration::from_secs(3600), |next| next - Duration::from_nanos(1));
            for moment in [at, at + last.saturating_duration_since(at) / 2, last] {
                if moment >= at && next.is_none_or(|next| moment < next) {
                    prop_assert_eq!(pool.clone().advance(moment), []);
                    prop_assert_eq!(pool.entry(moment), pool.entry(at));
                }
            }
            if let Some(next) = next {
                prop_assert!(next >= at);
                let mut later = pool.clone();
                prop_assert_ne!(later.advance(next), []);
                prop_assert!(later.next_change(next).is_none_or(|then| then > next));
            }
            take(&mut pool, step, &mut at);
        }
    }

    #[test]
    fn the_events_alone_tell_whether_the_fallback_serves(
        mut pool in any_pool(), steps in proptest::collection::vec(any_step(), 0..60)
    ) {
        let (mut at, mut fallback, mut nobody) = (now(), pool.fallback_serves(), pool.selection.nobody);
        let first = pool.advance(at);
        let mut follow = |events: Vec<PoolEvent>| for event in events {
            let (state, value) = match event {
                PoolEvent::FallbackIn => (&mut fallback, true),
                PoolEvent::FallbackOut => (&mut fallback, false),
                PoolEvent::NobodyServes => (&mut nobody, true),
                PoolEvent::ServedAgain => (&mut nobody, false),
                PoolEvent::Began(_)
                | PoolEvent::Ended(_)
                | PoolEvent::AsksOthers
                | PoolEvent::Member { .. }
                | PoolEvent::Reweighted => continue,
            };
            assert_ne!(*state, value, "{event:?} twice");
            *state = value;
        };
        follow(first);
        for step in steps {
            follow(take(&mut pool, step, &mut at));
        }
        prop_assert_eq!(fallback, fallback_is_in(&pool, at));
        prop_assert!(!nobody || pool.nobody_serves());
    }
}
