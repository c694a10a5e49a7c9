//! Framing of netlink messages (netlink(7), include/uapi/linux/netlink.h): headers, acknowledgements, ends of lists.
//!
//! This is written here and not taken from neli because neli subtracts lengths that it has not checked.

use neli::consts::nl::{NlmF, NlmsgerrAttr};
use nix::errno::Errno;

use super::attribute::Attributes;
use super::{Error, Result};

const HEADER: usize = 16;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

/// One order or question to the kernel; the socket adds sequence number and length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NetlinkRequest {
    /// `nlmsg_type`: an `RTM_*` number or a generic netlink family.
    pub kind: u16,
    /// The flags in addition to `NLM_F_REQUEST`.
    pub flags: NlmF,
    /// Everything after the netlink header.
    pub payload: Vec<u8>,
}

impl NetlinkRequest {
    /// Appends the request to `buffer`, aligned to 4 bytes, so that several may follow each other in one datagram.
    pub fn write(&self, buffer: &mut Vec<u8>, sequence: u32, extra: NlmF) {
        let flags = NlmF::REQUEST | self.flags | extra;
        // The length fits: a payload is a handful of attributes of at most 64 KiB.
        let length = (HEADER + self.payload.len()) as u32;
        buffer.extend_from_slice(&length.to_ne_bytes());
        buffer.extend_from_slice(&self.kind.to_ne_bytes());
        buffer.extend_from_slice(&flags.bits().to_ne_bytes());
        buffer.extend_from_slice(&sequence.to_ne_bytes());
        buffer.extend_from_slice(&0u32.to_ne_bytes());
        buffer.extend_from_slice(&self.payload);
        buffer.resize(buffer.len().next_multiple_of(4), 0);
    }
}

/// One message of a received datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NetlinkMessage<'a> {
    kind: u16,
    flags: NlmF,
    sequence: u32,
    payload: &'a [u8],
}

fn split(datagram: &[u8]) -> Result<Option<(NetlinkMessage<'_>, &[u8])>> {
    if datagram.is_empty() {
        return Ok(None);
    }
    let short = || Error::malformed("a message is cut off");
    let length = u32_at(datagram, 0).ok_or_else(short)? as usize;
    let payload = datagram.get(HEADER..length).ok_or_else(short)?;
    let message = NetlinkMessage {
        kind: u16_at(datagram, 4).ok_or_else(short)?,
        flags: NlmF::from_bits_truncate(u16_at(datagram, 6).ok_or_else(short)?),
        sequence: u32_at(datagram, 8).ok_or_else(short)?,
        payload,
    };
    // The last message of a datagram may lack its padding.
    let rest = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    Ok(Some((message, rest)))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// What the answer to a request ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// `NLM_F_ACK` was asked for with the last request: the answer ends with an error message, number 0 for success.
    /// The kernel executes requests in order and reports errors unasked, so silence about an earlier request then means
    /// success.
    Acknowledgement,
    /// `NLM_F_DUMP`: the answer ends with `NLMSG_DONE`, or an error message.
    Done,
}

/// What was answered to a request that the kernel executed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NetlinkReply {
    pub payloads: Vec<Vec<u8>>,
    /// Whether the list changed while it was read: some of it may be missing, and what is there was so at one time.
    pub interrupted: bool,
}

/// The answer to one request, as far as it has come.
#[derive(Debug, Default)]
struct PartialAnswer {
    payloads: Vec<Vec<u8>>,
    interrupted: bool,
    result: Option<Result<()>>,
}

/// Gathers the answers to a batch of requests from datagrams, in whatever portions these come.
#[derive(Debug)]
pub(super) struct Collector {
    first_sequence: u32,
    ending: Ending,
    answers: Vec<PartialAnswer>,
}

impl Collector {
    /// Creates a collector for requests that carry `first_sequence`, `first_sequence + 1` and so on.
    pub fn new(first_sequence: u32, count: usize, ending: Ending) -> Self {
        let answers = std::iter::repeat_with(PartialAnswer::default).take(count).collect();
        Self { first_sequence, ending, answers }
    }

    pub fn is_complete(&self) -> bool {
        self.answers.last().is_none_or(|last| last.result.is_some())
    }

    /// Takes a datagram. Messages with another sequence number are late answers to an earlier request that timed out:
    /// they are skipped.
    ///
    /// # Errors
    /// Fails when the datagram cannot be split into messages: what comes after is then unknown too.
    pub fn feed(&mut self, datagram: &[u8]) -> Result<()> {
        let mut rest = datagram;
        while let Some((message, tail)) = split(rest)? {
            rest = tail;
            let index = message.sequence.wrapping_sub(self.first_sequence) as usize;
            let Some(answer) = self.answers.get_mut(index).filter(|answer| answer.result.is_none()) else {
                continue;
            };
            answer.interrupted |= message.flags.contains(NlmF::DUMP_INTR);
            match message.kind {
                NLMSG_OVERRUN => return Err(Error::from(Errno::EOVERFLOW)),
                NLMSG_ERROR => answer.result = Some(decode_acknowledgement(&message)),
                NLMSG_DONE if self.ending == Ending::Done => answer.result = Some(decode_done(&message)),
                NLMSG_NOOP | NLMSG_DONE => {}
                _ => answer.payloads.push(message.payload.to_vec()),
            }
        }
        Ok(())
    }

    /// Returns one result for each request, in order. Requests about which nothing is known get `missing`.
    pub fn finish(self, missing: &Error) -> Vec<Result<NetlinkReply>> {
        let complete = self.is_complete();
        let finish_one = |answer: PartialAnswer| match answer.result {
            None if !complete => Err(missing.clone()),
            None | Some(Ok(())) => Ok(NetlinkReply { payloads: answer.payloads, interrupted: answer.interrupted }),
            Some(Err(error)) => Err(error),
        };
        self.answers.into_iter().map(finish_one).collect()
    }
}

/// Reads a `struct nlmsgerr`: the number, the header of the request, the request itself unless capped, then attributes.
fn decode_acknowledgement(message: &NetlinkMessage<'_>) -> Result<()> {
    let short = || Error::malformed("an acknowledgement is cut off");
    let number = u32_at(message.payload, 0).ok_or_else(short)? as i32;
    let original = u32_at(message.payload, 4).ok_or_else(short)? as usize;
    let echoed = if message.flags.contains(NlmF::CAPPED) { HEADER } else { original.max(HEADER) };
    outcome(number, message, 4 + echoed.next_multiple_of(4))
}

/// Reads the end of a list, which carries an error number when the kernel gave up in the middle.
fn decode_done(message: &NetlinkMessage<'_>) -> Result<()> {
    // Kernels before 2.6 sent no number, and a few families still send none.
    outcome(u32_at(message.payload, 0).unwrap_or(0) as i32, message, 4)
}

fn outcome(number: i32, message: &NetlinkMessage<'_>, attributes_at: usize) -> Result<()> {
    if number >= 0 {
        return Ok(());
    }
    let tail = message.payload.get(attributes_at..).filter(|_| message.flags.contains(NlmF::ACK_TLVS));
    let explanation = tail
        .and_then(|tail| Attributes::<NlmsgerrAttr>::decode(tail).ok())
        .and_then(|attributes| attributes.optional_text(NlmsgerrAttr::Msg));
    Err(Error::from_errno(number.wrapping_neg(), explanation))
}

#[cfg(test)]
mod tests;
