use std::fs;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::Order;
use crate::testing::Scratch;

fn kept(value: &str) -> Kept {
    let orders = (value != "none").then(|| Order::read("lvs-order-192.0.2.2", value).expect("an order"));
    Kept { orders: orders.into_iter().collect(), refused: vec![] }
}

fn failed() -> ClusterError {
    ClusterError::Failed("refused".into())
}

fn absent() -> ClusterError {
    ClusterError::Absent("not running".into())
}

/// A cluster on this node: what its file says, and what it answers.
struct Lab {
    scratch: Scratch,
    answer: Arc<Mutex<Result<Kept, ClusterError>>>,
    questions: Arc<Mutex<u32>>,
    watch: ClusterWatch,
    now: Instant,
}

impl Lab {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let answer = Arc::new(Mutex::new(Ok(kept("none"))));
        let questions = Arc::new(Mutex::new(0));
        let (asked, answered) = (Arc::clone(&questions), Arc::clone(&answer));
        let question: Question = Box::new(move |_| {
            *asked.lock().expect("whole") += 1;
            answered.lock().expect("whole").clone()
        });
        let watch = ClusterWatch {
            file: scratch.path().join("cib.xml"),
            question,
            ..ClusterWatch::new(&RunDir::at(scratch.path()))
        };
        let now = watch.ask_at;
        Self { scratch, answer, questions, watch, now }
    }

    /// Has the cluster replace its file.
    fn write(&self, value: &str) {
        let pair = match value {
            "none" => String::new(),
            value => format!("<nvpair name=\"lvs-order-192.0.2.2\" value=\"{value}\"/>"),
        };
        fs::write(self.scratch.path().join("new"), format!("<cib><nodes>{pair}</nodes></cib>")).expect("write");
        fs::rename(self.scratch.path().join("new"), &self.watch.file).expect("replace");
    }

    fn answers(&self, answer: Result<Kept, ClusterError>) {
        *self.answer.lock().expect("whole") = answer;
    }

    /// Looks so many seconds later. Returns what is known, and how many questions were asked for it.
    fn after(&mut self, seconds: u64) -> (Kept, u32) {
        // A question itself takes a moment, which counts.
        self.now += Duration::from_secs(seconds) + Duration::from_millis(100);
        let before = *self.questions.lock().expect("whole");
        self.watch.look(self.now, Duration::from_secs(1));
        (self.watch.kept().clone(), *self.questions.lock().expect("whole") - before)
    }

    fn trouble(&self) -> Option<String> {
        self.watch.trouble(self.now)
    }
}

#[test]
fn a_change_is_read_from_the_file_and_the_cluster_is_asked_now_and_then() {
    let mut lab = Lab::new("order-file");
    lab.write("none");
    assert_eq!(lab.after(0), (kept("none"), 1), "the start asks");
    lab.write("drain");
    assert_eq!(lab.after(6), (kept("drain"), 0));
    lab.answers(Ok(kept("drain")));
    assert_eq!(lab.after(1), (kept("drain"), 0), "nothing has changed");
    assert_eq!(lab.after(ASK.as_secs()), (kept("drain"), 1));
    assert_eq!((lab.trouble(), lab.after(6)), (None, (kept("drain"), 0)));
}

#[test]
fn a_file_that_is_older_than_an_answer_takes_no_order_away() {
    let mut lab = Lab::new("order-older");
    lab.write("none");
    lab.answers(Ok(kept("drain")));
    assert_eq!(lab.after(0), (kept("drain"), 1));
    // The file of an earlier change comes late.
    lab.write("none");
    assert_eq!(lab.after(1), (kept("drain"), 1));
    lab.write("drain");
    assert_eq!(lab.after(1), (kept("drain"), 1));
    assert_eq!((lab.after(6), lab.trouble()), ((kept("drain"), 0), None));
}

#[test]
fn a_cluster_that_ceases_to_write_its_file_is_asked_and_that_is_a_fault_until_it_writes_again() {
    let mut lab = Lab::new("order-unwritten");
    lab.write("none");
    lab.after(0);
    lab.answers(Ok(kept("drain")));
    assert_eq!((lab.after(ASK.as_secs()), lab.trouble()), ((kept("drain"), 1), None));
    assert_eq!(lab.after(5), (kept("drain"), 1));
    assert_eq!(lab.after(5), (kept("drain"), 1));
    assert!(lab.trouble().is_some_and(|text| text.contains("killall -PIPE pacemaker-based")), "{:?}", lab.trouble());
    lab.answers(Err(failed()));
    assert_eq!(lab.after(5), (kept("drain"), 1), "what the cluster has said counts more than its old file");
    lab.answers(Ok(kept("drain")));
    lab.write("drain");
    lab.after(5);
    assert_eq!(lab.trouble(), None);
}

#[test]
fn the_file_of_a_cluster_that_does_not_answer_counts_and_that_of_one_that_does_not_run_does_not() {
    for (error, expected) in [(failed(), "drain"), (absent(), "none")] {
        let mut lab = Lab::new("order-unanswered");
        lab.write("drain");
        lab.answers(Err(error));
        assert_eq!(lab.after(0), (kept(expected), 1));
    }
    let mut lab = Lab::new("order-unread");
    lab.write("drain");
    lab.answers(Ok(kept("drain")));
    lab.after(0);
    fs::write(&lab.watch.file, "<cib/>").expect("write");
    lab.answers(Err(failed()));
    assert_eq!(lab.after(6), (kept("drain"), 1), "neither says anything");
    fs::remove_file(&lab.watch.file).expect("remove");
    nix::unistd::mkfifo(&lab.watch.file, nix::sys::stat::Mode::S_IRWXU).expect("pipe");
    assert_eq!(lab.after(6), (kept("drain"), 1), "a pipe is not waited for");
}

#[test]
fn a_cluster_that_falls_silent_keeps_its_orders_and_is_a_fault_after_a_while() {
    let mut lab = Lab::new("order-silent");
    lab.write("none");
    lab.answers(Err(absent()));
    lab.after(0);
    assert_eq!((lab.after(2 * PASSING.as_secs()).0, lab.trouble()), (kept("none"), None), "it has not run");
    lab.answers(Err(failed()));
    lab.after(ASK_AGAIN.as_secs());
    assert!(lab.trouble().is_some(), "it runs and refuses");
    lab.write("drain");
    assert_eq!(lab.after(0).0, kept("drain"));
    assert!(lab.trouble().is_some(), "a file is no answer");
    lab.answers(Ok(kept("drain")));
    lab.after(ASK_AGAIN.as_secs());
    assert_eq!(lab.trouble(), None);
    lab.answers(Err(absent()));
    assert_eq!((lab.after(ASK.as_secs()), lab.trouble()), ((kept("drain"), 1), None));
    assert_eq!((lab.after(PASSING.as_secs() - 1), lab.trouble()), ((kept("drain"), 1), None));
    let expected = "ask the cluster: /usr/sbin/cibadmin: not running; those that were known last are obeyed";
    assert_eq!((lab.after(1).0, lab.trouble().as_deref()), (kept("drain"), Some(expected)));
}

#[test]
fn a_cluster_that_was_taken_off_this_node_has_no_orders_and_is_asked_no_more() {
    let mut lab = Lab::new("order-destroyed");
    lab.write("drain");
    lab.answers(Ok(kept("drain")));
    lab.after(0);
    lab.answers(Err(absent()));
    assert_eq!(lab.after(ASK.as_secs()), (kept("drain"), 1), "it is stopped");
    fs::remove_file(&lab.watch.file).expect("remove");
    assert_eq!((lab.after(ASK_AGAIN.as_secs()), lab.trouble()), ((kept("none"), 1), None));
    assert_eq!(lab.after(ASK.as_secs()), (kept("none"), 0));
}
