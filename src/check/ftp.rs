//! FTP (RFC 959): a login, and the file that `request` names, fetched in passive mode.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;

use super::attempt::Attempt;
use super::failure::{CheckFailure, FailureKind};
use super::kind::{Ask, CheckKind, Invalid, Need, PLAIN, Port};
use super::lines::{self, Lines, Reply};
use super::pattern;
use crate::model::{Check, Field, Question};

pub(super) const KIND: CheckKind = CheckKind {
    name: "ftp",
    port: Port::Usual(21),
    fields: &[
        (Field::Request, Need::Optional),
        (Field::Receive, Need::Optional),
        (Field::Login, Need::Default(ANONYMOUS)),
        (Field::Passwd, Need::DefaultWhereNamed(|host| format!("ldirectord@{host}"))),
    ],
    validate: |question| validate(question),
    ask: Some(Ask::YesOrNo(|check| Box::pin(ask(check)))),
    ..PLAIN
};

const ANONYMOUS: &str = "anonymous";

/// Bytes of a file that are looked at, as of an HTTP body; the rest is left unread.
const LONGEST_FILE: u64 = 1 << 20;

fn validate(question: &Question) -> Result<(), Invalid> {
    lines::validate(question, &[Field::Request, Field::Login, Field::Passwd])?;
    pattern::validate_receive(question)
}

async fn ask(check: &Check) -> Result<(), CheckFailure> {
    let (attempt, question) = (Attempt::start(check), &*check.question);
    let mut lines = Lines::connect(&attempt, check.target).await?;
    log_in(&mut lines, question).await?;
    if let Some(path) = path(question) {
        Transfer { attempt: &attempt, target: check.target, lines: &mut lines, path }.judge(&question.receive).await?;
    }
    lines.farewell("QUIT").await;
    Ok(())
}

/// From the greeting on.
pub(super) async fn log_in(lines: &mut Lines<'_>, question: &Question) -> Result<(), CheckFailure> {
    let (step, passwd) = (lines::login_step(question), question.passwd.reveal());
    lines.hide(passwd);
    lines.success("greeting").await?;
    let mut reply = lines.command(&step, &format!("USER {}", question.login)).await?;
    if reply.is_intermediate() {
        reply = lines.command(&step, &format!("PASS {passwd}")).await?;
    }
    if reply.is_success() { Ok(()) } else { Err(lines.wrong(&step, &reply.text)) }
}

/// The file to fetch. Where nothing is said of one, a login is all that is asked for.
fn path(question: &Question) -> Option<String> {
    let path = question.request.trim_start_matches('/');
    (!path.is_empty() || !question.receive.is_empty()).then(|| format!("/{path}"))
}

struct Transfer<'a, 'b> {
    attempt: &'a Attempt<'b>,
    target: SocketAddr,
    lines: &'a mut Lines<'b>,
    path: String,
}

impl Transfer<'_, '_> {
    async fn judge(mut self, receive: &str) -> Result<(), CheckFailure> {
        let step = format!("RETR \"{}\"", self.path);
        let file = self.fetch(&step).await?;
        if receive.is_empty() {
            return Ok(());
        }
        let (size, first) = (file.len(), if file.len() as u64 == LONGEST_FILE { "first " } else { "" });
        match pattern::matches(receive, &file) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let cause = format!("the {first}{size} bytes of the file do not match receive=\"{receive}\"");
                Err(self.attempt.failure_at(FailureKind::Answer, &step, cause))
            }
            Err(unmatched) => {
                let (kind, cause) = unmatched.into_parts();
                Err(self.attempt.failure_at(kind, &step, format_args!("receive=\"{receive}\": {cause}")))
            }
        }
    }

    async fn fetch(&mut self, step: &str) -> Result<Vec<u8>, CheckFailure> {
        // As ldirectord, which does not care whether the server knows these.
        self.lines.command("CWD /", "CWD /").await?;
        self.lines.command("TYPE I", "TYPE I").await?;
        let port = passive_port(self.lines, self.target.is_ipv6()).await?;
        // To the server that is checked, whatever address it names: that may be the virtual one.
        let address = SocketAddr::new(self.target.ip(), port);
        let data = self.attempt.connect(&format!("connect to the data port {port}"), address).await?;
        let reply = self.lines.command(step, &format!("RETR {}", self.path)).await?;
        if !reply.is_preliminary() {
            return Err(self.lines.wrong(step, &reply.text));
        }
        let mut file = Vec::new();
        self.attempt.io(step, data.take(LONGEST_FILE).read_to_end(&mut file)).await?;
        // Of a file that we do not read to its end the server may say what it wants.
        if (file.len() as u64) < LONGEST_FILE {
            self.lines.success(step).await?;
        }
        Ok(file)
    }
}

/// Where the server waits for the data connection.
pub(super) async fn passive_port(lines: &mut Lines<'_>, is_ipv6: bool) -> Result<u16, CheckFailure> {
    let (command, read): (_, fn(&str) -> Option<u16>) =
        if is_ipv6 { ("EPSV", port_of_epsv) } else { ("PASV", port_of_pasv) };
    let reply: Reply = lines.command(command, command).await?;
    let port = if reply.is_success() { read(&reply.text).filter(|port| *port != 0) } else { None };
    port.ok_or_else(|| lines.wrong(command, &reply.text))
}

/// The port of `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)`, of which only the numbers are certain.
fn port_of_pasv(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit() && c != ',').find_map(|chunk| {
        let numbers: Vec<u8> = chunk.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        match numbers[..] {
            [_, _, _, _, high, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    })
}

/// The port of `229 Entering Extended Passive Mode (|||6446|)` (RFC 2428).
fn port_of_epsv(text: &str) -> Option<u16> {
    let (_, inside) = text.split_once('(')?;
    let delimiter = inside.chars().next()?;
    let mut parts = inside.split(delimiter);
    let port = parts.nth(3)?;
    parts.next()?.starts_with(')').then(|| port.parse().ok())?
}

#[cfg(test)]
mod tests;
