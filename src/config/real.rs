//! The values of `real` and `fallback` lines, as written: `ADDRESS[->ADDRESS][:PORT] METHOD [WEIGHT] ["REQUEST",
//! "RECEIVE"] [backup] [dns] [l:N] [u:N] [tun-port:PORT] [tun-csum|tun-remcsum] [checkport:PORT]`. ldirectord searches for each part
//! anywhere and skips what it does not know; here every word counts, so that a mistyped one cannot silently change a real
//! server.

use super::address::{self, Host, HostPort, Port};
use super::value;
use crate::model::{DnsName, Family, ForwardingMethod, TunnelChecksum};

/// The kernel keeps weights and thresholds as signed numbers (`struct ip_vs_dest`, `include/net/ip_vs.h`).
const MAXIMUM: u32 = i32::MAX as u32;

/// A `real` line: one real server, or as many as the range has addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RealSpec {
    pub first: Host,
    /// Boxed, as most lines have none of it and large files have thousands of lines.
    pub last: Option<Box<Host>>,
    pub port: Option<Port>,
    pub forwarding: ForwardingMethod,
    pub options: Options,
}

impl RealSpec {
    /// The name whose records are the real servers, if the line follows one.
    pub fn followed(&self, family: Family) -> Option<DnsName> {
        self.options.dns?;
        Some(DnsName { name: self.first.name()?.into(), family })
    }

    /// What a line that follows a name may not say beside it.
    fn objection_to_dns(&self, family: Family) -> Option<&'static str> {
        self.options.dns?;
        let Some(name) = self.followed(family) else { return Some("dns: expected a host name with it") };
        if self.last.is_some() {
            return Some("dns: expected one name with it, not a range");
        }
        if self.options.draining.is_some() {
            return Some("dns: expected no draining: with it");
        }
        if name.is_service() && self.port.is_some() {
            return Some("dns: the port is that of the SRV record: expected none behind the name");
        }
        if name.is_service() && self.options.weight.is_some() {
            return Some("dns: the weight is that of the SRV record: expected none in the line");
        }
        None
    }
}

/// `request` and `receive` of a single real server. Both may be empty.
pub(super) type Question = (String, String);

/// What follows the forwarding method.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Options {
    pub weight: Option<u32>,
    /// It serves only while the others cannot. ldirectord has no such word.
    pub backup: Option<()>,
    /// The real servers are those of the name's records, as these come and go. ldirectord has no such word.
    pub dns: Option<()>,
    pub question: Option<Box<Question>>,
    pub lower_threshold: Option<u32>,
    pub upper_threshold: Option<u32>,
    /// The port that is checked. ldirectord has no such word; a declaration needs it.
    pub checkport: Option<u16>,
    /// The port of the other end of a tunnel.
    pub tunnel_port: Option<u16>,
    /// The checksum of a tunnel's packets.
    pub tunnel_checksum: Option<TunnelChecksum>,
    /// When the real server left the configuration, in seconds since this machine was started: it is drained. Only a declaration has it.
    pub draining: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FallbackSpec {
    pub target: HostPort,
    pub forwarding: ForwardingMethod,
}

/// `notes`: what is wrong with the line and does not matter.
pub(super) fn parse_real(text: &str, family: Family, notes: &mut Vec<address::Note>) -> Result<RealSpec, String> {
    let (place, rest) = next_word(text);
    let place = address::tidied(place, notes);
    let (first, last, port) = match place.split_once("->") {
        Some((first, end)) => {
            let first = address::parse_range_start(first)?;
            let end = address::parse_host_port(end, family)?;
            (first, Some(Box::new(end.host)), end.port)
        }
        None => {
            let target = address::parse_host_port(&place, family)?;
            (target.host, None, target.port)
        }
    };
    if last.is_some() && family == Family::Ipv6 {
        return Err("a range of IPv6 addresses: not supported yet".into());
    }
    let (method, rest) = next_word(rest);
    let forwarding = forwarding(method)?;
    let options = parse_options(rest)?;
    let forwarding = tunnel(forwarding, &options)?;
    if options.lower_threshold.unwrap_or(0) > options.upper_threshold.unwrap_or(0) {
        return Err("expected a lower threshold (l:) that is not above the upper one (u:)".into());
    }
    let spec = RealSpec { first, last, port, forwarding, options };
    spec.objection_to_dns(family).map_or(Ok(()), |objection| Err(objection.to_owned()))?;
    Ok(spec)
}

/// One or two words: `ADDRESS[:PORT] [METHOD]`.
pub(super) fn parse_fallback(text: &str, family: Family) -> Result<FallbackSpec, String> {
    let (place, rest) = next_word(text);
    let target = address::parse_host_port(place, family)?;
    let (method, rest) = next_word(rest);
    if !rest.is_empty() {
        return Err(format!("\"{rest}\": expected nothing after the forwarding method"));
    }
    let forwarding = if method.is_empty() { ForwardingMethod::Gate } else { forwarding(method)? };
    Ok(FallbackSpec { target, forwarding })
}

fn forwarding(word: &str) -> Result<ForwardingMethod, String> {
    match word {
        "" => Err("expected a forwarding method after the address: gate, masq, ipip, gue or gre".into()),
        _ => word.parse().map_err(|invalid: crate::model::InvalidValue| invalid.to_string()),
    }
}

/// The method with what the options say of its tunnel.
fn tunnel(method: ForwardingMethod, options: &Options) -> Result<ForwardingMethod, String> {
    let checksum = options.tunnel_checksum.unwrap_or_default();
    match method {
        ForwardingMethod::Gue { port, .. } => {
            Ok(ForwardingMethod::Gue { port: options.tunnel_port.unwrap_or(port), checksum })
        }
        ForwardingMethod::Gre { .. } if checksum == TunnelChecksum::Remote => {
            Err("tun-remcsum: expected the forwarding method gue with it".into())
        }
        _ if options.tunnel_port.is_some() => Err("tun-port: expected the forwarding method gue with it".into()),
        ForwardingMethod::Gre { .. } => Ok(ForwardingMethod::Gre { checksum }),
        _ if options.tunnel_checksum.is_some() => {
            Err("tun-csum, tun-remcsum: expected the forwarding method gue or gre with it".into())
        }
        _ => Ok(method),
    }
}

fn parse_options(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with('"') {
            let (question, after) = parse_question(rest)?;
            set_once(&mut options.question, Box::new(question), "request and receive")?;
            rest = after;
            continue;
        }
        let (word, after) = next_word(rest);
        rest = after;
        if word == "backup" {
            set_once(&mut options.backup, (), "backup")?;
        } else if word == "dns" {
            set_once(&mut options.dns, (), "dns")?;
        } else if let Some(number) = word.strip_prefix("l:") {
            set_once(&mut options.lower_threshold, bounded(word, number)?, "l:")?;
        } else if let Some(number) = word.strip_prefix("u:") {
            set_once(&mut options.upper_threshold, bounded(word, number)?, "u:")?;
        } else if let Some(port) = word.strip_prefix("checkport:") {
            set_once(
                &mut options.checkport,
                value::port(port).map_err(|expected| format!("\"{word}\": {expected}"))?,
                "checkport:",
            )?;
        } else if let Some(port) = word.strip_prefix("tun-port:") {
            let port = value::port(port).map_err(|expected| format!("\"{word}\": {expected}"))?;
            set_once(&mut options.tunnel_port, port, "tun-port:")?;
        } else if let Some(checksum) = checksum(word) {
            set_once(&mut options.tunnel_checksum, checksum, "tun-csum, tun-remcsum")?;
        } else if let Some(since) = word.strip_prefix("draining:") {
            let expected = || format!("\"{word}\": expected seconds since this machine was started");
            let since = value::digits(since).and_then(|digits| digits.parse().ok()).ok_or_else(expected)?;
            set_once(&mut options.draining, since, "draining:")?;
        } else if word == "-w" {
            // ipvsadm's way of writing it, which ldirectord happens to accept.
            let (number, after) = next_word(rest);
            set_once(&mut options.weight, bounded(number, number)?, "weight")?;
            rest = after;
        } else {
            let number = word.strip_suffix(',').filter(|_| rest.starts_with('"')).unwrap_or(word);
            set_once(&mut options.weight, bounded(word, number)?, "weight")?;
        }
    }
    Ok(options)
}

fn checksum(word: &str) -> Option<TunnelChecksum> {
    match word {
        "tun-nocsum" => Some(TunnelChecksum::None),
        "tun-csum" => Some(TunnelChecksum::Outer),
        "tun-remcsum" => Some(TunnelChecksum::Remote),
        _ => None,
    }
}

fn bounded(word: &str, number: &str) -> Result<u32, String> {
    if value::digits(number).is_none() {
        return Err(format!(
            "\"{word}\": expected a weight, \"request\",\"receive\", backup, dns, l:NUMBER or u:NUMBER"
        ));
    }
    value::number(number, 0, MAXIMUM).map_err(|expected| format!("\"{word}\": {expected}"))
}

fn set_once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{what}: given twice")),
    }
}

/// `"REQUEST","RECEIVE"` and what follows. Quotes are greedy as in ldirectord: the text ends at the last quote of the
/// line, and the last `","` (or `" "`) in it separates.
fn parse_question(text: &str) -> Result<(Question, &str), String> {
    let missing = || "expected \"request\",\"receive\": both, in double quotes".to_string();
    let (inner, after) = text.strip_prefix('"').and_then(|rest| rest.rsplit_once('"')).ok_or_else(missing)?;
    for (at, _) in inner.rmatch_indices('"') {
        let (Some(request), Some(tail)) = (inner.get(..at), inner.get(at + 1..)) else { continue };
        let Some((receive_at, _)) = tail.match_indices('"').next() else { continue };
        let (Some(between), Some(receive)) = (tail.get(..receive_at), tail.get(receive_at + 1..)) else { continue };
        if is_separator(between) {
            return Ok(((request.into(), receive.into()), after.trim_start()));
        }
    }
    Err(missing())
}

/// One comma or blank, then any blanks.
fn is_separator(between: &str) -> bool {
    let blanks = between.strip_prefix(',').unwrap_or(between);
    !between.is_empty() && blanks.chars().all(char::is_whitespace)
}

/// The first word and the rest, without blanks before it. A word also ends where a quote starts.
fn next_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        parse_real(&format!("10.0.0.1:80 gate {text}"), Family::Ipv4, &mut Vec::new()).expect(text).options
    }

    fn question(request: &str, receive: &str) -> Option<Box<Question>> {
        Some(Box::new((request.into(), receive.into())))
    }

    #[test]
    fn options_come_in_any_order() {
        let all = Options {
            weight: Some(5),
            question: question("a", "b"),
            lower_threshold: Some(10),
            upper_threshold: Some(20),
            checkport: Some(99),
            backup: Some(()),
            draining: Some(1),
            ..Options::default()
        };
        for text in [
            r#"5 "a","b" l:10 u:20 checkport:99 draining:1 backup"#,
            r#"5 "a" "b" draining:1 backup checkport:99 u:20 l:10"#,
            r#"backup checkport:99 u:20 draining:1 -w 5 l:10 "a", "b""#,
            r#"5, "a", "b" l:10 draining:1 u:20 backup checkport:99"#,
            r#"draining:1 l:10 backup u:20 "a",  "b" 5 checkport:99"#,
        ] {
            assert_eq!(options(text), all, "{text}");
        }
        assert_eq!(options(""), Options::default());
    }

    #[test]
    fn a_line_that_follows_a_name_says_nothing_that_the_records_say() {
        let parse = |text: &str| parse_real(text, Family::Ipv4, &mut Vec::new());
        for (text, name, is_service) in [
            ("db.example.com:3306 gate 10 dns", "db.example.com", false),
            ("db masq dns backup", "db", false),
            ("_mysql._tcp.example.com gate dns", "_mysql._tcp.example.com", true),
            ("_mysql.example.com gate 5 dns", "_mysql.example.com", false),
        ] {
            let followed = parse(text).expect(text).followed(Family::Ipv4).expect(text);
            assert_eq!((&*followed.name, followed.is_service()), (name, is_service), "{text}");
        }
        assert_eq!(parse("db.example.com:3306 gate").expect("plain").followed(Family::Ipv4), None);
        for (text, expected) in [
            ("10.0.0.1 gate dns", "dns: expected a host name with it"),
            ("a->b gate dns", "dns: expected one name with it, not a range"),
            ("a gate dns draining:1", "dns: expected no draining: with it"),
            ("a gate dns dns", "dns: given twice"),
            ("_a._tcp.b:80 gate dns", "dns: the port is that of the SRV record: expected none behind the name"),
            ("_a._tcp.b gate 1 dns", "dns: the weight is that of the SRV record: expected none in the line"),
        ] {
            assert_eq!(parse(text), Err(expected.into()), "{text}");
        }
    }

    #[test]
    fn digits_in_a_request_are_not_the_weight() {
        let options = options(r#""a b 5 c", "ok""#);
        assert_eq!((options.weight, options.question), (None, question("a b 5 c", "ok")));
    }

    #[test]
    fn quotes_are_greedy_and_the_last_separator_counts() {
        for (text, request, receive) in
            [(r#""a","b","c""#, r#"a","b"#, "c"), (r#""x","{"a":1}""#, "x", r#"{"a":1}"#), (r#""","""#, "", "")]
        {
            assert_eq!(options(text).question, question(request, receive), "{text}");
        }
    }
}
