//! One connection: a login, what those who share it want to know of role and state, the request, and the end. It blocks.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mysql::consts::CapabilityFlags;
use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, Error, MySqlError, Opts, OptsBuilder, SslOpts};

use super::findings::{Findings, Step, Want};
use super::observation::{self, Observation};
use super::reply::Cause;
use super::sessions::{Place, Session};
use crate::check::failure::FailureKind;
use crate::model::Question;

/// Longest packet of the server. A check needs one row; a broken server must not make us allocate what it announces.
/// Naming it also saves the library's query for the server's own value, which costs a round trip and which a Galera
/// node outside the primary component may refuse.
const LONGEST_PACKET: usize = 1 << 20;

/// What a conversation has brought so far, for the one who waits for it: what is there at the deadline counts.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Mutex<Findings>>);

impl Progress {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Findings::new())))
    }

    fn restart(&self) {
        *self.findings() = Findings::new();
    }

    /// Returns whether this step is to be asked now.
    fn begin(&self, step: &Step, wants: &[Want]) -> bool {
        let mut findings = self.findings();
        let is_asked_for = findings.is_asked_for(step, wants);
        if is_asked_for {
            findings.step = step.clone();
        }
        is_asked_for
    }

    pub fn findings(&self) -> MutexGuard<'_, Findings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Conversation {
    options: Opts,
    /// Empty: there is none.
    query: String,
    place: Option<Place>,
}

impl Conversation {
    pub fn new(target: SocketAddr, question: &Question, query: &str, timeout: Duration) -> Self {
        Self { options: options(target, question, timeout), query: query.to_owned(), place: None }
    }

    /// Keeps its session there, and begins with the one that is there.
    pub fn with_session_in(self, place: Option<Place>, timeout: Duration) -> Self {
        let Some(place) = place else { return self };
        // A server that is gone without a word leaves time for a fresh login by what answers in its place.
        let gone = u32::try_from(timeout.as_millis() / 3).unwrap_or(u32::MAX);
        let options = OptsBuilder::from_opts(self.options).tcp_user_timeout_ms(Some(gone));
        Self { options: options.into(), place: Some(place), ..self }
    }

    /// Asks each thing once that one of those who share the conversation wants to know. A refused statement is an answer, after
    /// which the next one is asked. At the end the connection is closed with `COM_QUIT`, so that neither `Aborted_connects` nor
    /// `max_connect_errors` of the server grows and it never blocks this host.
    ///
    /// A session that is kept counts only where all is well: the server may have been restarted, or have ended it. One that
    /// falls silent counts as it is, since it has used up the time of a fresh login, which would find as little; the next run
    /// logs in.
    pub fn hold(self, wants: &[Want], progress: &Progress) {
        if let Some(mut session) = self.place.as_ref().and_then(Place::take) {
            if self.go_on(&mut session.connection, wants, progress) {
                return self.end(session);
            }
            if progress.findings().ended_in_silence() {
                return;
            }
        }
        progress.restart();
        let since = Instant::now();
        match self.connect() {
            Err(error) => progress.findings().note(Err(error.into())),
            Ok(mut connection) => {
                if self.ask_all(&mut connection, wants, progress) {
                    self.end(Session { connection, since });
                }
            }
        }
    }

    fn end(&self, session: Session) {
        if let Some(place) = &self.place {
            place.put(session);
        }
    }

    /// Asks in a session that was kept, and returns whether nothing went wrong.
    fn go_on(&self, connection: &mut Conn, wants: &[Want], progress: &Progress) -> bool {
        match connection.reset() {
            Ok(()) => self.ask_all(connection, wants, progress),
            Err(error) => {
                progress.findings().note(Err(error.into()));
                false
            }
        }
    }

    /// Returns whether nothing went wrong.
    fn ask_all(&self, connection: &mut Conn, wants: &[Want], progress: &Progress) -> bool {
        progress.findings().note(Ok(Observation::default()));
        let steps: BTreeSet<Step> = wants.iter().flat_map(Want::steps).filter(|step| *step != Step::Login).collect();
        let (mut seen, mut is_well) = (Observation::default(), true);
        for step in steps {
            if !progress.begin(&step, wants) {
                continue;
            }
            let answer = self.ask(connection, &step, &seen);
            if let (Step::State, Ok(state)) = (&step, &answer) {
                seen = state.clone();
            }
            is_well &= answer.is_ok();
            let goes_on = answer.as_ref().err().is_none_or(is_refusal);
            progress.findings().note(answer);
            if !goes_on {
                break;
            }
        }
        is_well
    }

    fn ask(&self, connection: &mut Conn, step: &Step, seen: &Observation) -> Result<Observation, Cause> {
        match step {
            Step::Login => {}
            Step::State => return Ok(observation::state(connection)?),
            Step::Query => has_row(connection, &self.query)?,
            Step::Lag(heartbeat) => return Ok(observation::lag(connection, heartbeat.as_deref(), seen)?),
        }
        Ok(Observation::default())
    }

    /// Opens the connection and logs in.
    pub fn connect(&self) -> Result<Conn, Error> {
        match Conn::new(self.options.clone()) {
            Err(Error::MySqlError(refusal)) if may_want_tls(&refusal) => self.connect_by_tls(refusal),
            other => other,
        }
    }

    /// With whatever certificate the server shows. It made it for itself, as a rule, and libmysqlclient asks for none either.
    fn connect_by_tls(&self, refusal: MySqlError) -> Result<Conn, Error> {
        let anyone = SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true);
        let options = OptsBuilder::from_opts(self.options.clone()).ssl_opts(Some(anyone));
        match Conn::new(options) {
            // There is no TLS: it was something else that the server did not like.
            Err(Error::DriverError(DriverError::TlsNotSupported)) => Err(Error::MySqlError(refusal)),
            other => other,
        }
    }
}

/// Whether the server has said no, and can be asked for something else.
fn is_refusal(cause: &Cause) -> bool {
    matches!(cause, Cause::Other { kind: FailureKind::Answer, .. })
}

/// `ER_SECURE_TRANSPORT_REQUIRED`, or a user who must be encrypted (`REQUIRE SSL`), whom the server merely denies access.
fn may_want_tls(refusal: &MySqlError) -> bool {
    matches!(refusal.code, 3159 | 1045)
}

fn has_row(connection: &mut Conn, query: &str) -> Result<(), Cause> {
    let mut result = connection.query_iter(query)?;
    let mut has_row = false;
    while let Some(rows) = result.iter() {
        // Those that the statement changed; it returns none then.
        has_row |= rows.affected_rows() > 0;
        for row in rows {
            row?;
            has_row = true;
        }
    }
    if has_row { Ok(()) } else { Err(Cause::answer("returned no row")) }
}

fn options(target: SocketAddr, question: &Question, timeout: Duration) -> Opts {
    // A little less than the whole: an error of the thread says more than the deadline does, and the thread has ended.
    let wait = Some((timeout * 19 / 20).max(Duration::from_millis(1)));
    OptsBuilder::new()
        .ip_or_hostname(Some(host(target.ip())))
        .tcp_port(target.port())
        // Else a check of an address of this host would silently move to a unix socket.
        .prefer_socket(false)
        .user(Some(question.login.clone()))
        .pass(Some(question.passwd.reveal()))
        .db_name(Some(question.database.clone()).filter(|name| !name.is_empty()))
        .max_allowed_packet(Some(LONGEST_PACKET))
        .stmt_cache_size(Some(0))
        // A statement that finds a row and leaves it as it is counts, as with ldirectord.
        .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
        .tcp_connect_timeout(wait)
        .read_timeout(wait)
        .write_timeout(wait)
        .into()
}

/// As the library wants it; an address in text is never looked up in a name service.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
