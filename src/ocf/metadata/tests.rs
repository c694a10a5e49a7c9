//! The document is judged by the programs that will read it: `xmllint` is the parser inside ocf-tester and crmsh, the
//! grammar is the one pcs applies. Where one is missing the tests fail and say which package to install.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::ocf::dummy::{DESCRIPTION, SIMPLE};
use crate::testing::check_rows;

const PCS_GRAMMAR: &str = "/usr/share/pcs/data/ocf-1.1.rng";

/// Returns what `xmllint` says of `document`: `Err` with its words when it refuses it.
fn xmllint(arguments: &[&str], document: &str) -> Result<(), String> {
    let mut child = Command::new("xmllint")
        .args(["--noout", "--nonet"])
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint is needed: apt-get install libxml2-utils");
    child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn the_descriptions_of_the_tests_are_sound() {
    assert_eq!(DESCRIPTION.mistakes(), [""; 0]);
    assert_eq!(SIMPLE.mistakes(), [""; 0]);
}

#[test]
fn the_document_is_valid_against_its_own_doctype_as_ocf_tester_checks_it() {
    for description in [&DESCRIPTION, &SIMPLE] {
        assert_eq!(xmllint(&["--valid"], &description.metadata()), Ok(()));
    }
}

#[test]
fn the_doctype_is_strict_enough_to_refuse() {
    let good = DESCRIPTION.metadata();
    check_rows(
        [
            ("<version>1.1</version>", ""),
            ("type=\"select\"", "type=\"choice\""),
            (" timeout=\"20s\"", ""),
            ("<content ", "<contents "),
            ("lang=\"en\"", ""),
            ("unique=\"1\"", "unique=\"yes\""),
            ("<parameter name=\"ip\"", "<parameter advanced=\"1\" name=\"ip\""),
        ],
        |(from, to)| {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            assert!(xmllint(&["--valid"], &bad).is_err(), "{from} as {to:?} passed");
        },
    );
}

#[test]
fn the_document_is_valid_against_the_grammar_of_pcs() {
    assert!(Path::new(PCS_GRAMMAR).exists(), "{PCS_GRAMMAR} is needed: apt-get install pcs");
    for description in [&DESCRIPTION, &SIMPLE] {
        assert_eq!(xmllint(&["--relaxng", PCS_GRAMMAR], &description.metadata()), Ok(()));
    }
}

#[test]
fn the_head_suits_crmsh() {
    let text = DESCRIPTION.metadata();
    assert!(text.starts_with("<?xml version=\"1.0\"?>\n<!DOCTYPE resource-agent [\n"), "{text}");
    assert!(text.is_ascii() && !text.contains("SYSTEM") && !text.contains("encoding") && text.ends_with(">\n"));
}

#[test]
fn every_attribute_of_a_parameter_is_written() {
    let text = DESCRIPTION.metadata();
    check_rows(
        [
            "<parameter name=\"ip\" unique-group=\"ip\" unique=\"1\" required=\"1\">",
            "<parameter name=\"quiescent\" reloadable=\"1\">",
            "<content type=\"boolean\" default=\"yes\"/>",
            "<content type=\"string\" default=\"500ms\"/>",
            "<content type=\"select\" default=\"wlc\">",
            "How to choose.\n\nExpected: one of rr, wlc.</longdesc>",
            "<option value=\"rr\"/>",
            "<replaced-with name=\"cidr_netmask\"/>",
            "<deprecated/>",
            "<longdesc lang=\"en\">Pretends to run something, for",
            "&amp; &lt;other",
            "<parameter name=\"trace_ra\" reloadable=\"1\">",
            "<parameter name=\"trace_file\"",
            "<parameter name=\"trace_dir\"",
        ],
        |wanted| {
            assert!(text.contains(wanted), "{wanted} in {text}");
        },
    );
    // Without reload-agent the word would promise what no action does.
    assert!(!SIMPLE.metadata().contains("reloadable=\""));
}

#[test]
fn actions_are_those_that_are_answered() {
    let actions = |text: String| -> Vec<String> {
        text.lines().map(str::trim).filter(|line| line.starts_with("<action ")).map(str::to_owned).collect()
    };
    assert_eq!(
        actions(SIMPLE.metadata()),
        [
            "<action name=\"start\" timeout=\"20s\"/>",
            "<action name=\"stop\" timeout=\"20s\"/>",
            "<action name=\"monitor\" timeout=\"20s\" interval=\"10s\" depth=\"0\"/>",
            "<action name=\"validate-all\" timeout=\"20s\"/>",
            "<action name=\"meta-data\" timeout=\"5s\"/>",
        ]
    );
    let promotable =
        "<action name=\"monitor\" timeout=\"20s\" interval=\"9s\" start-delay=\"1s\" depth=\"0\" role=\"Promoted\"/>";
    assert!(actions(DESCRIPTION.metadata()).contains(&promotable.to_owned()));
}
