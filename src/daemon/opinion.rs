//! The second opinion (`secondopinion`): before a service loses its last real server, the health monitors of the other directors
//! are asked whether they reach it, and the questions of the others are taken.
//!
//! A thread of its own has the sockets, one for each address that corosync has for this node, and knows from corosync who else is
//! in the cluster. Only these are asked and believed, and only what is proved by the key of the cluster's own messages. The
//! thread decides nothing: the pools say when they ask, and the loop answers by its checks.

mod asking;
mod consultation;
mod members;
mod message;
mod rate;
mod sockets;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::event::{Event, Sink, SinkNews};
use crate::health::{OthersAnswer, Silence};
use crate::model::{RealServerKey, ServiceKey};
use crate::system::{self, random};
use asking::Asking;
pub use consultation::{Asked, Consultations, Reply};
use members::Members;
use message::{Answer, Key, Message};
pub use message::{Question, Word};
use rate::Rate;
use sockets::Sockets;

/// What the thread works on, as its troubles name it.
const OBJECT: &str = "secondopinion";

/// How often corosync is asked who is in the cluster.
const LOOK: Duration = Duration::from_secs(3);
/// A question brings the next look forward where the last one is older than this.
const FRESH: Duration = Duration::from_secs(1);
/// How long something may fail until that is a fault: an address that comes in a moment, and a busy machine, pass.
const PASSING: Duration = Duration::from_secs(10);

/// A question of another director.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerQuestion {
    pub question: Question,
    pub from: SocketAddr,
    /// The address of this node that was asked.
    pub via: IpAddr,
}

/// What the thread tells the loop.
#[derive(Debug)]
pub enum OpinionNews {
    /// What the other directors say of the real servers of a service.
    Heard(ServiceKey, OthersAnswer),
    /// Another director asks.
    Asked(PeerQuestion),
    /// What keeps the thread from its work, or keeps it no longer.
    Trouble(SinkNews),
}

#[derive(Debug)]
enum Order {
    /// Whether a service wants it.
    Follow(bool),
    Ask(Query),
    Answer(Reply),
}

/// What is to be asked.
#[derive(Debug)]
struct Query {
    service: ServiceKey,
    real_servers: Vec<RealServerKey>,
    begins: bool,
}

/// What one look at this node and its cluster has found.
#[derive(Debug)]
struct Seen {
    members: Members,
    /// The key of the cluster's messages; empty where there is none.
    key: Vec<u8>,
}

/// How the thread looks.
type Look = Arc<dyn Fn() -> Result<Seen, String> + Send + Sync>;

/// The loop's end of the thread; as a sink it hears when a pool asks.
#[derive(Debug, Clone)]
pub struct Opinions(UnboundedSender<Order>);

impl Opinions {
    /// Starts the thread, which is idle until a configuration wants it. `deliver` returns false when the loop has ended.
    ///
    /// # Errors
    /// Fails when the thread or its event loop cannot be created.
    pub fn start(deliver: impl Fn(OpinionNews) -> bool + Send + 'static) -> io::Result<Self> {
        Self::start_at(sockets::PORT, Arc::new(look), deliver)
    }

    fn start_at(port: u16, look: Look, deliver: impl Fn(OpinionNews) -> bool + Send + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (orders, received) = unbounded_channel();
        let worker = Worker::new(port, look, deliver);
        std::thread::Builder::new().name("opinion".into()).spawn(move || runtime.block_on(worker.run(received)))?;
        Ok(Self(orders))
    }

    /// Answers a question of another director.
    pub fn answer(&self, reply: Reply) {
        self.order(Order::Answer(reply));
    }

    fn order(&self, order: Order) {
        // A thread that has panicked has said so.
        let _ = self.0.send(order);
    }
}

impl Sink for Opinions {
    fn receive(&mut self, event: &Event<'_>) {
        match event {
            Event::ConfigurationApplied { config, .. } => {
                self.order(Order::Follow(config.services.iter().any(|service| service.secondopinion)));
            }
            Event::OthersAsked { pool } => self.order(Order::Ask(Query {
                service: pool.key(),
                real_servers: pool.doubted(),
                begins: pool.begins_to_ask(),
            })),
            _ => {}
        }
    }
}

/// Asks corosync, and reads the key of its messages.
fn look() -> Result<Seen, String> {
    /// How long an answer of corosync may take.
    const ANSWER: Duration = Duration::from_secs(2);
    const KEY: &str = "/etc/corosync/authkey";
    let all = members::ask(Instant::now() + ANSWER).map_err(|cause| format!("ask for the cluster's nodes: {cause}"))?;
    let own = system::own_addresses().map_err(|cause| format!("list the addresses of this node: {cause}"))?;
    let key = match std::fs::read(KEY) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
        key => key.map_err(|cause| format!("{KEY}: read: {cause}"))?,
    };
    let own = own.into_iter().map(|(_, address)| address).collect();
    Ok(Seen { members: Members::of(all, &own), key })
}

/// The thread.
struct Worker<D> {
    look: Look,
    deliver: D,
    is_wanted: bool,
    members: Members,
    key: Option<Key>,
    sockets: Sockets,
    asking: Asking,
    rate: Rate,
    /// Questions that wait for the first look.
    waiting: Vec<Query>,
    /// The look that is under way.
    looking: Option<JoinHandle<Result<Seen, String>>>,
    /// The end of the last one.
    looked: Option<Instant>,
    look_at: Instant,
    /// Since when something fails.
    failing: Option<Instant>,
    is_trouble_told: bool,
}

impl<D: Fn(OpinionNews) -> bool> Worker<D> {
    fn new(port: u16, look: Look, deliver: D) -> Self {
        let now = Instant::now();
        Self {
            look,
            deliver,
            is_wanted: false,
            members: Members::default(),
            key: None,
            sockets: Sockets::new(port),
            asking: Asking::default(),
            rate: Rate::new(now),
            waiting: Vec::new(),
            looking: None,
            looked: None,
            look_at: now,
            failing: None,
            is_trouble_told: false,
        }
    }

    /// Runs until the loop has ended.
    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        loop {
            let (is_idle, look_at) = (!self.is_wanted || self.looking.is_some(), self.look_at);
            let news = tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                datagram = self.sockets.receive() => self.take(datagram),
                seen = of(&mut self.looking) => self.note_look(seen),
                () = sleep_until(look_at.into()), if !is_idle => {
                    self.begin_look();
                    Vec::new()
                }
            };
            if news.into_iter().any(|news| !(self.deliver)(news)) {
                return;
            }
        }
    }

    fn obey(&mut self, order: Order) -> Vec<OpinionNews> {
        match order {
            Order::Follow(is_wanted) => self.follow(is_wanted).into_iter().collect(),
            Order::Answer((asked, word)) => {
                self.answer(&asked, word);
                Vec::new()
            }
            Order::Ask(query) => {
                let is_old = self.looked.is_none_or(|looked| looked.elapsed() > FRESH);
                if is_old && self.looking.is_none() {
                    self.begin_look();
                }
                if self.looked.is_none() {
                    self.waiting.push(query);
                    return Vec::new();
                }
                self.ask(query).into_iter().collect()
            }
        }
    }

    /// Begins, or ends with all that troubles the thread: nobody looks any more whether it has passed.
    fn follow(&mut self, is_wanted: bool) -> Option<OpinionNews> {
        if is_wanted == self.is_wanted {
            return None;
        }
        self.is_wanted = is_wanted;
        self.look_at = Instant::now();
        if !is_wanted {
            self.sockets.keep_only(&[]);
            (self.looked, self.members) = (None, Members::default());
            self.asking.clear();
        }
        self.trouble(None, self.look_at)
    }

    fn begin_look(&mut self) {
        let look = Arc::clone(&self.look);
        self.looking = Some(tokio::task::spawn_blocking(move || look()));
    }

    /// Takes what a look has found. One that has failed changes nothing, and the next one comes.
    fn note_look(&mut self, seen: Result<Seen, String>) -> Vec<OpinionNews> {
        let now = Instant::now();
        (self.looking, self.looked, self.look_at) = (None, Some(now), now + LOOK);
        let mut news = Vec::new();
        if self.is_wanted {
            let trouble = seen.and_then(|seen| self.heed(seen)).err();
            news.extend(self.trouble(trouble, now));
        }
        let waiting = std::mem::take(&mut self.waiting);
        news.extend(waiting.into_iter().filter_map(|query| self.ask(query)));
        news
    }

    fn heed(&mut self, Seen { members, key }: Seen) -> Result<(), String> {
        self.key = Key::new(&key);
        if members != self.members {
            // The places of the others are other ones now.
            self.asking.clear();
            self.members = members;
        }
        self.sockets.keep_only(&self.members.own);
        self.sockets.open(&self.members.own)
    }

    /// Asks all others, and returns what is known at once.
    fn ask(&mut self, query: Query) -> Option<OpinionNews> {
        let Query { service, real_servers, begins } = query;
        let others = &self.members.others;
        let (Some(key), Ok(nonce), false) = (&self.key, random::bytes(), others.is_empty()) else {
            return Some(OpinionNews::Heard(service, OthersAnswer::Silence(Silence::NoOther)));
        };
        self.asking.ask(service, nonce, (others.len(), begins));
        let datagram = Message::Question(Question { nonce, service, real_servers }).encode(key);
        for other in others {
            for (own, to) in self.members.own.iter().zip(&other.addresses) {
                self.sockets.send(*own, SocketAddr::new(*to, self.sockets.port()), &datagram);
            }
        }
        None
    }

    fn answer(&self, asked: &PeerQuestion, word: Word) {
        let (Some(key), node) = (&self.key, sockets::node_name()) else { return };
        let Question { nonce, service, .. } = asked.question;
        let datagram = Message::Answer(Answer { nonce, service, word, node }).encode(key);
        self.sockets.send(asked.via, asked.from, &datagram);
    }

    /// Takes a datagram: that of a stranger, and one that nothing proves, is none.
    fn take(&mut self, (via, from, datagram): (IpAddr, SocketAddr, Vec<u8>)) -> Vec<OpinionNews> {
        let known = self.members.find(from.ip()).zip(self.key.as_ref());
        let message = known.and_then(|(other, key)| Some((other, Message::decode(&datagram, key)?)));
        let news = match message {
            Some((_, Message::Question(question))) if self.rate.allows(from.ip(), Instant::now()) => {
                Some(OpinionNews::Asked(PeerQuestion { question, from, via }))
            }
            Some((other, Message::Answer(answer))) => {
                self.asking.note(&answer, other).map(|said| OpinionNews::Heard(answer.service, said))
            }
            _ => None,
        };
        news.into_iter().collect()
    }

    fn trouble(&mut self, trouble: Option<String>, now: Instant) -> Option<OpinionNews> {
        let since = trouble.is_some().then(|| self.failing.unwrap_or(now));
        self.failing = since;
        let lasts = since.is_some_and(|since| now.saturating_duration_since(since) > PASSING);
        let trouble = trouble.filter(|_| lasts);
        let was_told = std::mem::replace(&mut self.is_trouble_told, trouble.is_some());
        let is_news = was_told || trouble.is_some();
        is_news.then(|| OpinionNews::Trouble(SinkNews::until_told(OBJECT, trouble)))
    }
}

/// Waits for the look that is under way; for ever where none is.
async fn of(looking: &mut Option<JoinHandle<Result<Seen, String>>>) -> Result<Seen, String> {
    match looking {
        Some(look) => look.await.unwrap_or_else(|cause| Err(format!("look at the cluster: {cause}"))),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
#[path = "../../fuzz/opinion.rs"]
mod fuzz;
