//! What each key does. Pure.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Top;

/// What the keys do, for the page of help.
pub const HELP: [(&str, &str); 9] = [
    ("q, ^C", "end"),
    ("up, down, page up, page down, home, end", "choose a line; why it is so stands below the list"),
    ("left, right", "sort by the column to the left or right"),
    ("r", "the other way round"),
    ("/", "only names that have this text; Esc ends it"),
    ("w", "only what is wrong, and all again"),
    ("n", "as configured again"),
    ("h, ?", "this page"),
    ("Esc", "leaves this page; shows all again"),
];

impl Top {
    /// Takes a key.
    pub fn press(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && matches!(key.code, KeyCode::Char('c' | 'C')) {
            self.has_ended = true;
        } else if let Some(text) = self.typing.take() {
            self.typing = typed(text, key.code, &mut self.view.filter);
            self.arrange();
        } else if !is_control {
            self.command(key.code);
        }
    }

    fn command(&mut self, key: KeyCode) {
        let page = self.height.saturating_sub(1).max(1);
        match key {
            KeyCode::Char('q' | 'Q') => self.has_ended = true,
            KeyCode::Up | KeyCode::Char('k') => self.go_to(self.cursor.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.go_to(self.cursor + 1),
            KeyCode::PageUp => self.go_to(self.cursor.saturating_sub(page)),
            KeyCode::PageDown | KeyCode::Char(' ') => self.go_to(self.cursor + page),
            KeyCode::Home => self.go_to(0),
            KeyCode::End => self.go_to(self.length()),
            KeyCode::Left | KeyCode::Char('<') => self.change(|top| top.view.sort = top.view.sort.previous()),
            KeyCode::Right | KeyCode::Char('>' | 's') => self.change(|top| top.view.sort = top.view.sort.next()),
            KeyCode::Char('n') => {
                self.change(|top| (top.view.sort, top.view.is_reversed) = (super::SortKey::Name, false));
            }
            KeyCode::Char('r') => self.change(|top| top.view.is_reversed ^= true),
            KeyCode::Char('w') => self.change(|top| top.view.only_wrong ^= true),
            KeyCode::Char('/') => self.typing = Some(String::new()),
            KeyCode::Char('h' | '?') => self.shows_help ^= true,
            KeyCode::Esc if self.shows_help => self.shows_help = false,
            KeyCode::Esc => self.change(|top| {
                top.view.filter.clear();
                top.view.only_wrong = false;
            }),
            _ => {}
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        self.arrange();
    }
}

/// Returns the text that is still typed; `None` when it is complete or given up. The filter follows each key.
fn typed(mut text: String, key: KeyCode, filter: &mut String) -> Option<String> {
    match key {
        KeyCode::Enter => return None,
        KeyCode::Esc => {
            filter.clear();
            return None;
        }
        KeyCode::Backspace => drop(text.pop()),
        KeyCode::Char(character) => text.push(character),
        _ => {}
    }
    filter.clone_from(&text);
    Some(text)
}
