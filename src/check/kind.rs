//! The table of the kinds of checks. Each row is made in the file of its kind.

use std::pin::Pin;

use super::{
    CheckFailure, Sessions, agent, connect, dns, external, ftp, http, imap, ldap, mysql, nntp, oracle, pgsql, ping,
    pop, radius, simpletcp, sip, smtp, unasked,
};
use crate::model::{Advice, Check, Field, Protocol, Question, Standing};

/// One kind of check: what the configuration may say of it, and how it is asked.
pub struct CheckKind {
    /// As the configuration names it: `checktype=connect`, `service=mysql`.
    pub name: &'static str,
    /// The directive that chooses it.
    pub named_by: NamedBy,
    /// The directive that limits its time.
    pub limit: TimeLimit,
    /// The port that it contacts.
    pub port: Port,
    /// What carries it, for the port that it contacts.
    pub transport: Transport,
    /// The parts of the question that this kind looks at. Others may be written, and count for nothing.
    pub fields: &'static [(Field, Need)],
    /// What a question of this kind cannot be asked with, once it has everything that it needs.
    pub validate: fn(&Question) -> Result<(), Invalid>,
    /// The kind that counts instead, and what the user is told of it.
    pub stands_for: Option<(&'static CheckKind, &'static str)>,
    /// What one check of this kind holds while it runs.
    pub burden: Burden,
    /// `None`: it is known by name only, and cannot be asked.
    pub ask: Option<Ask>,
    /// What to do about a kind that cannot be asked.
    pub instead: &'static str,
}

/// How a kind is asked.
#[derive(Clone, Copy)]
pub enum Ask {
    /// It finds a real server well, or not.
    YesOrNo(for<'a> fn(&'a Check) -> Answer<'a, ()>),
    /// It also finds out what the real server wants of its director.
    Advice(for<'a> fn(&'a Check) -> Answer<'a, Option<Advice>>),
    /// It finds out how the real server stands, once for several who want different things of it, and answers each of them.
    /// It may keep a session for the next time.
    Standing(for<'a> fn(&'a Check, &'a [&'a Standing], &'a Sessions) -> Answers<'a>),
}

/// The answer of a real server, once it is there.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, CheckFailure>> + Send + 'a>>;

/// The answers for all who share a check, in their order, once they are there.
pub type Answers<'a> = Pin<Box<dyn Future<Output = Vec<Result<Option<Advice>, CheckFailure>>> + Send + 'a>>;

/// Which directive chooses the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// `checktype`.
    Checktype,
    /// `service`, with `checktype=negotiate`.
    Service,
}

/// Which directive limits the time of a check. Each counts for the other where only that one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// `checktimeout`, else `negotiatetimeout`.
    Checktimeout,
    /// `negotiatetimeout`, else `checktimeout`.
    Negotiatetimeout,
}

/// The port that a check contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// It contacts none.
    None,
    /// That of the real server, which a program of the administrator is told.
    Told,
    /// `checkport`, else the real server's, else that of the service whose check this is.
    Asked,
    /// The same, with a usual port for real servers that are written without one.
    Usual(u16),
}

/// What carries a question over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP, whatever the virtual service has; or one that the kind of check has to itself.
    Tcp,
    /// That of the virtual service; this one behind a firewall mark.
    OfService(Protocol),
}

/// Whether a check can do without a part of its question.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// A service without it is refused.
    Required,
    /// The same, unless it has one of these.
    RequiredWithout(&'static [Field]),
    /// The check does without it.
    Optional,
    /// Counts where nothing is written.
    Default(&'static str),
    /// Made of the name of this host; counts where nothing is written and `service` is. Where the port alone says which
    /// service it is, ldirectord has no login for it.
    DefaultWhereNamed(fn(host: &str) -> String),
}

/// A part of a question that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The part.
    pub field: Field,
    /// What was expected instead.
    pub expected: String,
}

/// What a running check takes of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burden {
    /// No packet leaves.
    Nothing,
    /// One socket.
    Socket,
    /// A socket and the buffers of a conversation.
    Conversation,
    /// A thread with a connection.
    Thread,
    /// A process.
    Program,
}

/// A kind that needs nothing, which the kinds of checks take as their pattern.
pub(super) const PLAIN: CheckKind = CheckKind {
    name: "",
    named_by: NamedBy::Service,
    limit: TimeLimit::Negotiatetimeout,
    port: Port::None,
    transport: Transport::Tcp,
    fields: &[],
    validate: |_| Ok(()),
    stands_for: None,
    burden: Burden::Conversation,
    ask: None,
    instead: "use checktype=connect",
};

/// A kind that `checktype` names, as [`PLAIN`].
pub(super) const BY_CHECKTYPE: CheckKind =
    CheckKind { named_by: NamedBy::Checktype, limit: TimeLimit::Checktimeout, ..PLAIN };

/// Every kind of check; those that `service` names by their usual ports.
static KINDS: &[&CheckKind] = &[
    &unasked::ON,
    &unasked::OFF,
    &connect::KIND,
    &ping::KIND,
    &external::KIND,
    &external::PERL,
    &ftp::KIND,
    &smtp::SMTP,
    &dns::KIND,
    &http::HTTP,
    &pop::POP,
    &nntp::KIND,
    &imap::IMAP,
    &ldap::LDAP,
    &http::HTTPS,
    &smtp::SUBMISSION,
    &ldap::LDAPS,
    &imap::IMAPS,
    &pop::POPS,
    &oracle::KIND,
    &radius::KIND,
    &http::HTTP_PROXY,
    &mysql::KIND,
    &sip::KIND,
    &pgsql::KIND,
    &simpletcp::KIND,
    &agent::KIND,
    &unasked::NONE,
];

impl CheckKind {
    /// The kind of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name).copied()
    }

    /// The service that has this usual port.
    pub fn of_port(port: u16) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.usual_port() == Some(port)).copied()
    }

    /// Returns every kind, in the order of the table.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        KINDS.iter().copied()
    }

    /// The kind of a service that has none of its own.
    pub fn none() -> &'static Self {
        &unasked::NONE
    }

    /// The kinds that a directive can name, in the order of the table.
    pub fn all_named_by(named_by: NamedBy) -> impl Iterator<Item = &'static Self> {
        Self::all().filter(move |kind| kind.named_by == named_by)
    }

    /// Returns the usual port of its service, if it has one.
    pub fn usual_port(&self) -> Option<u16> {
        match self.port {
            Port::Usual(port) => Some(port),
            Port::None | Port::Told | Port::Asked => None,
        }
    }

    /// Whether it contacts a port of the real server.
    pub fn asks_a_port(&self) -> bool {
        matches!(self.port, Port::Asked | Port::Usual(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_usual_port_of_its_own() {
        for kind in KINDS {
            let same = KINDS.iter().filter(|other| other.name == kind.name).count();
            assert_eq!(same, 1, "{}", kind.name);
            let rival =
                KINDS.iter().filter(|other| kind.usual_port().is_some() && other.usual_port() == kind.usual_port());
            assert!(rival.count() <= 1, "{}", kind.name);
        }
    }
}
