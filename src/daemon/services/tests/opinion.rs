//! Other directors are asked before the last real server leaves, and are answered.

use super::*;
use crate::daemon::opinion::{Question, Word};
use crate::health::{OthersAnswer, Silence};

/// A service whose two real servers serve.
fn lab(lines: &str) -> ServicesLab {
    let text = format!("failurecount=2\n{}\t{lines}\n", text(&["192.0.2.1"]));
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &text, Table::new());
    lab.hear(2, Outcome::Good);
    lab.hear(3, Outcome::Good);
    lab.tick_all();
    lab.heard.take_all();
    lab
}

fn fail_all(lab: &mut ServicesLab) {
    for host in [2, 3, 2, 3] {
        lab.hear(host, bad());
    }
    lab.tick_all();
}

impl ServicesLab {
    fn hears(&mut self, answer: &OthersAnswer) {
        let service = SERVICE.parse().expect("key");
        self.services.hear(&service, answer, self.now, &mut self.sinks);
        self.tick_all();
    }
}

const BOTH: [&str; 2] = ["192.0.2.2=3", "192.0.2.3=1"];

#[test]
fn the_others_are_asked_and_what_they_say_decides_what_the_kernel_holds() {
    let mut lab = lab("secondopinion=yes");
    fail_all(&mut lab);
    assert_eq!(lab.weights(SERVICE), BOTH);
    assert_eq!(
        lab.heard.take_all().iter().filter(|word| *word == "OthersAsked").count(),
        1,
        "what fails together is asked about together"
    );
    lab.hears(&OthersAnswer::Reached { by: "n2".into() });
    assert_eq!(lab.weights(SERVICE), BOTH);
    assert_eq!(lab.heard.take_all(), ["ConditionBegan"]);
    lab.hears(&OthersAnswer::NotReached);
    assert_eq!(lab.weights(SERVICE), ["127.0.0.1=1"]);
    let heard = lab.heard.take_all();
    assert!(heard.contains(&"ConditionEnded".to_owned()), "{heard:?}");
}

#[test]
fn without_an_answer_this_node_decides_alone_and_asks_again_each_second() {
    let mut lab = lab("secondopinion=yes");
    fail_all(&mut lab);
    let mut left_after = None;
    for _ in 0..30 {
        lab.services.advance(lab.now, &mut lab.sinks);
        lab.tick_all();
        if lab.weights(SERVICE) != BOTH {
            left_after.get_or_insert(lab.now - lab.started);
        }
        lab.now += Duration::from_millis(100);
    }
    assert_eq!(left_after, Some(Duration::from_millis(300)));
    let heard = lab.heard.take_all();
    assert_eq!(heard.iter().filter(|word| *word == "OthersAsked").count(), 1 + 3, "{heard:?}");
    assert_eq!(heard.iter().filter(|word| *word == "ConditionBegan").count(), 1, "{heard:?}");
    lab.hears(&OthersAnswer::Silence(Silence::Unknown));
    assert_eq!(lab.heard.take_all(), [""; 0], "it goes on to decide alone");
}

#[test]
fn without_the_word_nobody_is_asked() {
    let mut lab = lab("secondopinion=no");
    fail_all(&mut lab);
    assert_eq!(lab.weights(SERVICE), ["127.0.0.1=1"]);
    assert!(!lab.heard.take_all().contains(&"OthersAsked".to_owned()));
}

#[test]
fn another_director_is_answered_at_once_where_all_is_known_and_by_checks_of_what_may_be_well() {
    let mut lab = lab("secondopinion=yes");
    let consult = |lab: &ServicesLab, service: &str, hosts: &[u8]| {
        let real_servers = hosts.iter().map(|host| real(*host, 1).key).collect();
        let question = Question { nonce: [0; 16], service: service.parse().expect("key"), real_servers };
        match lab.services.consult(&question, lab.now) {
            Consulted::Known(word) => Err(word),
            Consulted::Asks(mut asked) => {
                asked.sort_by_key(|asked| asked.job.check.target);
                Ok(asked.iter().map(|asked| (asked.job.check.target.ip(), asked.was_good)).collect::<Vec<_>>())
            }
        }
    };
    let address = |host| real(host, 1).key.address;
    assert_eq!(consult(&lab, SERVICE, &[2, 3]), Ok(vec![(address(2), true), (address(3), true)]));
    assert_eq!(consult(&lab, SERVICE, &[3, 7]), Ok(vec![(address(3), true)]), "it has no other one");
    assert_eq!(consult(&lab, SERVICE, &[7]), Err(Word::Unknown));
    assert_eq!(consult(&lab, OTHER, &[2]), Err(Word::Unknown));
    for _ in 0..2 {
        lab.hear(2, bad());
    }
    assert_eq!(consult(&lab, SERVICE, &[2, 3]), Ok(vec![(address(3), true)]), "the other one has failed here too");
    assert_eq!(consult(&lab, SERVICE, &[2]), Err(Word::None));
    lab.now += Duration::from_secs(10);
    assert_eq!(consult(&lab, SERVICE, &[3]), Ok(vec![(address(3), true)]));
    lab.now += Duration::from_millis(1);
    assert_eq!(
        consult(&lab, SERVICE, &[3]),
        Ok(vec![(address(3), false)]),
        "its check of the last interval has not ended"
    );
    lab.hear(3, Outcome::Good);
    lab.hear(3, bad());
    assert_eq!(consult(&lab, SERVICE, &[3]), Ok(vec![(address(3), false)]), "its last check has failed");
}
