//! The overview as text for people. Pure: the time is an argument.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::SystemTime;

use super::drifts::Drifts;
use super::kernel_index::KernelIndex;
use super::layout::{Layout, Tone};
use super::notes;
use super::overview::{Overview, ServiceSummary, State};
use super::table::Columns;
use crate::daemon::protocol::{HealthMonitorStatus, ServiceStatus};

/// The most services without a declaration that are named.
const NAMED: usize = 4;

/// Returns the overview as lines.
pub fn render(overview: &Overview, layout: Layout, now: SystemTime) -> String {
    let mut text = String::with_capacity(100 * (overview.kernel.len() + 20));
    // A text in memory takes whatever is written.
    let _ = Page::of(overview, layout, now).write(&mut text);
    text
}

struct Page<'a> {
    overview: &'a Overview,
    summaries: HashMap<&'a str, &'a ServiceSummary>,
    kernel: KernelIndex<'a>,
    columns: Columns,
    layout: Layout,
    now: SystemTime,
}

impl<'a> Page<'a> {
    fn of(overview: &'a Overview, layout: Layout, now: SystemTime) -> Self {
        Self {
            overview,
            summaries: overview.services.iter().map(|one| (one.service.as_str(), one)).collect(),
            kernel: KernelIndex::of(&overview.kernel),
            columns: Columns::of(overview),
            layout,
            now,
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Self { overview, layout, .. } = self;
        if let Some(headline) = headline(overview) {
            writeln!(text, "{}", layout.paint(overview.state.into(), headline))?;
        }
        for role in &overview.roles {
            writeln!(text, "{}", layout.paragraph(0, &notes::of_role(role)))?;
        }
        overview.monitors.iter().try_for_each(|monitor| self.monitor(monitor, text))?;
        for warning in overview.doubts.iter().chain(&overview.silent) {
            writeln!(text, "{}", layout.paint(Tone::Bad, layout.paragraph(0, warning)))?;
        }
        for unseen in &overview.not_shown {
            writeln!(text, "{}", layout.paint(Tone::Quiet, layout.paragraph(0, unseen)))?;
        }
        for service in &overview.unmonitored_services {
            self.service(service, &Drifts::default(), "  not monitored", text)?;
        }
        if text.is_empty() {
            writeln!(text, "no virtual service is declared and no health monitor runs on this node")?;
        }
        if !overview.undeclared.is_empty() {
            writeln!(text, "{}", layout.paragraph(0, &undeclared(&overview.undeclared)))?;
        }
        Ok(())
    }

    fn monitor(&self, monitor: &HealthMonitorStatus, text: &mut String) -> std::fmt::Result {
        let Self { layout, now, .. } = self;
        let HealthMonitorStatus { instance, pid, source, liveness, services, sync, .. } = monitor;
        writeln!(text, "{}", layout.paragraph(0, &format!("health monitor {instance} (pid {pid}), {source}")))?;
        for trouble in notes::troubles(liveness, *now) {
            writeln!(text, "{}", layout.paint(Tone::Doubtful, layout.paragraph(2, &trouble)))?;
        }
        for note in sync.iter().flat_map(notes::of_sync) {
            writeln!(text, "{}", layout.paragraph(2, &note))?;
        }
        let drifts = Drifts::of(liveness);
        services.iter().try_for_each(|service| self.service(service, &drifts, "", text))
    }

    fn service(
        &self,
        service: &ServiceStatus,
        drifts: &Drifts<'_>,
        remark: &str,
        text: &mut String,
    ) -> std::fmt::Result {
        let Self { layout, .. } = self;
        let ServiceStatus { service: name, scheduler, .. } = service;
        write!(text, "{}  {scheduler}", layout.paint(Tone::Title, name))?;
        if let Some(summary) = self.summaries.get(name.as_str()) {
            write!(text, "  {}", layout.paint(summary.state.into(), &summary.summary))?;
        }
        writeln!(text, "{}", layout.paint(Tone::Doubtful, remark))?;
        self.columns.service(service, drifts, &self.kernel, (*layout, self.now), text)
    }
}

/// Returns how many services are in which state; `None` where there are none.
pub fn headline(overview: &Overview) -> Option<String> {
    let services = &overview.services;
    let count = |state| services.iter().filter(|one| one.state == state).count();
    let noun = if services.len() == 1 { "virtual service" } else { "virtual services" };
    let states = [(State::Unserved, "not served"), (State::Degraded, "degraded"), (State::Well, "well")];
    let counted = states.iter().map(|(state, words)| (count(*state), *words)).filter(|(count, _)| *count > 0);
    let parts: Vec<String> = counted.map(|(count, words)| format!("{count} {words}")).collect();
    let is_this_node = overview.state > services.iter().map(|one| one.state).max()?;
    let node = if is_this_node { ", and this node has a fault" } else { "" };
    Some(format!("{} {noun}: {}{node}", services.len(), parts.join(", ")))
}

fn undeclared(names: &[String]) -> String {
    let (shown, more) = (names.iter().take(NAMED).map(String::as_str), names.len().saturating_sub(NAMED));
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the kernel also has, declared by no resource of this node: {}{rest}", shown.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
