//! What a directory answers, from the first byte to the last.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Conversation;
use crate::check::attempt::{Attempt, Subject};
use crate::check::failure::FailureKind;
use crate::model::Question;
use crate::seeds::Seeds;

/// Long enough for every input; none makes the client wait for anything but the end of the input.
const PATIENT: Duration = Duration::from_secs(60);

#[test]
fn ldap_answers() {
    let seeds = Seeds::of("ldap_answers");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ask = std::panic::AssertUnwindSafe(|bytes: &[u8]| runtime.block_on(ask(bytes)));
    bolero::check!(name = "ldap_answers").for_each(|bytes: &[u8]| seeds.each(bytes, *ask));
}

/// Bytes of a server are never this node's fault.
async fn ask(bytes: &[u8]) {
    let question = Question { request: "dc=test".into(), receive: "^dc".into(), ..Question::of("ldap") };
    let attempt = Attempt::about(Subject::Other(&"ldap"), PATIENT);
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let server = async {
        let _ = theirs.read(&mut [0; 1024]).await;
        // It breaks off where the client has seen enough.
        let _ = theirs.write_all(bytes).await;
        let _ = theirs.shutdown().await;
        let _ = theirs.read_to_end(&mut Vec::new()).await;
    };
    let (result, ()) = tokio::join!(Conversation::new(&attempt, &question, ours).hold(), server);
    if let Err(failure) = result {
        assert_ne!(failure.kind(), FailureKind::Internal, "{failure}");
    }
}
