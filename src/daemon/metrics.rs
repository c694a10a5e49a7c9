//! `metrics`: what Prometheus and a browser are told, on the address that the configuration names. It can be read, and
//! nothing can be changed through it.
//!
//! A thread of its own answers. It asks the loop at most once in a second, however many ask it.

mod exposition;
mod page;
mod server;
mod snapshot;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;

use super::control::ControlCall;
use super::event::{Event, Sink, TellLoop};
use crate::health::Outcome;
use crate::model::{RealServerKey, ServiceKey};
use snapshot::SnapshotSource;

/// What the thread works on, as its troubles name it, before the address.
const OBJECT: &str = "metrics";

/// How long the last check of each real server took.
type CheckTimes = HashMap<(ServiceKey, RealServerKey), Duration>;

/// The sink that notes what the loop does not keep, and says where the thread listens.
pub struct Metrics {
    /// Where it listens when the configuration does not say.
    default: Option<SocketAddr>,
    address: watch::Sender<Option<SocketAddr>>,
    times: SharedTimes,
}

/// The times that the loop writes and the thread reads.
#[derive(Clone, Default)]
struct SharedTimes(Arc<Mutex<CheckTimes>>);

impl SharedTimes {
    fn lock(&self) -> MutexGuard<'_, CheckTimes> {
        // A panic while it was held leaves whole values: each is written in one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics {
    /// Starts the thread, which listens nowhere yet. `forward` gives the loop a request, `tell` what is wrong.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(
        default: Option<SocketAddr>,
        forward: impl Fn(ControlCall) -> bool + Send + Sync + 'static,
        tell: TellLoop,
    ) -> Result<Self> {
        let (address, wanted) = watch::channel(None);
        let times = SharedTimes::default();
        let source = Arc::new(SnapshotSource::new(Box::new(forward), times.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || runtime.block_on(server::serve(wanted, source, tell)))
            .context("start its thread")?;
        Ok(Self { default, address, times })
    }
}

impl Sink for Metrics {
    fn receive(&mut self, event: &Event<'_>) {
        match event {
            Event::ConfigurationApplied { config, .. } => {
                let wanted = config.global.metrics.or(self.default);
                self.address.send_if_modified(|address| std::mem::replace(address, wanted) != wanted);
                let mut times = self.times.lock();
                let keys: HashSet<(ServiceKey, RealServerKey)> = config
                    .services
                    .iter()
                    .flat_map(|one| one.real_servers.iter().map(|real| (one.service.key, real.real_server.key)))
                    .collect();
                times.retain(|key, _| wanted.is_some() && keys.contains(key));
            }
            // A check that this node could not make took no time that says anything.
            Event::Result { outcome: Outcome::NotAsked(_), .. } => {}
            Event::Result { service, real, timing, .. } if self.address.borrow().is_some() => {
                self.times.lock().insert((**service, **real), timing.took);
            }
            _ => {}
        }
    }
}
