//! The thread that asks paths: every question leaves from one port, and answers are told apart by their numbers, so that a
//! thousand questions a second need no more sockets than one.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::plan::{Plan, Surroundings, plan};
use super::{PathResult, broken, hindrance, judge};
use crate::check::lag;
use crate::model::PathCheck;
use crate::netlink::route::Hop;
use crate::netlink::syn::{Reply, SynAnswer, SynQuestion, Wire};
use crate::netlink::{Result, Route};

/// A lost packet on a healthy network is no fault: the question is sent again this often, as a client of TCP does, and where
/// there is less time, once.
const RESEND: Duration = Duration::from_secs(1);
/// How old what is known of the networks may be. A look around costs a millisecond.
const FRESH: Duration = Duration::from_secs(1);
/// The pause after which a question that cannot be asked is tried again, the first time and at most.
const RETRY: [Duration; 2] = [SOON, Duration::from_secs(1)];
/// The shortest time from one look around to the next.
const SOON: Duration = Duration::from_millis(50);
/// How long the end waits for the thread, which gives up the connections that are half open.
const END: Duration = Duration::from_millis(500);

/// A handle of the thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Asker {
    /// `None`: it is to end.
    orders: Option<Sender<Order>>,
    /// Wakes the thread.
    bell: UnixStream,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// One question and where its answer goes.
#[derive(Debug)]
struct Order {
    path: PathCheck,
    virtual_ips: Arc<BTreeSet<IpAddr>>,
    tell: oneshot::Sender<PathResult>,
}

impl Asker {
    pub fn start() -> io::Result<Self> {
        let (orders, received) = channel();
        let (bell, heard) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        let (alive, ended) = channel();
        std::thread::Builder::new().name("paths".into()).spawn(move || {
            begin(heard, &received);
            drop(alive);
        })?;
        Ok(Self { orders: Some(orders), bell, ended })
    }

    /// Asks. The answer never comes when the thread has ended.
    pub fn ask(&self, path: PathCheck, virtual_ips: Arc<BTreeSet<IpAddr>>) -> oneshot::Receiver<PathResult> {
        let (tell, told) = oneshot::channel();
        if let Some(orders) = &self.orders {
            let _ended = orders.send(Order { path, virtual_ips, tell });
        }
        self.ring();
        told
    }

    /// Whether its thread has not ended.
    pub fn lives(&self) -> bool {
        self.ended.try_recv() == Err(TryRecvError::Empty)
    }

    /// Returns one whose thread has panicked.
    #[cfg(test)]
    pub fn panicked() -> Self {
        let (bell, _) = UnixStream::pair().expect("a pair");
        Self { orders: Some(channel().0), bell, ended: channel().1 }
    }

    fn ring(&self) {
        // A bell that is full rings already.
        let _ = (&self.bell).write(&[1]);
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.orders = None;
        self.ring();
        let _ended = self.ended.recv_timeout(END);
    }
}

/// Answers questions for as long as nothing can be asked at all, and asks from then on.
fn begin(bell: UnixStream, orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        match Tools::open(Instant::now()) {
            Ok(tools) => {
                let mut asking = Asking { bell, tools, asked: HashMap::new(), queue: BTreeSet::new() };
                asking.take(order, Instant::now());
                return asking.run(orders);
            }
            Err(error) => tell(order.tell, Err(hindrance(&order.path, error))),
        }
    }
}

/// A question that waits for its answer.
struct Asked {
    order: Order,
    deadline: Instant,
    /// When something is to be done about it: to send it again, or to end it. Its place in the queue.
    due: Instant,
    /// What was sent last.
    sent: Option<SynQuestion>,
    /// The last reason why it could not be sent.
    hindrance: String,
    pause: Duration,
}

/// The thread's own.
struct Asking {
    bell: UnixStream,
    tools: Tools,
    asked: HashMap<u32, Asked>,
    /// The numbers of `asked`, by the time at which they are due.
    queue: BTreeSet<(Instant, u32)>,
}

/// What it takes to ask.
struct Tools {
    wire: Wire,
    route: Route,
    known: Surroundings,
    /// Where the kernel sends what is for the real servers.
    hops: HashMap<IpAddr, Option<Hop>>,
    seen: Instant,
    next_sequence: u32,
}

impl Asking {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            // Before it is seen what is due: an answer that is there has come in time, however late it is read.
            self.hear();
            loop {
                match orders.try_recv() {
                    Ok(order) => self.take(order, Instant::now()),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return self.end(),
                }
            }
            self.do_what_is_due(Instant::now());
            self.wait();
        }
    }

    fn take(&mut self, order: Order, now: Instant) {
        let number = self.tools.next_sequence;
        self.tools.next_sequence = number.wrapping_add(1);
        let deadline = now + order.path.timeout;
        let [pause, _] = RETRY;
        let asked = Asked { order, deadline, due: now, sent: None, hindrance: String::new(), pause };
        self.asked.insert(number, asked);
        self.queue.insert((now, number));
    }

    fn do_what_is_due(&mut self, now: Instant) {
        while let Some(&(due, number)) = self.queue.first() {
            if due > now {
                return;
            }
            self.queue.pop_first();
            self.take_step(number, now);
        }
    }

    /// Sends a question, again as the case may be, or ends it.
    fn take_step(&mut self, number: u32, now: Instant) {
        let (tools, Some(asked)) = (&mut self.tools, self.asked.get_mut(&number)) else { return };
        if asked.order.tell.is_closed() {
            return self.finish(number, None);
        }
        let path = asked.order.path;
        if now >= asked.deadline {
            let result = match asked.sent {
                Some(_) if lag::hides_an_answer(now - asked.deadline, path.timeout) => {
                    Some(Err(hindrance(&path, "this machine was too busy to notice the answer in time")))
                }
                Some(_) => tools.excuse(&asked.order, now),
                None => None,
            };
            return self.finish(number, result);
        }
        let next = match tools.plan(&asked.order, now) {
            Ok(Plan::Ask(question)) => match tools.send(&question, number) {
                Ok(()) => {
                    if asked.sent.replace(question).is_some() {
                        tools.look_for_director(&path, &question);
                    }
                    RESEND.min(path.timeout / 2)
                }
                Err(error) => asked.note_hindrance(error.to_string()),
            },
            Ok(Plan::Hindered { cause, look_for }) => {
                // Where that fails, the link-layer address comes by another program, or never.
                let _ = look_for.map(|(address, interface)| tools.route.look_for_neighbour(address, interface));
                asked.note_hindrance(cause)
            }
            Ok(Plan::Broken(cause)) => return self.finish(number, Some(Err(broken(&path, cause)))),
            Ok(Plan::Pointless) => return self.finish(number, Some(Ok(()))),
            Err(error) => asked.note_hindrance(error.to_string()),
        };
        asked.due = (now + next).min(asked.deadline);
        self.queue.insert((asked.due, number));
    }

    fn hear(&mut self) {
        let mut replies: Vec<Reply> = Vec::new();
        self.tools.wire.hear(|reply| replies.push(reply));
        for Reply { target, sequence, verdict } in replies {
            let Some(asked) = self.asked.get(&sequence) else { continue };
            let Some(question) = asked.sent.filter(|question| question.target == target) else { continue };
            let result = judge(&asked.order.path, &question, verdict.into());
            self.finish(sequence, Some(result));
        }
    }

    /// Ends a question by this answer, or by the silence that it has met with.
    fn finish(&mut self, number: u32, result: Option<PathResult>) {
        let Some(asked) = self.asked.remove(&number) else { return };
        self.queue.remove(&(asked.due, number));
        let result = result.unwrap_or_else(|| match &asked.sent {
            Some(question) => judge(&asked.order.path, question, SynAnswer::Silence),
            None => Err(hindrance(&asked.order.path, &asked.hindrance)),
        });
        if let Some(question) = &asked.sent {
            // Without it the real server would keep a connection that is half open.
            let _ = self.tools.wire.send_rst(question, number);
        }
        tell(asked.order.tell, result);
    }

    fn end(mut self) {
        let numbers: Vec<u32> = self.asked.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.finish(number, None));
    }

    fn wait(&mut self) {
        let limit = self.queue.first().map(|(due, _)| due.saturating_duration_since(Instant::now()));
        if self.tools.wire.wait(self.bell.as_fd(), limit).is_err() {
            // A kernel that refuses to wait (ENOMEM) must not be asked without a pause.
            let [pause, _] = RETRY;
            std::thread::sleep(pause);
        }
        let mut rings = [0; 256];
        while (&self.bell).read(&mut rings).is_ok_and(|length| length == rings.len()) {}
    }
}

impl Asked {
    /// Returns when it is tried again.
    fn note_hindrance(&mut self, cause: String) -> Duration {
        let [_, longest] = RETRY;
        self.hindrance = cause;
        let pause = self.pause;
        self.pause = (pause * 2).min(longest);
        pause
    }
}

impl Tools {
    fn open(now: Instant) -> Result<Self> {
        let (wire, mut route) = (Wire::open()?, Route::open()?);
        let known = Surroundings::read(&mut route)?;
        let next_sequence = wire.first_sequence();
        Ok(Self { wire, route, known, hops: HashMap::new(), seen: now, next_sequence })
    }

    fn plan(&mut self, order: &Order, now: Instant) -> Result<Plan> {
        if !self.is_fresh(FRESH, now) {
            self.look_around(now)?;
        }
        let decided = self.decide(order)?;
        if !matches!(decided, Plan::Hindered { .. }) || self.is_fresh(SOON, now) {
            return Ok(decided);
        }
        // It may have changed a moment ago.
        self.look_around(now)?;
        self.decide(order)
    }

    /// Returns what counts instead of the silence of the real server, where what has become known meanwhile explains that.
    fn excuse(&mut self, order: &Order, now: Instant) -> Option<PathResult> {
        if !self.is_fresh(SOON, now) && self.look_around(now).is_err() {
            return None;
        }
        match self.decide(order).ok()? {
            Plan::Pointless => Some(Ok(())),
            Plan::Hindered { cause, .. } => Some(Err(hindrance(&order.path, cause))),
            Plan::Ask(_) | Plan::Broken(_) => None,
        }
    }

    /// Whether what is known is not older than this.
    fn is_fresh(&self, age: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.seen) < age
    }

    /// Finds out which host has the virtual IP. If it is the silent real server, that one directs.
    fn look_for_director(&mut self, path: &PathCheck, question: &SynQuestion) {
        let vip = path.vip.ip();
        if question.target == path.vip && !self.known.directs(vip) {
            // Where that fails, the real server counts as silent.
            let _ = self.route.look_for_neighbour(vip, question.at.interface);
        }
    }

    fn decide(&mut self, order: &Order) -> Result<Plan> {
        let real = order.path.real.ip();
        let hop = match self.hops.get(&real) {
            Some(hop) => *hop,
            None => *self.hops.entry(real).or_insert(self.route.hop_to(real)?),
        };
        Ok(plan(&order.path, hop, &self.known, &order.virtual_ips))
    }

    fn look_around(&mut self, now: Instant) -> Result<()> {
        self.known = Surroundings::read(&mut self.route)?;
        self.seen = now;
        self.hops.clear();
        let known = &self.known;
        self.wire.keep_interfaces(|index| known.has_interface(index));
        Ok(())
    }

    fn send(&mut self, question: &SynQuestion, number: u32) -> Result<()> {
        self.wire.listen_for(question)?;
        self.wire.send_syn(question, number)
    }
}

/// A check that was given up waits for no answer.
fn tell(waits: oneshot::Sender<PathResult>, result: PathResult) {
    let _ = waits.send(result);
}
