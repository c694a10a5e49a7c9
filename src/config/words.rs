//! The words that values can be. Each function answers the word that counts, or what was expected instead.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};

use super::value;
use super::{OnDrift, SmtpTls};
use crate::check::{CheckKind, NamedBy};
use crate::model::{Amount, Family, PersistenceEngine, Protocol, QuorumAction, Scheduler};

/// `checktype`, where `service` names the kind of check.
pub(super) const NEGOTIATE: &str = "negotiate";
/// `protocol` of a firewall mark.
pub(super) const FIREWALL_MARK: &str = "fwm";

pub(super) fn checktype(word: &str) -> Result<Box<str>, String> {
    match CheckKind::find(word) {
        Some(kind) if kind.named_by == NamedBy::Checktype => return Ok(word.into()),
        _ if word == NEGOTIATE => return Ok(word.into()),
        _ => {}
    }
    match combined(word) {
        Some(count) => Ok(count.to_string().into()),
        None => Err("expected connect, negotiate, ping, external, external-perl, on, off, or how many checks only \
                     connect between two that negotiate"
            .into()),
    }
}

/// How many checks only connect between two that negotiate: `checktype=3`. ldirectord's manual has it as `checktimeout3`,
/// and it takes digits behind any letters.
pub(super) fn combined(word: &str) -> Option<u32> {
    value::digits(word.trim_start_matches(|c: char| c.is_ascii_alphabetic())).and_then(|digits| digits.parse().ok())
}

pub(super) fn service(word: &str) -> Result<Box<str>, String> {
    let names = || CheckKind::all_named_by(NamedBy::Service).map(|kind| kind.name);
    match names().find(|name| *name == word) {
        Some(name) => Ok(name.into()),
        None => Err(format!("expected one of {}", names().collect::<Vec<_>>().join(" "))),
    }
}

/// A name of a scheduler, and what was expected in its place where nobody knows it.
pub(super) fn scheduler(word: &str) -> Result<(Box<str>, Option<String>), String> {
    match value::word::<Scheduler>(word) {
        Ok(_) => Ok((word.into(), None)),
        Err(expected) => {
            let is_name =
                !word.is_empty() && word.len() < LONGEST_NAME && word.bytes().all(|byte| byte.is_ascii_lowercase());
            if is_name { Ok((word.into(), Some(expected))) } else { Err(expected) }
        }
    }
}

/// Bytes of a scheduler's name with its end (`IP_VS_SCHEDNAME_MAXLEN`, `include/uapi/linux/ip_vs.h`).
const LONGEST_NAME: usize = 16;

pub(super) fn http_method(word: &str) -> Result<Box<str>, String> {
    match word.to_ascii_uppercase().as_str() {
        method @ ("GET" | "HEAD") => Ok(method.into()),
        _ => Err("expected GET or HEAD".into()),
    }
}

/// A token of RFC 9110 section 5.1, in lower case: names of headers are compared so.
pub(super) fn header_name(word: &str) -> Result<Box<str>, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    match word.bytes().all(is_token) && !word.is_empty() {
        true => Ok(word.to_ascii_lowercase().into()),
        false => Err("expected the name of an HTTP header".into()),
    }
}

pub(super) fn protocol(word: &str) -> Result<Box<str>, String> {
    match word.parse::<Protocol>() {
        _ if word == FIREWALL_MARK => Ok(word.into()),
        Ok(protocol) => Ok(protocol.to_string().into()),
        Err(_) => Err("expected tcp, udp, sctp or fwm".into()),
    }
}

pub(super) fn persistence_engine(word: &str) -> Result<Box<str>, String> {
    value::word::<PersistenceEngine>(word).map(|engine| engine.name().into())
}

/// A flag of `schedflags`, the scheduler that it belongs to (any for none), and its place among the kernel's three
/// scheduler flags (`IP_VS_SVC_F_SCHED_*`, `include/uapi/linux/ip_vs.h`).
static SCHEDULER_FLAGS: &[(&str, Option<&str>, usize)] = &[
    ("sh-fallback", Some("sh"), 0),
    ("sh-port", Some("sh"), 1),
    ("mh-fallback", Some("mh"), 0),
    ("mh-port", Some("mh"), 1),
    ("flag-1", None, 0),
    ("flag-2", None, 1),
    ("flag-3", None, 2),
];

pub(super) fn scheduler_flags(word: &str) -> Result<Box<str>, String> {
    let is_flag = |flag: &str| SCHEDULER_FLAGS.iter().any(|(name, _, _)| *name == flag);
    if word.split(',').all(is_flag) {
        return Ok(word.into());
    }
    let names: Vec<&str> = SCHEDULER_FLAGS.iter().map(|(name, _, _)| *name).collect();
    Err(format!("expected a comma separated list of {}", names.join(" ")))
}

/// The flags of a list that [`scheduler_flags`] has accepted.
pub(super) fn flags_of(list: &str) -> [bool; 3] {
    let mut flags = [false; 3];
    for (_, _, place) in flags_in(list) {
        if let Some(flag) = flags.get_mut(*place) {
            *flag = true;
        }
    }
    flags
}

/// Whether the list has a flag that would mean something else to this scheduler.
pub(super) fn are_of_another_scheduler(list: &str, scheduler: &str) -> bool {
    flags_in(list).any(|(_, owner, _)| owner.is_some_and(|owner| owner != scheduler))
}

fn flags_in(list: &str) -> impl Iterator<Item = &'static (&'static str, Option<&'static str>, usize)> {
    list.split(',').filter_map(|word| SCHEDULER_FLAGS.iter().find(|(name, _, _)| *name == word))
}

/// The list that means these flags for every scheduler; `None` without a flag.
pub(super) fn flags_text(flags: [bool; 3]) -> Option<Cow<'static, str>> {
    let names = ["flag-1", "flag-2", "flag-3"].into_iter().zip(flags);
    let names: Vec<&str> = names.filter(|(_, set)| *set).map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| names.join(",").into())
}

/// `255.255.255.0`, or `64` for IPv6.
pub(super) fn netmask(family: Family, prefix_length: u8) -> String {
    match family {
        Family::Ipv6 => prefix_length.to_string(),
        Family::Ipv4 => {
            let host_bits = u32::from(Family::Ipv4.bits().saturating_sub(prefix_length));
            Ipv4Addr::from(u32::MAX.checked_shl(host_bits).unwrap_or(0)).to_string()
        }
    }
}

pub(super) fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// `initstate`, where an unchecked real server serves.
const UP: &str = "up";

pub(super) fn init_state(word: &str) -> Result<Box<str>, String> {
    match word {
        UP | "down" => Ok(word.into()),
        _ => Err("expected up or down".into()),
    }
}

pub(super) fn starts_up(word: &str) -> bool {
    word == UP
}

pub(super) fn init_word(starts_up: bool) -> &'static str {
    if starts_up { UP } else { "down" }
}

/// `quorum` and `hysteresis`.
pub(super) fn amount(word: &str) -> Result<Box<str>, String> {
    value::word::<Amount>(word).map(|amount| amount.to_string().into())
}

pub(super) fn quorum(word: &str) -> Result<Box<str>, String> {
    match value::word::<Amount>(word)? {
        Amount::Weight(0) | Amount::Percent(0) => Err("expected a quorum of at least 1".into()),
        amount => Ok(amount.to_string().into()),
    }
}

pub(super) fn quorum_action(word: &str) -> Result<Box<str>, String> {
    value::word::<QuorumAction>(word).map(|action| action.name().into())
}

/// A share of the real servers, with or without the sign.
pub(super) fn share(word: &str) -> Result<Box<str>, String> {
    let percent = value::number(word.strip_suffix('%').unwrap_or(word), 1, 100)
        .map_err(|_| "expected a share from 1% to 100%")?;
    Ok(percent_text(percent).into())
}

pub(super) fn percent_text(percent: u32) -> String {
    format!("{percent}%")
}

/// `on_drift`, where a difference stays and is reported.
const REPORT: &str = "report";
/// `on_drift`, where a difference is repaired.
pub(super) const REPAIR: &str = "repair";

pub(super) fn on_drift(word: &str) -> Result<Box<str>, String> {
    match word {
        REPAIR | REPORT => Ok(word.into()),
        _ => Err("expected repair or report".into()),
    }
}

pub(super) fn drift_answer(word: &str) -> OnDrift {
    if word == REPORT { OnDrift::Report } else { OnDrift::Repair }
}

pub(super) fn drift_word(answer: OnDrift) -> &'static str {
    match answer {
        OnDrift::Repair => REPAIR,
        OnDrift::Report => REPORT,
    }
}

/// `role` of a database server.
pub(super) fn role(word: &str) -> Result<Box<str>, String> {
    match word {
        "writer" | "reader" | "any" => Ok(word.into()),
        _ => Err("expected writer, reader or any".into()),
    }
}

/// Seconds of which there may be none.
pub(super) fn lag(word: &str) -> Result<Box<str>, String> {
    match value::number(word, 0, u32::MAX) {
        Ok(seconds) => Ok(seconds.to_string().into()),
        Err(_) => Err("expected a whole number of seconds".into()),
    }
}

/// A share that is neither nothing nor all.
pub(super) fn percent(word: &str) -> Result<Box<str>, String> {
    value::number(word, 1, 99).map(|percent| percent.to_string().into())
}

/// For what is part of a check's question, which is text.
pub(super) fn yes_or_no(word: &str) -> Result<Box<str>, String> {
    value::yes_no(value::bare(word)).map(|flag| yes_no(flag).into())
}

/// A table with its database. It becomes part of a statement.
pub(super) fn table(word: &str) -> Result<Box<str>, String> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
    };
    match word.split_once('.') {
        Some((database, table)) if is_name(database) && is_name(table) => Ok(word.into()),
        _ => Err("expected DATABASE.TABLE".into()),
    }
}

/// Addresses between commas, each `USER`, `USER@HOST` or `NAME <USER@HOST>`.
pub(super) fn mail_addresses(text: &str) -> Result<Box<str>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let addresses = words.map(mail_address).collect::<Result<Vec<_>, _>>()?;
    match addresses.is_empty() {
        true => Err("expected a mail address".into()),
        false => Ok(addresses.join(",").into()),
    }
}

pub(super) fn mail_address(word: &str) -> Result<Box<str>, String> {
    let address = match word.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or(""),
        None => word,
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().all(|character| character.is_ascii_graphic() && !"<>()[]:;@\\,\"".contains(character))
    };
    let is_address = match address.split_once('@') {
        Some((user, host)) => is_part(user) && is_part(host),
        None => is_part(address) && address == word,
    };
    if is_address { Ok(word.into()) } else { Err("expected a mail address".into()) }
}

/// Where metrics can be read.
pub(super) fn metrics_address(word: &str) -> Result<Box<str>, String> {
    match word.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Ok(word.into()),
        _ => Err("expected ADDRESS:PORT or [IPV6]:PORT".into()),
    }
}

/// A group of this node, by its name or number.
pub(super) fn group_name(word: &str) -> Result<Box<str>, String> {
    let is_part = |one: char| one.is_ascii_alphanumeric() || "_.-$".contains(one);
    let is_name = word.len() <= 64 && word.starts_with(|one: char| one.is_ascii_alphanumeric() || one == '_');
    if is_name && word.chars().all(is_part) { Ok(word.into()) } else { Err("expected the name of a group".into()) }
}

/// States of the health monitor.
const STATES: [&str; 4] = ["starting", "running", "stopping", "reloading"];

pub(super) fn alert_status(text: &str) -> Result<Box<str>, String> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_one = |word: &&str| STATES.contains(word) || *word == "all" || *word == "none";
    if words.contains(&"none") && words.iter().any(|word| *word != "none") {
        return Err("expected none alone".into());
    }
    match words.iter().all(is_one) {
        true => Ok(words.join(",").into()),
        false => Err(format!("expected all, none, or a comma separated list of {}", STATES.join(" "))),
    }
}

pub(super) fn smtp_tls(word: &str) -> Result<Box<str>, String> {
    let is_one = [SmtpTls::No, SmtpTls::Starttls, SmtpTls::Yes].into_iter().any(|tls| tls_word(tls) == word);
    if is_one { Ok(word.into()) } else { Err("expected no, starttls or yes".into()) }
}

pub(super) fn tls_word(tls: SmtpTls) -> &'static str {
    match tls {
        SmtpTls::No => "no",
        SmtpTls::Starttls => "starttls",
        SmtpTls::Yes => "yes",
    }
}
