//! The thread that makes a late standby warm, beside the kernel's sync daemons: as the promoted node it sends the whole table
//! of connections when a standby lacks some, as a standby it says how many it knows. `crate::sync` decides when.
//!
//! Only the promoted node may send: what a standby sent would replace live connections of the director. So the record of the
//! role is read again before each datagram. A fault here is told and tried again, and holds up nothing else.

mod group;
mod part;
mod sending;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::event::SinkNews;
use super::protocol::{ControlReply, StandbyStatus, SyncStatus};
use super::source::{ServiceSource, Stamp};
use crate::netlink::ipvs::count_connections;
use crate::sync::{Coverage, Director, DirectorStep, Notice, Speakers, Standby, SyncEvent, SyncMessage};
use crate::system::{RunDir, random};
pub use group::GroupSocket;
use group::own_addresses;
use part::SyncPart;
use sending::{send_latest, send_table};

/// How long a demotion may wait for the sending of the latest connections. Its own patience ([`SENDING_PATIENCE`]) is longer.
const LATEST: Duration = Duration::from_millis(150);
/// How long the caller of [`super::protocol::ControlRequest::SendLatest`] should wait for the answer.
pub const SENDING_PATIENCE: Duration = Duration::from_millis(200);
/// How often the sockets are looked at, and the time of the folder of declarations.
const TICK: Duration = Duration::from_millis(50);
/// The same where no connections are synchronised.
const IDLE_TICK: Duration = Duration::from_millis(250);
/// How often the role is read, whatever the time of the folder says.
const REREAD: Duration = Duration::from_secs(1);
/// The most datagrams of one look: others can send as many as they like.
const MOST_DATAGRAMS: usize = 100;
/// The first and the longest pause after a fault; each pause is twice as long as the one before.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// What the thread has to say to the loop.
#[derive(Debug)]
pub struct SyncNews {
    /// How things are now; `None` means that connections are not synchronised.
    pub status: Option<SyncStatus>,
    /// What the log shall say.
    pub events: Vec<SyncEvent>,
    /// What keeps it from working, or keeps it no longer.
    pub trouble: Option<SinkNews>,
}

/// What the loop wants of the thread.
#[derive(Debug)]
enum Order {
    /// See [`SyncThread::follow`].
    Follow(bool),
    /// See [`SyncThread::send_latest`].
    SendLatest(Sender<ControlReply>),
}

/// The loop's end of the thread.
#[derive(Debug)]
pub struct SyncThread(Sender<Order>);

impl SyncThread {
    /// Starts the thread, which does nothing yet. `deliver` returns false when the loop has ended.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(run_dir: RunDir, deliver: impl Fn(SyncNews) -> bool + Send + 'static) -> std::io::Result<Self> {
        let (orders, received) = channel();
        let mut worker = Worker::new(run_dir);
        std::thread::Builder::new().name("sync".into()).spawn(move || worker.work(&received, &deliver))?;
        Ok(Self(orders))
    }

    /// Says whether this health monitor is the one that follows the declarations. Only that one synchronises.
    pub fn follow(&self, follows: bool) {
        // A thread that has panicked has said so.
        let _ = self.0.send(Order::Follow(follows));
    }

    /// Sends the connections whose packets came last, if this node is the director and a standby listens, and answers then.
    pub fn send_latest(&self, reply: Sender<ControlReply>) {
        // The reply of a thread that has panicked is dropped, which the caller sees.
        let _ = self.0.send(Order::SendLatest(reply));
    }
}

/// A pause after a fault.
struct Retry {
    at: Instant,
    pause: Duration,
}

impl Retry {
    fn after(before: Option<&Self>, now: Instant) -> Self {
        let [first, longest] = RETRY;
        let pause = before.map_or(first, |before| (before.pause * 2).min(longest));
        Self { at: now + pause, pause }
    }
}

struct Worker {
    run_dir: RunDir,
    follows: bool,
    stamp: Stamp,
    read: Option<Instant>,
    session: Option<Session>,
    /// The resources that are promoted on this node.
    promoted: BTreeSet<String>,
    retry: Option<Retry>,
    /// The fault that was told last: what it is of, and its cause.
    trouble: Option<(String, String)>,
}

impl Worker {
    fn new(run_dir: RunDir) -> Self {
        Self {
            run_dir,
            follows: false,
            stamp: Stamp::default(),
            read: None,
            session: None,
            promoted: BTreeSet::new(),
            retry: None,
            trouble: None,
        }
    }

    fn work(&mut self, orders: &Receiver<Order>, deliver: &impl Fn(SyncNews) -> bool) {
        let mut told = None;
        loop {
            let tick = if self.session.is_some() { TICK } else { IDLE_TICK };
            match orders.recv_timeout(tick) {
                Ok(Order::Follow(follows)) => self.follow(follows),
                Ok(Order::SendLatest(reply)) => {
                    let sent = self.session.as_ref().map_or(Ok(()), |session| session.send_latest(&self.run_dir));
                    let answer =
                        sent.map_or_else(|error| ControlReply::Failed(format!("{error:#}")), |()| ControlReply::Done);
                    // A caller that has waited long enough wants no answer.
                    let _ = reply.send(answer);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let news = self.turn(Instant::now());
            let is_new = news.status != told || !news.events.is_empty() || news.trouble.is_some();
            told.clone_from(&news.status);
            if is_new && !deliver(news) {
                return;
            }
        }
    }

    fn follow(&mut self, follows: bool) {
        self.follows = follows;
        self.read = None;
        // The loop forgets faults with each configuration.
        self.trouble = None;
    }

    fn turn(&mut self, now: Instant) -> SyncNews {
        let (mut events, mut trouble) = (self.read_part(now), None);
        let is_paused = self.retry.as_ref().is_some_and(|retry| now < retry.at);
        if let Some(session) = self.session.as_mut().filter(|_| !is_paused) {
            let error = session.turn(&self.run_dir, now, &mut events).err();
            let object = format!("connection synchronisation on {}", session.part.channel.interface);
            self.retry = error.as_ref().map(|_| Retry::after(self.retry.as_ref(), now));
            trouble = self.note_trouble(error.map(|error| (object, format!("{error:#}"))));
        } else if self.session.is_none() {
            trouble = self.note_trouble(None);
        }
        SyncNews { status: self.session.as_ref().map(|session| session.status(now)), events, trouble }
    }

    /// Reads the part of this node where it may have changed. Another part begins anew. Returns which resources were promoted
    /// and demoted since the last time.
    fn read_part(&mut self, now: Instant) -> Vec<SyncEvent> {
        let stamp = ServiceSource::Declarations(self.run_dir.clone()).stamp_of_place();
        if stamp == self.stamp && self.read.is_some_and(|read| now < read + REREAD) {
            return Vec::new();
        }
        (self.stamp, self.read) = (stamp, Some(now));
        let part = Some(&self.run_dir).filter(|_| self.follows).and_then(SyncPart::read);
        if part.as_ref() != self.session.as_ref().map(|session| &session.part) {
            (self.session, self.retry) = (part.map(Session::new), None);
        }
        let promoted = if self.follows { part::promoted(&self.run_dir) } else { BTreeSet::new() };
        let before = std::mem::replace(&mut self.promoted, promoted);
        // One that follows no longer knows of no demotion.
        let gone = before.difference(&self.promoted).filter(|_| self.follows).cloned();
        let gone = gone.map(|resource| SyncEvent::Demoted { resource });
        gone.chain(self.promoted.difference(&before).cloned().map(|resource| SyncEvent::Promoted { resource }))
            .collect()
    }

    /// Returns what the loop has to know of the fault, or of its end.
    fn note_trouble(&mut self, trouble: Option<(String, String)>) -> Option<SinkNews> {
        if trouble == self.trouble {
            return None;
        }
        let before = std::mem::replace(&mut self.trouble, trouble.clone());
        let (object, trouble) = match (before, trouble) {
            (_, Some((object, cause))) => (object, Some(cause)),
            (before, None) => (before?.0, None),
        };
        Some(SinkNews::until_configured(object, trouble))
    }
}

/// What this node is on the channel.
enum Role {
    Director(Director),
    Standby(Standby),
}

/// One part on one channel, as long as nothing about it changes. What was learnt outlives a fault of the sockets.
struct Session {
    part: SyncPart,
    sockets: Option<Sockets>,
    role: Role,
    speakers: Speakers,
    clash: Option<String>,
}

/// What a part hears and speaks through.
struct Sockets {
    own: Vec<IpAddr>,
    notices: GroupSocket,
    /// The kernel's messages, which the director sends, and hears of other directors. A standby leaves them to its kernel:
    /// they are as many as the director has traffic.
    messages: Option<GroupSocket>,
}

impl Sockets {
    fn open(part: &SyncPart) -> Result<Self> {
        let notices = GroupSocket::join(&part.channel, part.notice_port())?;
        let messages = part.is_promoted.then(|| GroupSocket::join(&part.channel, part.channel.port)).transpose()?;
        let own = own_addresses(&part.channel)?;
        Ok(Self { own, notices, messages })
    }

    /// Returns the notices of other nodes that wait.
    fn notices(&self, sync_id: u8) -> impl Iterator<Item = (IpAddr, Notice)> {
        let received = std::iter::from_fn(|| self.notices.receive()).take(MOST_DATAGRAMS);
        let others = received.filter(|(from, _)| !self.own.contains(from));
        others.filter_map(move |(from, datagram)| Some((from, Notice::decode(&datagram, sync_id)?)))
    }

    /// Returns the senders of the kernel's messages that wait.
    fn other_kernels(&self, sync_id: u8) -> impl Iterator<Item = IpAddr> {
        let received = self.messages.iter().flat_map(|socket| std::iter::from_fn(|| socket.receive()));
        let others = received.take(MOST_DATAGRAMS).filter(|(from, _)| !self.own.contains(from));
        let is_ours =
            move |datagram: &[u8]| SyncMessage::decode(datagram).is_ok_and(|message| message.sync_id == sync_id);
        others.filter(move |(_, datagram)| is_ours(datagram)).map(|(from, _)| from)
    }
}

impl Session {
    fn new(part: SyncPart) -> Self {
        let role = match part.is_promoted {
            true => Role::Director(Director::default()),
            // Any number will do that the standby before this one hardly had.
            false => Role::Standby(Standby::new(random::bytes().map_or(std::process::id(), u32::from_ne_bytes))),
        };
        Self { part, sockets: None, role, speakers: Speakers::default(), clash: None }
    }

    /// Does what is due. After a fault the sockets are opened anew.
    fn turn(&mut self, run_dir: &RunDir, now: Instant, events: &mut Vec<SyncEvent>) -> Result<()> {
        let sockets = match self.sockets.take() {
            Some(sockets) => sockets,
            None => Sockets::open(&self.part)?,
        };
        self.hear(&sockets, now, events);
        self.act(&sockets, run_dir, now)?;
        if let Role::Director(director) = &mut self.role {
            events.extend(director.take_events());
        }
        self.note_clash(&sockets, now, events);
        self.sockets = Some(sockets);
        Ok(())
    }

    /// Takes what others have sent.
    fn hear(&mut self, sockets: &Sockets, now: Instant, events: &mut Vec<SyncEvent>) {
        let id = self.part.channel.id;
        for (from, notice) in sockets.notices(id) {
            match (notice, &mut self.role) {
                (Notice::Standby { connections, run }, Role::Director(director)) => {
                    director.hear(from, connections, run, now);
                }
                (Notice::Director { .. }, Role::Director(_)) => self.speakers.hear(from, now),
                (Notice::Director { connections }, Role::Standby(standby)) => {
                    self.speakers.hear(from, now);
                    events.extend(standby.hear(from, connections, known(), now));
                }
                (Notice::Standby { .. }, Role::Standby(_)) => {}
            }
        }
        sockets.other_kernels(id).for_each(|from| self.speakers.hear(from, now));
    }

    /// Sends what is due. The record of the role is read right before: it may have changed since.
    fn act(&mut self, sockets: &Sockets, run_dir: &RunDir, now: Instant) -> Result<()> {
        let (part, id) = (&self.part, self.part.channel.id);
        match &mut self.role {
            Role::Standby(standby) if now >= standby.next_word(now) && part.is_current(run_dir) => {
                sockets.notices.send(&standby.speak(known(), now).encode(id))?;
            }
            Role::Director(director) if now >= director.next_step(now) => match director.judge(known(), now) {
                DirectorStep::SendTable => send_whole_table(director, part, sockets, run_dir)?,
                DirectorStep::Speak(notice) if part.is_current(run_dir) => {
                    sockets.notices.send(&notice.encode(id))?;
                    sockets.own.first().into_iter().for_each(|own| self.speakers.hear(*own, now));
                }
                DirectorStep::Speak(_) | DirectorStep::Wait => {}
            },
            Role::Standby(_) | Role::Director(_) => {}
        }
        Ok(())
    }

    /// Sends what standbys may not know yet: the kernel sends a connection with its third packet, and a sending of the whole
    /// table follows another one after a second at the earliest.
    fn send_latest(&self, run_dir: &RunDir) -> Result<()> {
        let (Role::Director(director), Some(sockets)) = (&self.role, &self.sockets) else { return Ok(()) };
        let Some(socket) = sockets.messages.as_ref().filter(|_| director.may_send_latest()) else { return Ok(()) };
        send_latest(socket, &self.part.channel, Instant::now() + LATEST, || self.part.is_current(run_dir))
    }

    fn note_clash(&mut self, sockets: &Sockets, now: Instant, events: &mut Vec<SyncEvent>) {
        let own = sockets.own.first().copied().filter(|_| self.part.is_promoted);
        let clash = self.speakers.clash(own, now);
        if clash != self.clash {
            events.push(clash.clone().map_or(SyncEvent::ClashEnded, SyncEvent::Clash));
            self.clash = clash;
        }
    }

    fn status(&self, now: Instant) -> SyncStatus {
        let (connections, coverage, standbys) = match &self.role {
            Role::Director(director) => {
                (Some(director.connections()), None, director.standbys().map(standby).collect())
            }
            Role::Standby(standby) => {
                let coverage = standby.coverage();
                (coverage.map(|coverage| coverage.connections), coverage.map(Coverage::per_cent), Vec::new())
            }
        };
        SyncStatus {
            resource: self.part.resource.clone(),
            interface: self.part.channel.interface.clone(),
            sync_id: self.part.channel.id,
            promoted: self.part.is_promoted,
            connections,
            coverage,
            standbys,
            hears_no_more: matches!(&self.role, Role::Standby(standby) if standby.hears_no_more(now)),
            clash: self.clash.clone(),
        }
    }
}

fn send_whole_table(director: &mut Director, part: &SyncPart, sockets: &Sockets, run_dir: &RunDir) -> Result<()> {
    let Some(socket) = &sockets.messages else { return Ok(()) };
    let sent = send_table(socket, &part.channel, || part.is_current(run_dir));
    match sent {
        Ok(Some(sending)) => director.sent(sending, Instant::now()),
        // The next turn reads the role.
        Ok(None) => {}
        Err(error) => {
            director.failed(Instant::now());
            return Err(error);
        }
    }
    // What standbys have said meanwhile is older than the end of the sending.
    sockets.notices(part.channel.id).for_each(drop);
    Ok(())
}

fn standby((address, coverage): (IpAddr, Coverage)) -> StandbyStatus {
    StandbyStatus { address: address.to_string(), known: coverage.known, coverage: coverage.per_cent() }
}

/// Returns how many connections this node's kernel has. One without IPVS has none.
fn known() -> u32 {
    count_connections().unwrap_or(0)
}

#[cfg(test)]
mod tests;
