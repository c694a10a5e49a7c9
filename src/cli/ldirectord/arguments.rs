//! The words behind `ldirectord`, as the original reads them (ldirectord(8), and its Getopt::Long settings). Pure.

use std::ffi::{OsStr, OsString};

/// What is to be done with the daemon of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Start,
    Stop,
    Restart,
    /// A restart of a daemon that runs.
    TryRestart,
    Reload,
    Status,
}

impl Action {
    fn from_name(name: &OsStr) -> Option<Self> {
        match name.to_str()? {
            "start" => Some(Self::Start),
            "stop" => Some(Self::Stop),
            "restart" => Some(Self::Restart),
            "try-restart" => Some(Self::TryRestart),
            "reload" | "force-reload" => Some(Self::Reload),
            "status" => Some(Self::Status),
            _ => None,
        }
    }
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    Help,
    Version,
    Act {
        action: Action,
        /// `-d`: in the foreground, with the log on standard error.
        debug: bool,
        /// As it was written; `None`: the original's default.
        config: Option<OsString>,
        /// The file whose health monitor calls, since it executes this one. The original has no such option.
        executed_by: Option<OsString>,
    },
}

/// Options come first; short ones may be bundled, long ones are not abbreviated.
///
/// # Errors
/// What is wrong with the words.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Order, String> {
    let mut words = words.into_iter().peekable();
    let (mut debug, mut executed_by) = (false, None);
    while let Some(option) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"-") && word.len() > 1) {
        let option = option.to_string_lossy().into_owned();
        match option.as_str() {
            "--" => break,
            "--debug" => debug = true,
            "--executed-by" => executed_by = words.next(),
            "--help" => return Ok(Order::Help),
            "--version" => return Ok(Order::Version),
            long if long.starts_with("--") => return Err(format!("Unknown option: {}", long.trim_start_matches('-'))),
            bundle => {
                for letter in bundle.chars().skip(1) {
                    match letter {
                        'd' => debug = true,
                        'h' | '?' => return Ok(Order::Help),
                        'v' => return Ok(Order::Version),
                        _ => return Err(format!("Unknown option: {letter}")),
                    }
                }
            }
        }
    }
    let rest: Vec<OsString> = words.collect();
    let (config, action) = match rest.as_slice() {
        [action] => (None, action),
        [config, action] => (Some(config.clone()), action),
        [] => return Err("expected an action".into()),
        _ => return Err("expected a configuration and an action".into()),
    };
    match Action::from_name(action) {
        Some(action) => Ok(Order::Act { action, debug, config, executed_by }),
        None => Err(format!("Unknown action: {}", action.to_string_lossy())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_the_original_reads_them() {
        let act = |action, debug, config: Option<&str>| {
            Ok(Order::Act { action, debug, config: config.map(Into::into), executed_by: None })
        };
        let executed = Order::Act {
            action: Action::Start,
            debug: false,
            config: Some("-x.cf".into()),
            executed_by: Some("/a.cf".into()),
        };
        let rows: [(&str, Result<Order, String>); 18] = [
            ("--executed-by /a.cf -- -x.cf start", Ok(executed)),
            ("start", act(Action::Start, false, None)),
            ("/etc/x.cf status", act(Action::Status, false, Some("/etc/x.cf"))),
            ("-d x.cf start", act(Action::Start, true, Some("x.cf"))),
            ("--debug start", act(Action::Start, true, None)),
            ("-dd start", act(Action::Start, true, None)),
            ("-- start", act(Action::Start, false, None)),
            ("force-reload", act(Action::Reload, false, None)),
            ("try-restart", act(Action::TryRestart, false, None)),
            ("-h", Ok(Order::Help)),
            ("-d?", Ok(Order::Help)),
            ("--version start", Ok(Order::Version)),
            ("start -d", Err("Unknown action: -d".into())),
            ("check", Err("Unknown action: check".into())),
            ("--deb start", Err("Unknown option: deb".into())),
            ("-x start", Err("Unknown option: x".into())),
            ("", Err("expected an action".into())),
            ("a b start", Err("expected a configuration and an action".into())),
        ];
        let parsed = |words: &str| parse(words.split_whitespace().map(OsString::from));
        let wrong: Vec<&str> = rows.iter().filter(|(words, order)| parsed(words) != *order).map(|row| row.0).collect();
        assert_eq!(wrong, [""; 0]);
    }
}
