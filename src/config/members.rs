//! The real servers of one `real` line: those of its addresses, or of the records of its name.

use std::net::IpAddr;

use super::Resolver;
use super::real::RealSpec;
use crate::model::{DnsMember, ForwardingMethod, RealServer, RealServerKey, ServiceKey};

/// A real server of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub real_server: RealServer,
    /// The port that was written for it.
    pub check_port: Option<u16>,
    pub backup: bool,
}

/// A line, and where its real servers stand.
pub(super) struct Place<'a> {
    /// The virtual service.
    pub key: ServiceKey,
    /// The port that was written, but for 0.
    pub port: Option<u16>,
    pub spec: &'a RealSpec,
}

impl Place<'_> {
    /// Without a port a real server has the virtual service's, or 0 behind a mark. Direct routing and tunnels leave the
    /// packet's port alone, so another one could never be reached.
    pub fn real_port(&self) -> u16 {
        match self.key {
            ServiceKey::Fwmark { .. } => self.port.unwrap_or(0),
            ServiceKey::Address { port, .. } if self.spec.forwarding != ForwardingMethod::Masq => port,
            ServiceKey::Address { port, .. } => self.port.unwrap_or(port),
        }
    }

    /// What is wrong with a port that clients cannot reach.
    pub fn objection_to_port(&self) -> Option<String> {
        let (port, method) = (self.real_port(), self.spec.forwarding);
        let other = self.port.filter(|written| *written != port)?;
        Some(format!("port {other}: {method} cannot change the port: expected {port}, or masq"))
    }

    pub fn candidate(&self, address: IpAddr) -> Candidate {
        let options = &self.spec.options;
        let real_server = RealServer {
            key: RealServerKey { address, port: self.real_port() },
            forwarding: self.spec.forwarding,
            local: false,
            weight: options.weight.unwrap_or(1),
            upper_threshold: options.upper_threshold.unwrap_or(0),
            lower_threshold: options.lower_threshold.unwrap_or(0),
        };
        Candidate { real_server, check_port: self.port, backup: options.backup.is_some() }
    }

    /// Those of the records. One that clients could not reach, and one that the kernel refuses, is left out.
    pub fn candidates_of(
        &self,
        members: &[DnsMember],
        resolver: &dyn Resolver,
        objections: &mut Vec<String>,
    ) -> Vec<Candidate> {
        let candidate = |member: &DnsMember| {
            let place = Place { port: member.port.or(self.port), ..*self };
            let objection = resolver.objection(member.address).map(|cause| format!("the kernel refuses {cause}"));
            let of_port = || place.objection_to_port().filter(|_| member.port.is_some());
            if let Some(objection) = objection.or_else(of_port) {
                objections.push(format!("{}: {objection}: left out", member.address));
                return None;
            }
            let mut candidate = place.candidate(member.address);
            if let Some(weight) = member.weight {
                // A small chance, says RFC 2782; to the kernel 0 would be none.
                candidate.real_server.weight = u32::from(weight).max(1);
            }
            candidate.backup |= member.backup;
            Some(candidate)
        };
        members.iter().filter_map(candidate).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::{Config, parse_file};
    use super::*;
    use crate::model::{DnsName, Family, Protocol};
    use crate::testing::check_rows;

    /// Knows the records of one name.
    struct Records(Result<Vec<DnsMember>, String>);

    impl Resolver for Records {
        fn host(&self, name: &str, _family: Family) -> Result<IpAddr, String> {
            panic!("{name}: a followed name is not looked up once")
        }

        fn port(&self, _service: &str, _protocol: Option<Protocol>) -> Result<u16, String> {
            Ok(3306)
        }

        fn members(&self, _name: &DnsName) -> Result<Vec<DnsMember>, String> {
            self.0.clone()
        }

        fn objection(&self, address: IpAddr) -> Option<&'static str> {
            address.is_multicast().then_some("a multicast address")
        }
    }

    fn read(reals: &str, records: Result<Vec<DnsMember>, String>) -> Config {
        let text = format!("virtual=10.9.0.1:3306\n\tchecktype=connect\n{reals}\n");
        parse_file(text.as_bytes(), &Records(records)).expect("right")
    }

    fn served(config: &Config) -> Vec<String> {
        let reals = config.services.iter().flat_map(|service| &service.real_servers);
        let word = |is: bool, word: &str| if is { format!(" {word}") } else { String::new() };
        reals
            .map(|real| {
                let port = real.check.target.port();
                let asked = word(port != real.real_server.key.port, &format!("asked at {port}"));
                let (backup, dns) = (word(real.backup, "backup"), word(real.dns.is_some(), "dns"));
                format!("{} {}{backup}{dns}{asked}", real.real_server.key, real.real_server.weight)
            })
            .collect()
    }

    #[test]
    fn each_record_is_a_real_server_with_what_its_line_and_the_record_say() {
        let at = |host: u8| DnsMember::at([10, 9, 1, host].into());
        let srv = |host, port, weight, backup| DnsMember { port: Some(port), weight: Some(weight), backup, ..at(host) };
        let rows: [(&str, Vec<DnsMember>, &[&str], usize); 9] = [
            ("db gate 7 dns", vec![at(1), at(2)], &["10.9.1.1:3306 7 dns", "10.9.1.2:3306 7 dns"], 0),
            ("db:mysql gate dns backup", vec![at(1)], &["10.9.1.1:3306 1 backup dns"], 0),
            ("db gate dns", vec![at(1), DnsMember::at([224, 0, 0, 1].into())], &["10.9.1.1:3306 1 dns"], 1),
            ("db:3307 masq dns", vec![at(1)], &["10.9.1.1:3307 1 dns"], 0),
            // As with an address in the line: clients reach 3306, and 3307 is checked.
            ("db:3307 gate dns", vec![at(1)], &["10.9.1.1:3306 1 dns asked at 3307"], 0),
            (
                "_db._tcp.x masq dns",
                vec![srv(1, 3306, 5, false), srv(2, 3310, 0, true)],
                &["10.9.1.1:3306 5 dns", "10.9.1.2:3310 1 backup dns"],
                0,
            ),
            ("_db._tcp.x gate dns", vec![srv(1, 3306, 5, false), srv(2, 3310, 9, false)], &["10.9.1.1:3306 5 dns"], 1),
            (
                "db gate dns\n\treal=10.9.1.1 gate 9",
                vec![at(1), at(2)],
                &["10.9.1.1:3306 1 dns", "10.9.1.2:3306 1 dns"],
                1,
            ),
            ("10.9.1.1 gate 9\n\treal=db gate dns", vec![at(1), at(2)], &["10.9.1.1:3306 9", "10.9.1.2:3306 1 dns"], 1),
        ];
        check_rows(rows, |(line, records, expected, doubts)| {
            let config = read(&format!("\treal={line}"), Ok(records));
            assert_eq!(served(&config), expected);
            assert_eq!(config.warnings.len(), doubts, "{:?}", config.warnings);
        });
    }

    #[test]
    fn a_name_without_an_answer_is_no_mistake_and_the_other_lines_count() {
        let config = read("\treal=db gate dns\n\treal=10.9.1.9 gate", Err("no such name (NXDOMAIN)".into()));
        assert_eq!(served(&config), ["10.9.1.9:3306 1"]);
        let said: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        let expected =
            "line 3: real \"db gate dns\": no such name (NXDOMAIN): no real server of it until its records are known";
        assert_eq!(said, [expected]);
        let followed = &config.services[0].followed;
        assert_eq!(followed.iter().map(|one| (&*one.name.name, one.members.len())).collect::<Vec<_>>(), [("db", 0)]);
    }
}
