//! What the threads beside those of checks, the kernel and the configuration tell the loop.

use std::time::Instant;

use super::{Core, SinkTrouble};
use crate::daemon::event::{Event, SinkNews};
use crate::daemon::maintenance::MaintenanceNews;
use crate::daemon::opinion::{Consultations, OpinionNews, PeerQuestion, Reply};
use crate::daemon::orders::OrderNews;
use crate::daemon::services::Consulted;
use crate::daemon::sync::SyncNews;

impl Core<'_> {
    pub(super) fn handle_maintenance(&mut self, MaintenanceNews { listings, sentences, troubles }: MaintenanceNews) {
        sentences.iter().for_each(|sentence| self.say(sentence));
        troubles.into_iter().for_each(|news| self.note_sink_news(news));
        if self.services.note_maintenance(listings, Instant::now(), &mut self.sinks) {
            self.record.outdate();
        }
        self.clock.something_happened();
    }

    pub(super) fn handle_orders(&mut self, OrderNews { in_force, trouble }: OrderNews) {
        trouble.into_iter().for_each(|news| self.note_sink_news(news));
        let Some(in_force) = in_force else { return };
        if self.services.note_orders(in_force, Instant::now(), &mut self.sinks) {
            self.record.outdate();
        }
        self.clock.something_happened();
    }

    pub(super) fn handle_sync(&mut self, SyncNews { status, events, trouble }: SyncNews) {
        events.iter().for_each(|event| self.sinks.emit(Event::Sync(event)));
        trouble.into_iter().for_each(|news| self.note_sink_news(news));
        self.record.note_sync(status.as_ref());
        self.sync = status;
    }

    pub(super) fn handle_opinion(&mut self, news: OpinionNews) {
        match news {
            OpinionNews::Heard(service, answer) => {
                if self.services.hear(&service, &answer, Instant::now(), &mut self.sinks) {
                    self.record.outdate();
                }
                self.clock.something_happened();
            }
            OpinionNews::Asked(asked) => self.handle_question(asked),
            OpinionNews::Trouble(news) => self.note_sink_news(news),
        }
    }

    /// Answers another director, at once or when the checks that decide have been made.
    fn handle_question(&mut self, asked: PeerQuestion) {
        let now = Instant::now();
        match self.services.consult(&asked.question, now) {
            Consulted::Known(word) => self.threads.opinions.answer((asked, word)),
            Consulted::Asks(jobs) => {
                self.threads.checker.ask_now(jobs.iter().map(|asked| asked.job.clone()));
                self.consultations.begin(asked, jobs, now);
            }
        }
    }

    /// Sends what is decided of the questions of other directors.
    pub(super) fn answer(&mut self, decide: impl FnOnce(&mut Consultations) -> Vec<Reply>) {
        decide(&mut self.consultations).into_iter().for_each(|reply| self.threads.opinions.answer(reply));
    }

    /// Logs each cause once, and remembers it for the OCF action monitor until the sink works again.
    pub(super) fn note_sink_news(&mut self, SinkNews { object, trouble, end }: SinkNews) {
        let known = match trouble.clone() {
            Some(cause) => self.sink_troubles.insert(object.clone(), SinkTrouble { cause, end }),
            None => self.sink_troubles.remove(&object),
        };
        match (known, trouble) {
            (known, Some(cause)) if known.as_ref().map(|known| &known.cause) != Some(&cause) => {
                self.sinks.emit(Event::Fault { cause: &format!("{object}: {cause}") });
            }
            (Some(_), None) => self.say(&format!("{object}: works again")),
            _ => {}
        }
    }
}
