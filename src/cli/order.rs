//! `lvs-agents drain`, `disable`, `weight` and `enable`: an operator's orders, and `lvs-agents orders`, which shows them.
//!
//! The order is written to the place where it is kept (`crate::orders`), and every health monitor that follows this place
//! obeys it. Nothing else is changed here: an order that could not be kept has changed nothing.

mod known;
mod list;
mod subject;
mod time;
mod wait;

use std::io::Write;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use clap::Args;
use jiff::Zoned;
use jiff::tz::TimeZone;
use nix::unistd::gethostname;

use super::{ExitStatus, SUCCESS};
use crate::model::{Order, OrderKind, OrderSubject};
use crate::orders::{self, OrderStore};
use crate::system::RunDir;
use known::KnownServers;
pub use list::run as list;
use subject::ServerWord;
pub use time::{duration, start};

/// The time was over and connections are left.
const CONNECTIONS_LEFT: ExitStatus = 3;

/// Which real servers an order is about.
#[derive(Args)]
pub struct SubjectArguments {
    /// Address or name of the real server, with a port if not all of its ports are meant: 10.0.0.2, 10.0.0.2:80,
    /// [2001:db8::2]:80, web2, web2:80
    #[arg(value_name = "SERVER[:PORT]")]
    server: String,
    /// Only in this virtual service, as `status` names it: "tcp 10.0.0.1:80", or 10.0.0.1:80 where that is clear
    #[arg(long, value_name = "SERVICE", conflicts_with = "all_services")]
    service: Option<String>,
    /// In every virtual service that has the real server; needed only where there are several
    #[arg(long)]
    all_services: bool,
}

/// What an order is beside its kind.
#[derive(Args)]
pub struct OrderArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// End the order by itself after this time: 90s, 15m, 2h, 1d
    #[arg(long = "for", value_name = "TIME", value_parser = time::duration, conflicts_with = "until")]
    duration: Option<Duration>,
    /// End the order by itself at this time: 12:00 (the next one), 2026-11-28T12:00, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Why, for those who look at `status`
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

/// Gives an order. `wait` is how long to wait for the end of the connections.
pub fn give(
    kind: OrderKind,
    arguments: OrderArguments,
    wait: Option<Duration>,
    out: &mut impl Write,
) -> anyhow::Result<ExitStatus> {
    let OrderArguments { subject, duration, until, reason } = arguments;
    let object = match kind {
        OrderKind::Drain | OrderKind::Disable => format!("{kind} {}", subject.server),
        OrderKind::Weight(weight) => format!("weight {} {weight}", subject.server),
    };
    needs_root(&object)?;
    let (run_dir, now) = (RunDir::system(), Zoned::now());
    let known = KnownServers::read(&run_dir);
    let subject = subject::known(&ServerWord::read(&subject.server, &known), &subject.filter(), &known)
        .with_context(|| object.clone())?;
    let targets = known.covered_by(&subject);
    if wait.is_some() {
        wait::refuse_on_standby(&run_dir, &targets).with_context(|| format!("{object}: --wait"))?;
    }
    let until = time::end(duration, until.as_deref(), &now).with_context(|| object.clone())?;
    let since = u64::try_from(now.timestamp().as_second()).unwrap_or(0);
    let order = Order { subject, kind, since, until, by: operator(), reason };
    let mut store = OrderStore::open(&run_dir).with_context(|| object.clone())?;
    let place = store.keep(&order).with_context(|| object.clone())?;
    writeln!(out, "{subject}: {}", orders::described(&order, &TimeZone::system()))?;
    writeln!(out, "  {place}")?;
    clean_up(&mut store, since, out)?;
    for doubt in known.doubts(&targets, kind) {
        writeln!(out, "  {doubt}")?;
    }
    match wait {
        Some(limit) => wait::until_empty(&subject, &targets, limit, out),
        None => Ok(SUCCESS),
    }
}

/// Ends every order about the real servers, so that their configuration counts again.
pub fn end(arguments: &SubjectArguments, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let object = format!("enable {}", arguments.server);
    needs_root(&object)?;
    let run_dir = RunDir::system();
    let known = KnownServers::read(&run_dir);
    let mut store = OrderStore::open(&run_dir).with_context(|| object.clone())?;
    let word = ServerWord::read(&arguments.server, &known);
    let subject =
        subject::ordered(&word, &arguments.filter(), &known, store.orders()).with_context(|| object.clone())?;
    let ended: Vec<Order> = store.orders().iter().filter(|order| subject.includes(&order.subject)).cloned().collect();
    store.end(&subjects(&ended)).with_context(|| object.clone())?;
    let now = seconds(SystemTime::now());
    for order in &ended {
        let was = if order.is_in_force(now) { "" } else { "no longer " };
        writeln!(out, "{}: ended; it was {was}{}", order.subject, orders::described(order, &TimeZone::system()))?;
    }
    if ended.is_empty() {
        writeln!(out, "{subject}: there is no order to end")?;
    }
    let wider = store.orders().iter().find(|order| order.is_in_force(now) && order.subject.includes(&subject));
    if let Some(wider) = wider {
        let text = orders::described(wider, &TimeZone::system());
        let command = format!("lvs-agents enable {}", subject::arguments(&wider.subject));
        bail!("{object}: an order about {} still counts: {text}; it is ended by: {command}", wider.subject);
    }
    clean_up(&mut store, now, out)?;
    Ok(SUCCESS)
}

/// Ends the orders whose time is over. They count no more; a failure changes nothing and is only said.
fn clean_up(store: &mut OrderStore, now: u64, out: &mut impl Write) -> std::io::Result<()> {
    let is_over = |order: &Order| !order.is_in_force(now) && !store.is_out_of_reach(&order.subject);
    let over: Vec<Order> = store.orders().iter().filter(|order| is_over(order)).cloned().collect();
    match store.end(&subjects(&over)) {
        Ok(()) => Ok(()),
        Err(cause) => writeln!(out, "  orders whose time is over: remove: {cause:#}"),
    }
}

fn subjects(orders: &[Order]) -> Vec<OrderSubject> {
    orders.iter().map(|order| order.subject).collect()
}

fn needs_root(object: &str) -> anyhow::Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    bail!("{object}: permission denied: only root gives orders (sudo lvs-agents {object})")
}

/// Returns the name of the person, who may have become root by sudo, and where the order is given: in a cluster every node
/// shows it.
fn operator() -> String {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "root".into());
    let node = gethostname().ok().and_then(|node| node.into_string().ok());
    node.map_or(name.clone(), |node| format!("{name}@{node}"))
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl SubjectArguments {
    fn filter(&self) -> subject::ServiceFilter<'_> {
        match &self.service {
            Some(service) => subject::ServiceFilter::One(service),
            None if self.all_services => subject::ServiceFilter::All,
            None => subject::ServiceFilter::Clear,
        }
    }
}
