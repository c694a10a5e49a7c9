mod generated;
mod limits;
mod perl;

use super::*;
use perl::{Answer, Row};

/// What we say, what perl says and how that differs; `None`: we agree.
///
/// `may_refuse`: a pattern that perl takes may be one that we do not have.
fn disagreement(row: &Row, perl: &Answer, may_refuse: bool) -> Option<String> {
    let ours = matches(&row.pattern, &row.body);
    let agree = match (&ours, perl) {
        (Ok(ours), Answer::Matches) => *ours,
        (Ok(ours), Answer::Differs) => !ours,
        (Ok(_), Answer::Refused(_)) => false,
        (Err(Unmatched::Pattern(cause)), Answer::Matches | Answer::Differs) => {
            may_refuse && cause.contains("not supported")
        }
        (Err(_), _) => true,
    };
    let Row { pattern, body } = row;
    (!agree)
        .then(|| format!("{} on \"{}\": perl: {perl:?}, here: {ours:?}", pattern.escape_debug(), body.escape_ascii()))
}

/// The rows of the table, and whether we refuse their patterns.
fn table() -> Vec<(Row, bool)> {
    let mut is_refused = false;
    let mut rows = Vec::new();
    for line in include_str!("tests/table.txt").lines() {
        if let Some(title) = line.strip_prefix("## ") {
            is_refused = title.starts_with("refused");
        } else if !line.starts_with("# ") {
            let mut cells = line.split('\t').map(perl::decode);
            let pattern = String::from_utf8(cells.next().expect("pattern")).expect("a pattern of the configuration");
            rows.extend(cells.map(|body| (Row { pattern: pattern.clone(), body }, is_refused)));
        }
    }
    rows
}

#[test]
fn it_matches_what_perl_matches() {
    let table = table();
    assert!(table.len() >= 250, "{}", table.len());
    let rows: Vec<Row> = table.iter().map(|(row, _)| row.clone()).collect();
    let answers = perl::ask(&rows);
    let wrong: Vec<String> = table
        .iter()
        .zip(&answers)
        .filter_map(|((row, is_refused), answer)| match (is_refused, answer, validate(&row.pattern)) {
            (false, ..) => disagreement(row, answer, false),
            (true, Answer::Matches | Answer::Differs, Err(cause)) if cause.contains("not supported") => None,
            (true, answer, ours) => Some(format!("{}: perl: {answer:?}, here: {ours:?}", row.pattern)),
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn a_refusal_names_the_part() {
    for (pattern, refusal) in [
        ("a(b", "\"(b\": \")\" is missing"),
        ("a)", "a closing parenthesis has no opening one"),
        ("x[a-", "\"[a-\": \"]\" is missing"),
        ("a**", "\"**\": one repetition follows another"),
        ("a|*", "\"*\": there is nothing before it that it could repeat"),
        ("\\d{a}", "\"\\\\d{\": a brace here must be written \"\\{\""),
        ("up \\pL", "\"\\\\p\": properties of Unicode are not supported"),
        (
            "\\x{20ac}",
            "\"\\\\x{20ac}\": characters of more than one byte are not supported: a body is matched byte by byte",
        ),
        ("a(?{ 1 })", "\"(?\": code in a pattern is not supported"),
        ("a(*SKIP)", "\"(*SKIP\": verbs are not supported, except (*FAIL)"),
        ("(a)\\2", "there is no group 2"),
        ("\\k<up>", "there is no group named \"up\""),
        ("(?<=a+)b", "a lookbehind goes back by more than 255 bytes"),
        ("\\Uup", "\"\\U\": text that changes its case is not supported"),
    ] {
        assert_eq!(validate(pattern), Err(refusal.to_owned()), "{pattern}");
    }
}

#[test]
fn the_cache_does_not_confuse_patterns() {
    for _ in 0..2 {
        assert_eq!(matches("^OK$", b"OK"), Ok(true));
        assert_eq!(matches("^KO$", b"OK"), Ok(false));
        assert!(matches!(matches("a(", b"a"), Err(Unmatched::Pattern(_))));
    }
}
