//! What a health monitor that was killed has left to the next one.

use super::*;
use crate::model::Advice;
use crate::ownership::HealthRecord;

impl ServicesLab {
    /// Begins a health monitor over the table and the record that this one leaves, so many milliseconds later.
    fn killed_and_restarted(&self, text: &str, milliseconds: u64) -> Self {
        let Knowledge { up, down, reduced, quorum_lost } = self.services.known(self.moment());
        let record = HealthRecord {
            known_up: up,
            known_down: down,
            known_reduced: reduced,
            quorum_lost,
            ..HealthRecord::default()
        };
        let json = serde_json::to_string(&record).expect("a record");
        let mut before = Registry::default();
        before.add_health_monitor("any", &serde_json::from_str(&json).expect("the same"), false);
        let mut next = Self::bare(self.table.clone());
        next.started = self.started;
        next.now = self.now + Duration::from_millis(milliseconds);
        next.configure_after(TableRole::OwnsServices, text, self.table.clone(), &before);
        next.advance();
        next
    }

    fn advance(&mut self) {
        self.services.advance(self.now, &mut self.sinks);
        self.tick_all();
    }
}

fn rules(rules: &str) -> String {
    let reals = "\treal=192.0.2.2:80 gate 100\n\treal=192.0.2.3:80 gate 100\n\treal=192.0.2.4:80 gate 100\n";
    format!("virtual=192.0.2.1:80\n{reals}\tchecktype=connect\n{rules}")
}

/// Begins a health monitor whose real servers are all well.
fn all_well(text: &str) -> ServicesLab {
    let mut lab = ServicesLab::new(TableRole::OwnsServices, text, Table::new());
    for host in 2..=4 {
        lab.hear(host, Outcome::Good);
    }
    lab.advance();
    lab
}

#[test]
fn the_share_that_a_real_server_wanted_counts_until_it_is_asked_again() {
    let text = rules("");
    for (percent, kept) in [(0, 0), (1, 1), (50, 50), (99, 99), (100, 100)] {
        let mut lab = all_well(&text);
        lab.hear(2, Outcome::Advised(Advice { percent, lets_in: true, reason: "busy".into() }));
        lab.advance();
        let mut next = lab.killed_and_restarted(&text, 5000);
        let expected = |weight: u32| [format!("192.0.2.2={weight}"), "192.0.2.3=100".into(), "192.0.2.4=100".into()];
        assert_eq!(next.weights(SERVICE), expected(kept));
        let mut third = next.killed_and_restarted(&text, 5000);
        third.hear(3, Outcome::Good);
        third.advance();
        assert_eq!(third.weights(SERVICE), expected(kept), "it was not asked");
        next.hear(2, Outcome::Good);
        next.advance();
        assert_eq!(next.weights(SERVICE), expected(100), "its first answer counts");
    }
}

#[test]
fn a_slow_start_goes_on_where_it_was() {
    let text = rules("\tslowstart=100\n");
    crate::testing::check_rows(
        [(0, 1), (4_000, 1), (50_000, 50), (99_000, 99), (101_000, 100), (3_600_000, 100)],
        |(milliseconds, weight)| {
            let mut lab = all_well(&text);
            lab.hear(2, bad());
            lab.hear(2, Outcome::Good);
            lab.advance();
            let next = lab.killed_and_restarted(&text, milliseconds);
            let found = next.weights(SERVICE).first().cloned().unwrap_or_default();
            let found: u32 = found.trim_start_matches("192.0.2.2=").parse().expect("a weight");
            // The steps are those of the ramp, and the record has seconds.
            assert!(found.abs_diff(weight) <= 5, "{found}");
            assert_eq!(found == 100, weight == 100);
        },
    );
}

#[test]
fn nonsense_in_the_record_of_a_killed_health_monitor_gives_no_real_server_another_weight_for_long() {
    let text = rules("\tslowstart=100\n");
    let mut lab = all_well(&text);
    let up = lab.services.known(lab.moment()).up;
    let json = format!(
        r#"{{"known_reduced":{{"{SERVICE}":{{"192.0.2.2:80":{{"advised":255}},"192.0.2.3:80":{{"rising_since":18446744073709551615}},
            "192.0.2.9:80":{{"advised":1}},"?":{{}}}},"?":{{}}}},"quorum_lost":["?"]}}"#
    );
    let record: HealthRecord = serde_json::from_str(&json).expect("a record");
    let mut before = Registry::default();
    before.add_health_monitor("any", &HealthRecord { known_up: up, ..record }, false);
    let table = lab.table.clone();
    lab = ServicesLab::bare(table.clone());
    lab.configure_after(TableRole::OwnsServices, &text, table, &before);
    lab.advance();
    assert_eq!(lab.weights(SERVICE), ["192.0.2.2=100", "192.0.2.3=1", "192.0.2.4=100"], "a time to come is now");
    lab.now += Duration::from_secs(101);
    lab.advance();
    assert_eq!(lab.weights(SERVICE), ["192.0.2.2=100", "192.0.2.3=100", "192.0.2.4=100"]);
}

#[test]
fn a_lost_quorum_stays_lost_with_its_hysteresis_and_is_told_once() {
    crate::testing::check_rows(
        [
            ("stop", ["192.0.2.3=0", "192.0.2.4=0"], "ServedAgain"),
            ("command", ["192.0.2.3=100", "192.0.2.4=100"], "ConditionEnded"),
            ("fallback\n\tfallback=127.0.0.1:80 gate", ["127.0.0.1=1", "192.0.2.3=0"], "FallbackOut"),
        ],
        |(action, held, ends)| {
            let text = rules(&format!("\tquorum=250\n\thysteresis=50\n\tquorumaction={action}\n"));
            let mut lab = all_well(&text);
            lab.hear(2, bad());
            lab.hear(3, bad());
            lab.hear(3, Outcome::Good);
            lab.advance();
            assert_eq!(lab.weights(SERVICE)[..2], held, "200 is not the 300 that bring the quorum back");
            let mut next = lab.killed_and_restarted(&text, 1000);
            assert_eq!(next.weights(SERVICE)[..2], held);
            next.now += Duration::from_secs(60);
            next.advance();
            for host in 3..=4 {
                next.hear(host, Outcome::Good);
            }
            next.advance();
            assert_eq!(next.weights(SERVICE)[..2], held);
            let told = next.heard.take_all();
            assert_eq!(told.iter().filter(|word| word.starts_with("QuorumStillLost")).count(), 1, "{told:?}");
            let begins = ["ConditionBegan", "NobodyServes", "FallbackIn"];
            assert!(!told.iter().any(|word| begins.contains(&word.as_str())), "{told:?}");
            next.hear(2, Outcome::Good);
            next.advance();
            let told = next.heard.take_all();
            assert!(told.iter().any(|word| word.starts_with(ends)), "{told:?}");
            assert_eq!(next.weights(SERVICE), ["192.0.2.2=100", "192.0.2.3=100", "192.0.2.4=100"]);
        },
    );
}

/// Its end was an orderly one: `fallbackcommand` was told that it is over.
#[test]
fn a_fallback_that_is_found_without_a_record_is_no_quorum_that_goes_on() {
    let text = rules("\tquorum=250\n\tfallback=127.0.0.1:80 gate\n");
    let mut lab = all_well(&text);
    lab.hear(2, bad());
    lab.advance();
    let next = ServicesLab::new(TableRole::OwnsServices, &text, lab.table.clone());
    assert_eq!(next.heard.take_all(), [""; 0]);
}
