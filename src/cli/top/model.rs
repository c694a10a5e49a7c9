//! What the screen shows: a function of the looks and the keys. Pure: the time comes with each look.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use super::history::{History, Rates};
use super::sort::{SortKey, Weights, sort};
use crate::cli::status::{self, KernelIndex, Overview, State, TrafficRow};
use crate::daemon::protocol::ServiceStatus;

/// The counters of real servers, by service and real server.
pub type Counters = HashMap<(String, String), TrafficRow>;

/// What was seen at one moment.
#[derive(Debug)]
pub struct Look {
    /// When, since any fixed moment.
    pub at: Duration,
    /// When, by the wall clock.
    pub time: SystemTime,
    /// Health monitors and the kernel's table.
    pub overview: Overview,
    /// The counters that were asked for.
    pub counters: Counters,
}

/// One virtual service.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: String,
    pub summary: String,
    pub state: State,
    pub servers: Vec<Server>,
    /// Of all its real servers.
    pub sum: Weights,
}

/// One real server of a virtual service.
#[derive(Debug, Clone)]
pub struct Server {
    pub name: String,
    pub health: String,
    pub since: u64,
    pub reason: String,
    /// Whether it is out, or otherwise not as configured.
    pub is_remarkable: bool,
    /// `None` stands for a real server that the kernel does not have.
    pub weight: Option<u32>,
    pub active: u32,
    pub inactive: u32,
    pub rates: Option<Rates>,
}

/// What the person has chosen.
#[derive(Debug, Clone)]
pub struct View {
    pub sort: SortKey,
    pub is_reversed: bool,
    /// Only rows with this text in the name of the service or of the real server.
    pub filter: String,
    /// Only what is wrong.
    pub only_wrong: bool,
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A service, by its place.
    Service(usize),
    /// A real server, by the places of its service and of itself.
    Server(usize, usize),
}

/// The state of the screen.
#[derive(Debug)]
pub struct Top {
    pub view: View,
    /// What the last look said of the node, a line each.
    pub notes: Vec<String>,
    pub headline: String,
    pub state: State,
    pub time: SystemTime,
    services: Vec<Service>,
    lines: Vec<Line>,
    /// The line that is chosen, by its place in `lines`.
    pub cursor: usize,
    /// The first line that is shown.
    pub first: usize,
    /// How many lines the screen has for the list, as of the last drawing.
    pub height: usize,
    /// The filter as it is typed.
    pub typing: Option<String>,
    pub shows_help: bool,
    pub has_ended: bool,
    histories: HashMap<(String, String), History>,
}

impl Top {
    pub fn new(view: View) -> Self {
        Self {
            view,
            notes: Vec::new(),
            headline: "looks at this node for the first time".into(),
            state: State::Well,
            time: SystemTime::UNIX_EPOCH,
            services: Vec::new(),
            lines: Vec::new(),
            cursor: 0,
            first: 0,
            height: 0,
            typing: None,
            shows_help: false,
            has_ended: false,
            histories: HashMap::new(),
        }
    }

    /// Takes a look. What it does not have is gone from the screen, with its history.
    pub fn look(&mut self, look: Look) {
        let Look { at, time, overview, mut counters } = look;
        let kernel = KernelIndex::of(&overview.kernel);
        let summaries = overview.services.iter().zip(overview.details());
        let mut before = std::mem::take(&mut self.histories);
        let mut services = Vec::with_capacity(overview.services.len());
        for (summary, details) in summaries {
            let mut servers = servers(details, &kernel);
            for server in &mut servers {
                let key = (details.service.clone(), server.name.clone());
                let mut history = before.remove(&key).unwrap_or_default();
                history.add(at, open(&details.service, server), counters.remove(&key));
                server.rates = history.rates;
                self.histories.insert(key, history);
            }
            let (name, sum) = (details.service.clone(), Weights::sum(&servers));
            let (summary, state) = (summary.summary.clone(), summary.state);
            services.push(Service { name, summary, state, servers, sum });
        }
        self.headline = status::headline(&overview).unwrap_or_else(|| "no virtual service".into());
        (self.notes, self.state, self.time) = (notes(&overview, time), overview.state, time);
        self.services = services;
        self.arrange();
    }

    /// Says that a look failed. What was seen last stays.
    pub fn fail(&mut self, cause: String) {
        self.notes = vec![cause];
        self.state = State::Degraded;
    }

    /// Makes the list anew. The line that is chosen stays chosen, wherever it goes.
    pub fn arrange(&mut self) {
        let owned = |(service, server): (&str, &str)| (service.to_owned(), server.to_owned());
        let chosen = self.lines.get(self.cursor).and_then(|line| self.name(*line)).map(owned);
        let View { sort: key, is_reversed, .. } = self.view;
        let mut order: Vec<usize> = (0..self.services.len()).collect();
        let services = &self.services;
        sort(&mut order, key, is_reversed, |place| {
            services.get(*place).map_or_else(Default::default, |service| (service.state, service.sum))
        });
        let mut lines = Vec::new();
        for place in order {
            let Some(service) = services.get(place) else { continue };
            let mut servers: Vec<usize> = (0..service.servers.len()).collect();
            servers.retain(|server| service.servers.get(*server).is_some_and(|server| self.shows(service, server)));
            let is_wrong = self.view.only_wrong && service.state != State::Well && self.matches(&service.name);
            if servers.is_empty() && !is_wrong {
                continue;
            }
            sort(&mut servers, key, is_reversed, |server| {
                service
                    .servers
                    .get(*server)
                    .map_or_else(Default::default, |server| (badness(server), Weights::of(server)))
            });
            lines.push(Line::Service(place));
            lines.extend(servers.into_iter().map(|server| Line::Server(place, server)));
        }
        self.lines = lines;
        let place = chosen.and_then(|(service, server)| {
            self.lines.iter().position(|line| self.name(*line) == Some((&service, &server)))
        });
        self.go_to(place.unwrap_or(self.cursor));
    }

    fn shows(&self, service: &Service, server: &Server) -> bool {
        let is_meant = self.matches(&service.name) || self.matches(&server.name);
        is_meant && (!self.view.only_wrong || server.is_remarkable)
    }

    fn matches(&self, name: &str) -> bool {
        name.contains(&self.view.filter)
    }

    fn name(&self, line: Line) -> Option<(&str, &str)> {
        let (service, server) = self.at(line)?;
        Some((&service.name, server.map_or("", |server| &server.name)))
    }

    /// Chooses a line, or the last one where there are not as many, and scrolls so that it is shown.
    pub fn go_to(&mut self, place: usize) {
        self.cursor = place.min(self.lines.len().saturating_sub(1));
        let last_first = self.lines.len().saturating_sub(self.height);
        let lowest = (self.cursor + 1).saturating_sub(self.height);
        self.first = self.first.clamp(lowest, self.cursor.max(lowest)).min(last_first);
    }

    /// Returns what a line is about.
    pub fn at(&self, line: Line) -> Option<(&Service, Option<&Server>)> {
        match line {
            Line::Service(service) => Some((self.services.get(service)?, None)),
            Line::Server(service, server) => {
                let service = self.services.get(service)?;
                Some((service, Some(service.servers.get(server)?)))
            }
        }
    }

    /// Returns the lines that are shown, each with whether it is chosen.
    pub fn shown(&self) -> impl Iterator<Item = (Line, bool)> {
        let lines = self.lines.iter().enumerate().skip(self.first).take(self.height);
        lines.map(|(place, line)| (*line, place == self.cursor))
    }

    /// Returns how many lines the list has.
    pub fn length(&self) -> usize {
        self.lines.len()
    }

    /// Returns the line that is chosen.
    pub fn chosen(&self) -> Option<(&Service, Option<&Server>)> {
        self.at(*self.lines.get(self.cursor)?)
    }

    pub fn history(&self, service: &Service, server: &Server) -> Option<&History> {
        self.histories.get(&(service.name.clone(), server.name.clone()))
    }

    /// Returns the services whose counters are wanted; `None` stands for all.
    pub fn counted(&self) -> Option<Vec<String>> {
        if self.view.sort.needs_rates() {
            return None;
        }
        let places = self.shown().map(|(line, _)| match line {
            Line::Service(place) | Line::Server(place, _) => place,
        });
        let mut places: Vec<usize> = places.collect();
        places.dedup();
        Some(places.iter().filter_map(|place| Some(self.services.get(*place)?.name.clone())).collect())
    }
}

/// Returns the rows of a service: its real servers, its fallback where the kernel has it, and what was added by hand.
fn servers(details: &ServiceStatus, kernel: &KernelIndex<'_>) -> Vec<Server> {
    let name = details.service.as_str();
    let server = |real: &str, health: &str, since, reason: &str| {
        let row = kernel.row(name, real);
        Server {
            name: real.into(),
            health: health.into(),
            since,
            reason: reason.into(),
            is_remarkable: true,
            weight: row.map(|row| row.weight),
            active: row.map_or(0, |row| row.active),
            inactive: row.map_or(0, |row| row.inactive),
            rates: None,
        }
    };
    let mut servers = Vec::with_capacity(details.real_servers.len() + 1);
    for real in &details.real_servers {
        let is_remarkable = status::is_remarkable(real, kernel.row(name, &real.real_server));
        let row = server(&real.real_server, &real.health, real.since, &real.reason);
        servers.push(Server { is_remarkable, ..row });
    }
    let configured: HashSet<&str> = details.real_servers.iter().map(|real| real.real_server.as_str()).collect();
    for row in kernel.rows_of(name).iter().filter(|row| !configured.contains(row.real_server.as_str())) {
        let is_fallback = details.fallback.as_ref().is_some_and(|fallback| fallback.real_server == row.real_server);
        servers.push(match is_fallback {
            true => server(&row.real_server, "fallback", 0, "no real server is up"),
            false => server(&row.real_server, "by hand", 0, "another program has added it"),
        });
    }
    servers
}

/// Established connections, where the kernel knows them: of UDP, and of what a mark stands for, it does not tell which ones are in use.
fn open(service: &str, server: &Server) -> u32 {
    let is_told = service.starts_with("tcp ") || service.starts_with("sctp ");
    if is_told { server.active } else { server.active.saturating_add(server.inactive) }
}

fn badness(server: &Server) -> State {
    match server.health.as_str() {
        "down" => State::Unserved,
        _ if server.is_remarkable => State::Degraded,
        _ => State::Well,
    }
}

fn notes(overview: &Overview, now: SystemTime) -> Vec<String> {
    let mut notes: Vec<String> = overview.silent.clone();
    if !overview.unmonitored.is_empty() {
        let count = overview.unmonitored.len();
        notes.push(format!("{count} not monitored: no health monitor of this node answers for it"));
    }
    notes.extend(overview.doubts.iter().chain(&overview.not_shown).cloned());
    for monitor in &overview.monitors {
        notes.extend(status::troubles(&monitor.liveness, now));
        notes.extend(monitor.sync.iter().flat_map(status::of_sync));
    }
    notes.extend(overview.roles.iter().map(status::of_role));
    notes
}

#[cfg(test)]
mod tests;
