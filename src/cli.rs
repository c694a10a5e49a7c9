//! The command line: `lvs-agents COMMAND`.

mod access;
mod called_as;
mod check_config;
mod doctor;
mod documents;
mod events;
mod export;
mod import;
mod install;
mod ldirectord;
mod order;
mod output;
mod plan;
mod status;
mod top;
mod what_if;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::agent::{self, AGENTS};
use crate::config::LogTarget;
use crate::daemon::{self, HealthMonitorOptions, Readiness, Starter};
use crate::model::OrderKind;
use crate::ocf::{self, Agent};
use crate::system::{RunDir, ServiceManager, memory};

pub use called_as::{CalledAs, called_as};
pub use ldirectord::run as run_as_ldirectord;

use output::Output;

/// The exit code of the process.
pub type ExitStatus = u8;
const SUCCESS: ExitStatus = 0;
const FAILURE: ExitStatus = 1;
/// The command has done its work, and there is something to look at: changes, or what was left out.
const DIFFERENT: ExitStatus = 2;
/// The command has done its work, and something is wrong.
const FOUND: ExitStatus = 3;

/// Linux Virtual Server made highly available: OCF resource agents, health monitor and tools in one binary.
#[derive(Parser)]
#[command(name = "lvs-agents", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Show virtual services, the health of their real servers, and the reason of every weight
    Status(status::StatusArguments),
    /// Show the same live, with rates and a history of each real server
    Top(top::TopArguments),
    /// Show what has happened, each change with its reason
    Events(events::EventsArguments),
    /// Drain a real server: it gets no new connections, and keeps those that it has
    Drain {
        #[command(flatten)]
        order: order::OrderArguments,
        /// Wait until it has no established connection; exit status 3 when this time is over before
        #[arg(long, value_name = "TIME", value_parser = order::duration)]
        wait: Option<Duration>,
    },
    /// Remove a real server, with its connections
    Disable {
        #[command(flatten)]
        order: order::OrderArguments,
    },
    /// Give a real server another weight than its configuration does
    Weight {
        #[command(flatten)]
        order: order::OrderArguments,
        /// The weight
        #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(i32::MAX)))]
        weight: u32,
    },
    /// End every order about a real server: its configuration counts again
    Enable {
        #[command(flatten)]
        subject: order::SubjectArguments,
    },
    /// Show the orders that drain, disable and weight have given
    Orders {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with this node, its network and its configuration, each with the fix; exit status 3 if anything is
    Doctor {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
        /// Give up a look that takes longer
        #[arg(long, value_name = "TIME", value_parser = order::duration, default_value = "3s")]
        patience: Duration,
        /// Names of resources, and ldirectord.cf files; without any, all that this node knows of
        #[arg(value_name = "RESOURCE|FILE")]
        subjects: Vec<String>,
    },
    /// Check a configuration file and say everything that is wrong with it; exit status 1 if anything is
    CheckConfig {
        /// A ldirectord.cf
        file: PathBuf,
        /// Show every value that counts for each virtual service, and where it comes from
        #[arg(long)]
        explain: bool,
    },
    /// Show what a start or a reload would change in the kernel now, and change nothing; exit status 2 if there is anything
    Plan {
        /// A ldirectord.cf, or the name of an lvs resource that has been started on this node
        subject: String,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show what becomes of the virtual services when something fails; exit status 2 if one is left without a server
    WhatIf {
        #[command(subcommand)]
        event: what_if::Event,
    },
    /// Make a ldirectord.cf of what another load balancer is configured with; exit status 2 if anything is left out
    Import {
        #[command(subcommand)]
        source: import::ImportSource,
    },
    /// Print the commands that make a pair of directors of a ldirectord.cf
    Export(export::ExportOptions),
    /// Install this binary and the links that make its agents known to pacemaker
    Install(install::InstallOptions),
    /// Print the OCF meta-data of an agent: vip, lvs, ldirectord or realserver
    MetaData {
        /// Name of the agent
        agent: String,
        /// The XML that the cluster reads, or a manual page in one of two languages
        #[arg(long, value_enum, default_value_t = MetaDataFormat::Xml)]
        format: MetaDataFormat,
    },
    /// Run an action of an agent as pacemaker does, with its parameters in OCF_RESKEY_... variables
    Agent {
        /// vip, lvs, ldirectord or realserver
        name: String,
        /// start, stop, monitor, reload-agent, validate-all, meta-data; lvs also has promote and demote
        action: Option<OsString>,
    },
    /// Run the health monitor in the foreground
    Daemon {
        /// Name of the pacemaker resource
        #[arg(long, default_value = "ldirectord")]
        instance: String,
        /// A ldirectord.cf; without it, the services of the lvs agents of this node
        #[arg(long)]
        configfile: Option<PathBuf>,
        /// Where to log when the configuration does not say: a path, or a syslog facility
        #[arg(long)]
        logfile: Option<String>,
        /// Where metrics can be read when the configuration does not say: ADDRESS:PORT
        #[arg(long)]
        metrics: Option<SocketAddr>,
        /// The group that may read status and events when the configuration does not say
        #[arg(long)]
        observe_group: Option<String>,
        /// Have an attribute of this node for each virtual service, dampened by so many milliseconds
        #[arg(long, hide = true)]
        attribute_dampening: Option<u64>,
        /// Keep the process number in this file
        #[arg(long, hide = true)]
        pid_file: Option<PathBuf>,
        /// Start and stop the files that `execute` names, as the original does
        #[arg(long, hide = true)]
        executes: bool,
        /// Leave the caller's session, and say on standard output when clients can be served
        #[arg(long, hide = true)]
        detach: bool,
        /// Say so after this time at the latest, in seconds
        #[arg(long, hide = true, default_value_t = 60)]
        ready_within: u64,
    },
    /// Repeat announcements of addresses (started by the vip agent)
    #[command(hide = true)]
    Announce {
        /// Name of the pacemaker resource
        #[arg(long)]
        instance: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum MetaDataFormat {
    Xml,
    Markdown,
    Man,
}

/// Runs the command of this process; errors go to standard error, exit status 1.
pub fn run() -> ExitStatus {
    match execute(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // There is no place to report that standard error is closed.
            let _ = writeln!(std::io::stderr(), "lvs-agents: {error:#}");
            FAILURE
        }
    }
}

fn execute(command: CliCommand) -> anyhow::Result<ExitStatus> {
    let mut out = Output::new(std::io::stdout());
    match command {
        CliCommand::Status(arguments) => return status::run(&arguments, &mut out),
        CliCommand::Top(arguments) => return top::run(arguments),
        CliCommand::Events(arguments) => events::run(&arguments, &mut out)?,
        CliCommand::Drain { order, wait } => return order::give(OrderKind::Drain, order, wait, &mut out),
        CliCommand::Disable { order } => return order::give(OrderKind::Disable, order, None, &mut out),
        CliCommand::Weight { order, weight } => return order::give(OrderKind::Weight(weight), order, None, &mut out),
        CliCommand::Enable { subject } => return order::end(&subject, &mut out),
        CliCommand::Orders { json } => return order::list(json, &mut out),
        CliCommand::Doctor { json, patience, subjects } => return doctor::run(&subjects, patience, json, &mut out),
        CliCommand::CheckConfig { file, explain } => return check_config::run(&file, explain, &mut out),
        CliCommand::Plan { subject, json } => return plan::run(&subject, json, &mut out),
        CliCommand::WhatIf { event } => return what_if::run(&event, &mut out),
        CliCommand::Import { source } => return import::run(&source, &mut out),
        CliCommand::Export(options) => export::run(&options, &mut out)?,
        CliCommand::Install(options) => install::run(&options, &mut out)?,
        CliCommand::MetaData { agent, format } => {
            let description = find(&agent)?.description();
            let text = match format {
                MetaDataFormat::Xml => description.metadata(),
                MetaDataFormat::Markdown => description.manual(),
                MetaDataFormat::Man => description.man_page(),
            };
            out.write_all(text.as_bytes())?;
        }
        CliCommand::Agent { name, action } => return Ok(run_agent(find(&name)?, action.as_deref())),
        CliCommand::Daemon {
            instance,
            configfile,
            logfile,
            metrics,
            observe_group,
            attribute_dampening,
            pid_file,
            executes,
            detach,
            ready_within,
        } => {
            let ready_within = Duration::from_secs(ready_within);
            let logfile = logfile.map(LogTarget::from);
            let run_dir = RunDir::system();
            run_daemon(
                HealthMonitorOptions {
                    instance,
                    configfile,
                    logfile,
                    metrics,
                    observe_group,
                    attribute_dampening: attribute_dampening.map(Duration::from_millis),
                    pid_file,
                    executes,
                    ready_within,
                    run_dir,
                },
                detach,
            )?;
        }
        CliCommand::Announce { instance } => agent::repeat_announcements(&instance)?,
    }
    Ok(SUCCESS)
}

fn find(name: &str) -> anyhow::Result<&'static dyn Agent> {
    let names: Vec<&str> = AGENTS.iter().map(|(name, _)| *name).collect();
    agent::find(name).with_context(|| format!("agent \"{name}\": find: there are {}", names.join(", ")))
}

/// Runs an OCF action with the environment and the descriptors of this process.
pub fn run_agent(agent: &dyn Agent, action: Option<&OsStr>) -> ExitStatus {
    memory::keep_for_reuse();
    ocf::main(agent, action) as ExitStatus
}

fn run_daemon(options: HealthMonitorOptions, detach: bool) -> anyhow::Result<()> {
    if detach {
        agent::detach_from_starter();
        nix::unistd::setsid().context("session: start one of our own")?;
    }
    let mut readiness = Readiness::new(starter(detach)?);
    let result = daemon::run(options, &mut readiness);
    if let Err(error) = &result
        && !readiness.is_reported()
    {
        readiness.report_failure(&format!("{error:#}"));
    }
    if let Err(error) = result {
        bail!(error);
    }
    Ok(())
}

/// A process that waits for the line of `--detach` may itself be a child of systemd's, which wants to hear of that service
/// and not of us.
fn starter(detach: bool) -> anyhow::Result<Starter> {
    if detach {
        return Ok(Starter::WaitingProcess);
    }
    let manager = ServiceManager::of_environment().context("service manager: open a way to it")?;
    Ok(manager.map_or(Starter::Hand, Starter::ServiceManager))
}

/// The whole command line, for what is generated from it.
fn command() -> clap::Command {
    Arguments::command()
}
