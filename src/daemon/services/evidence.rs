//! What the connections of clients say of the real servers: the kernel's counters, and samples of its table of connections.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::{InUse, Services, WatchedService, earlier, heed};
use crate::config::OnEvidence;
use crate::daemon::event::Sinks;
use crate::health::{Counts, PoolEvent, Sample, Unanswered};
use crate::model::{RealServerKey, ServiceKey};
use crate::netlink::ipvs::RealServerInUse;

/// Samples of the table of connections, by service.
pub type Samples = BTreeMap<ServiceKey, BTreeMap<RealServerKey, Sample>>;

/// Once so many real servers are counted the other services wait for their turn. A large table delays a suspicion then, and
/// neither a write nor a comparison.
const AT_ONCE: usize = 2_000;

impl Services {
    /// Returns the services whose real servers' connections are to be counted: those with a drain, those of which a sample is
    /// needed, which counts with the figures of the same moment alone, and the next ones that are looked at for evidence.
    pub fn services_to_count(&mut self, now: Instant) -> Vec<ServiceKey> {
        let looked_at = self.watched.iter().filter(|(_, watched)| watched.on_evidence != OnEvidence::No);
        let mut in_turn: Vec<(ServiceKey, usize)> =
            looked_at.map(|(key, watched)| (*key, watched.pool.settings().real_servers.len())).collect();
        let next = self.next_counted.map_or(0, |next| in_turn.partition_point(|(key, _)| *key < next));
        in_turn.rotate_left(next);
        let (mut counted, mut real_servers) = (BTreeSet::from_iter(self.draining()), 0);
        counted.extend(self.services_to_sample(now));
        let mut waiting = in_turn.into_iter();
        self.next_counted = loop {
            let Some((key, size)) = waiting.next() else { break None };
            if real_servers >= AT_ONCE {
                break Some(key);
            }
            real_servers += size;
            counted.insert(key);
        };
        counted.into_iter().collect()
    }

    /// Returns the services of which a sample of the table of connections is needed.
    pub fn services_to_sample(&self, now: Instant) -> Vec<ServiceKey> {
        let is_needed = |WatchedService { evidence, pool, .. }: &WatchedService| {
            // The fallback, for one, has no health that a judgement could change.
            let may_be_judged = |real: &_| pool.serving_state(real).is_some() && !pool.is_suspected(real);
            evidence.needs_sample(may_be_judged, now)
        };
        self.watched.iter().filter(|(_, watched)| is_needed(watched)).map(|(key, _)| *key).collect()
    }

    /// Notes what was counted, and the samples that were taken after that, if any were. Returns whether this has changed
    /// anything.
    pub fn note_evidence(
        &mut self,
        in_use: &InUse,
        samples: Option<&Samples>,
        now: Instant,
        sinks: &mut Sinks,
    ) -> bool {
        let mut has_changed = false;
        for (key, in_use) in in_use {
            let Some(watched) = self.watched.get_mut(key).filter(|watched| watched.on_evidence != OnEvidence::No)
            else {
                continue;
            };
            let events = watched.note_evidence(in_use, samples.and_then(|samples| samples.get(key)), now);
            has_changed |= heed(&watched.pool, events, &mut self.dirty, sinks);
            self.next_change = earlier(self.next_change, watched.pool.next_change(now));
        }
        has_changed
    }
}

impl WatchedService {
    /// Puts the answer to evidence in force. Under another one everything begins anew.
    pub fn answer_evidence(&mut self, answer: OnEvidence, now: Instant) -> Vec<PoolEvent> {
        if std::mem::replace(&mut self.on_evidence, answer) == answer {
            return Vec::new();
        }
        self.evidence = Default::default();
        let suspected: Vec<RealServerKey> = self.pool.suspicions().map(|(real, _)| real).collect();
        suspected.iter().flat_map(|real| self.pool.clear(real, now)).collect()
    }

    fn note_evidence(
        &mut self,
        in_use: &[RealServerInUse],
        sample: Option<&BTreeMap<RealServerKey, Sample>>,
        now: Instant,
    ) -> Vec<PoolEvent> {
        let takes_clients = || in_use.iter().filter(|one| one.real_server.weight > 0);
        let counted = takes_clients().map(|one| (one.real_server.key, counts(one)));
        let mut clear = self.evidence.note(self.pool.key().family(), counted, now);
        // One that has left for another reason can prove nothing any more.
        let reported = self.pool.suspicions().filter(|(_, suspicion)| suspicion.out_for.is_none());
        clear.extend(
            reported.map(|(real, _)| real).filter(|real| takes_clients().all(|one| one.real_server.key != *real)),
        );
        let mut events: Vec<PoolEvent> = clear.iter().flat_map(|real| self.pool.clear(real, now)).collect();
        let acts = self.on_evidence == OnEvidence::Act;
        for (real, row) in sample.map(|sample| self.evidence.judge(sample, now)).unwrap_or_default() {
            events.extend(self.pool.suspect(&real, &cause(row), acts, now));
        }
        events
    }
}

fn counts(RealServerInUse { connections, traffic, .. }: &RealServerInUse) -> Counts {
    Counts {
        connections: traffic.connections,
        in_packets: traffic.in_packets,
        in_bytes: traffic.in_bytes,
        out_packets: traffic.out_packets,
        inactive: connections.inactive.into(),
        open: connections.open().into(),
    }
}

fn cause(Unanswered { connections, packets, bytes }: Unanswered) -> String {
    format!(
        "swallows connections: of the last {connections} none was answered ({packets} packets, {bytes} bytes: SYNs alone)"
    )
}
