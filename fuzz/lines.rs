//! What a server says in a conversation of lines.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Lines;
use crate::check::attempt::Attempt;
use crate::check::failure::{CheckFailure, FailureKind};
use crate::check::{ftp, imap, nntp, pop, simpletcp, sip, smtp};
use crate::model::{Check, Question, Secret};
use crate::seeds::Seeds;

/// Long enough for every input; none makes a check wait for anything but the end of the input.
const PATIENT: Duration = Duration::from_secs(60);
const PASSWORD: &str = "tops3cret";
const KINDS: [&str; 8] = ["pop", "imap", "smtp", "nntp", "ftp", "ftp6", "sip", "simpletcp"];

#[test]
fn conversations() {
    let seeds = Seeds::of("conversations");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let hold = std::panic::AssertUnwindSafe(|bytes: &[u8]| {
        let [choice, bytes @ ..] = bytes else { return };
        let kind = KINDS[usize::from(*choice) % KINDS.len()];
        if let Err(failure) = runtime.block_on(ask(kind, bytes)) {
            assert_ne!(failure.kind(), FailureKind::Internal, "{kind}: {failure}");
            assert_ne!(failure.kind(), FailureKind::Timeout, "{kind}: {failure}");
            let repeats = logs_in(kind) && failure.to_string().contains(PASSWORD);
            assert!(!repeats, "{kind}: {failure}");
        }
    });
    bolero::check!(name = "conversations").for_each(|bytes: &[u8]| seeds.each(bytes, *hold));
}

fn logs_in(kind: &str) -> bool {
    matches!(kind, "pop" | "imap" | "ftp" | "ftp6")
}

/// The server says all of it at once, and closes.
async fn ask(kind: &'static str, bytes: &[u8]) -> Result<(), CheckFailure> {
    let question =
        Question { login: "mon".into(), passwd: Secret::new(PASSWORD), receive: "^OK$".into(), ..Question::of(kind) };
    let target = ([192, 0, 2, 1], 99).into();
    let check = Check { question: question.into(), target, timeout: PATIENT, between: None };
    let attempt = Attempt::start(&check);
    let (ours, theirs) = tokio::io::duplex(4096);
    let lines = Lines::over(&attempt, ours);
    let (mut reader, mut writer) = tokio::io::split(theirs);
    let server = async {
        let _ = writer.write_all(bytes).await;
        let _ = writer.shutdown().await;
        while reader.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
    };
    tokio::join!(talk(kind, lines, &attempt, &check.question), server).0
}

async fn talk(
    kind: &str,
    mut lines: Lines<'_>,
    attempt: &Attempt<'_>,
    question: &Question,
) -> Result<(), CheckFailure> {
    match kind {
        "pop" => pop::converse(lines, question).await,
        "imap" => imap::converse(lines, question).await,
        "smtp" => smtp::converse(lines).await,
        "nntp" => nntp::converse(lines).await,
        "sip" => sip::wait(&mut lines, "OPTIONS").await,
        "simpletcp" => simpletcp::converse(lines, attempt, question).await,
        _ => {
            ftp::log_in(&mut lines, question).await?;
            let port = ftp::passive_port(&mut lines, kind == "ftp6").await?;
            assert_ne!(port, 0, "nothing listens there");
            Ok(())
        }
    }
}
