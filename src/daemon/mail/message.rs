//! Mails as bytes. Whatever a service, a server or an address is called, none of it becomes a header of its own.

use std::sync::Arc;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};
use lettre::{Address, Message as Composed};

use crate::config::MailSettings;

/// Characters of a subject. A longer word could not be folded into lines that relays take (RFC 5322, 2.1.1); the text has
/// all of it.
const LONGEST_SUBJECT: usize = 500;

/// A mail as it was written.
#[derive(Debug)]
pub struct Mail {
    pub settings: Arc<MailSettings>,
    /// One line.
    pub subject: String,
    /// Lines that end with `\n`, without any other control character.
    pub text: String,
}

/// A mail as it is sent.
pub struct Message {
    pub from: Address,
    pub to: Vec<Address>,
    pub bytes: Vec<u8>,
}

impl Message {
    /// Composes the bytes. An address without a domain is one of this host, as local mail programs have it.
    ///
    /// # Errors
    /// Says which address is none.
    pub fn of(mail: &Mail, host: &str) -> Result<Self, String> {
        let MailSettings { to, from, .. } = &*mail.settings;
        let from = mailbox(if from.is_empty() { "root" } else { from }, host)?;
        let mailboxes = to.split(',').map(str::trim).filter(|word| !word.is_empty()).map(|word| mailbox(word, host));
        let mailboxes: Vec<Mailbox> = mailboxes.collect::<Result<_, _>>()?;
        let message =
            mailboxes.iter().cloned().fold(Composed::builder().from(from.clone()), |message, to| message.to(to));
        let subject: String = mail.subject.chars().take(LONGEST_SUBJECT).collect();
        let message = message.subject(subject).header(ContentType::TEXT_PLAIN).body(body(&mail.text));
        let message = message.map_err(|error| error.to_string())?;
        let to = mailboxes.into_iter().map(|mailbox| mailbox.email).collect();
        Ok(Self { from: from.email, to, bytes: message.formatted() })
    }
}

/// Plain text is sent as it is, for programs that read it; anything else is encoded.
fn body(text: &str) -> Body {
    /// Bytes of a line without its end (RFC 5322, 2.1.1).
    const LONGEST: usize = 998;
    let is_plain = text.is_ascii() && text.lines().all(|line| line.len() <= LONGEST);
    match is_plain {
        true => Body::dangerous_pre_encoded(text.replace('\n', "\r\n").into(), ContentTransferEncoding::SevenBit),
        false => Body::new(text.to_owned()),
    }
}

fn mailbox(word: &str, host: &str) -> Result<Mailbox, String> {
    let full = if word.contains('@') { word.to_owned() } else { format!("{word}@{host}") };
    full.parse().map_err(|error| format!("\"{word}\": {error}"))
}
