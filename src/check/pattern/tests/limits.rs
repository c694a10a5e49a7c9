//! No pattern and no body keeps the daemon, whatever they are.

use proptest::prelude::*;

use super::*;

#[test]
fn a_search_that_does_not_end_gives_up() {
    let many = "a".repeat(50);
    let started = std::time::Instant::now();
    for pattern in ["^(?:(a|a)*)*\\1b$", "(?:(?:(?:a{1,9}){1,9}){1,9}){1,9}b"] {
        let endless = matches(pattern, many.as_bytes());
        assert_eq!(endless, Err(Unmatched::Body("no result within 20000000 steps".into())), "{pattern}");
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn ways_without_end_are_not_kept() {
    let body = "ab".repeat(1 << 19);
    let wide = matches("^(?:(a|b)c?)*\\1z", body.as_bytes());
    assert_eq!(wide, Err(Unmatched::Body("no result with 1000000 ways left open".into())));
    let deep = matches("^(a(?1)|b(?1))$", body.as_bytes());
    assert_eq!(deep, Err(Unmatched::Body("no result with 1000000 ways left open".into())));
}

#[test]
fn a_recursion_without_an_end_is_one() {
    for (pattern, body) in [("(a|(?1)b)c", "b"), ("(?<x>(?&y))(?<y>(?&x))", "")] {
        let endless = matches(pattern, body.as_bytes());
        assert_eq!(endless, Err(Unmatched::Body("a group calls itself without an end".into())), "{pattern}");
    }
}

/// A machine that tries all ways needs a time that grows with the square of the body's length, or worse.
#[test]
fn a_pattern_without_references_takes_a_large_body() {
    let body = "a ".repeat(1 << 19);
    for pattern in ["a.*b", "^(.*)*x", "\\s*\\w*\\s*[ab ]*x", ".*.*.*x", "(?:a*)*?x", "a.*?x", "(?!.*b)b"] {
        assert_eq!(matches(pattern, body.as_bytes()), Ok(false), "{pattern}");
    }
    let body = "a ".repeat(1 << 16);
    for pattern in ["(?:\\w+\\s?)*!", "(?:a|a )*b", "(?:(?:a+)+ ?)+!"] {
        assert_eq!(matches(pattern, body.as_bytes()), Ok(false), "{pattern}");
    }
}

#[test]
fn repetitions_within_repetitions_take_no_room() {
    assert_eq!(matches("(?:(?:a{60000}){60000}){60000}", b"aaa"), Ok(false));
    let nested = format!("{}a{}", "(?:".repeat(150), "{1000})".repeat(150));
    assert!(validate(&nested).is_ok(), "{:?}", validate(&nested));
    let deep = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(validate(&deep), Err("groups are nested deeper than 200".into()));
    let behind = "(?<=a{0,255})".repeat(1000);
    assert_eq!(validate(&behind), Err("the pattern is too large".into()));
    let called = (0..150).fold(String::from("a"), |inner, _| format!("({inner}(?1)?)"));
    assert!(validate(&called).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_pattern_panics(
        pattern in "([ab.^$|()*+?\\[\\]{},0-9\\\\<>=!:#&' \\n-]|\\\\[a-zA-Z0-9]|\\(\\?[:=!>|<(^ix]|\\[\\[?:|.){0,24}",
        body in prop::collection::vec(prop::sample::select(&b"aab1 \n\r-\xff"[..]), 0..40),
    ) {
        let _ = matches(&pattern, &body);
    }
}
