//! Signals to the monitor, as messages to its loop.

use nix::sys::signal::{SigSet, Signal};

use super::core::Message;

/// Blocks the signals for this thread and those that it starts from now on, and waits for them in one of its own.
/// (Programs that are started have none blocked: the standard library sees to that.)
///
/// # Errors
/// When the thread cannot be started.
pub fn listen(deliver: impl Fn(Message) -> bool + Send + 'static) -> std::io::Result<()> {
    let signals: SigSet =
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGABRT, Signal::SIGHUP].into_iter().collect();
    signals.thread_block()?;
    let wait = move || {
        while let Ok(signal) = signals.wait() {
            let message = match signal {
                Signal::SIGHUP => Message::Reload,
                Signal::SIGINT => Message::Terminate("INT"),
                Signal::SIGQUIT => Message::Terminate("QUIT"),
                Signal::SIGABRT => Message::Terminate("ABRT"),
                _ => Message::Terminate("TERM"),
            };
            if !deliver(message) {
                return;
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}
