//! One binary, several names: called through a link of resource.d it is that agent, else the command line.

use std::process::ExitCode;

use lvs_agents::{agent, cli};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let called = arguments.next().unwrap_or_default();
    let name = std::path::Path::new(&called).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match agent::find(name) {
        Some(agent) => cli::run_agent(agent, arguments.next().as_deref()),
        None => cli::run(),
    }
}
