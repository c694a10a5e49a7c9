//! What is asked of a real server, and how long it may take. [`crate::check`] asks it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{ForwardingMethod, Protocol};

/// A password. Its `Debug` and `Display` hide it, so that no log, status or error can show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// A text of somebody else, who may know the value, without it.
    pub fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }

    /// The value itself: for the wire and for files of mode 0600 only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A health check of one real server. Equal checks ask the same question of the same host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    /// Shared by all real servers that are asked the same: thousands of them have one question.
    pub question: Arc<Question>,
    /// Address and port that are contacted. The port is 0 where the kind of check contacts none.
    pub target: SocketAddr,
    /// For the whole check, from the first packet to the last.
    pub timeout: Duration,
    /// What is done in place of the question most of the time.
    pub between: Option<Arc<Between>>,
}

/// What a combined check (`checktype=N`) does between two questions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Between {
    /// How often, as long as it succeeds. At least 1.
    pub count: u32,
    /// The kind of check, which needs no question: `connect` or `ping`.
    pub kind: &'static str,
    /// For each of them as a whole.
    pub timeout: Duration,
}

/// Whether a real server accepts connections to the virtual IP that reach it as the kernel forwards them (`checkpath`). It is
/// asked beside the ordinary check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathCheck {
    /// Address and port of the virtual service, which is one of TCP. The port is not 0.
    pub vip: SocketAddr,
    /// Address and port of the real server.
    pub real: SocketAddr,
    /// How the kernel forwards to it.
    pub forwarding: ForwardingMethod,
    /// For the whole check.
    pub timeout: Duration,
}

/// The question, in the words of the configuration language. An empty text is one that was not given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Question {
    /// The kind of check: a name of the table of [`crate::check`], such as `connect` or `mysql`.
    pub kind: &'static str,
    /// Of the transport, for a kind that can speak either; TCP for all others.
    pub protocol: Protocol,
    /// What is asked: a path, a statement, a name.
    pub request: String,
    /// What the answer must match.
    pub receive: String,
    /// The name of the user that logs in.
    pub login: String,
    /// The password of that user.
    pub passwd: Secret,
    /// The database that is connected to.
    pub database: String,
    /// Shared with the server (RADIUS).
    pub secret: Secret,
    /// The name under which the real server serves.
    pub virtualhost: String,
    /// `GET` or `HEAD`.
    pub httpmethod: String,
    /// The header, or the beginning of a line of the body, in which an HTTP server says what it wants of its weight.
    pub weightheader: String,
    /// `yes` where the status 404 drains the real server.
    pub drainon404: String,
    /// Path of a program.
    pub checkcommand: String,
    /// Of that program.
    pub arguments: Vec<String>,
    /// Seconds for which the session with a database server is kept; nothing or 0: each check logs in.
    pub freshlogin: String,
    /// What a database server must be, beside answering. Checks that differ in it alone are made once.
    pub standing: Arc<Standing>,
}

/// The role and the state that are wanted of a database server. An empty text is one that was not given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Standing {
    /// `writer`, `reader` or `any`.
    pub role: String,
    /// Seconds by which a replica may be behind.
    pub maxlag: String,
    /// Seconds by which one may be behind that was drained for its lag, to get clients again.
    pub lagenter: String,
    /// The table of pt-heartbeat, `DATABASE.TABLE`.
    pub heartbeat: String,
    /// `yes`: a Galera node that is a donor serves.
    pub donor: String,
    /// The share of `max_connections` in per cent above which the weight falls.
    pub busypercent: String,
}

impl Question {
    /// The kind that never activates a real server, nor the fallback.
    pub const OFF: &'static str = "off";

    /// A question of this kind that says nothing else.
    pub fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Whether the real servers are meant to stay out, whatever they would answer.
    pub fn is_off(&self) -> bool {
        self.kind == Self::OFF
    }

    fn standing_mut(&mut self) -> &mut Standing {
        Arc::make_mut(&mut self.standing)
    }

    /// What was said of this field; empty: nothing.
    pub fn get(&self, field: Field) -> &str {
        match field {
            Field::Request => &self.request,
            Field::Receive => &self.receive,
            Field::Login => &self.login,
            Field::Passwd => self.passwd.reveal(),
            Field::Database => &self.database,
            Field::Secret => self.secret.reveal(),
            Field::Virtualhost => &self.virtualhost,
            Field::Httpmethod => &self.httpmethod,
            Field::Weightheader => &self.weightheader,
            Field::Drainon404 => &self.drainon404,
            Field::Checkcommand => &self.checkcommand,
            Field::Freshlogin => &self.freshlogin,
            Field::Role => &self.standing.role,
            Field::Maxlag => &self.standing.maxlag,
            Field::Lagenter => &self.standing.lagenter,
            Field::Heartbeat => &self.standing.heartbeat,
            Field::Donor => &self.standing.donor,
            Field::Busypercent => &self.standing.busypercent,
        }
    }

    /// Says something of this field.
    pub fn set(&mut self, field: Field, text: String) {
        match field {
            Field::Request => self.request = text,
            Field::Receive => self.receive = text,
            Field::Login => self.login = text,
            Field::Passwd => self.passwd = Secret::new(text),
            Field::Database => self.database = text,
            Field::Secret => self.secret = Secret::new(text),
            Field::Virtualhost => self.virtualhost = text,
            Field::Httpmethod => self.httpmethod = text,
            Field::Weightheader => self.weightheader = text,
            Field::Drainon404 => self.drainon404 = text,
            Field::Checkcommand => self.checkcommand = text,
            Field::Freshlogin => self.freshlogin = text,
            Field::Role => self.standing_mut().role = text,
            Field::Maxlag => self.standing_mut().maxlag = text,
            Field::Lagenter => self.standing_mut().lagenter = text,
            Field::Heartbeat => self.standing_mut().heartbeat = text,
            Field::Donor => self.standing_mut().donor = text,
            Field::Busypercent => self.standing_mut().busypercent = text,
        }
    }
}

/// A part of a [`Question`] that the configuration language has a directive for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// [`Question::request`].
    Request,
    /// [`Question::receive`].
    Receive,
    /// [`Question::login`].
    Login,
    /// [`Question::passwd`].
    Passwd,
    /// [`Question::database`].
    Database,
    /// [`Question::secret`].
    Secret,
    /// [`Question::virtualhost`].
    Virtualhost,
    /// [`Question::httpmethod`].
    Httpmethod,
    /// [`Question::weightheader`].
    Weightheader,
    /// [`Question::drainon404`].
    Drainon404,
    /// [`Question::checkcommand`].
    Checkcommand,
    /// [`Question::freshlogin`].
    Freshlogin,
    /// [`Standing::role`].
    Role,
    /// [`Standing::maxlag`].
    Maxlag,
    /// [`Standing::lagenter`].
    Lagenter,
    /// [`Standing::heartbeat`].
    Heartbeat,
    /// [`Standing::donor`].
    Donor,
    /// [`Standing::busypercent`].
    Busypercent,
}

impl Field {
    /// The directive of the configuration language.
    pub fn directive(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Receive => "receive",
            Self::Login => "login",
            Self::Passwd => "passwd",
            Self::Database => "database",
            Self::Secret => "secret",
            Self::Virtualhost => "virtualhost",
            Self::Httpmethod => "httpmethod",
            Self::Weightheader => "weightheader",
            Self::Drainon404 => "drainon404",
            Self::Checkcommand => "checkcommand",
            Self::Freshlogin => "freshlogin",
            Self::Role => "role",
            Self::Maxlag => "maxlag",
            Self::Lagenter => "lagenter",
            Self::Heartbeat => "heartbeat",
            Self::Donor => "donor",
            Self::Busypercent => "busypercent",
        }
    }
}
