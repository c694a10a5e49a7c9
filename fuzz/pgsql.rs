//! What a PostgreSQL server answers to a login and a query, by the library that reads it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::hold;
use crate::check::attempt::{Attempt, Subject};
use crate::check::failure::FailureKind;
use crate::model::Question;
use crate::seeds::Seeds;

/// Long enough for every input; none makes the client wait for anything but the end of the input.
const PATIENT: Duration = Duration::from_secs(60);

#[test]
fn pgsql_answers() {
    let seeds = Seeds::of("pgsql_answers");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ask = std::panic::AssertUnwindSafe(|bytes: &[u8]| runtime.block_on(ask(bytes)));
    bolero::check!(name = "pgsql_answers").for_each(|bytes: &[u8]| seeds.each(bytes, *ask));
}

/// Bytes of a server are never this node's fault.
async fn ask(bytes: &[u8]) {
    let question = Question { login: "monitor".into(), request: "SELECT 1".into(), ..Question::of("pgsql") };
    let attempt = Attempt::about(Subject::Other(&"pgsql"), PATIENT);
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let server = async {
        let _ = theirs.read(&mut [0; 1024]).await;
        // It breaks off where the client has seen enough.
        let _ = theirs.write_all(bytes).await;
        let _ = theirs.shutdown().await;
        let _ = theirs.read_to_end(&mut Vec::new()).await;
    };
    let (result, ()) = tokio::join!(hold(&attempt, &question, ours), server);
    if let Err(failure) = result {
        assert_ne!(failure.kind(), FailureKind::Internal, "{failure}");
    }
}
