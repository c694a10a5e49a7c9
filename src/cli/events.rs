//! `lvs-agents events` shows what the health monitors of this node have written of what happened, whether they run or not.

mod merge;
mod source;
mod text;

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

use super::access;
use super::order::start;
use crate::system::{ObservedFolder, RunDir};
use source::{EventSource, Line};

/// How often new events are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Which events are shown, and how.
#[derive(Args)]
pub struct EventsArguments {
    /// Go on and show what happens, until ^C
    #[arg(long, short)]
    follow: bool,
    /// As JSON, a line for each event, for programs; docs/events.md describes it
    #[arg(long)]
    json: bool,
    /// Only what has happened since: 10m, 2h, 12:00, 2026-11-27T12:00
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what is about this virtual service: "tcp 10.9.0.100:80" or 10.9.0.100:80
    #[arg(long)]
    service: Option<String>,
}

/// Which events are wanted.
struct Filter<'a> {
    since: Option<Timestamp>,
    service: Option<&'a str>,
}

impl Filter<'_> {
    fn wants(&self, line: &Line) -> bool {
        let is_meant =
            |word: &str, name: &str| name == word || name.split_once(' ').is_some_and(|(_, rest)| rest == word);
        self.since.is_none_or(|since| line.record.time >= since)
            && self.service.is_none_or(|word| line.record.service.as_ref().is_some_and(|name| is_meant(word, name)))
    }
}

/// Prints the events of all health monitors of this node, the oldest first.
///
/// # Errors
/// Fails when this user may see none of them, and when they cannot be read or printed.
pub fn run(arguments: &EventsArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let EventsArguments { follow, json, since, service } = arguments;
    let since = since.as_deref().map(|text| start(text, &Zoned::now())).transpose()?;
    let filter = Filter { since, service: service.as_deref() };
    let run_dir = RunDir::system();
    warn_of_the_unseen(&run_dir.all_observed(), *follow)?;
    if *follow {
        end_at_signals()?;
    }
    let (mut sources, zone) = (BTreeMap::new(), TimeZone::system());
    loop {
        let mut text = String::new();
        for line in merge::by_time(read_all(&run_dir, &mut sources)?).filter(|line| filter.wants(line)) {
            text.push_str(&if *json { line.raw } else { text::line(&line.record, &zone) });
            text.push('\n');
        }
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("events: print")?;
        if !follow || is_reader_gone_after(LOOK) {
            return Ok(());
        }
    }
}

/// Reads what is new of every health monitor, also of one that has come meanwhile.
fn read_all(run_dir: &RunDir, sources: &mut BTreeMap<String, EventSource>) -> anyhow::Result<Vec<Vec<Line>>> {
    for folder in run_dir.all_observed() {
        sources.entry(folder.name().to_owned()).or_insert_with(|| EventSource::new(folder));
    }
    sources.values_mut().map(EventSource::read_new).collect()
}

/// Says on standard error what this user does not see.
fn warn_of_the_unseen(folders: &[ObservedFolder], follow: bool) -> anyhow::Result<()> {
    let denials: Vec<String> = folders
        .iter()
        .filter_map(|folder| Some(format!("health monitor {}: {}", folder.name(), access::denial(folder)?)))
        .collect();
    if !denials.is_empty() && denials.len() == folders.len() {
        bail!("events: {}", denials.join("; "));
    }
    let none = (folders.is_empty() && !follow).then(|| "no health monitor has run since the last boot".to_owned());
    for text in denials.into_iter().chain(none) {
        // There is no place to report that standard error is closed.
        let _ = writeln!(std::io::stderr(), "lvs-agents: events: {text}");
    }
    Ok(())
}

/// Makes ^C and SIGTERM the ordinary end. They end the process also while it waits for a reader that is slow.
fn end_at_signals() -> anyhow::Result<()> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    signals.thread_block().context("events: block signals")?;
    let wait = move || {
        if signals.wait().is_ok() {
            std::process::exit(0);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).context("events: wait for signals").map(drop)
}

/// Waits, and returns whether the reader of standard output has gone: without an event to print, no write would tell.
fn is_reader_gone_after(time: Duration) -> bool {
    let (output, wait) = (stdout(), PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO));
    let mut polled = [PollFd::new(output.as_fd(), PollFlags::empty())];
    // Errors of the descriptor are reported unasked; an interrupted wait is only a shorter one.
    poll(&mut polled, wait).is_ok_and(|count| count > 0)
}
