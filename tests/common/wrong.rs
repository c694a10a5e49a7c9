//! Every wrong parameter gives the right exit code and one exit reason, and changes nothing; stop succeeds in spite of
//! each.

use super::rows::check_rows;
use super::{Agent, Host, Outcome};

/// The wrong parameters, beside others that are right.
pub type WrongParameters = &'static [(&'static str, &'static str)];

/// Wrong parameters; the exit codes of start and of validate-all; words of the exit reason.
pub type WrongRow = (WrongParameters, i32, i32, &'static str);

/// Returns a row of parameters that are wrong on every node, for ever.
pub const fn everywhere(parameters: WrongParameters, says: &'static str) -> WrongRow {
    (parameters, 6, 6, says)
}

/// Returns a row of parameters that are wrong here only, which validate-all cannot know without looking at this
/// machine.
pub const fn here(parameters: WrongParameters, start: i32, says: &'static str) -> WrongRow {
    (parameters, start, 0, says)
}

/// Checks the rows. `right` makes the agent with right parameters for each row.
pub fn check<'a>(host: &'a Host, right: impl Fn() -> Agent<'a>, rows: &[WrongRow]) {
    let before = state(host);
    check_rows(rows, |(parameters, start, validate, says)| {
        let wrong = right().params(parameters);
        wrong.run("start").expect(*start).says(says);
        assert_eq!(state(host), before, "start with {parameters:?}");
        match validate {
            0 => drop(wrong.run("validate-all").expect(0).silent()),
            code => drop(wrong.run("validate-all").expect(*code).says(says)),
        }
        for answer in [wrong.monitor(), wrong.probe()] {
            assert!([Some(0), Some(1), Some(7)].contains(&answer.code), "{parameters:?}: {:?}", answer.code);
            at_most_one_reason(&answer);
        }
        wrong.stop();
        assert_eq!(state(host), before, "{parameters:?}");
    });
}

fn at_most_one_reason(answer: &Outcome) {
    if !answer.stderr.is_empty() {
        answer.reason();
    }
}

/// Returns everything that an agent could have changed: addresses, the IPVS table, its own files, processes.
pub fn state(host: &Host) -> Vec<String> {
    let kernel = ["net/fib_trie", "net/if_inet6", "net/ip_vs"].map(|name| host.proc_file(name));
    let kernel = kernel.map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let lines = kernel.iter().flat_map(|text| text.lines()).map(|line| line.trim().to_owned());
    // The inner nodes of the trie depend on its history, and the state of the kernel's own link-local addresses changes
    // by itself, so both are left out.
    let kernel = lines.filter(|line| !line.starts_with("+--") && !line.starts_with("fe80"));
    let processes = host.processes().into_iter().map(|(_, line)| line);
    kernel.chain(host.run_files()).chain(processes).collect()
}
