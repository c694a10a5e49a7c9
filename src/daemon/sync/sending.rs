//! One sending of the table of connections, or of the latest of them, in an even pace.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::group::GroupSocket;
use crate::model::{SyncChannel, Table};
use crate::netlink::ipvs::{Ipvs, each_connection};
use crate::sync::{Connection, MessageWriter, Selection, Sending, Unsent, latest_first};

/// The time between two datagrams. At this pace a receiver with the default buffer loses none of a hundred thousand
/// connections; at twice the pace it loses one in twenty.
const PACE: Duration = Duration::from_millis(1);
/// How far a sender that was kept from sending may fall behind and send at once what is due: five datagrams fit into every
/// buffer, and a kernel whose clock ticks rarely wakes nobody after one millisecond.
const ARREARS: Duration = Duration::from_millis(5);

/// What fails when the table of connections cannot be read.
const READ: &str = "/proc/net/ip_vs_conn: read";

/// Why a sending ended before its end.
enum Stop {
    /// This node may not send any more.
    Forbidden,
    Failed(anyhow::Error),
}

/// Sends every connection of the table of which a standby can know. `may_send` is asked before each datagram; `None` means
/// that it forbade one, and that none was sent any more.
///
/// # Errors
/// Fails when the kernel's tables cannot be read or a datagram cannot leave.
pub fn send_table(socket: &GroupSocket, channel: &SyncChannel, may_send: impl Fn() -> bool) -> Result<Option<Sending>> {
    let table = kernel_table()?;
    let selection = Selection::new(&table);
    let mut writer = MessageWriter::new(channel.id, channel.maxlen);
    let mut send = paced(socket, may_send);
    let (mut withheld, mut outcome) = (0, Ok(()));
    let cost = each_connection(|line| {
        match Connection::parse(line).map(|connection| selection.record(&connection)) {
            Some(Ok(record)) => outcome = writer.add(&record).map_or(Ok(()), &mut send),
            Some(Err(Unsent::State)) => withheld += 1,
            Some(Err(Unsent::Stranger | Unsent::DeadTemplate | Unsent::TwoFamilies)) | None => {}
        }
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .context(READ)?;
    match outcome.and_then(|()| writer.finish().map_or(Ok(()), send)) {
        Ok(()) => Ok(Some(Sending { withheld, cost })),
        Err(Stop::Forbidden) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Sends the connections whose packets came last, as many as can be read and sent until `end`.
///
/// # Errors
/// Fails when the kernel's tables cannot be read or a datagram cannot leave.
pub fn send_latest(
    socket: &GroupSocket,
    channel: &SyncChannel,
    end: Instant,
    may_send: impl Fn() -> bool,
) -> Result<()> {
    let table = kernel_table()?;
    let selection = Selection::new(&table);
    let begin = Instant::now();
    let reading_end = begin + end.saturating_duration_since(begin) / 2;
    let mut latest = Vec::new();
    each_connection(|line| {
        let read = Connection::parse(line).and_then(|connection| {
            let record = selection.record(&connection).ok()?;
            Some((connection.state, connection.expires, record))
        });
        latest.extend(read);
        if Instant::now() < reading_end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .context(READ)?;
    let mut writer = MessageWriter::new(channel.id, channel.maxlen);
    let mut send = paced(socket, || Instant::now() < end && may_send());
    let sent = latest_first(latest).iter().try_for_each(|record| writer.add(record).map_or(Ok(()), &mut send));
    match sent.and_then(|()| writer.finish().map_or(Ok(()), send)) {
        Ok(()) | Err(Stop::Forbidden) => Ok(()),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn kernel_table() -> Result<Table> {
    Ok(Ipvs::open_loaded()?.map(|mut ipvs| ipvs.table()).transpose()?.unwrap_or_default())
}

/// Returns what sends a datagram when it is due, unless that is forbidden by then.
fn paced(socket: &GroupSocket, may_send: impl Fn() -> bool) -> impl FnMut(Vec<u8>) -> Result<(), Stop> {
    let mut pace = Pace { due: Instant::now() };
    move |datagram| {
        pace.wait();
        if may_send() { socket.send(&datagram).map_err(Stop::Failed) } else { Err(Stop::Forbidden) }
    }
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
