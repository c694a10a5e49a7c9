//! A blocking netlink socket: batches of requests go out, and one checked result for each comes back.

use std::collections::HashSet;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::{Duration, Instant};

use neli::consts::nl::NlmF;
use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use neli::utils::Groups;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, send, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::message::{Collector, Ending, NetlinkReply, NetlinkRequest};
use super::{Error, Result};

/// The longest wait for the whole answer. The kernel answers within milliseconds; only a held lock delays it, and an
/// agent that waits longer than its action timeout gets its node fenced.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest datagram. The kernel never sends more than 32 KiB of a list at once.
const DATAGRAM: usize = 128 * 1024;
/// The receive buffer: room for lists and for the errors of a batch, each of which is accounted with about 1 KiB.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// How long a list is read again and again, each time interrupted by a change: longer than hundreds of addresses take
/// to come or go, and much shorter than an action may last.
const READ_AGAIN_FOR: Duration = Duration::from_secs(1);
/// The pause between two reads, from the first value to the second: the program that changes the list needs the
/// processor too.
const PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(50)];

/// The requests in one datagram. More would gain little, and the errors of these fit into the smallest receive buffer
/// that the kernel gives.
pub(super) const BATCH: usize = 64;

/// The socket is never shared: `&mut self` keeps requests and answers in step.
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: OwnedFd,
    protocol: NlFamily,
    timeout: Duration,
    sequence: u32,
    /// Has room for one datagram. The room is never cleared: its 32 pages were a third of what an action touched.
    buffer: Vec<u8>,
    /// Whether an answer was lost or came too late: what is still queued belongs to no request, and a list that the
    /// kernel has not finished would make the next one fail with EBUSY.
    stale: bool,
}

impl Socket {
    pub fn open(protocol: NlFamily) -> Result<Self> {
        Self::with_timeout(protocol, TIMEOUT)
    }

    fn with_timeout(protocol: NlFamily, timeout: Duration) -> Result<Self> {
        let descriptor = open_descriptor(protocol, timeout)?;
        Ok(Self { descriptor, protocol, timeout, sequence: 0, buffer: Vec::with_capacity(DATAGRAM), stale: false })
    }

    /// Asks one question, answered by any number of messages and an acknowledgement.
    pub fn ask(&mut self, request: &NetlinkRequest) -> Result<Vec<Vec<u8>>> {
        self.one(request, Ending::Acknowledgement).map(|reply| reply.payloads)
    }

    /// Sends all requests at once; the kernel executes each in turn, whatever became of the others. It returns one
    /// result for each request, in order.
    pub fn batch(&mut self, requests: &[NetlinkRequest]) -> Vec<Result<()>> {
        self.exchange(requests, Ending::Acknowledgement).into_iter().map(|reply| reply.map(drop)).collect()
    }

    /// Reads a list, again while it changes under the reader: never in part.
    ///
    /// # Errors
    /// Fails with [`Error::Interrupted`] when the list does not come to rest.
    pub fn dump(&mut self, request: &NetlinkRequest) -> Result<Vec<Vec<u8>>> {
        let request = NetlinkRequest { flags: request.flags | NlmF::DUMP, ..request.clone() };
        let reply = read_until_quiet(READ_AGAIN_FOR, || self.one(&request, Ending::Done))?;
        if reply.interrupted { Err(Error::Interrupted { attempt: String::new() }) } else { Ok(reply.payloads) }
    }

    /// Reads a list like [`Socket::dump`]; of a list that does not come to rest, it returns all that was seen in a
    /// second of reading. What was there all the time is in it.
    pub fn dump_seen(&mut self, request: &NetlinkRequest) -> Result<Vec<Vec<u8>>> {
        let request = NetlinkRequest { flags: request.flags | NlmF::DUMP, ..request.clone() };
        Ok(read_until_quiet(READ_AGAIN_FOR, || self.one(&request, Ending::Done))?.payloads)
    }

    fn one(&mut self, request: &NetlinkRequest, ending: Ending) -> Result<NetlinkReply> {
        let reply = self.exchange(std::slice::from_ref(request), ending).pop();
        reply.unwrap_or_else(|| Err(Error::malformed("no result")))
    }

    fn exchange(&mut self, requests: &[NetlinkRequest], ending: Ending) -> Vec<Result<NetlinkReply>> {
        let first = self.sequence.wrapping_add(1);
        self.sequence = self.sequence.wrapping_add(requests.len() as u32);
        let mut collector = Collector::new(first, requests.len(), ending);
        let failure = match self.converse(requests, first, &mut collector) {
            Ok(()) => Error::Timeout { attempt: String::new() },
            Err(error) => {
                self.stale = true;
                error
            }
        };
        collector.finish(&failure)
    }

    fn converse(&mut self, requests: &[NetlinkRequest], first: u32, collector: &mut Collector) -> Result<()> {
        if self.stale {
            self.descriptor = open_descriptor(self.protocol, self.timeout)?;
            self.stale = false;
        }
        self.send(requests, first)?;
        let deadline = Instant::now() + self.timeout;
        while !collector.is_complete() {
            if Instant::now() >= deadline {
                return Err(Errno::EAGAIN.into());
            }
            if self.receive()? {
                collector.feed(&self.buffer)?;
            }
        }
        Ok(())
    }

    fn send(&self, requests: &[NetlinkRequest], first: u32) -> Result<()> {
        let mut datagram = Vec::new();
        for (offset, request) in requests.iter().enumerate() {
            // One acknowledgement says that all were executed; each costs a receive, which is most of the time of a
            // batch. A list is acknowledged by its end: asking for both would leave an answer in the queue.
            let asks = offset + 1 == requests.len() && !request.flags.contains(NlmF::DUMP);
            let extra = if asks { NlmF::ACK } else { NlmF::empty() };
            request.write(&mut datagram, first.wrapping_add(offset as u32), extra);
        }
        loop {
            match send(self.descriptor.as_raw_fd(), &datagram, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                result => return Ok(result.map(drop)?),
            }
        }
    }

    /// Fills the buffer with a datagram; `false` says that it is to be ignored.
    fn receive(&mut self) -> Result<bool> {
        match receive_into(&self.descriptor, &mut self.buffer) {
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
            // Another process may send to this socket; only port 0 is the kernel.
            Ok(sender) if sender != 0 => Ok(false),
            // A full buffer means that the rest was cut off. The end of a cut message fails its length check too.
            Ok(_) if self.buffer.len() == self.buffer.capacity() => Err(Error::malformed("a datagram is too long")),
            Ok(_) => Ok(true),
        }
    }
}

/// Receives a datagram into the capacity of `buffer`, and returns the port of its sender.
#[expect(unsafe_code, reason = "a safe function takes bytes that are initialised only")]
fn receive_into(descriptor: &OwnedFd, buffer: &mut Vec<u8>) -> nix::Result<u32> {
    buffer.clear();
    // SAFETY: all that the structure consists of are numbers.
    let mut sender: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    let mut size = size_of_val(&sender) as libc::socklen_t;
    // SAFETY: the kernel writes no more than the capacity into the buffer, and no more than `size` into the address.
    let length = unsafe {
        let (room, sender) = (buffer.spare_capacity_mut(), (&raw mut sender).cast());
        libc::recvfrom(descriptor.as_raw_fd(), room.as_mut_ptr().cast(), room.len(), 0, sender, &raw mut size)
    };
    let length = Errno::result(length)?;
    // SAFETY: the kernel has written so many bytes.
    unsafe { buffer.set_len(length as usize) };
    Ok(sender.nl_pid)
}

/// Reads again as long as the list is interrupted. When it was so for all of `read_again_for`, the reply has everything
/// that was seen, each entry once, and counts as interrupted.
fn read_until_quiet(read_again_for: Duration, mut read: impl FnMut() -> Result<NetlinkReply>) -> Result<NetlinkReply> {
    let deadline = Instant::now() + read_again_for;
    let [mut pause, longest] = PAUSE;
    let (mut seen, mut known) = (Vec::new(), HashSet::new());
    loop {
        let reply = read()?;
        if !reply.interrupted {
            return Ok(reply);
        }
        seen.extend(reply.payloads.into_iter().filter(|payload| known.insert(payload.clone())));
        if Instant::now() >= deadline {
            return Ok(NetlinkReply { payloads: seen, interrupted: true });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}

/// Opens a netlink socket that hears the notifications of these groups.
#[expect(unsafe_code, reason = "neli gives the descriptor of its socket away as a number only")]
pub(super) fn connect(protocol: NlFamily, groups: &[u32]) -> Result<OwnedFd> {
    let socket = NlSocket::connect(protocol, None, Groups::new_groups(groups))?;
    socket.enable_ext_ack(true)?;
    // SAFETY: into_raw_fd gives up the open descriptor, which has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(socket.into_raw_fd()) })
}

fn open_descriptor(protocol: NlFamily, timeout: Duration) -> Result<OwnedFd> {
    let descriptor = connect(protocol, &[])?;
    setsockopt(&descriptor, sockopt::ReceiveTimeout, &TimeVal::milliseconds(timeout.as_millis() as i64))?;
    // SO_RCVBUFFORCE needs CAP_NET_ADMIN; without it the limit of net.core.rmem_max is the most that can be had.
    if setsockopt(&descriptor, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        setsockopt(&descriptor, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    }
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    use neli::consts::rtnl::Rtm;

    use super::*;

    fn links() -> NetlinkRequest {
        NetlinkRequest { kind: Rtm::Getlink.into(), flags: NlmF::empty(), payload: vec![0; 16] }
    }

    #[test]
    fn an_answer_that_does_not_come_is_a_timeout_and_the_next_request_is_answered() {
        let mut socket = Socket::with_timeout(NlFamily::Route, Duration::from_millis(50)).expect("open");
        // The request is no list, and it asks for no acknowledgement: the kernel says nothing to it.
        let silent = NetlinkRequest { kind: Rtm::Newaddr.into(), flags: NlmF::empty(), payload: Vec::new() };
        assert!(matches!(socket.dump(&silent), Err(Error::Timeout { .. })));
        assert!(socket.stale);
        assert!(!socket.dump(&links()).expect("links").is_empty());
        assert!(!socket.stale);
    }

    #[test]
    fn a_batch_gets_one_result_for_each_request_in_order() {
        let mut socket = Socket::open(NlFamily::Route).expect("open");
        let unknown = NetlinkRequest { kind: 0xfff2, flags: NlmF::empty(), payload: vec![0; 16] };
        let nothing = NetlinkRequest { kind: Rtm::Newaddr.into(), flags: NlmF::empty(), payload: Vec::new() };
        let results = socket.batch(&[nothing.clone(), unknown.clone(), unknown, nothing]);
        let errors: Vec<_> = results.iter().map(|result| result.as_ref().err().and_then(Error::errno)).collect();
        assert_eq!(errors, [None, Some(Errno::EOPNOTSUPP as i32), Some(Errno::EOPNOTSUPP as i32), None]);
    }

    #[test]
    fn an_interrupted_list_is_read_again_and_in_the_end_taken_as_it_was_seen() {
        let reply = |byte: u8, interrupted| Ok(NetlinkReply { payloads: vec![vec![0], vec![byte]], interrupted });
        let mut reads = 0;
        let mut read_with = |read_again_for, answer: &dyn Fn(u8) -> Result<NetlinkReply>| {
            reads = 0;
            let result = read_until_quiet(read_again_for, || {
                reads += 1;
                answer(reads)
            });
            (result, reads)
        };
        let patient = Duration::from_secs(60);
        assert_eq!(read_with(patient, &|read| reply(read, read < 3)), (reply(3, false), 3));
        assert_eq!(read_with(Duration::ZERO, &|read| reply(read, true)), (reply(1, true), 1));
        let (seen, reads) = read_with(Duration::from_millis(5), &|read| reply(read, true));
        let seen = seen.expect("no error");
        assert!(seen.interrupted);
        assert_eq!(seen.payloads.len(), usize::from(reads) + 1, "each entry once");
        assert_eq!(read_with(patient, &|_| Err(Errno::ENOMEM.into())), (Err(Errno::ENOMEM.into()), 1));
    }

    #[test]
    fn sequence_numbers_may_wrap() {
        let mut socket = Socket::open(NlFamily::Route).expect("open");
        socket.sequence = u32::MAX - 1;
        let nothing = NetlinkRequest { kind: Rtm::Newaddr.into(), flags: NlmF::empty(), payload: Vec::new() };
        assert_eq!(socket.batch(&[nothing.clone(), nothing.clone(), nothing]), [Ok(()), Ok(()), Ok(())]);
    }
}
