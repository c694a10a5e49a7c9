//! The terminal: as it was, whatever ends the program.
//!
//! A key, a signal, a panic and a terminal that has gone away all end at [`Screen`]'s destructor. crossterm reads a terminal
//! that has gone away for ever, so it is asked only for what poll(2) has announced.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use ratatui::crossterm::event::{self, Event, KeyEvent};
use ratatui::layout::Size;
use ratatui::{DefaultTerminal, Frame};

/// How long the screen may take to end after a signal, before the process ends without it.
const GRACE: Duration = Duration::from_secs(1);
/// The exit status of a process that a signal has ended, as a shell says it, is this and the number of the signal.
const SIGNALLED: i32 = 128;

/// What happened meanwhile.
#[derive(Debug)]
pub enum Happening {
    /// These keys were pressed; none where the time is over or only the size has changed.
    Keys(Vec<KeyEvent>),
    /// The terminal has gone away.
    Gone,
}

/// The terminal, in the mode for programs that fill the screen.
pub struct Screen {
    terminal: DefaultTerminal,
    /// The size at the last drawing.
    drawn: Option<Size>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Fails where standard input or output is no terminal.
    pub fn open() -> anyhow::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            bail!("top: standard input and output have to be a terminal (lvs-agents status prints the same once)");
        }
        let terminal = ratatui::try_init();
        if terminal.is_err() {
            restore();
        }
        Ok(Self { terminal: terminal.context("terminal: take over")?, drawn: None })
    }

    /// Draws what has changed, in the size that the terminal has now.
    ///
    /// # Errors
    /// Fails when the terminal has gone away.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<()> {
        self.drawn = Some(self.terminal.size().context("terminal: ask for its size")?);
        self.terminal.draw(draw).map(drop).context("terminal: draw")
    }

    /// Whether what was drawn last has the size of the terminal.
    pub fn fits(&self) -> bool {
        self.drawn.is_some() && self.terminal.size().ok() == self.drawn
    }

    /// Waits for keys.
    ///
    /// # Errors
    /// Fails when the terminal cannot be read.
    pub fn wait(&self, limit: Duration) -> anyhow::Result<Happening> {
        let stdin = io::stdin();
        let mut input = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        match poll(&mut input, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)) {
            // Such as that of a change of the size.
            Err(Errno::EINTR) => {}
            result => drop(result.context("terminal: wait for a key")?),
        }
        let found = input.first().and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        if found.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL) {
            return Ok(Happening::Gone);
        }
        // One read may have brought several keys, of which poll(2) knows nothing any more.
        let mut keys = Vec::new();
        while event::poll(Duration::ZERO).context("terminal: look for a key")? {
            if let Event::Key(key) = event::read().context("terminal: read a key")? {
                keys.push(key);
            }
        }
        Ok(Happening::Keys(keys))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    // A terminal that has gone away has no mode.
    let _ = ratatui::try_restore();
}

/// The signals that end the program.
pub struct EndSignals(Arc<AtomicI32>);

impl EndSignals {
    /// Waits for them in a thread of its own. It has to be called before any other thread starts.
    ///
    /// # Errors
    /// Fails when the signals cannot be blocked or the thread cannot be started.
    pub fn wait() -> anyhow::Result<Self> {
        let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT]);
        signals.thread_block().context("signals: block")?;
        let came = Arc::new(AtomicI32::new(0));
        let found = Arc::clone(&came);
        let run = move || {
            let Ok(signal) = signals.wait() else { return };
            found.store(signal as i32, Ordering::Relaxed);
            thread::sleep(GRACE);
            restore();
            std::process::exit(SIGNALLED + signal as i32);
        };
        thread::Builder::new().name("signals".into()).spawn(run).context("signals: start their thread")?;
        Ok(Self(came))
    }

    /// Returns the exit status for the signal that came, if one did.
    pub fn status(&self) -> Option<u8> {
        let signal = Some(self.0.load(Ordering::Relaxed)).filter(|signal| *signal > 0)?;
        u8::try_from(SIGNALLED + signal).ok()
    }
}
