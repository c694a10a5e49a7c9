//! Sessions that are kept from one check to the next (`freshlogin`).
//!
//! A session belongs to one check, which takes it while it runs: there is at most one of each, and none of a check that is no
//! longer wanted.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mysql::Conn;

use crate::model::{Check, Question};

/// The server, and what is asked of it.
type Owner = (SocketAddr, Arc<Question>);

/// The sessions of all checks. Dropping the last one of its clones closes them.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<Owner, Option<Session>>>>);

/// A connection that is logged in.
pub struct Session {
    pub connection: Conn,
    /// When it logged in.
    pub since: Instant,
}

/// Where the session of one check is between two runs.
pub struct Place {
    sessions: Sessions,
    owner: Owner,
    /// An older session is closed.
    longest: Duration,
}

impl Sessions {
    /// Takes all checks that there are. Sessions of others are closed: by a thread, or at the end of the run that has them.
    pub fn keep_for<'a>(&self, checks: impl Iterator<Item = &'a Check>) {
        let owners: HashSet<Owner> = checks.filter(|check| longest(check).is_some()).map(owner).collect();
        let mut sessions = self.lock();
        let gone = sessions.extract_if(|owner, _| !owners.contains(owner));
        let unwanted: Vec<Session> = gone.filter_map(|(_, session)| session).collect();
        for owner in owners {
            sessions.entry(owner).or_default();
        }
        drop(sessions);
        if !unwanted.is_empty() {
            // `COM_QUIT` is a write that may block, for which neither the checking thread nor a check shall wait. Where no thread
            // can be started they are closed here.
            let _thread = std::thread::Builder::new().name("mysql-close".into()).spawn(move || drop(unwanted));
        }
    }

    /// `None`: no session of this check is kept.
    pub fn place(&self, check: &Check) -> Option<Place> {
        let (owner, longest) = (owner(check), longest(check)?);
        let is_kept = self.lock().contains_key(&owner);
        is_kept.then(|| Place { sessions: self.clone(), owner, longest })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Option<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub fn take(&self) -> Option<Session> {
        let session = self.sessions.lock().get_mut(&self.owner)?.take();
        session.filter(|session| session.since.elapsed() < self.longest)
    }

    pub fn put(&self, session: Session) {
        let unwanted = match self.sessions.lock().get_mut(&self.owner) {
            Some(place) => place.replace(session),
            None => Some(session),
        };
        // Closed here and not under the lock, for which the checking thread may wait.
        drop(unwanted);
    }
}

fn owner(check: &Check) -> Owner {
    (check.target, Arc::clone(&check.question))
}

fn longest(check: &Check) -> Option<Duration> {
    let seconds = check.question.freshlogin.parse().ok().filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds))
}
