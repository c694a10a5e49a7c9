//! One sending of the whole table of connections, in an even pace.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::group::GroupSocket;
use crate::model::SyncChannel;
use crate::netlink::ipvs::{Ipvs, each_connection};
use crate::sync::{Connection, MessageWriter, Selection, Sending, Unsent};

/// The time between two datagrams. At this pace a receiver with the default buffer loses none of a hundred thousand
/// connections; at twice the pace it loses one in twenty.
const PACE: Duration = Duration::from_millis(1);
/// How far a sender that was kept from sending may fall behind and send at once what is due: five datagrams fit into every
/// buffer, and a kernel whose clock ticks rarely wakes nobody after one millisecond.
const ARREARS: Duration = Duration::from_millis(5);

/// What became of a sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendingEnd {
    Whole(Sending),
    /// It was broken off, because this node may not send any more.
    BrokenOff,
}

/// Sends every connection of the table of which a standby can know. `may_send` is asked before each datagram.
///
/// # Errors
/// Fails when the kernel's tables cannot be read or a datagram cannot leave.
pub fn send_table(socket: &GroupSocket, channel: &SyncChannel, may_send: impl Fn() -> bool) -> Result<SendingEnd> {
    let table = Ipvs::open_loaded()?.map(|mut ipvs| ipvs.table()).transpose()?.unwrap_or_default();
    let selection = Selection::new(&table);
    let mut writer = MessageWriter::new(channel.id, channel.maxlen);
    let mut pace = Pace { due: Instant::now() };
    let mut sending = Sending::default();
    let mut end = Ok(ControlFlow::Continue(()));
    let mut send = |datagram: Option<Vec<u8>>| match datagram {
        None => Ok(ControlFlow::Continue(())),
        Some(datagram) => {
            pace.wait();
            if !may_send() {
                return Ok(ControlFlow::Break(()));
            }
            socket.send(&datagram).map(ControlFlow::Continue)
        }
    };
    let read = each_connection(|line| {
        match Connection::parse(line).map(|connection| selection.record(&connection)) {
            Some(Ok(record)) => {
                sending.sent += 1;
                end = send(writer.add(&record));
            }
            Some(Err(Unsent::State)) => sending.withheld += 1,
            Some(Err(Unsent::Stranger | Unsent::DeadTemplate | Unsent::TwoFamilies)) | None => {}
        }
        if matches!(end, Ok(ControlFlow::Continue(()))) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    sending.cost = read.context("/proc/net/ip_vs_conn: read")?;
    if end?.is_break() || send(writer.finish())?.is_break() {
        return Ok(SendingEnd::BrokenOff);
    }
    Ok(SendingEnd::Whole(sending))
}

/// Keeps datagrams apart.
struct Pace {
    /// When the next one may leave.
    due: Instant,
}

impl Pace {
    fn wait(&mut self) {
        let now = Instant::now();
        if let Some(early) = self.due.checked_duration_since(now) {
            std::thread::sleep(early);
        }
        self.due = self.due.max(now.checked_sub(ARREARS).unwrap_or(now)) + PACE;
    }
}
