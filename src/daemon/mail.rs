//! `emailalert`: a mail for each change of a real server, in ldirectord's words, and reminders of those that stay away.
//!
//! The loop only puts a mail into a queue. `queues` has one for each relay, so that no relay waits for another, `sender` is
//! the thread behind it, `relay` talks to the relay, `message` makes bytes of a mail, and [`reminders`] decides when a
//! reminder is due.

mod message;
mod queues;
mod relay;
mod reminders;
mod sender;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::{DaemonPhase, Event, Repair, Sink, SinkNews, TellLoop};
use super::journal;
use crate::config::{Config, MailSettings, Service};
use crate::health::Pool;
use crate::model::{Change, RealServerKey, ServiceKey};
use message::Mail;
use queues::Queues;
use reminders::Reminders;

/// A service whose changes are mailed.
struct Alerted {
    settings: Arc<MailSettings>,
    servicename: Box<str>,
    comment: Box<str>,
}

/// Mails what happens to the services that have an `emailalert`.
pub struct MailAlerts {
    services: HashMap<ServiceKey, Alerted>,
    reminders: Reminders,
    phase: DaemonPhase,
    host: String,
    queues: Queues,
}

impl MailAlerts {
    /// Creates the sink. `tell` gives the loop what the threads have to say.
    pub fn new(tell: TellLoop) -> Self {
        Self::with_patience(tell, sender::Patience::default())
    }

    fn with_patience(tell: TellLoop, patience: sender::Patience) -> Self {
        let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        let host = host.unwrap_or_else(|_| "localhost".into());
        let queues = Queues::new(tell, host.clone(), patience);
        Self { services: HashMap::new(), reminders: Reminders::default(), phase: DaemonPhase::Starting, host, queues }
    }

    fn configure(&mut self, config: &Config) {
        let alerted = |service: &Service| {
            let notices = &service.notices;
            let (servicename, comment) = (notices.servicename.clone(), notices.comment.clone());
            Some((service.service.key, Alerted { settings: notices.mail.clone()?, servicename, comment }))
        };
        self.services = config.services.iter().filter_map(alerted).collect();
        let reals = config.services.iter().filter(|service| self.services.contains_key(&service.service.key));
        let reals = reals
            .flat_map(|service| service.real_servers.iter().map(|real| (service.service.key, real.real_server.key)));
        self.reminders.keep_only(&reals.collect());
    }

    fn note_health(&mut self, pool: &Pool, real: RealServerKey, now: Instant) {
        if !self.services.contains_key(&pool.key()) {
            return;
        }
        // A backup that waits, or one that the rules of its service keep out, is not away.
        self.reminders.note((pool.key(), real), pool.is_well(&real), now);
    }

    fn note_change(&mut self, change: &Change, sentences: Vec<(String, String)>) {
        if matches!(change, Change::AddService(_) | Change::EditService(_)) {
            return;
        }
        for (subject, reason) in sentences {
            // ldirectord mails the real servers, and not the virtual one that goes with them.
            if !subject.starts_with("Purged virtual") {
                self.mail(change.service(), &subject, &reason);
            }
        }
    }

    fn mail(&mut self, service: &ServiceKey, subject: &str, reason: &str) {
        let Some(alerted) = self.services.get(service) else { return };
        if !alerted.settings.wants(self.phase.name()) {
            return;
        }
        self.queues.add(compose(alerted, &self.host, self.phase, subject, reason));
    }
}

/// The subject and the text are ldirectord's; the line of the reason is ours. No value begins a line of its own: what a
/// server has answered may hold anything.
fn compose(alerted: &Alerted, host: &str, phase: DaemonPhase, subject: &str, reason: &str) -> Mail {
    let one_line = |value: &str| value.replace(char::is_control, " ");
    let (servicename, comment) = (one_line(&alerted.servicename), one_line(&alerted.comment));
    let subject = one_line(subject);
    let subject = if servicename.is_empty() { subject } else { format!("[{servicename}] {subject}") };
    let mut text = format!("ldirectord host: {host}\nLog-Message: {subject}\nDaemon-Status: {}\n", phase.name());
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{name}: {value}\n"));
        }
    };
    line("Reason", &one_line(reason));
    if !servicename.is_empty() || !comment.is_empty() {
        line("\nService name", &servicename);
        line(if servicename.is_empty() { "\nComment" } else { "Comment" }, &comment);
        text.push('\n');
    }
    Mail { settings: Arc::clone(&alerted.settings), subject, text }
}

impl Sink for MailAlerts {
    fn receive(&mut self, event: &Event<'_>) {
        match event {
            Event::ConfigurationApplied { config, .. } => self.configure(config),
            Event::Phase(phase) => self.phase = *phase,
            Event::Ending => self.phase = DaemonPhase::Stopping,
            Event::Transition { pool, real, .. } => self.note_health(pool, *real, Instant::now()),
            Event::Changed { repair: Some(Repair { is_again: true, .. }), .. } => {}
            Event::Changed { change, held, pool, .. } if self.services.contains_key(change.service()) => {
                self.note_change(change, journal::change_sentences(*pool, change, *held, self.phase));
            }
            _ => {}
        }
    }

    fn end_turn(&mut self) -> Option<SinkNews> {
        let services = &self.services;
        let frequency =
            |service: &ServiceKey| services.get(service).map_or(Duration::ZERO, |one| one.settings.frequency);
        for (service, real) in self.reminders.due(Instant::now(), frequency) {
            self.mail(&service, &format!("Inaccessible real server: {real} ({})", journal::name(&service)), "");
        }
        self.queues.news()
    }

    /// Gives the mails that wait one last chance.
    fn end(&mut self, deadline: Instant) {
        self.queues.end(deadline);
    }
}

#[cfg(test)]
#[path = "../../fuzz/mail.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
