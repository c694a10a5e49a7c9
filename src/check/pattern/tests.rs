mod generated;
mod perl;

use super::*;
use perl::{Answer, Row};

/// What a row should have got and did not; `None`: we agree.
fn disagreement(row: &Row, perl: &Answer) -> Option<String> {
    let ours = matches(&row.pattern, &row.body);
    let agree = match (&ours, perl) {
        (Ok(ours), Answer::Matches) => *ours,
        (Ok(ours), Answer::Differs) => !ours,
        (Ok(_), Answer::Refused(_)) => false,
        (Err(Unmatched::Pattern(cause)), Answer::Matches | Answer::Differs) => cause.contains("not supported"),
        (Err(_), _) => true,
    };
    let Row { pattern, body } = row;
    (!agree).then(|| format!("{pattern} on \"{}\": perl: {perl:?}, here: {ours:?}", body.escape_ascii()))
}
