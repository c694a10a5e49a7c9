//! The rows of a virtual service, in columns that are as wide as the whole overview needs. Pure.

use std::fmt::Write;
use std::time::SystemTime;

use super::age::age;
use super::drifts::Drifts;
use super::kernel_index::KernelIndex;
use super::layout::{Layout, Tone};
use super::overview::{KernelRow, Overview};
use crate::daemon::protocol::{EntryDrift, FallbackStatus, RealServerStatus, ServiceStatus};

/// The width of the column of health: `draining`, `fallback`.
const HEALTH: usize = 8;
/// The width of the column of ages: `23h59m`.
const AGE: usize = 6;

/// The widths of the columns before the last one, which has the reason.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    name: usize,
    method: usize,
    weight: usize,
    active: usize,
    inactive: usize,
}

/// One line of the table.
#[derive(Debug)]
struct Row<'a> {
    name: &'a str,
    method: &'a str,
    kernel: Option<&'a KernelRow>,
    health: &'a str,
    tone: Tone,
    age: String,
    reason: String,
}

impl Columns {
    pub fn of(overview: &Overview) -> Self {
        let reals = || overview.details().flat_map(|service| &service.real_servers);
        let fallbacks = || overview.details().filter_map(|service| service.fallback.as_ref());
        let drifts = overview.monitors.iter().flat_map(|monitor| &monitor.liveness.drifts);
        let names = reals().map(|real| &real.real_server).chain(fallbacks().map(|one| &one.real_server));
        let names = names.chain(drifts.filter_map(|drift| drift.real_server.as_ref()));
        let methods = reals().map(|real| &real.forwarding).chain(fallbacks().map(|one| &one.forwarding));
        let digits = |count: fn(&KernelRow) -> u32| {
            overview.kernel.iter().map(count).max().unwrap_or_default().checked_ilog10().unwrap_or_default() as usize
                + 1
        };
        Self {
            name: widest(names, "real server"),
            method: widest(methods, "method"),
            weight: digits(|row| row.weight).max("weight".len()),
            active: digits(|row| row.active).max("active".len()),
            inactive: digits(|row| row.inactive).max("inactive".len()),
        }
    }

    /// Returns how many columns of the terminal stand before the reason.
    fn before_reason(&self) -> usize {
        let Self { name, method, weight, active, inactive } = self;
        2 + name + 2 + method + 2 + weight + 2 + active + 2 + inactive + 2 + HEALTH + 2 + AGE + 2
    }

    fn heading(&self, layout: Layout) -> String {
        let Self { name, method, weight, active, inactive } = self;
        layout.paint(
            Tone::Quiet,
            format_args!(
                "  {:<name$}  {:<method$}  {:>weight$}  {:>active$}  {:>inactive$}  {:<HEALTH$}  {:<AGE$}  reason",
                "real server", "method", "weight", "active", "inactive", "health", "for"
            ),
        )
    }

    fn row(&self, row: &Row<'_>, layout: Layout, text: &mut String) -> std::fmt::Result {
        let Self { name, method, weight, active, inactive } = self;
        write!(text, "  {:<name$}  {:<method$}  ", row.name, row.method)?;
        match row.kernel {
            Some(row) => write!(text, "{:>weight$}  {:>active$}  {:>inactive$}", row.weight, row.active, row.inactive)?,
            None => write!(text, "{:>weight$}  {:>active$}  {:>inactive$}", "-", "-", "-")?,
        }
        let health = layout.paint(row.tone, format_args!("{:<HEALTH$}", row.health));
        write!(text, "  {health}  {:<AGE$}  ", row.age)?;
        let reason = layout.last_column(self.before_reason(), &row.reason);
        if reason.is_empty() || reason.starts_with('\n') {
            text.truncate(text.trim_end_matches(' ').len());
        }
        text.push_str(&reason);
        text.push('\n');
        Ok(())
    }

    /// Writes the rows of a service, below a heading.
    pub fn service(
        &self,
        service: &ServiceStatus,
        drifts: &Drifts<'_>,
        kernel: &KernelIndex<'_>,
        (layout, now): (Layout, SystemTime),
        text: &mut String,
    ) -> std::fmt::Result {
        let mut drifts = drifts.of_service(&service.service);
        if let Some(drift) = drifts.remove(&None) {
            writeln!(text, "{}", layout.paragraph(2, &drift.words(now)))?;
        }
        let held = |name: &str| kernel.row(&service.service, name);
        let mut rows: Vec<Row<'_>> = Vec::with_capacity(service.real_servers.len());
        for real in &service.real_servers {
            let drift = drifts.remove(&Some(real.real_server.as_str()));
            rows.push(checked(real, drift, held(&real.real_server), now));
        }
        rows.extend(service.fallback.as_ref().map(|fallback| of_fallback(fallback, held(&fallback.real_server))));
        // Those that are left are not configured.
        let left = drifts.into_iter().filter_map(|(real, drift)| Some((real?, drift)));
        rows.extend(left.map(|(name, drift)| by_hand(name, drift, held(name), now)));
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(text, "{}", self.heading(layout))?;
        rows.iter().try_for_each(|row| self.row(row, layout, text))
    }
}

fn widest<'a>(names: impl Iterator<Item = &'a String>, title: &str) -> usize {
    names.map(String::len).chain([title.len()]).max().unwrap_or_default()
}

fn checked<'a>(
    real: &'a RealServerStatus,
    drift: Option<&EntryDrift>,
    kernel: Option<&'a KernelRow>,
    now: SystemTime,
) -> Row<'a> {
    let name = real.dns.as_ref().map(|name| format!("from DNS {name}"));
    let drift = drift.map(|drift| drift.words(now));
    let reason = [Some(real.reason.clone()), name, drift].into_iter().flatten().collect::<Vec<_>>().join("; ");
    Row {
        name: &real.real_server,
        method: &real.forwarding,
        kernel,
        health: &real.health,
        tone: Tone::of_health(&real.health),
        age: age(real.since, now),
        reason,
    }
}

fn of_fallback<'a>(fallback: &'a FallbackStatus, kernel: Option<&'a KernelRow>) -> Row<'a> {
    let (tone, reason) =
        if fallback.serves { (Tone::Bad, "no real server is up") } else { (Tone::Quiet, "not needed") };
    Row {
        name: &fallback.real_server,
        method: &fallback.forwarding,
        kernel,
        health: "fallback",
        tone,
        age: String::new(),
        reason: reason.into(),
    }
}

fn by_hand<'a>(name: &'a str, drift: &EntryDrift, kernel: Option<&'a KernelRow>, now: SystemTime) -> Row<'a> {
    let method = kernel.map_or("-", |row| row.forwarding.as_str());
    let (age, reason) = (age(drift.since, now), drift.words(now));
    Row { name, method, kernel, health: "by hand", tone: Tone::Doubtful, age, reason }
}
