//! `lvs-agents top`: what `status` shows, live, with rates and a history of each real server.
//!
//! A thread looks (`look.rs`), the state is a function of looks and keys (`model.rs`, `keys.rs`), and the screen draws of it what
//! fits (`draw.rs`, `screen.rs`).

mod draw;
mod history;
mod keys;
mod look;
mod model;
mod numbers;
mod screen;
mod sort;
#[cfg(test)]
mod testing;

use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;

use super::{ExitStatus, SUCCESS};
use crate::system::memory;
use look::Looks;
use model::{Top, View};
use screen::{EndSignals, Happening, Screen};
use sort::SortKey;

/// How soon what was seen, and a change of the terminal's size, is drawn.
const TURN: Duration = Duration::from_millis(100);

/// What is shown first.
#[derive(Args)]
pub struct TopArguments {
    /// Sort by this column, the largest first
    #[arg(long, value_enum, default_value_t = SortKey::Name)]
    sort: SortKey,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// Only services and real servers whose name has this text
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
    /// Only what is wrong
    #[arg(long)]
    wrong: bool,
}

/// Shows the screen until a key or a signal ends it.
///
/// # Errors
/// Fails where there is no terminal, and when this user may not look.
pub fn run(arguments: TopArguments) -> anyhow::Result<ExitStatus> {
    let TopArguments { sort, reverse, filter, wrong } = arguments;
    memory::keep_for_reuse();
    let signals = EndSignals::wait()?;
    let began = Instant::now();
    let mut top = Top::new(View { sort, is_reversed: reverse, filter, only_wrong: wrong });
    let is_plain = is_plain(|name| std::env::var(name).ok());
    let mut screen = Screen::open()?;
    // A health monitor that hangs keeps the first look waiting.
    screen.draw(|frame| draw::draw(&mut top, frame, is_plain))?;
    top.look(look::look(began, Some(&[]))?);
    let mut looks = look::start(began)?;
    let mut has_changed = true;
    while !top.has_ended {
        if has_changed || !screen.fits() {
            screen.draw(|frame| draw::draw(&mut top, frame, is_plain))?;
            looks.count(top.counted());
        }
        let keys = match screen.wait(TURN)? {
            Happening::Keys(keys) => keys,
            Happening::Gone => break,
        };
        if let Some(status) = signals.status() {
            return Ok(status);
        }
        has_changed = take(&looks, &mut top)? || !keys.is_empty();
        keys.into_iter().for_each(|key| top.press(key));
    }
    Ok(SUCCESS)
}

/// Takes what was seen meanwhile, and returns whether that was anything.
fn take(looks: &Looks, top: &mut Top) -> anyhow::Result<bool> {
    match looks.seen.try_recv() {
        Ok(Ok(look)) => top.look(look),
        Ok(Err(cause)) => top.fail(format!("what is shown is old: {cause:#}")),
        Err(TryRecvError::Empty) => return Ok(false),
        Err(TryRecvError::Disconnected) => bail!("top: the thread that looks has ended"),
    }
    Ok(true)
}

/// Whether the terminal shows ASCII alone, as the locale says.
fn is_plain(variable: impl Fn(&str) -> Option<String>) -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let locale = names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    !locale.contains("utf-8") && !locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_whether_there_are_other_characters_than_ascii() {
        let of = |set: &[(&str, &str)]| {
            is_plain(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        assert!(of(&[]) && of(&[("LANG", "C")]) && of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!of(&[("LANG", "de_DE.UTF-8")]) && !of(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
    }
}
