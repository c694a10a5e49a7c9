//! `lvs-agents status` shows what each health monitor of this node knows, beside what the kernel holds.

mod age;
mod collect;
mod declared;
mod drifts;
mod filter;
mod judge;
mod kernel_index;
mod layout;
mod notes;
mod overview;
mod render;
#[cfg(test)]
mod schema;
mod table;

use std::io::{IsTerminal, Write, stdout};
use std::time::SystemTime;

use anstream::{AutoStream, ColorChoice};
use anyhow::bail;
use clap::{Args, ValueEnum};

use super::{ExitStatus, SUCCESS};
use crate::system::memory;
pub use age::age;
pub use collect::{CLINGS, ask, ask_all, clinging_services, traffic};
use filter::Filter;
pub use judge::is_remarkable;
pub use kernel_index::KernelIndex;
use layout::Layout;
pub use notes::{of_role, of_sync, troubles};
#[cfg(test)]
pub use overview::{KernelRow, ServiceSummary};
pub use overview::{Overview, State, TrafficRow};
pub use render::headline;

/// Exit status 1 stands for a look that failed, and 2 for words that are not understood.
const DEGRADED: ExitStatus = 3;
const UNSERVED: ExitStatus = 4;

/// What is shown, and how.
#[derive(Args)]
pub struct StatusArguments {
    #[command(flatten)]
    filter: Filter,
    /// As JSON, for programs; docs/status.schema.json describes it
    #[arg(long)]
    json: bool,
    /// Say in the exit status how what is shown is: 0 all is well, 3 degraded, 4 a virtual service is not served. Without it,
    /// 0 says that the look succeeded. 1 always says that it failed
    #[arg(long)]
    exit_code: bool,
    /// Colours: on a terminal only, as NO_COLOR says; always, or never
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    color: When,
}

/// When colours are shown.
#[derive(Clone, Copy, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// Prints the overview, as text for people or as JSON for programs.
///
/// # Errors
/// Fails when it cannot look, when what was asked for is not there, and when the output cannot be written.
pub fn run(arguments: &StatusArguments, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let StatusArguments { filter, json, exit_code, color } = arguments;
    memory::keep_for_reuse();
    let mut overview = collect::collect(*json)?;
    if let Some(missing) = filter.missing(&overview) {
        bail!("{missing}");
    }
    filter.apply(&mut overview);
    overview.state = judge::state(&overview);
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&overview)?)?,
        false => out.write_all(render::render(&overview, layout(*color), SystemTime::now()).as_bytes())?,
    }
    Ok(match overview.state {
        State::Degraded if *exit_code => DEGRADED,
        State::Unserved if *exit_code => UNSERVED,
        _ => SUCCESS,
    })
}

/// Looks at everything but the counters of traffic, and judges it.
///
/// # Errors
/// Fails when this user may not look, and when the kernel's table cannot be read.
pub fn look() -> anyhow::Result<Overview> {
    let mut overview = collect::collect(false)?;
    overview.state = judge::state(&overview);
    Ok(overview)
}

fn layout(color: When) -> Layout {
    let colour = match color {
        When::Auto => AutoStream::choice(&stdout()) != ColorChoice::Never,
        When::Always => true,
        When::Never => false,
    };
    let is_terminal = stdout().is_terminal();
    let columns = || rustix::termios::tcgetwinsize(stdout()).ok().map(|size| usize::from(size.ws_col));
    Layout { colour, width: is_terminal.then(columns).flatten().filter(|columns| *columns > 0) }
}
