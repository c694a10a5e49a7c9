//! Hands mails to one relay, in a thread of its own. A relay that is away or hangs is tried again, more and more seldom,
//! until the mail is too old to be of use.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};

use super::message::{Mail, Message};
use super::relay;
use crate::config::Relay;
use crate::daemon::event::{SinkNews, TellLoop};

/// The mails that wait for a relay that fails. Ten thousand real servers that come and go would fill the memory while a
/// relay is away.
const MOST: usize = 1024;

/// An order to the thread.
#[derive(Debug)]
pub enum Order {
    Mail(Mail),
    /// Nothing follows: what waits is tried once more until then, and `ended` is dropped.
    End {
        by: Instant,
        ended: Sender<()>,
    },
}

/// How long what is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For each answer of a relay.
    pub answer: Duration,
    /// The first and the longest pause after a failure; each is twice as long as the one before.
    pub pauses: [Duration; 2],
    /// A mail that is older is given up.
    pub age: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { answer: seconds(10), pauses: [seconds(1), seconds(60)], age: seconds(15 * 60) }
    }
}

/// A mail and whom it has still to reach.
struct Pending {
    message: Message,
    since: Instant,
}

/// When the relay, which has failed, is asked again.
struct Backoff {
    at: Instant,
    pause: Duration,
}

struct Postman<'a> {
    relay: Relay,
    tell: &'a TellLoop,
    host: &'a str,
    patience: Patience,
    pending: Vec<Pending>,
    backoff: Option<Backoff>,
    /// The addresses that the relay has refused the last time.
    refused: BTreeSet<Address>,
    /// Whether the last mail found no room among those that wait.
    is_full: bool,
}

/// Sends what is ordered.
pub fn work(orders: &Receiver<Order>, relay: Relay, tell: &TellLoop, host: &str, patience: Patience) {
    let mut postman = Postman::new(relay, tell, host, patience);
    loop {
        let order = match postman.wait(Instant::now()) {
            Some(wait) => orders.recv_timeout(wait),
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let orders = match order {
            Ok(order) => std::iter::once(order).chain(orders.try_iter()).collect(),
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        for order in orders {
            match order {
                Order::Mail(mail) => postman.take(&mail),
                Order::End { by, ended } => {
                    postman.backoff = None;
                    postman.patience.answer = by.saturating_duration_since(Instant::now());
                    postman.send_all();
                    drop(ended);
                    return;
                }
            }
        }
        postman.send_all();
    }
}

impl<'a> Postman<'a> {
    fn new(relay: Relay, tell: &'a TellLoop, host: &'a str, patience: Patience) -> Self {
        let (pending, refused) = (Vec::new(), BTreeSet::new());
        Self { relay, tell, host, patience, pending, backoff: None, refused, is_full: false }
    }

    /// Returns how long nothing is to do, unless an order comes; `None` means for ever.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let at = self.backoff.as_ref().map_or(now, |backoff| backoff.at);
        (!self.pending.is_empty()).then(|| at.saturating_duration_since(now))
    }

    fn object(&self, what: &str) -> String {
        format!("{what} {}:{}", self.relay.host, self.relay.port)
    }

    fn report(&self, object: String, trouble: Option<String>) {
        (self.tell)(SinkNews::until_configured(object, trouble));
    }

    fn take(&mut self, mail: &Mail) {
        let is_full = self.pending.len() >= MOST;
        if is_full != std::mem::replace(&mut self.is_full, is_full) {
            let cause = format!("queue: {MOST} mails wait already: others are lost");
            self.report(self.object("mails that wait for"), is_full.then_some(cause));
        }
        if is_full {
            return;
        }
        match Message::of(mail, self.host) {
            Ok(message) => {
                self.pending.push(Pending { message, since: Instant::now() });
            }
            Err(cause) => self.report(format!("emailalert to {}", mail.settings.to), Some(format!("compose: {cause}"))),
        }
    }

    /// Sends what waits over one connection, if the relay is to be asked now.
    fn send_all(&mut self) {
        let now = Instant::now();
        if self.pending.is_empty() || self.backoff.as_ref().is_some_and(|backoff| now < backoff.at) {
            return;
        }
        let mut mails = std::mem::take(&mut self.pending);
        let result = self.deliver(&mut mails);
        mails.retain(|mail| !mail.message.to.is_empty());
        let object = self.object("mail relay");
        let Err(cause) = result else {
            if self.backoff.take().is_some() {
                self.report(object, None);
            }
            return;
        };
        let [first, longest] = self.patience.pauses;
        let pause = self.backoff.as_ref().map_or(first, |backoff| (backoff.pause * 2).min(longest));
        self.backoff = Some(Backoff { at: Instant::now() + pause, pause });
        let before = mails.len();
        mails.retain(|mail| mail.since.elapsed() < self.patience.age);
        let lost = before - mails.len();
        let given_up = if lost > 0 { format!(" ({lost} mails are given up)") } else { String::new() };
        self.report(object, Some(format!("send: {cause}{given_up}")));
        self.pending = mails;
    }

    /// Takes from each mail the recipients that have it, or never will.
    fn deliver(&mut self, mails: &mut [Pending]) -> Result<(), String> {
        let patience = self.patience.answer;
        let failed = |step: &'static str| move |error: Error| relay::failed(step, &error, patience);
        let mut connection = relay::connect(&self.relay, self.host, patience)?;
        for Pending { message, .. } in mails {
            let body = (!message.bytes.is_ascii()).then_some(MailParameter::Body(MailBodyParameter::EightBitMime));
            let takes = connection.server_info().supports_feature(Extension::EightBitMime);
            let parameters = body.filter(|_| takes).into_iter().collect();
            let from = MailCommand::new(Some(message.from.clone()), parameters);
            connection.command(from).map_err(failed("MAIL FROM"))?;
            let mut accepted = Vec::new();
            let mut later = None;
            for address in message.to.clone() {
                match connection.command(Rcpt::new(address.clone(), Vec::new())) {
                    Ok(_) => accepted.push(address),
                    Err(error) if error.is_permanent() => {
                        message.to.retain(|left| *left != address);
                        self.report(format!("emailalert to {address}"), Some(failed("RCPT TO")(error)));
                        self.refused.insert(address);
                    }
                    Err(error) if error.is_transient() => later = Some(failed("RCPT TO")(error)),
                    Err(error) => return Err(failed("RCPT TO")(error)),
                }
            }
            if accepted.is_empty() {
                connection.command(Rset).map_err(failed("RSET"))?;
            } else {
                connection.command(Data).map_err(failed("DATA"))?;
                connection.message(&message.bytes).map_err(failed("message"))?;
                message.to.retain(|left| !accepted.contains(left));
            }
            for address in accepted.iter().filter(|address| self.refused.remove(*address)).collect::<Vec<_>>() {
                self.report(format!("emailalert to {address}"), None);
            }
            if let Some(cause) = later {
                return Err(cause);
            }
        }
        // The relay has everything; how it says goodbye does not matter.
        let _ = connection.quit();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::config::{AnyName, parse_file};

    #[test]
    fn mails_for_a_relay_that_is_away_wait_up_to_a_number_and_the_loop_hears_once_that_others_are_lost() {
        let (news, told) = channel();
        let tell: TellLoop = Box::new(move |item| news.send(item).is_ok());
        let text = b"emailalert=admin@example.org\nvirtual=192.0.2.1:80\n\tchecktype=on\n";
        let config = parse_file(text, &AnyName::default()).expect("right");
        let settings = config.services.first().and_then(|service| service.notices.mail.clone()).expect("mail");
        let mut postman = Postman::new(settings.relay.clone(), &tell, "director.example", Patience::default());
        let mail = Mail { settings, subject: "Deleted".into(), text: "text".into() };
        (0..MOST + 100).for_each(|_| postman.take(&mail));
        assert_eq!(postman.pending.len(), MOST);
        let troubles: Vec<SinkNews> = told.try_iter().collect();
        assert!(matches!(troubles.as_slice(), [one] if one.trouble.is_some()), "{troubles:?}");
        postman.pending.clear();
        postman.take(&mail);
        let news: Vec<Option<String>> = told.try_iter().map(|news| news.trouble).collect();
        assert_eq!(news, [None], "there is room again");
    }
}
