//! The screen, of which only what fits is made. Pure: it draws into a buffer.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as TextLine, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::keys::HELP;
use super::model::{Line, Server, Service, Top};
use super::numbers::short;
use super::sort::SortKey;
use crate::cli::status::{State, age};

/// The most notes that are shown at once.
const NOTES: usize = 4;
/// The lines below the list: why the chosen one is as it is, and the keys.
const BELOW: u16 = 3;
/// The width of the names at least and at most; a longer one is cut.
const NAMES: [usize; 2] = [18, 46];
/// The least width of a history that says anything.
const HISTORY: usize = 8;

/// A column of numbers.
struct Column {
    title: &'static str,
    width: usize,
    key: SortKey,
    /// The value of a real server, and that of a whole service.
    server: fn(&Server) -> String,
    service: fn(&Service) -> String,
}

/// The columns in the order in which they are shown. The last ones give way first where the terminal is narrow.
const COLUMNS: [Column; 7] = [
    Column {
        title: "health",
        width: 8,
        key: SortKey::Health,
        server: |server| server.health.clone(),
        service: |_| String::new(),
    },
    Column {
        title: "weight",
        width: 6,
        key: SortKey::Weight,
        server: |server| server.weight.map_or_else(|| "-".into(), |weight| weight.to_string()),
        service: |_| String::new(),
    },
    Column {
        title: "active",
        width: 7,
        key: SortKey::Active,
        server: |server| server.active.to_string(),
        service: |service| service.sum.active.to_string(),
    },
    Column {
        title: "inact",
        width: 7,
        key: SortKey::Inactive,
        server: |server| server.inactive.to_string(),
        service: |service| service.sum.inactive.to_string(),
    },
    Column {
        title: "conn/s",
        width: 6,
        key: SortKey::Connections,
        server: |server| rate(server, |rates| rates.connections),
        service: |service| sum(service, service.sum.rates.connections),
    },
    Column {
        title: "in B/s",
        width: 6,
        key: SortKey::In,
        server: |server| rate(server, |rates| rates.incoming),
        service: |service| sum(service, service.sum.rates.incoming),
    },
    Column {
        title: "out B/s",
        width: 7,
        key: SortKey::Out,
        server: |server| rate(server, |rates| rates.outgoing),
        service: |service| sum(service, service.sum.rates.outgoing),
    },
];

fn rate(server: &Server, of: fn(super::history::Rates) -> f64) -> String {
    server.rates.map_or_else(|| "-".into(), |rates| short(of(rates)))
}

fn sum(service: &Service, rate: f64) -> String {
    if service.servers.iter().any(|server| server.rates.is_some()) { short(rate) } else { "-".into() }
}

/// How the columns fit.
struct Widths {
    name: usize,
    columns: usize,
    history: usize,
}

impl Widths {
    fn of(top: &Top, width: usize) -> Self {
        let server = |line| top.at(line).and_then(|(_, server)| Some(server?.name.chars().count()));
        let longest = top.shown().filter_map(|(line, _)| server(line)).max().unwrap_or_default();
        let [least, most] = NAMES;
        let name = longest.clamp(least, most);
        let (mut used, mut columns) = (2 + name, 0);
        for column in &COLUMNS {
            if used + 1 + column.width > width {
                break;
            }
            (used, columns) = (used + 1 + column.width, columns + 1);
        }
        let history = width.saturating_sub(used + 2).min(super::history::LENGTH);
        Self { name, columns, history: if history >= HISTORY { history } else { 0 } }
    }
}

/// Draws the whole screen, and tells the state how many lines of the list fit.
pub fn draw(top: &mut Top, frame: &mut Frame<'_>, is_plain: bool) {
    let notes = top.notes.len().min(NOTES) as u16;
    let areas: [Rect; 5] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(notes),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(BELOW),
    ])
    .areas(frame.area());
    let [head, note_lines, titles, list, below] = areas;
    top.height = list.height.into();
    top.go_to(top.cursor);
    frame.render_widget(headline(top), head);
    let shown = top.notes.iter().take(NOTES).map(|note| TextLine::styled(note.clone(), Color::Yellow));
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), note_lines);
    if top.shows_help {
        frame.render_widget(help(), titles.union(list));
    } else {
        let widths = Widths::of(top, list.width.into());
        frame.render_widget(heading(top, &widths), titles);
        let lines = top.shown().map(|(line, is_chosen)| row(top, line, is_chosen, &widths, is_plain));
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), list);
    }
    let [why, keys] = Layout::vertical([Constraint::Length(BELOW - 1), Constraint::Length(1)]).areas(below);
    frame.render_widget(reason(top), why);
    frame.render_widget(key_line(top), keys);
}

fn headline(top: &Top) -> TextLine<'static> {
    let title = Span::styled("lvs-agents top  ", Modifier::BOLD);
    TextLine::from(vec![title, Span::styled(top.headline.clone(), of_state(top.state))])
}

fn heading(top: &Top, widths: &Widths) -> TextLine<'static> {
    let marked = |title: &str, key: SortKey| {
        let is_sorted = key == top.view.sort;
        let style = if is_sorted {
            Style::new().add_modifier(Modifier::REVERSED)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        };
        Span::styled(title.to_owned(), style)
    };
    let mut spans = vec![Span::raw("  "), marked(&format!("{:<1$}", "real server", widths.name), SortKey::Name)];
    for column in COLUMNS.iter().take(widths.columns) {
        spans.push(Span::raw(" "));
        spans.push(marked(&padded(column, column.title), column.key));
    }
    if widths.history > 0 {
        spans.push(Span::styled("  open connections", Modifier::DIM));
    }
    TextLine::from(spans)
}

/// Words begin at the left of their column, and numbers end at its right.
fn padded(column: &Column, value: &str) -> String {
    let width = column.width;
    if column.key == SortKey::Health { format!("{value:<width$}") } else { format!("{value:>width$}") }
}

fn row(top: &Top, line: Line, is_chosen: bool, widths: &Widths, is_plain: bool) -> TextLine<'static> {
    let Some((service, server)) = top.at(line) else { return TextLine::default() };
    let text = match server {
        Some(server) => server_row(top, service, server, widths, is_plain),
        None => service_row(service, widths),
    };
    if is_chosen { text.style(Modifier::REVERSED) } else { text }
}

fn server_row(top: &Top, service: &Service, server: &Server, widths: &Widths, is_plain: bool) -> TextLine<'static> {
    let name: String = server.name.chars().take(widths.name).collect();
    let mut spans = vec![Span::raw(format!("  {name:<0$}", widths.name))];
    for column in COLUMNS.iter().take(widths.columns) {
        let text = format!(" {}", padded(column, &(column.server)(server)));
        let style = if column.key == SortKey::Health { of_health(&server.health) } else { Style::new() };
        spans.push(Span::styled(text, style));
    }
    if widths.history > 0 {
        let line = top.history(service, server).map(|history| history.line(widths.history, is_plain));
        spans.push(Span::styled(format!("  {}", line.unwrap_or_default()), Color::Cyan));
    }
    TextLine::from(spans)
}

/// The name and the summary of a service take the room of the first columns, and its sums stand in the others.
fn service_row(service: &Service, widths: &Widths) -> TextLine<'static> {
    let Service { name, summary, state, .. } = service;
    let is_sum = |column: &&Column| !matches!(column.key, SortKey::Health | SortKey::Weight);
    let words = COLUMNS.iter().take(widths.columns).filter(|column| !is_sum(column));
    let room = 2 + widths.name + words.map(|column| 1 + column.width).sum::<usize>();
    let title = format!("{name}  ");
    let used = title.chars().count() + summary.chars().count();
    let mut spans = vec![Span::styled(title, Modifier::BOLD), Span::styled(summary.clone(), of_state(*state))];
    // A long summary takes the room of the sums.
    if used < room {
        spans.push(Span::raw(" ".repeat(room - used)));
        let sums = COLUMNS.iter().take(widths.columns).filter(is_sum);
        spans.extend(sums.map(|column| Span::raw(format!(" {}", padded(column, &(column.service)(service))))));
    }
    TextLine::from(spans)
}

fn reason(top: &Top) -> Paragraph<'static> {
    let text = match top.chosen() {
        Some((_, Some(Server { name, health, since, reason, .. }))) => match *since {
            0 => format!("{name}: {health}: {reason}"),
            since => format!("{name}: {health} for {}: {reason}", age(since, top.time)),
        },
        Some((service, None)) => format!("{}: {}", service.name, service.summary),
        None if top.length() == 0 => "nothing to show".into(),
        None => String::new(),
    };
    Paragraph::new(text).wrap(Wrap { trim: true })
}

fn key_line(top: &Top) -> TextLine<'static> {
    let dimmed = |text: String| TextLine::styled(text, Modifier::DIM);
    if let Some(text) = &top.typing {
        return TextLine::raw(format!("/{text}_"));
    }
    let filter = if top.view.filter.is_empty() { String::new() } else { format!("  [/{}]", top.view.filter) };
    let wrong = if top.view.only_wrong { "  [only what is wrong]" } else { "" };
    let place =
        if top.length() > top.height { format!("  {} of {}", top.cursor + 1, top.length()) } else { String::new() };
    dimmed(format!("q end  < > sort  r reverse  / filter  w wrong  h help{filter}{wrong}{place}"))
}

fn help() -> Paragraph<'static> {
    let line = |(keys, does): &(&'static str, &'static str)| TextLine::raw(format!("  {keys:<42} {does}"));
    Paragraph::new(HELP.iter().map(line).collect::<Vec<_>>())
}

fn of_state(state: State) -> Style {
    match state {
        State::Well => Color::Green.into(),
        State::Degraded => Color::Yellow.into(),
        State::Unserved => Style::from(Color::Red).add_modifier(Modifier::BOLD),
    }
}

fn of_health(health: &str) -> Style {
    match health {
        "up" => Color::Green.into(),
        "down" => Style::from(Color::Red).add_modifier(Modifier::BOLD),
        _ => Color::Yellow.into(),
    }
}

#[cfg(test)]
mod tests;
