//! Signals to the health monitor, as messages to its loop: TERM and INT end it, HUP reads the configuration again, and
//! USR2 switches the debug level of the log on and off.

use nix::sys::signal::{SigSet, Signal};

use super::core::LoopMessage;

/// Blocks the signals for this thread and those that it starts from now on, and waits for them in a thread of its own.
/// (The standard library starts other programs with no signal blocked.)
///
/// # Errors
/// Fails when the thread cannot be started.
pub fn listen(deliver: impl Fn(LoopMessage) -> bool + Send + 'static) -> std::io::Result<()> {
    let signals = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGABRT, Signal::SIGHUP, Signal::SIGUSR2];
    let signals: SigSet = signals.into_iter().collect();
    signals.thread_block()?;
    let wait = move || {
        while let Ok(signal) = signals.wait() {
            let message = match signal {
                Signal::SIGHUP => LoopMessage::Reload,
                Signal::SIGUSR2 => LoopMessage::ToggleDebug,
                Signal::SIGINT => LoopMessage::Terminate("INT"),
                Signal::SIGQUIT => LoopMessage::Terminate("QUIT"),
                Signal::SIGABRT => LoopMessage::Terminate("ABRT"),
                _ => LoopMessage::Terminate("TERM"),
            };
            if !deliver(message) {
                return;
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}
