//! What holds after any sequence of results, configurations and times.

use proptest::prelude::*;

use super::*;
use crate::health::Health;

#[derive(Debug, Clone)]
enum Step {
    Note(u8, Outcome),
    /// Milliseconds.
    Wait(u64),
    Reconfigure(PoolSettings),
}

fn any_settings() -> impl Strategy<Value = PoolSettings> {
    let reals = proptest::collection::btree_map(1..6u8, (0..3u32, proptest::bool::weighted(0.2)), 0..5);
    (reals, any::<bool>(), any::<bool>(), 1..4u32).prop_map(|(reals, fallback, quiescent, failurecount)| PoolSettings {
        draining: Vec::new(),
        real_servers: reals
            .into_iter()
            .map(|(host, (weight, disabled))| RealServerSettings { real_server: real(host, weight), disabled })
            .collect(),
        fallback: fallback.then(|| real(FALLBACK, 1)),
        quiescent,
        failurecount,
        ..settings(&[], false)
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Good),
        3 => Just(Outcome::Bad("refused".into())),
        1 => Just(Outcome::NotAsked("too many open files".into())),
    ];
    prop_oneof![
        8 => (1..7u8, outcome).prop_map(|(host, outcome)| Step::Note(host, outcome)),
        3 => (0..700u64).prop_map(Step::Wait),
        1 => any_settings().prop_map(Step::Reconfigure),
    ]
}

/// A pool over a kernel that holds anything, after health monitors that knew anything.
fn any_pool() -> impl Strategy<Value = Pool> {
    let keys = || proptest::collection::btree_set((1..6u8).prop_map(|host| real(host, 1).key), 0..4);
    let held = proptest::collection::btree_map(prop_oneof![1..6u8, Just(FALLBACK)], 0..3u32, 0..5);
    (any_settings(), proptest::option::of(held), keys(), keys()).prop_map(|(settings, held, up, down)| {
        let observed = held.map(|held| ServiceEntry {
            service: settings.service.clone(),
            real_servers: held.into_iter().map(|(host, weight)| (real(host, 1).key, real(host, weight))).collect(),
        });
        Pool::new(settings, observed.as_ref(), &KnownHealth { up, down, ..Default::default() }, now())
    })
}

fn take(pool: &mut Pool, step: Step, at: &mut Instant) -> Vec<PoolEvent> {
    match step {
        Step::Note(host, outcome) => pool.note(real(host, 1).key, &outcome, *at),
        Step::Reconfigure(settings) => pool.reconfigure(settings, *at),
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
    let enabled: Vec<_> = pool.members().filter(|(real, _, _)| !off.contains(&real.key)).collect();
    let how_many = |is_one: &dyn Fn(&Member) -> bool, weighted: bool| {
        enabled.iter().filter(|(real, member, _)| (!weighted || real.weight > 0) && is_one(member)).count()
    };
    Tally {
        enabled: enabled.len(),
        serving: how_many(&Member::serves, true),
        trusted: how_many(&Member::is_known_up, true),
        untried: how_many(
            &|member| member.awaits_first_result() && member.health() == Health::Unknown(Admission::Unchecked),
            true,
        ),
        unasked: how_many(&Member::awaits_first_result, false),
        awaited: how_many(
            &|member| member.awaits_first_result() && member.health() == Health::Unknown(Admission::Outside),
            true,
        ),
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
            if pool.settings().fallback.is_some() && !pool.is_switched_off() && pool.tally.unasked == 0 {
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
                prop_assert_eq!(later.next_change(next), None);
            }
            take(&mut pool, step, &mut at);
        }
    }

    #[test]
    fn the_events_alone_tell_whether_the_fallback_serves(
        mut pool in any_pool(), steps in proptest::collection::vec(any_step(), 0..60)
    ) {
        let (mut at, mut fallback, mut nobody) = (now(), pool.fallback_serves(), false);
        let first = pool.advance(at);
        let mut follow = |events: Vec<PoolEvent>| for event in events {
            let (state, value) = match event {
                PoolEvent::FallbackIn => (&mut fallback, true),
                PoolEvent::FallbackOut => (&mut fallback, false),
                PoolEvent::NobodyServes => (&mut nobody, true),
                PoolEvent::ServedAgain => (&mut nobody, false),
                PoolEvent::Member { .. } => continue,
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
