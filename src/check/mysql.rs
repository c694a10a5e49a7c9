//! A login and a statement that returns or changes at least one row.
//!
//! The client library blocks, so each check has a thread. The library's time-outs hold for single reads; a server that
//! sends a byte now and then can hold a thread beyond the deadline. The check ends at its deadline all the same, and
//! [`threads`] sees to it that such a server holds few threads and not one more per check. They are threads of our own
//! and not the runtime's blocking pool: that one has an end, and a runtime waits for it when the daemon stops.

mod reply;
mod threads;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql::consts::CapabilityFlags;
use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, Error, MySqlError, Opts, OptsBuilder, SslOpts};
use tokio::sync::oneshot;

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind, system_text};
use super::kind::{Burden, CheckKind, Invalid, Need, PLAIN, Port};
use crate::model::{Check, Field, Question};
use reply::Cause;

/// Longest packet of the server. A check needs one row; a broken server must not make us allocate what it announces.
/// Naming it also saves the library's query for the server's own value, which costs a round trip and which a Galera
/// node outside the primary component may refuse.
const LONGEST_PACKET: usize = 1 << 20;

pub(super) const KIND: CheckKind = CheckKind {
    name: "mysql",
    port: Port::Usual(3306),
    fields: &[
        (Field::Login, Need::Required),
        (Field::Passwd, Need::Optional),
        (Field::Database, Need::Optional),
        (Field::Request, Need::Required),
    ],
    validate,
    burden: Burden::Thread,
    ask: Some(|check| Box::pin(ask(check))),
    ..PLAIN
};

/// A lone slash is ldirectord's default request, and no statement.
pub(super) fn validate(question: &Question) -> Result<(), Invalid> {
    match statement(question).trim() {
        "" => Err(Invalid { field: Field::Request, expected: "expected an SQL statement".into() }),
        _ => Ok(()),
    }
}

/// Without the slash that ldirectord takes away, too.
pub(super) fn statement(question: &Question) -> &str {
    question.request.strip_prefix('/').unwrap_or(&question.request)
}

/// One connection, one login, one query, all rows read, then `COM_QUIT`, so that neither `Aborted_connects` nor
/// `max_connect_errors` of the server grows and it never blocks this host.
async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let Check { question, target, timeout, .. } = check;
    let attempt = Attempt::start(check);
    let Some(slot) = threads::Slot::take(*target, attempt.deadline().into_std()) else {
        // The earlier check has told what it found. This one has found nothing: the thread may hang because the server sends
        // byte by byte, or because this machine is too busy to end it.
        let cause = "not asked: the thread of an earlier check still hangs";
        return Err(attempt.failure(FailureKind::Internal, cause));
    };
    let logged_in = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = oneshot::channel();
    let conversation =
        Conversation { options: options(*target, question, *timeout), query: statement(question).to_owned() };
    let progress = Arc::clone(&logged_in);
    let spawned = std::thread::Builder::new().name("mysql-check".into()).spawn(move || {
        let result = conversation.hold(&progress);
        // Before the answer: whoever has it may ask again at once.
        drop(slot);
        // Nobody listens any more after the deadline.
        let _late = sender.send(result);
    });
    if let Err(error) = spawned {
        return Err(attempt.failure(FailureKind::Internal, format_args!("start a thread: {}", system_text(&error))));
    }
    let step = || if logged_in.load(Ordering::Relaxed) { query_step(question) } else { login_step(question) };
    match attempt.step("", receiver).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(cause))) => Err(judge(&attempt, &step(), cause)),
        // The library indexes packets without looking at their length; the thread's end is the only sign of it.
        Ok(Err(_panicked)) => Err(attempt.failure_at(FailureKind::Answer, &step(), "not a MySQL answer")),
        Err(_elapsed) => Err(attempt.timed_out(&step())),
    }
}

fn judge(attempt: &Attempt<'_>, step: &str, cause: Cause) -> CheckFailure {
    match cause {
        Cause::Silence => attempt.timed_out(step),
        Cause::NoConnection { kind, text } => attempt.failure_at(kind, "connect", text),
        Cause::ConnectSilence => attempt.timed_out("connect"),
        Cause::Other { kind, text } => attempt.failure_at(kind, step, text),
    }
}

fn login_step(question: &Question) -> String {
    format!("login as \"{}\"", question.login)
}

fn query_step(question: &Question) -> String {
    format!("query \"{}\"", statement(question))
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

struct Conversation {
    options: Opts,
    query: String,
}

impl Conversation {
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

    fn hold(self, logged_in: &AtomicBool) -> Result<(), Cause> {
        let mut connection = match Conn::new(self.options.clone()) {
            Err(Error::MySqlError(refusal)) if may_want_tls(&refusal) => self.connect_by_tls(refusal)?,
            other => other?,
        };
        logged_in.store(true, Ordering::Relaxed);
        let mut result = connection.query_iter(self.query)?;
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
}

/// `ER_SECURE_TRANSPORT_REQUIRED`, or a user who must be encrypted (`REQUIRE SSL`), whom the server merely denies access.
fn may_want_tls(refusal: &MySqlError) -> bool {
    matches!(refusal.code, 3159 | 1045)
}

#[cfg(test)]
#[path = "../../fuzz/mysql.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
