//! Mails about services, servers and addresses with any name, and with what any server has answered.

use super::message::Message;
use super::{Alerted, compose};
use crate::config::{NoNames, parse_file};
use crate::daemon::event::DaemonPhase;
use crate::seeds::Seeds;

/// The headers that a mail has, in their order but for the case of the letters.
const HEADERS: [&str; 6] = ["from", "to", "subject", "content-type", "content-transfer-encoding", "date"];

#[test]
fn mails() {
    let seeds = Seeds::of("mails");
    bolero::check!(name = "mails").for_each(|bytes: &[u8]| seeds.each(bytes, hold));
}

/// The values stand one behind the other, with a zero byte between two of them. The addresses are those that a file may have;
/// of the rest nothing is known.
fn hold(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut values = text.split('\0');
    let mut value = || values.next().unwrap_or_default();
    let (to, from, servicename, comment, subject, reason) = (value(), value(), value(), value(), value(), value());
    let lines = format!("emailalert={to}\nemailalertfrom={from}\nvirtual=192.0.2.1:80\n\tchecktype=on\n");
    let Ok(config) = parse_file(lines.as_bytes(), &NoNames) else { return };
    let Some(settings) = config.services.into_iter().find_map(|service| service.notices.mail) else { return };
    let alerted = Alerted { settings, servicename: servicename.into(), comment: comment.into() };
    let mail = compose(&alerted, "director.example", DaemonPhase::Running, subject, reason);
    // What looks like an address and is none is told, and nothing is sent.
    let Ok(message) = Message::of(&mail, "director.example") else { return };
    is_one_message(&message.bytes);
    for address in message.to.iter().chain([&message.from]) {
        let address = address.to_string();
        assert!(!address.contains(char::is_control), "{address:?}: would be a command of its own");
    }
}

/// Headers that are known, each once, then a body, in lines that no relay refuses.
fn is_one_message(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    let whole = shown.strip_suffix("\r\n").unwrap_or(&shown);
    for line in whole.split("\r\n") {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?} in {shown:?}");
        assert!(line.len() <= 998, "{} bytes in a line", line.len());
    }
    let (headers, _body) = shown.split_once("\r\n\r\n").expect("a body");
    assert!(headers.is_ascii(), "{headers:?}");
    let names = headers.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    let names: Vec<String> = names.map(|line| line.split_once(':').expect(headers).0.to_ascii_lowercase()).collect();
    let mut once: Vec<&str> = names.iter().map(String::as_str).collect();
    once.sort_unstable();
    let mut expected = HEADERS;
    expected.sort_unstable();
    assert_eq!(once, expected, "{headers:?}");
}
