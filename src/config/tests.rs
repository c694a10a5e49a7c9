//! The language as a whole: what is accepted, what is refused and with which words.

mod accepted;
mod properties;
mod refused;
mod resource_parameters;

use std::net::IpAddr;

use super::*;
use crate::model::CheckMethod;

/// A fixed set of names.
struct Names;

impl Resolver for Names {
    fn host(&self, name: &str, family: Family) -> Result<IpAddr, String> {
        let address = match (name, family) {
            ("web1", Family::Ipv4) => "10.1.0.11",
            ("sql01", Family::Ipv4) => "10.1.0.21",
            ("sql03", Family::Ipv4) => "10.1.0.23",
            ("web1", Family::Ipv6) => "2001:db8::11",
            _ => return Err("no such host".into()),
        };
        address.parse().map_err(|_| "bad test".into())
    }

    fn port(&self, service: &str, protocol: Option<Protocol>) -> Result<u16, String> {
        match (service, protocol) {
            ("http" | "www", None | Some(Protocol::Tcp)) => Ok(80),
            ("mysql", None | Some(Protocol::Tcp)) => Ok(3306),
            ("domain", _) => Ok(53),
            _ => Err("no such service".into()),
        }
    }
}

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    parse_file(text.as_bytes(), &Names)
}

fn accept(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{text:?}: {problems:?}"))
}

/// The only service of a text that is accepted.
fn service(text: &str) -> Service {
    let mut services = accept(text).services;
    assert_eq!(services.len(), 1, "{text:?}");
    services.remove(0)
}

/// A section for 10.1.9.9:80 with one real server and these further lines.
fn section(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("\t{line}\n")).collect();
    format!("virtual=10.1.9.9:80\n\treal=10.1.0.2:80 gate\n{lines}")
}

fn displayed(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
