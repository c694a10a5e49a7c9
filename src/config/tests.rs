//! The language as a whole: what is accepted, what is refused and with which words.

mod accepted;
mod checks;
mod properties;
mod refused;
mod resource_parameters;
mod wild;

use std::net::IpAddr;

use super::*;

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

    fn password(&self, path: &Path) -> Result<Secret, String> {
        match path.to_str() {
            Some("/etc/missing") => Err("open: No such file or directory".into()),
            Some("/etc/odd") => Ok(Secret::new("hunter2\" # x")),
            _ => Ok(Secret::new(format!("from {}", path.display()))),
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

/// The services without the places where they were written.
pub(super) fn meanings(config: &Config) -> Vec<Service> {
    let mut services = config.services.clone();
    for service in &mut services {
        service.origin = Origin::Line(0);
        service.real_servers.iter_mut().for_each(|real| real.origin = Origin::Line(0));
    }
    services
}

fn displayed(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// Notes the names that it is told of before the first question.
#[derive(Default)]
struct Prepared(std::cell::RefCell<Vec<String>>);

impl Resolver for Prepared {
    fn prepare(&self, names: Vec<(&str, Family)>) {
        self.0.borrow_mut().extend(names.into_iter().map(|(name, family)| format!("{name} {family:?}")));
    }

    fn host(&self, _: &str, family: Family) -> Result<IpAddr, String> {
        assert!(!self.0.borrow().is_empty(), "asked before it was told of all names");
        Ok(if family == Family::Ipv4 { [192, 0, 2, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() })
    }

    fn port(&self, _: &str, _: Option<Protocol>) -> Result<u16, String> {
        Ok(80)
    }
}

#[test]
fn all_host_names_of_a_file_are_looked_up_at_once_and_what_stands_last_counts_for_the_first_section() {
    let text = "virtual=vip:80\n\treal=a1->a2:80 gate\n\treal=10.0.0.1:80 gate\n\tfallback=spare\n\
                virtual6=[2001:db8::1]:80\n\treal6=six:80 gate\nfallback=last:80\ncheckinterval=7\n";
    let resolver = Prepared::default();
    let config = parse_file(text.as_bytes(), &resolver).expect("right");
    let mut names = resolver.0.into_inner();
    names.sort();
    assert_eq!(names, ["a1 Ipv4", "a2 Ipv4", "last Ipv4", "six Ipv6", "spare Ipv4", "vip Ipv4"]);
    assert!(config.services.iter().all(|service| service.checkinterval.as_secs() == 7));
}
