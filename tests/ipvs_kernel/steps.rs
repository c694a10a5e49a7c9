//! The plan, executed by a kernel one change after the other: random tables, what is in both of which is there all the time.
//!
//! `LVS_AGENTS_SEED` is the seed of other sets of tables than the usual ones, `LVS_AGENTS_SETS` how many there are.

use std::cell::RefCell;

use lvs_agents::model::{Change, Table};
use lvs_agents::netlink::ipvs::{ComparisonDepth, Ipvs};
use lvs_agents::plan::{TableRole, deletions, differences, entry_differences, table_changes};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::tables::{Way, check_equal, local_addresses, ways};
use super::{command, in_namespace};

const SEED: u64 = 20_261_127;
const SETS: u32 = 300;

fn number<T: std::str::FromStr>(variable: &str, usual: T) -> T {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}: a number")))
}

fn execute(ipvs: &mut Ipvs, change: &Change) -> Result<(), TestCaseError> {
    let failures = ipvs.apply(std::slice::from_ref(change));
    failures.first().map_or(Ok(()), |failure| Err(TestCaseError::fail(failure.to_string())))
}

fn read(ipvs: &mut Ipvs) -> Result<Table, TestCaseError> {
    ipvs.table().map_err(|error| TestCaseError::fail(error.to_string()))
}

/// Brings the kernel to `table` from whatever it holds.
fn prepare(ipvs: &mut Ipvs, table: &Table) -> Result<(), TestCaseError> {
    let held = read(ipvs)?;
    for change in deletions(held.keys()).iter().chain(&table_changes(table, &Table::new(), TableRole::OwnsServices)) {
        execute(ipvs, change)?;
    }
    check_equal(&read(ipvs)?, table).map_err(TestCaseError::fail)
}

/// What `monitor` compares has to say what the whole table says.
fn check_comparison(ipvs: &mut Ipvs, way: &Way, now: &Table) -> Result<(), TestCaseError> {
    let compared = ipvs.compare(&way.desired, ComparisonDepth::Thorough);
    let compared = compared.map_err(|error| TestCaseError::fail(error.to_string()))?;
    let found: Vec<_> =
        compared.iter().flat_map(|(key, held)| entry_differences(&way.desired[key], held.as_ref())).collect();
    match differences(&way.desired, now) {
        expected if expected == found => Ok(()),
        expected => Err(TestCaseError::fail(format!("compare: found {found:?}\nexpected {expected:?}"))),
    }
}

fn go(ipvs: &mut Ipvs, way: &Way) -> Result<(), TestCaseError> {
    prepare(ipvs, &way.observed)?;
    let mut now = read(ipvs)?;
    for change in table_changes(&way.desired, &now, way.role) {
        execute(ipvs, &change)?;
        now = read(ipvs)?;
        way.check_step(&now).map_err(|cause| TestCaseError::fail(format!("{change}: {cause}")))?;
        check_comparison(ipvs, way, &now)?;
    }
    check_equal(&now, &way.end()).map_err(TestCaseError::fail)?;
    match table_changes(&way.desired, &now, way.role) {
        left if left.is_empty() => Ok(()),
        left => Err(TestCaseError::fail(format!("at the end there are changes left: {left:?}"))),
    }
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn a_plan_leads_from_any_table_to_any_other_and_what_is_in_both_is_there_at_every_step() {
    in_namespace(|ipvs| {
        for address in local_addresses() {
            command("ip", &format!("address add {address} dev lo"));
        }
        let (seed, cases) = (number("LVS_AGENTS_SEED", SEED), number("LVS_AGENTS_SETS", SETS));
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_ne_bytes());
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let ipvs = RefCell::new(ipvs);
        let outcome = runner.run(&ways(), |way| go(&mut ipvs.borrow_mut(), &way));
        outcome.unwrap_or_else(|error| panic!("LVS_AGENTS_SEED={seed}: {error}"));
    });
}
