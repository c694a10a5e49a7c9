//! Packet sockets that listen: one for each protocol and interface, with a filter that lets pass what is waited for.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{self, sock_filter};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, bind, recv, setsockopt, socket, sockopt};

use super::Result;
use super::announce::{Station, link_address};

/// A field of the packet, counted from the network header, and the value that it has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// A byte at this place.
    Byte(u32, u8),
    /// Two bytes, big-endian, at this place.
    Word(u32, u16),
}

/// A socket for one protocol on one interface.
pub(super) struct Ear {
    pub(super) at: Station,
    socket: OwnedFd,
}

impl Ear {
    /// Listens for packets of this protocol (`ETH_P_*`) whose fields are all as one of the lists expects, or for all of them
    /// where there is no list: a busy host's other packets would fill the socket's buffer.
    pub(super) fn open(at: Station, protocol: i32, wanted: &[&[Expect]]) -> Result<Self> {
        /// Room for the answers of hundreds of addresses that arrive while we still ask.
        const RECEIVE_BUFFER: usize = 1024 * 1024;
        // The socket has no protocol before the bind: what arrives on other interfaces meanwhile must not be taken for
        // this one's.
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, None)?;
        // The default buffer holds fewer; without CAP_NET_ADMIN it stays, and answers of a later round count.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER);
        if !wanted.is_empty() {
            attach(&socket, &mut program(wanted))?;
        }
        bind(socket.as_raw_fd(), &link_address(at.interface, protocol, [0; 6])?)?;
        Ok(Self { at, socket })
    }
}

/// Returns the filter: each field of a list is loaded and compared, and the first one that differs leads to the next list,
/// behind the last of which a packet is refused.
fn program(wanted: &[&[Expect]]) -> Vec<sock_filter> {
    let code = |bits: u32| bits as u16;
    let answer = |length: u32| sock_filter { code: code(libc::BPF_RET | libc::BPF_K), jt: 0, jf: 0, k: length };
    let mut program = Vec::new();
    for expected in wanted {
        for (position, field) in expected.iter().enumerate() {
            let (width, at, value) = match *field {
                Expect::Byte(at, value) => (libc::BPF_B, at, value.into()),
                Expect::Word(at, value) => (libc::BPF_H, at, value.into()),
            };
            // Behind this one come two steps for each other field, and the step that takes the packet.
            let to_next = (2 * (expected.len() - position - 1) + 1) as u8;
            program.push(sock_filter { code: code(libc::BPF_LD | width | libc::BPF_ABS), jt: 0, jf: 0, k: at });
            program.push(sock_filter {
                code: code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
                jt: 0,
                jf: to_next,
                k: value,
            });
        }
        program.push(answer(u32::MAX));
    }
    program.push(answer(0));
    program
}

#[expect(unsafe_code, reason = "nix has no packet filters")]
fn attach(socket: &OwnedFd, program: &mut [sock_filter]) -> Result<()> {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the option is read from `filter`, whose program lives through the call, and is copied by the kernel.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    Ok(Errno::result(set).map(drop)?)
}

/// Hands to `hear` every packet that has arrived, and those that arrive until `deadline`.
pub(super) fn listen(ears: &[Ear], deadline: Instant, mut hear: impl FnMut(Station, &[u8])) -> Result<()> {
    loop {
        hear_what_is_there(ears, &mut hear);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        wait(ears, None, Some(left))?;
    }
}

/// Hands to `hear` every packet that has arrived.
pub(super) fn hear_what_is_there(ears: &[Ear], mut hear: impl FnMut(Station, &[u8])) {
    let mut buffer = [0; 2048];
    for ear in ears {
        // The socket reports once that its interface went down; the next question to it is the error.
        drain(
            |buffer| recv(ear.socket.as_raw_fd(), buffer, MsgFlags::empty()).ok(),
            &mut buffer,
            |packet| {
                hear(ear.at, packet);
            },
        );
    }
}

/// Waits until a packet is there, or `other` can be read, or the time is over; without a limit where there is none.
pub(super) fn wait(ears: &[Ear], other: Option<BorrowedFd<'_>>, limit: Option<Duration>) -> Result<()> {
    let mut waiting: Vec<PollFd> =
        ears.iter().map(|ear| ear.socket.as_fd()).chain(other).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    // In whole milliseconds, and never too short, which would be a loop without a pause.
    let whole = |limit: Duration| PollTimeout::try_from(limit + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
    let timeout = limit.map_or(PollTimeout::NONE, whole);
    match poll(&mut waiting, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Hands on what has arrived, or so much of it that the other sockets and the deadline get their turn: a flood has no
/// end.
fn drain(mut receive: impl FnMut(&mut [u8]) -> Option<usize>, buffer: &mut [u8], mut hear: impl FnMut(&[u8])) {
    const MOST: usize = 1024;
    for _ in 0..MOST {
        let Some(length) = receive(buffer) else { return };
        hear(buffer.get(..length).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came is looked at, however much more comes; else an action would hang as long as a broken network floods it.
    #[test]
    fn a_flood_without_end_is_not_listened_to_without_end() {
        let mut heard = 0;
        drain(|buffer| Some(buffer.len()), &mut [0; 64], |_| heard += 1);
        assert!(heard > 100, "{heard}");
    }

    #[test]
    fn each_field_that_differs_leads_to_the_next_list_and_in_the_end_to_the_refusal() {
        let lists: [&[Expect]; 2] =
            [&[Expect::Byte(9, 6), Expect::Word(22, 80), Expect::Byte(16, 7)], &[Expect::Byte(9, 1)]];
        let program = program(&lists);
        let refusal = program.len() - 1;
        let jumps = program.iter().enumerate().filter(|(_, step)| step.jf > 0);
        let targets: Vec<usize> = jumps.map(|(at, step)| at + 1 + usize::from(step.jf)).collect();
        assert_eq!(targets, [7, 7, 7, refusal]);
        let lengths = [6, refusal - 1, refusal].map(|at| program[at].k);
        assert_eq!(lengths, [u32::MAX, u32::MAX, 0]);
    }
}
