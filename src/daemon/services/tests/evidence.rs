//! Real servers that swallow connections, with a kernel and a clock that the test moves.

use super::*;
use crate::health::Sample;
use crate::netlink::ipvs::{Connections, RealServerInUse, Traffic};

const BOTH: [&str; 2] = ["192.0.2.2=3", "192.0.2.3=1"];

fn config(answer: &str) -> String {
    text(&["192.0.2.1"]) + &format!("\tevidence={answer}\n")
}

/// A service whose real servers are well; the first one answers, and the second swallows.
struct Swallowing {
    lab: ServicesLab,
    answered: u32,
    swallowed: u64,
}

impl Swallowing {
    fn new(answer: &str) -> Self {
        Self::with(&config(answer))
    }

    fn with(config: &str) -> Self {
        let mut lab = ServicesLab::new(TableRole::OwnsServices, config, Table::new());
        lab.tick_all();
        lab.hear(2, Outcome::Good);
        lab.hear(3, Outcome::Good);
        lab.tick_all();
        assert_eq!(lab.weights(SERVICE), BOTH);
        lab.heard.take_all();
        Self { lab, answered: 0, swallowed: 0 }
    }

    /// A second in which each gets so many connections, and the comparison after it, with a sample where one is asked for.
    fn second(&mut self, connections: u32) {
        self.lab.now += Duration::from_secs(1);
        self.answered += connections;
        self.swallowed += u64::from(connections);
        let key: ServiceKey = SERVICE.parse().expect("key");
        let in_use: Vec<_> = self
            .lab
            .services
            .services_to_count(self.lab.now)
            .into_iter()
            .map(|key| (key, self.counted(&key)))
            .collect();
        let sample = |connections, half_open| Sample { connections, half_open };
        let of_service = [
            (real(2, 1).key, sample(self.answered.into(), 0)),
            (real(3, 1).key, sample(self.swallowed, self.swallowed)),
        ];
        // As the loop does it: a suspicion brings a comparison with a sample at once.
        for _ in 0..2 {
            let sampled = self.lab.services.services_to_sample(self.lab.now);
            let samples = sampled.into_iter().map(|asked| {
                assert_eq!(asked, key);
                (asked, of_service.into())
            });
            let (samples, sinks) = (samples.collect(), &mut self.lab.sinks);
            self.lab.services.note_evidence(&in_use, Some(&samples), self.lab.now, sinks);
        }
        self.lab.services.advance(self.lab.now, &mut self.lab.sinks);
        self.lab.tick_all();
    }

    fn counted(&self, key: &ServiceKey) -> Vec<RealServerInUse> {
        let (answered, swallowed) = (u64::from(self.answered), self.swallowed);
        let of_answering =
            Traffic { connections: answered, in_packets: 6 * answered, in_bytes: 500 * answered, ..Traffic::default() };
        let of_swallowing = Traffic {
            connections: swallowed,
            in_packets: 2 * swallowed,
            in_bytes: 120 * swallowed,
            ..Traffic::default()
        };
        let reals = self.lab.table.get(key).into_iter().flat_map(|entry| entry.real_servers.values());
        let in_use = reals.map(|one| match one.key == real(2, 1).key {
            true => RealServerInUse {
                real_server: one.clone(),
                connections: Connections { inactive: self.answered, ..Connections::default() },
                traffic: of_answering,
            },
            false => RealServerInUse {
                real_server: one.clone(),
                connections: Connections { active: u32::try_from(swallowed).expect("small"), ..Connections::default() },
                traffic: of_swallowing,
            },
        });
        in_use.collect()
    }

    /// Lets the second real server, by this address, swallow for three seconds, and takes no sample.
    fn swallow_unsampled(&mut self, host: u8) {
        let key: ServiceKey = SERVICE.parse().expect("key");
        for _ in 0..3 {
            self.lab.now += Duration::from_secs(1);
            self.answered += 10;
            self.swallowed += 10;
            let mut in_use = self.counted(&key);
            in_use[1].real_server.key = real(host, 1).key;
            self.lab.services.note_evidence(&vec![(key, in_use)], None, self.lab.now, &mut self.lab.sinks);
        }
    }

    fn suspected(&self) -> Vec<String> {
        self.lab
            .services
            .pools()
            .flat_map(|pool| pool.suspicions())
            .map(|(real, one)| format!("{real} {one}"))
            .collect()
    }
}

#[test]
fn a_real_server_that_swallows_connections_is_reported_and_serves_on_unless_it_shall_not() {
    let cause =
        "192.0.2.3:80 swallows connections: of the last 10 none was answered (20 packets, 1200 bytes: SYNs alone)";
    let out = cause.replace("swallows", "counts as failed for 30 s (evidence=act): swallows");
    crate::testing::check_rows(
        [("no", None, &BOTH[..]), ("report", Some(cause), &BOTH), ("act", Some(out.as_str()), &BOTH[..1])],
        |(answer, suspected, weights)| {
            let mut service = Swallowing::new(answer);
            (0..3).for_each(|_| service.second(5));
            assert_eq!(service.suspected(), suspected.into_iter().collect::<Vec<_>>());
            assert_eq!(service.lab.weights(SERVICE), weights);
            let begun = service.lab.heard.take_all().iter().filter(|word| word.contains("SuspicionBegan")).count();
            assert_eq!(begun, suspected.iter().count(), "told once");
        },
    );
}

#[test]
fn a_suspicion_ends_when_the_real_server_takes_no_clients_any_more_and_under_another_answer() {
    let mut service = Swallowing::new("report");
    (0..3).for_each(|_| service.second(10));
    assert_eq!(service.suspected().len(), 1);
    service.lab.hear(3, Outcome::Bad("refused".into()));
    service.lab.tick_all();
    service.second(0);
    assert_eq!(service.suspected(), [""; 0], "its checks have taken it out");

    let mut service = Swallowing::new("act");
    (0..3).for_each(|_| service.second(10));
    assert_eq!(service.lab.weights(SERVICE), BOTH[..1]);
    let observed = service.lab.table.clone();
    service.lab.configure(TableRole::OwnsServices, &config("report"), observed);
    service.lab.tick_all();
    assert_eq!((service.suspected(), service.lab.weights(SERVICE)), (vec![], BOTH.map(str::to_owned).to_vec()));
}

#[test]
fn one_that_is_out_comes_back_by_itself_and_goes_again_for_twice_as_long() {
    let mut service = Swallowing::new("act");
    (0..2).for_each(|_| service.second(10));
    assert_eq!(service.lab.weights(SERVICE), BOTH[..1]);
    (0..29).for_each(|_| service.second(10));
    assert_eq!(service.lab.weights(SERVICE), BOTH[..1]);
    service.second(10);
    assert_eq!(service.lab.weights(SERVICE), BOTH, "a trial");
    (0..3).for_each(|_| service.second(10));
    assert_eq!(service.lab.weights(SERVICE), BOTH[..1]);
    assert!(service.suspected()[0].contains("failed for 60 s"), "{:?}", service.suspected());
}

#[test]
fn a_sample_is_needed_for_a_real_server_whose_health_can_follow_from_it() {
    crate::testing::check_rows([(3, true), (9, false)], |(host, expected)| {
        let mut service = Swallowing::new("report");
        service.swallow_unsampled(host);
        assert_eq!(!service.lab.services.services_to_sample(service.lab.now).is_empty(), expected);
    });
}

#[test]
fn a_service_of_which_a_sample_is_needed_is_counted_in_every_turn() {
    let mut service = Swallowing::with(&(config("report") + &large_table()));
    service.swallow_unsampled(3);
    let key: ServiceKey = SERVICE.parse().expect("key");
    for _ in 0..5 {
        assert!(service.lab.services.services_to_count(service.lab.now).contains(&key));
    }
}

/// Five thousand real servers.
fn large_table() -> String {
    let reals: String = (0..200).map(|host| format!("\treal=192.0.2.{host}:80 gate\n")).collect();
    let section = |number: u8| format!("virtual=198.51.100.{number}:80\n{reals}\tchecktype=connect\n");
    (0..25).map(section).collect()
}

#[test]
fn the_services_of_a_large_table_are_counted_in_turns() {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &large_table(), Table::new());
    let turns: Vec<Vec<ServiceKey>> = (0..5).map(|_| lab.services.services_to_count(lab.now)).collect();
    assert!(turns.iter().all(|turn| turn.len() == 10), "{turns:?}");
    let times = turns.iter().flatten().fold(BTreeMap::new(), |mut times, key| {
        *times.entry(key).or_insert(0) += 1;
        times
    });
    assert_eq!(times.len(), 25);
    assert!(times.values().all(|times| *times == 2), "each as often as the others: {times:?}");
}
