//! What a server must be, beside answering a statement. Pure.

use crate::check::kind::Invalid;
use crate::model::{Field, Standing};

/// What the configuration wants of a server's role and state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub role: Role,
    pub lag: Option<LagBounds>,
    /// Whether a Galera node that feeds another one, or is desynchronised, goes on serving.
    pub donor_serves: bool,
    /// The share of `max_connections` in per cent above which the weight falls: 1 to 99.
    pub busy: Option<u8>,
}

/// Which servers may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Those that take writes.
    Writer,
    /// Those that take none.
    Reader,
    Any,
}

/// How far a replica may be behind, in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LagBounds {
    /// One that is further behind gets no new clients.
    pub leave: u32,
    /// One that gets none gets some again when it is at most so far behind. At most `leave`.
    pub enter: u32,
    /// The table of pt-heartbeat; `None`: the server's own word counts.
    pub heartbeat: Option<String>,
}

impl Wanted {
    /// Returns what is wanted; `None` where nothing is said of role and state.
    ///
    /// # Errors
    /// Fails where two parts of it contradict each other, or a value is not as the table of directives has it.
    pub fn of(said: &Standing) -> Result<Option<Self>, Invalid> {
        if *said == Standing::default() {
            return Ok(None);
        }
        let role = match said.role.as_str() {
            "writer" => Role::Writer,
            "reader" => Role::Reader,
            _ => Role::Any,
        };
        let leave = number(Field::Maxlag, &said.maxlag)?;
        let enter = number(Field::Lagenter, &said.lagenter)?;
        let heartbeat = Some(said.heartbeat.clone()).filter(|table| !table.is_empty());
        let lag = match (leave, enter) {
            (None, Some(_)) => return Err(invalid(Field::Lagenter, "expected maxlag with it")),
            (None, None) if heartbeat.is_some() => return Err(invalid(Field::Heartbeat, "expected maxlag with it")),
            (None, None) => None,
            (Some(_), _) if role == Role::Writer => {
                return Err(invalid(Field::Maxlag, "expected role=reader or role=any with it: a writer is no replica"));
            }
            (Some(leave), Some(enter)) if enter > leave => {
                return Err(invalid(Field::Lagenter, "expected at most maxlag"));
            }
            (Some(leave), enter) => Some(LagBounds { leave, enter: enter.unwrap_or(leave), heartbeat }),
        };
        let busy = number(Field::Busypercent, &said.busypercent)?.and_then(|percent| percent.try_into().ok());
        Ok(Some(Self { role, lag, donor_serves: said.donor == "yes", busy }))
    }
}

fn number(field: Field, text: &str) -> Result<Option<u32>, Invalid> {
    match text {
        "" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| invalid(field, "expected a whole number")),
    }
}

fn invalid(field: Field, expected: &str) -> Invalid {
    Invalid { field, expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Question;

    #[test]
    fn what_is_wanted_is_what_was_said_and_a_contradiction_is_named() {
        let said = |pairs: &[(Field, &str)]| {
            let mut question = Question::of("mysql");
            pairs.iter().for_each(|(field, text)| question.set(*field, (*text).to_owned()));
            Wanted::of(&question.standing)
        };
        let any = Wanted { role: Role::Any, lag: None, donor_serves: false, busy: None };
        let lag = |leave, enter| Some(LagBounds { leave, enter, heartbeat: None });
        use Field::{Busypercent, Donor, Heartbeat, Lagenter, Maxlag, Role as R};
        assert_eq!(said(&[]), Ok(None));
        for (pairs, wanted) in [
            (&[(R, "any")][..], any.clone()),
            (&[(R, "writer")], Wanted { role: Role::Writer, ..any.clone() }),
            (&[(Donor, "yes")], Wanted { donor_serves: true, ..any.clone() }),
            (&[(Busypercent, "80")], Wanted { busy: Some(80), ..any.clone() }),
            (&[(R, "reader"), (Maxlag, "0")], Wanted { role: Role::Reader, lag: lag(0, 0), ..any.clone() }),
            (&[(Maxlag, "10"), (Lagenter, "10")], Wanted { lag: lag(10, 10), ..any.clone() }),
            (&[(Maxlag, "10"), (Lagenter, "3")], Wanted { lag: lag(10, 3), ..any }),
        ] {
            assert_eq!(said(pairs), Ok(Some(wanted)), "{pairs:?}");
        }
        for (pairs, field) in [
            (&[(Maxlag, "10"), (Lagenter, "11")][..], Lagenter),
            (&[(Lagenter, "1")], Lagenter),
            (&[(Heartbeat, "a.b")], Heartbeat),
            (&[(R, "writer"), (Maxlag, "1")], Maxlag),
            (&[(Maxlag, "x")], Maxlag),
        ] {
            assert_eq!(said(pairs).map_err(|invalid| invalid.field), Err(field), "{pairs:?}");
        }
    }
}
