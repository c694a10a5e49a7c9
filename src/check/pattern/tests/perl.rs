//! Perl's own answers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// One question: does the pattern match somewhere in the body?
#[derive(Clone, Debug)]
pub struct Row {
    pub pattern: String,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Matches,
    Differs,
    Refused(String),
}

/// One perl answers all rows.
pub fn ask(rows: &[Row]) -> Vec<Answer> {
    let mut perl = Command::new("perl")
        .args(["-e", include_str!("ask.pl")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("perl, which is in Debian's base system, answers what a pattern means");
    let mut questions = perl.stdin.take().expect("questions");
    let text: Vec<u8> = rows
        .iter()
        .flat_map(|row| [encode(row.pattern.as_bytes()), b"\t".into(), encode(&row.body), b"\n".into()].concat())
        .collect();
    let writer = std::thread::spawn(move || questions.write_all(&text));
    let answers: Vec<Answer> = BufReader::new(perl.stdout.take().expect("answers"))
        .lines()
        .map(|line| match line.expect("answer").as_str() {
            "1" => Answer::Matches,
            "0" => Answer::Differs,
            cause => Answer::Refused(cause.to_owned()),
        })
        .collect();
    writer.join().expect("writer").expect("perl reads all questions");
    perl.wait().expect("perl ends");
    assert_eq!(answers.len(), rows.len(), "perl answers every row");
    answers
}

/// Bytes that cannot stand in a row, as `%0A`.
fn encode(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| match byte {
            b'%' | b'\t' | b'\n' | b'\r' => format!("%{byte:02X}").into_bytes(),
            _ => vec![*byte],
        })
        .collect()
}

/// The reverse of [`encode`].
pub fn decode(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two hexadecimal digits"));
        bytes.extend(rest.as_bytes());
    }
    bytes
}
