//! All parameters of `ocf:rust:vip`, each with valid, boundary and invalid values, against what the kernel shows then.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod announcements;
mod coverage;
mod places;
mod random;
mod view;
mod wide;
mod wrong;

use common::rows::check_rows;
use common::{Host, until_equal, wrong as wrong_rows};

type Pairs = &'static [(&'static str, &'static str)];

/// Parameters that work. The first one is what the row is about.
#[derive(Debug)]
struct ParameterRow {
    set: Pairs,
    is_boundary: bool,
    /// Shell commands before the start.
    prepare: &'static str,
    /// What the kernel shows more than before, and, after a `-`, what it shows no more.
    shows: &'static [&'static str],
}

const fn valid(set: Pairs, shows: &'static [&'static str]) -> ParameterRow {
    ParameterRow { set, is_boundary: false, prepare: "", shows }
}

/// Returns a row with a value at the edge of what is allowed.
const fn boundary(set: Pairs, shows: &'static [&'static str]) -> ParameterRow {
    ParameterRow { is_boundary: true, ..valid(set, shows) }
}

impl ParameterRow {
    const fn after(self, prepare: &'static str) -> Self {
        Self { prepare, ..self }
    }
}

/// The parameters of every row. A row that needs another value sets it once more, behind these.
const BASE: Pairs = &[("ip", "192.0.2.9"), ("nodad", "yes"), ("arp_count", "0"), ("preferred_lft", "forever")];

fn check_all(rows: &[ParameterRow]) {
    check_rows(rows, check);
}

fn check(row: &ParameterRow) {
    let host = Host::with_eth0(&["192.0.2.1/24", "2001:db8::1/64"]);
    if !row.prepare.is_empty() {
        host.sh(row.prepare);
    }
    let vip = host.agent("vip").params(BASE).params(row.set);
    let (shown, before) = (view::lines(&host), wrong_rows::state(&host));
    vip.run("validate-all").expect(0).silent();
    vip.clone().variable("OCF_CHECK_LEVEL", "10").run("validate-all").expect(0).silent();
    assert_eq!(wrong_rows::state(&host), before, "validate-all {:?}", row.set);
    let mut expected: Vec<String> = row.shows.iter().map(|line| (*line).to_owned()).collect();
    expected.sort();
    // The second time there is nothing to do.
    for _ in 0..2 {
        vip.start();
        // A lifetime needs its time to pass.
        until_equal(&format!("{:?}", row.set), &expected, || view::difference(&shown, &view::lines(&host)));
        vip.monitor().expect(0).silent();
    }
    vip.probe().expect(0).silent();
    vip.stop();
    assert_eq!(view::lines(&host), shown, "after stop: {:?}", row.set);
    until_equal(&format!("after stop: {:?}", row.set), &before, || wrong_rows::state(&host));
}
