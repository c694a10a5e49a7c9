//! Follows names in DNS: a thread asks for those whose time has come, and the loader reads its source again when other real
//! servers follow from the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::LoaderNews;
use crate::daemon::core::wall_clock;
use crate::daemon::event::SinkNews;
use crate::daemon::log::time_of_day;
use crate::director::DnsNames;
use crate::dns::Trouble;
use crate::model::DnsName;

/// What the objects of troubles with names begin with.
const OBJECT: &str = "DNS ";
/// The time that the questions of one round have. Nothing waits for them.
const LIMIT: Duration = Duration::from_secs(10);

/// The names of the configuration, and the thread that asks for them once there is one.
pub struct DnsFollower {
    names: Arc<DnsNames>,
    has_changed: Arc<AtomicBool>,
    /// Wakes the thread. Its end is that of the thread.
    wake: Option<Sender<()>>,
    /// The names of the configuration.
    followed: BTreeSet<DnsName>,
    told: BTreeMap<DnsName, Trouble>,
}

impl DnsFollower {
    pub fn new() -> Self {
        Self {
            names: Arc::default(),
            has_changed: Arc::default(),
            wake: None,
            followed: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    pub fn names(&self) -> &Arc<DnsNames> {
        &self.names
    }

    /// Follows these names and no others from now on.
    ///
    /// # Errors
    /// Fails when the thread cannot be started. It is tried again with the next configuration.
    pub fn follow(&mut self, names: BTreeSet<DnsName>) -> Result<(), String> {
        self.followed = names;
        self.forget_others();
        if self.followed.is_empty() {
            self.wake = None;
            return Ok(());
        }
        if self.wake.as_ref().is_some_and(|wake| wake.send(()).is_ok()) {
            return Ok(());
        }
        let (wake, woken) = channel();
        let (names, has_changed) = (Arc::clone(&self.names), Arc::clone(&self.has_changed));
        let started = std::thread::Builder::new().name("dns".into()).spawn(move || ask(&names, &has_changed, &woken));
        started.map_err(|cause| format!("{OBJECT}names: start a thread that asks: {cause}"))?;
        self.wake = Some(wake);
        Ok(())
    }

    /// Forgets the names of a text that was refused. Else they would be asked for, and their troubles be told, for ever.
    pub fn forget_others(&self) {
        self.names.retain(&self.followed);
    }

    /// Whether other real servers have followed from the answers since the last call of [`take_change`](Self::take_change).
    pub fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Acquire)
    }

    /// The same, and it counts as followed then.
    pub fn take_change(&self) -> bool {
        self.has_changed.swap(false, Ordering::AcqRel)
    }

    /// It could not be followed.
    pub fn put_change_back(&self) {
        self.has_changed.store(true, Ordering::Release);
    }

    /// Returns the troubles that have begun and ended since the last call. A name that is not followed any more does not
    /// work again.
    pub fn news(&mut self) -> Vec<LoaderNews> {
        let troubles = self.names.troubles();
        let now = Instant::now();
        let ended = self.told.keys().filter(|name| !troubles.contains_key(*name));
        let mut news: Vec<LoaderNews> = ended
            .map(|name| match self.followed.contains(name) {
                true => LoaderNews::Name(SinkNews::until_told(object(name), None)),
                false => LoaderNews::NameLeft(object(name)),
            })
            .collect();
        let begun = troubles.iter().filter(|(name, (trouble, _))| self.told.get(*name) != Some(trouble));
        news.extend(begun.map(|(name, (trouble, count))| {
            LoaderNews::Name(SinkNews::until_told(object(name), Some(sentence(trouble, *count, now))))
        }));
        self.told = troubles.into_iter().map(|(name, (trouble, _))| (name, trouble)).collect();
        news
    }
}

fn object(name: &DnsName) -> String {
    format!("{OBJECT}{name} ({})", name.record_type())
}

fn sentence(Trouble { cause, since }: &Trouble, count: usize, now: Instant) -> String {
    let since = time_of_day(wall_clock(*since, now));
    let meanwhile = match count {
        0 => "it has no real server until there is an answer".into(),
        1 => "its real server stays".into(),
        count => format!("its {count} real servers stay"),
    };
    format!("{cause} (since {since}): {meanwhile}")
}

/// Asks until the follower ends, or follows no name any more.
fn ask(names: &DnsNames, has_changed: &AtomicBool, woken: &Receiver<()>) {
    loop {
        let wait = names.next().map_or(LIMIT, |due| due.saturating_duration_since(Instant::now()));
        match woken.recv_timeout(wait) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if names.ask_due(Instant::now(), LIMIT) {
            has_changed.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Answer;
    use crate::model::{DnsRecord, Family};

    #[test]
    fn each_cause_is_told_once_and_a_name_that_leaves_does_not_work_again() {
        let name = |text: &str| DnsName { name: text.into(), family: Family::Ipv4 };
        let mut follower = DnsFollower::new();
        let told = |follower: &mut DnsFollower| -> Vec<String> {
            let word = |news| match news {
                LoaderNews::Name(SinkNews { object, trouble: None, .. }) => format!("{object} works"),
                LoaderNews::Name(SinkNews { object, trouble: Some(trouble), .. }) => {
                    format!("{object}: {}", trouble.split(" (since").next().unwrap_or_default())
                }
                LoaderNews::NameLeft(object) => format!("{object} left"),
                other => format!("{other:?}"),
            };
            follower.news().into_iter().map(word).collect()
        };
        let record = |text: &str| DnsRecord { name: name(text), members: Vec::new() };
        follower.names.remember(&[record("a"), record("b"), record("refused")]);
        follower.followed = [name("a"), name("b")].into();
        follower.forget_others();
        let now = Instant::now();
        let answer = |follower: &DnsFollower, text: &str, cause: &str| {
            follower.names.note(vec![(name(text), Answer::missing(cause))], now);
        };
        ["a", "b", "refused"].iter().for_each(|text| answer(&follower, text, "no answer"));
        assert_eq!(told(&mut follower), ["DNS a (A): no answer", "DNS b (A): no answer"]);
        answer(&follower, "a", "no answer");
        answer(&follower, "b", "no such name");
        assert_eq!(told(&mut follower), ["DNS b (A): no such name"]);
        assert_eq!(told(&mut follower), [""; 0]);
        follower.follow(BTreeSet::new()).expect("no thread");
        assert_eq!(told(&mut follower), ["DNS a (A) left", "DNS b (A) left"]);
    }
}
