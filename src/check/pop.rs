//! POP3 (RFC 1939): the server greets, and lets the login in where one is given.
//!
//! Ways to log in are tried from the safest on, as ldirectord does: a server may refuse passwords in clear text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, CheckKind, Invalid, Need, PLAIN, Port};
use super::lines::{self, Lines};
use super::tls::Trust;
use crate::model::{Check, Field, Question};

pub(super) const POP: CheckKind = CheckKind {
    name: "pop",
    port: Port::Usual(110),
    fields: &[(Field::Login, Need::Optional), (Field::Passwd, Need::Optional)],
    validate,
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check, None)))),
    ..PLAIN
};

pub(super) const POPS: CheckKind = CheckKind { name: "pops", port: Port::Usual(995), ..POP };

fn validate(question: &Question) -> Result<(), Invalid> {
    lines::validate(question, &[Field::Login, Field::Passwd])
}

async fn ask(check: &Check, trust: Option<&Trust>) -> Result<(), CheckFailure> {
    let (attempt, question) = (Attempt::start(check), &*check.question);
    let lines = match question.kind == POPS.name {
        true => Lines::connect_tls(&attempt, check.target, trust).await?,
        false => Lines::connect(&attempt, check.target).await?,
    };
    converse(lines, question).await
}

pub(super) async fn converse(mut lines: Lines<'_>, question: &Question) -> Result<(), CheckFailure> {
    lines.hide(question.passwd.reveal());
    let greeting = lines.line("greeting").await?;
    if !is_good(&greeting) {
        return Err(lines.wrong("greeting", &greeting));
    }
    if !question.login.is_empty() {
        let step = lines::login_step(question);
        Login { lines: &mut lines, question, step: &step }.run(&greeting).await?;
    }
    lines.farewell("QUIT").await;
    Ok(())
}

fn is_good(answer: &str) -> bool {
    answer.get(..3).is_some_and(|status| status.eq_ignore_ascii_case("+OK"))
}

/// What came of one way to log in.
enum Outcome {
    In,
    /// With this answer.
    Refused(String),
    NotOffered,
}

struct Login<'a, 'b> {
    lines: &'a mut Lines<'b>,
    question: &'a Question,
    step: &'a str,
}

impl Login<'_, '_> {
    async fn run(&mut self, greeting: &str) -> Result<(), CheckFailure> {
        let mut refusal = None;
        for way in [Way::Apop, Way::CramMd5, Way::Plain] {
            match self.attempt(way, greeting).await {
                Ok(Outcome::In) => return Ok(()),
                Ok(Outcome::Refused(answer)) => refusal = Some(self.lines.wrong(self.step, &answer)),
                Ok(Outcome::NotOffered) => {}
                // Some servers close after the first refusal, which then says more.
                Err(failure) if failure.kind() == FailureKind::Refused => return Err(refusal.unwrap_or(failure)),
                Err(failure) => return Err(failure),
            }
        }
        // The last way is always tried.
        refusal.map_or(Ok(()), Err)
    }

    async fn attempt(&mut self, way: Way, greeting: &str) -> Result<Outcome, CheckFailure> {
        let Question { login, passwd, .. } = self.question;
        match way {
            Way::Apop => match stamp(greeting) {
                Some(stamp) => self.conclude(&format!("APOP {login} {}", apop(stamp, passwd.reveal()))).await,
                None => Ok(Outcome::NotOffered),
            },
            Way::CramMd5 => match self.offers_cram_md5().await? {
                true => self.cram_md5().await,
                false => Ok(Outcome::NotOffered),
            },
            Way::Plain => {
                let answer = self.exchange(&format!("USER {login}")).await?;
                match answer.starts_with('+') {
                    true => self.conclude(&format!("PASS {}", passwd.reveal())).await,
                    false => Ok(Outcome::Refused(answer)),
                }
            }
        }
    }

    async fn exchange(&mut self, line: &str) -> Result<String, CheckFailure> {
        self.lines.say(self.step, line).await?;
        self.lines.line(self.step).await
    }

    /// Sends what the server judges us by.
    async fn conclude(&mut self, line: &str) -> Result<Outcome, CheckFailure> {
        let answer = self.exchange(line).await?;
        Ok(if is_good(&answer) { Outcome::In } else { Outcome::Refused(answer) })
    }

    /// Capabilities (RFC 2449), which a server need not have.
    async fn offers_cram_md5(&mut self) -> Result<bool, CheckFailure> {
        let mut is_offered = false;
        if is_good(&self.exchange("CAPA").await?) {
            loop {
                let line = self.lines.line(self.step).await?;
                let mut words = line.split_whitespace();
                is_offered |= words.next() == Some("SASL") && words.any(|word| word == "CRAM-MD5");
                if line == "." {
                    break;
                }
            }
        }
        Ok(is_offered)
    }

    /// RFC 2195 in the frame of RFC 5034.
    async fn cram_md5(&mut self) -> Result<Outcome, CheckFailure> {
        let answer = self.exchange("AUTH CRAM-MD5").await?;
        let Some(challenge) = answer.strip_prefix("+ ").and_then(|text| STANDARD.decode(text).ok()) else {
            return Ok(Outcome::Refused(answer));
        };
        let Question { login, passwd, .. } = self.question;
        let response = format!("{login} {}", keyed_digest(passwd.reveal(), &challenge));
        self.conclude(&STANDARD.encode(response)).await
    }
}

#[derive(Clone, Copy)]
enum Way {
    Apop,
    CramMd5,
    Plain,
}

/// The `<process.clock@host>` of a greeting, with which a server says that it knows APOP.
fn stamp(greeting: &str) -> Option<&str> {
    let from = greeting.find('<')?;
    let rest = greeting.get(from..)?;
    let stamp = rest.get(..=rest.find('>')?)?;
    (stamp.contains('@') && !stamp.contains(char::is_whitespace)).then_some(stamp)
}

fn apop(stamp: &str, passwd: &str) -> String {
    hex(&Md5::digest([stamp, passwd].concat()))
}

fn keyed_digest(passwd: &str, challenge: &[u8]) -> String {
    // A key of any length will do; this cannot fail.
    let Ok(mac) = Hmac::<Md5>::new_from_slice(passwd.as_bytes()) else { return String::new() };
    hex(&mac.chain_update(challenge).finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
