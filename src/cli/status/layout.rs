//! How text is fitted to where it goes: a terminal of some width, with colours, or a file.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use textwrap::Options;

use super::overview::State;

/// The least width of a column in which a long text is wrapped; in a narrower one it gets lines of its own.
const READABLE: usize = 32;

/// Where text goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout {
    /// The columns of the terminal. `None` stands for what has no lines to be broken: each row stays one line, for grep.
    pub width: Option<usize>,
    /// Whether colours are shown.
    pub colour: bool,
}

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Doubtful,
    Bad,
    Title,
    Quiet,
}

impl From<State> for Tone {
    fn from(state: State) -> Self {
        match state {
            State::Well => Self::Good,
            State::Degraded => Self::Doubtful,
            State::Unserved => Self::Bad,
        }
    }
}

impl Tone {
    /// Returns the tone of a real server's health, in the words of `status`.
    pub fn of_health(health: &str) -> Self {
        match health {
            "up" => Self::Good,
            "down" => Self::Bad,
            _ => Self::Doubtful,
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Title => Style::new().bold(),
            Self::Quiet => Style::new().dimmed(),
        }
    }
}

impl Layout {
    /// Returns the text with the colour of its tone.
    pub fn paint(self, tone: Tone, text: impl Display) -> String {
        let style = if self.colour { tone.style() } else { Style::new() };
        format!("{style}{text}{style:#}")
    }

    /// Returns the text in lines that begin with so many spaces; those after the first with two more.
    pub fn paragraph(self, indent: usize, text: &str) -> String {
        self.wrapped(text, indent, indent + 2)
    }

    /// Returns a text for the last column of a table, whose row takes so many columns before it.
    pub fn last_column(self, before: usize, text: &str) -> String {
        /// Where the text begins that has lines of its own.
        const OWN_LINES: usize = 6;
        let Some(width) = self.width else { return text.to_owned() };
        let room = width.saturating_sub(before);
        if textwrap::core::display_width(text) <= room {
            return text.to_owned();
        }
        if room >= READABLE {
            return self.wrapped(text, before, before).trim_start().to_owned();
        }
        format!("\n{}", self.wrapped(text, OWN_LINES, OWN_LINES))
    }

    fn wrapped(self, text: &str, first: usize, others: usize) -> String {
        let (first, others) = (" ".repeat(first), " ".repeat(others));
        match self.width {
            None => format!("{first}{text}"),
            Some(width) => {
                let width = width.max(others.len() + READABLE / 2);
                textwrap::fill(text, Options::new(width).initial_indent(&first).subsequent_indent(&others))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "check failed 1 of 1: mysql 10.9.0.22:3306: connect: connection refused by the server";

    #[test]
    fn a_long_text_is_wrapped_in_its_column_where_that_is_wide_enough_and_below_the_row_where_it_is_not() {
        let shown = |width, before| Layout { width, colour: false }.last_column(before, TEXT);
        assert_eq!(shown(None, 60), TEXT);
        assert_eq!(shown(Some(200), 60), TEXT);
        let in_column = shown(Some(100), 60);
        let lines: Vec<&str> = in_column.lines().collect();
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= 100), "{in_column}");
        assert!(
            !lines[0].starts_with(' ') && lines[1..].iter().all(|line| line.find(|c| c != ' ') == Some(60)),
            "{in_column}"
        );
        let below = shown(Some(80), 60);
        let lines: Vec<&str> = below.lines().collect();
        assert_eq!(lines[0], "", "{below}");
        assert!(lines[1..].iter().all(|line| line.len() <= 80 && line.find(|c| c != ' ') == Some(6)), "{below}");
    }

    #[test]
    fn a_colour_is_shown_only_where_it_is_wanted() {
        assert_eq!(Layout::default().paint(Tone::Bad, "down"), "down");
        let coloured = Layout { colour: true, width: None }.paint(Tone::Bad, "down");
        assert!(
            coloured.contains("down") && coloured.starts_with('\u{1b}') && coloured.ends_with("\u{1b}[0m"),
            "{coloured:?}"
        );
    }
}
