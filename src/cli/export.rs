//! `lvs-agents export` prints the commands that make a pair of directors of a configuration file.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};

use crate::config::{self, Config, DIRECTIVES};
use crate::convert::{Pair, PairShape, Shell, commands};
use crate::director::{self, SystemResolver};
use crate::model::ServiceKey;

/// Who reads the commands.
#[derive(Clone, Copy, ValueEnum)]
pub enum ShellName {
    /// crmsh: `crm configure load update FILE`
    Crm,
    /// pcs: `sh FILE`
    Pcs,
}

/// The options of `export`.
#[derive(Args)]
pub struct ExportOptions {
    /// Who reads the commands
    #[arg(value_enum)]
    shell: ShellName,
    /// A ldirectord.cf, which has to be at the same place on both directors
    file: PathBuf,
    /// What the names of the resources begin with
    #[arg(long, default_value = "lb")]
    name: String,
    /// The interface that gets the addresses
    #[arg(long)]
    nic: Option<String>,
    /// The interface over which the directors tell each other of connections
    #[arg(long, conflicts_with = "simple")]
    sync_interface: Option<String>,
    /// One director has table and address as a group, and the other one nothing
    #[arg(long)]
    simple: bool,
    /// Write the only service of the file as parameters, so that no file is needed
    #[arg(long)]
    inline: bool,
    /// The addresses of vip, separated by commas; needed where all services are firewall marks. Default: those of the services
    #[arg(long, value_delimiter = ',')]
    ip: Vec<IpAddr>,
}

/// Prints the commands, and on standard error what their reader has to know.
pub fn run(options: &ExportOptions, out: &mut impl Write) -> anyhow::Result<()> {
    let file = std::path::absolute(&options.file)?;
    let name = file.display().to_string();
    check_name(&options.name)?;
    let config = director::load_file_of_resource(&file)?;
    if config.services.is_empty() {
        bail!("{name}: has no virtual service");
    }
    director::refuse_followed_names(&config).map_err(|why| anyhow!("{name}: {why}"))?;
    let addresses = addresses(&options.ip, &config);
    if addresses.is_empty() {
        bail!("{name}: every virtual service is a firewall mark, which has no address: --ip names those of vip");
    }
    let services = match options.inline {
        true => as_parameters(&file)?,
        false => vec![("configfile", name)],
    };
    for note in notes(options, &config, &services) {
        // There is no place to report that standard error is closed.
        let _ = writeln!(std::io::stderr(), "{note}");
    }
    let pair = Pair {
        name: &options.name,
        shape: if options.simple { PairShape::Simple } else { PairShape::Promotable },
        services: &services,
        addresses: &addresses,
        nic: options.nic.as_deref(),
        sync_interface: options.sync_interface.as_deref(),
    };
    let shell = match options.shell {
        ShellName::Crm => Shell::Crm,
        ShellName::Pcs => Shell::Pcs,
    };
    out.write_all(commands(&pair, shell).as_bytes())?;
    Ok(())
}

/// The cluster takes the names of XML alone.
fn check_name(name: &str) -> anyhow::Result<()> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_part) {
        return Ok(());
    }
    bail!("name \"{name}\": expected letters, digits, \"-\", \"_\" and \".\", and a letter first")
}

fn as_parameters(file: &std::path::Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let text = director::read_file(file).with_context(|| format!("{}: read", file.display()))?;
    config::file_as_parameters(&text, &SystemResolver::new())
        .map_err(|why| anyhow!("{}: write as parameters: {why}: leave --inline out", file.display()))
}

fn addresses(given: &[IpAddr], config: &Config) -> Vec<IpAddr> {
    let of_services = config.services.iter().filter_map(|service| match service.service.key {
        ServiceKey::Address { address, .. } => Some(address),
        ServiceKey::Fwmark { .. } => None,
    });
    match given.is_empty() {
        true => of_services.collect::<BTreeSet<_>>().into_iter().collect(),
        false => given.to_vec(),
    }
}

fn notes(options: &ExportOptions, config: &Config, services: &[(&'static str, String)]) -> Vec<String> {
    let file = options.file.display();
    let mut notes = Vec::new();
    let is_secret = |name: &str| DIRECTIVES.iter().any(|directive| directive.name == name && directive.secret);
    let secrets: Vec<&str> = services.iter().map(|(name, _)| *name).filter(|name| is_secret(name)).collect();
    if !secrets.is_empty() {
        notes.push(format!(
            "{}: everybody who can read the configuration of the cluster can read this: without --inline it stays in a file of \
             mode 0600",
            secrets.join(", ")
        ));
    }
    if !options.inline {
        notes.push(format!(
            "{file}: needed at the same place on both directors; an edit counts from the next reload-agent on"
        ));
    }
    let is_mark = |service: &config::Service| matches!(service.service.key, ServiceKey::Fwmark { .. });
    if options.ip.is_empty() && config.services.iter().any(is_mark) {
        notes.push(format!("{file}: a firewall mark has no address: --ip names those that its packets are sent to"));
    }
    let global = &config.global;
    let ignored = [
        ("autoreload", global.autoreload),
        ("callback", global.callback.is_some()),
        ("logfile", global.logfile.is_some()),
        ("supervised", global.supervised),
    ];
    let ignored: Vec<&str> = ignored.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect();
    if !ignored.is_empty() {
        notes.push(format!("{file}: {}: without effect: lvs reads services alone", ignored.join(", ")));
    }
    notes
}
