//! Looks names up on this machine: ports in `/etc/services`, hosts through `getent`.
//!
//! The binary is static, and glibc's `getaddrinfo` would load the host's NSS modules into it, which fails wherever the
//! versions differ. `getent` is the host's own program and knows everything that the host is configured to ask.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::DnsNames;
use super::trial::Addresses;
use crate::config::Resolver;
use crate::model::{DnsMember, DnsName, Family, Protocol, Secret};
use crate::system::{program, secret_file};

/// The time that all lookups of one resolver have together: an agent action must not spend its time limit on a dead
/// name server.
const LIMIT: Duration = Duration::from_secs(3);

/// The lookups that run at once. With one at a time, the first name of which a name server knows nothing would use up
/// the time of all others, and a thousand names would take a thousand times the way to the name server.
const AT_ONCE: usize = 16;

/// A host by its name, and which of its addresses is wanted.
type Name = (String, Family);
/// A service by its name, and of which protocol.
type PortName = (String, Option<Protocol>);

/// Looks names up as this machine knows them, and reads the files of passwords. Answers are remembered, so a new resolver is needed for new ones.
pub struct SystemResolver {
    /// The text of `/etc/services`, or why it cannot be read. It is read for the first name: the OCF action monitor
    /// meets none.
    services: OnceCell<Result<String, String>>,
    /// The known ports; `None` means that there is no such service.
    ports: RefCell<HashMap<PortName, Option<u16>>>,
    /// The program with its first arguments; tests put another one here.
    getent: &'static [&'static str],
    hosts: RefCell<HashMap<Name, Result<IpAddr, String>>>,
    /// The names whose records are followed.
    followed: Arc<DnsNames>,
    /// What this node knows of the addresses of these.
    addresses: RefCell<Addresses>,
    left: Cell<Duration>,
    has_failed: Cell<bool>,
}

impl SystemResolver {
    /// Creates a resolver that knows nothing yet.
    pub fn new() -> Self {
        Self::following(Arc::default())
    }

    /// Creates a resolver that knows of the followed names what is known already, and asks for the others once.
    pub fn following(followed: Arc<DnsNames>) -> Self {
        Self {
            services: OnceCell::new(),
            ports: RefCell::default(),
            // The path is given in full: the cluster's tools call agents with whatever PATH they have.
            getent: &["/usr/bin/getent"],
            hosts: RefCell::default(),
            followed,
            addresses: RefCell::default(),
            left: Cell::new(LIMIT),
            has_failed: Cell::new(false),
        }
    }

    /// Whether a name or a file was not found: on another machine, or later, the same configuration may be right.
    pub fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    /// Returns the name of each address that has one, as the host's files and name servers know it.
    pub fn names_of(&self, addresses: BTreeSet<IpAddr>) -> HashMap<IpAddr, String> {
        let (getent, deadline) = (self.getent, Instant::now() + self.left.get());
        let ask = |address: IpAddr| Some((address, ask_name(getent, address, deadline)?));
        at_once(addresses.into_iter().collect(), ask).into_iter().flatten().collect()
    }

    fn note<T>(&self, answer: Result<T, String>) -> Result<T, String> {
        self.has_failed.set(self.has_failed.get() || answer.is_err());
        answer
    }

    /// Looks up the names that are not known yet, each once.
    fn look_up(&self, names: impl Iterator<Item = Name>) {
        let mut hosts = self.hosts.borrow_mut();
        let new: BTreeSet<Name> = names.filter(|name| !hosts.contains_key(name)).collect();
        if new.is_empty() {
            return;
        }
        let started = Instant::now();
        let left = self.left.get();
        hosts.extend(ask_all(self.getent, new.into_iter().collect(), started + left));
        self.left.set(left.saturating_sub(started.elapsed()));
    }
}

/// Returns one answer for each name, in any order, at the deadline at the latest.
fn ask_all(
    getent: &'static [&'static str],
    names: Vec<Name>,
    deadline: Instant,
) -> Vec<(Name, Result<IpAddr, String>)> {
    at_once(names, |(name, family)| {
        let answer = ask(getent, &name, family, deadline);
        ((name, family), answer)
    })
}

/// Returns the answers to all questions, in any order; [`AT_ONCE`] are asked at a time.
fn at_once<Q: Send, A: Send>(questions: Vec<Q>, answer: impl Fn(Q) -> A + Sync) -> Vec<A> {
    let workers = questions.len().min(AT_ONCE);
    let waiting = Mutex::new(questions);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || std::iter::from_fn(next).map(&answer).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        // Where no thread can be started, this one does all of it.
        let helpers: Vec<_> =
            (1..workers).filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut answers = work();
        // A panic has been reported where it happened; the names of that thread have no answer.
        answers.extend(helpers.into_iter().filter_map(|helper| helper.join().ok()).flatten());
        answers
    })
}

fn ask(getent: &[&str], name: &str, family: Family, deadline: Instant) -> Result<IpAddr, String> {
    let Some((program, arguments)) = getent.split_first() else { return Err("no program to ask".into()) };
    if Instant::now() >= deadline {
        return Err(format!("not looked up: the {} s for all names were over", LIMIT.as_secs()));
    }
    let database = match family {
        Family::Ipv4 => "ahostsv4",
        Family::Ipv6 => "ahostsv6",
    };
    let output = program::run(Command::new(program).args(arguments).args([database, name]), deadline);
    let output = output.map_err(|cause| format!("{program} {database}: {cause}"))?.text;
    first_address(&output, family).ok_or_else(|| "no such host".to_string())
}

/// Reads a line of `getent hosts`: `ADDRESS NAME ALIAS...`.
fn ask_name(getent: &[&str], address: IpAddr, deadline: Instant) -> Option<String> {
    let (program, arguments) = getent.split_first()?;
    let output = program::run(Command::new(program).args(arguments).args(["hosts", &address.to_string()]), deadline);
    output.ok()?.text.split_whitespace().nth(1).map(str::to_owned)
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolver for SystemResolver {
    fn prepare(&self, names: Vec<(&str, Family)>) {
        self.look_up(names.into_iter().map(|(name, family)| (name.to_owned(), family)));
    }

    fn prepare_followed(&self, names: Vec<DnsName>) {
        let (started, left) = (Instant::now(), self.left.get());
        self.followed.ask_new(&names, left);
        self.left.set(left.saturating_sub(started.elapsed()));
        let members = names.iter().flat_map(|name| self.followed.members(name).unwrap_or_default());
        let members: Vec<IpAddr> = members.map(|member| member.address).collect();
        if !members.is_empty() {
            self.addresses.replace(Addresses::of_this_node(members.into_iter()));
        }
    }

    fn objection(&self, address: IpAddr) -> Option<&'static str> {
        self.addresses.borrow().objection(address)
    }

    fn members(&self, name: &DnsName) -> Result<Vec<DnsMember>, String> {
        self.followed.members(name)
    }

    fn host(&self, name: &str, family: Family) -> Result<IpAddr, String> {
        let key = (name.to_owned(), family);
        self.look_up(std::iter::once(key.clone()));
        let answer = self.hosts.borrow().get(&key).cloned();
        self.note(answer.unwrap_or_else(|| Err("not looked up".into())))
    }

    fn port(&self, service: &str, protocol: Option<Protocol>) -> Result<u16, String> {
        let services = self.services.get_or_init(read_services).as_ref().map_err(Clone::clone)?;
        let find = || services.lines().find_map(|line| port_of_line(line, service, protocol));
        let port = *self.ports.borrow_mut().entry((service.to_owned(), protocol)).or_insert_with(find);
        self.note(port.ok_or_else(|| match protocol {
            Some(protocol) => format!("no such {protocol} service in /etc/services"),
            None => "no such service in /etc/services".into(),
        }))
    }

    /// Another node may have the file, and this one later.
    fn password(&self, path: &Path) -> Result<Secret, String> {
        self.note(secret_file::read(path).map(Secret::new))
    }

    /// The environment's word first, as ldirectord has it.
    fn own_name(&self) -> String {
        let said = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
        let system = || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        said.or_else(system).unwrap_or_else(|| "localhost".into())
    }
}

fn read_services() -> Result<String, String> {
    let text = std::fs::read("/etc/services").map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    text.map_err(|cause| format!("/etc/services: {cause}"))
}

/// Reads one line of services(5): `name port/protocol alias...`.
fn port_of_line(line: &str, service: &str, protocol: Option<Protocol>) -> Option<u16> {
    let line = line.split('#').next().unwrap_or("");
    let mut words = line.split_whitespace();
    let (name, place) = (words.next()?, words.next()?);
    let (port, transport) = place.split_once('/')?;
    let wanted = protocol.is_none_or(|protocol| protocol.to_string() == transport);
    let named = name == service || words.any(|alias| alias == service);
    if wanted && named { port.parse().ok() } else { None }
}

/// Reads the lines of `getent ahostsv4`: `ADDRESS STREAM NAME`. `ahostsv6` answers IPv4 hosts with mapped addresses
/// (`::ffff:10.0.0.1`), which no virtual service can use.
fn first_address(output: &str, family: Family) -> Option<IpAddr> {
    let addresses = output.lines().filter_map(|line| line.split_whitespace().next()?.parse::<IpAddr>().ok());
    addresses.into_iter().find(|address| Family::of(*address) == family && !is_mapped(*address))
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_file;
    use crate::model::DnsRecord;

    const SERVICES: &str =
        "# comment\nhttp\t\t80/tcp\twww # web\ndomain 53/tcp\ndomain 53/udp\nodd 99/udp\nbad x/tcp\n";

    fn resolver(getent: &'static [&'static str]) -> SystemResolver {
        SystemResolver {
            services: OnceCell::from(Ok(SERVICES.to_owned())),
            getent,
            left: Cell::new(Duration::from_millis(300)),
            ..SystemResolver::new()
        }
    }

    /// Returns a section with so many real servers by these names.
    fn section(names: impl Iterator<Item = String>) -> String {
        let reals: String = names.map(|name| format!("\treal={name} gate\n")).collect();
        format!("virtual=10.9.0.1:80\n\tchecktype=on\n{reals}")
    }

    #[test]
    fn services_have_names_aliases_and_protocols() {
        let resolver = resolver(&["getent"]);
        let port = |name, protocol| resolver.port(name, protocol);
        assert_eq!(port("http", Some(Protocol::Tcp)), Ok(80));
        assert_eq!(port("www", None), Ok(80));
        assert_eq!(port("odd", None), Ok(99));
        assert_eq!(port("http", Some(Protocol::Udp)), Err("no such udp service in /etc/services".into()));
        assert_eq!(port("web", None), Err("no such service in /etc/services".into()));
        assert!(port("bad", None).is_err());
    }

    #[test]
    fn hosts_are_asked_of_the_machine() {
        let resolver = SystemResolver::new();
        assert_eq!(resolver.host("localhost", Family::Ipv4), Ok("127.0.0.1".parse().expect("an address")));
    }

    #[test]
    fn mapped_addresses_are_not_ipv6() {
        let output = "::ffff:10.0.0.1 STREAM a\n2001:db8::1    STREAM\n";
        assert_eq!(first_address(output, Family::Ipv6), "2001:db8::1".parse().ok());
        assert_eq!(first_address("::ffff:10.0.0.1 STREAM a\n", Family::Ipv6), None);
        assert_eq!(first_address("10.0.0.1 STREAM a\n10.0.0.2 STREAM\n", Family::Ipv4), "10.0.0.1".parse().ok());
        assert_eq!(first_address("", Family::Ipv4), None);
    }

    #[test]
    fn a_silent_program_is_killed_and_no_further_name_waits() {
        let slow = resolver(&["sh", "-c", "sleep 60"]);
        assert_eq!(slow.host("a", Family::Ipv4), Err("sh ahostsv4: no answer in time".into()));
        // `yes ahostsv4 NAME` never ends, which is cut off by its output.
        assert_eq!(resolver(&["yes"]).host("a", Family::Ipv4), Err("yes ahostsv4: too much output".into()));
        let exhausted = resolver(&["getent"]);
        exhausted.left.set(Duration::ZERO);
        let answer = exhausted.host("localhost", Family::Ipv4);
        assert_eq!(answer, Err("not looked up: the 3 s for all names were over".into()));
    }

    /// With one deadline for each name, this test would take five minutes.
    #[test]
    fn a_thousand_names_with_a_silent_name_server_take_as_long_as_one_and_each_is_named() {
        let resolver = resolver(&["sh", "-c", "exec sleep 60"]);
        let text = section((0..1000).map(|number| format!("db{number}")));
        let problems = parse_file(text.as_bytes(), &resolver).expect_err("no names");
        assert!(resolver.has_failed());
        assert_eq!(resolver.left.get(), Duration::ZERO);
        assert_eq!(problems.len(), 1000);
        for (problem, number) in problems.iter().zip(0..) {
            let named = format!("line {}: real \"db{number} gate\": host \"db{number}\": ", number + 3);
            let text = problem.to_string();
            let cause = text.strip_prefix(&named).unwrap_or_else(|| panic!("{text}"));
            let causes = ["sh ahostsv4: no answer in time", "not looked up: the 3 s for all names were over"];
            assert!(causes.contains(&cause), "{text}");
        }
    }

    #[test]
    fn a_name_without_an_answer_leaves_the_others_theirs() {
        let script = "case $1 in dead) exec sleep 60;; esac; echo 10.9.1.1 STREAM";
        let resolver = resolver(Box::leak(Box::new(["sh", "-c", script])));
        resolver.left.set(Duration::from_secs(2));
        resolver.prepare(vec![("a", Family::Ipv4), ("dead", Family::Ipv4), ("b", Family::Ipv4)]);
        let address: IpAddr = [10, 9, 1, 1].into();
        assert_eq!(["a", "b"].map(|name| resolver.host(name, Family::Ipv4)), [Ok(address), Ok(address)]);
        assert!(resolver.host("dead", Family::Ipv4).is_err());
    }

    #[test]
    fn members_that_the_kernel_refuses_are_left_out_and_the_file_is_right() {
        let resolver = resolver(&["false"]);
        resolver.left.set(Duration::ZERO);
        let name = DnsName { name: "db.example.test".into(), family: Family::Ipv4 };
        let members = [[0; 4], [10, 9, 1, 1], [224, 0, 0, 1]].map(|address| DnsMember::at(address.into())).into();
        resolver.followed.remember(&[DnsRecord { name, members }]);
        let text = section(std::iter::once("db.example.test".to_owned())).replace(" gate", " gate dns");
        let config = parse_file(text.as_bytes(), &resolver).expect("right");
        let reals: Vec<_> = config.services[0].real_servers.iter().map(|real| real.real_server.key.address).collect();
        assert_eq!(reals, [IpAddr::from([10, 9, 1, 1])]);
        let said: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        let line = "line 3: real \"db.example.test gate dns\": ";
        assert_eq!(
            said,
            [("0.0.0.0", "the unspecified address"), ("224.0.0.1", "a multicast address")]
                .map(|(address, cause)| format!("{line}{address}: the kernel refuses {cause}: left out"))
        );
    }

    #[test]
    fn a_name_of_several_lines_is_looked_up_once_with_its_family() {
        let scratch = crate::testing::Scratch::new("names");
        let log = scratch.file("asked");
        let script = format!("echo $0 $1 >>{log}; echo 10.9.1.1 STREAM; echo 2001:db8::1 STREAM");
        let command: &[&str] = Box::leak(Box::new(["sh", "-c", Box::leak(script.into_boxed_str())]));
        let resolver = SystemResolver { left: Cell::new(Duration::from_secs(60)), ..resolver(command) };
        let service =
            |number| format!("virtual=10.9.0.{number}:80\n\tchecktype=on\n\treal=db gate\n\tfallback=spare\n");
        let ipv6 = "virtual6=[2001:db8::9]:80\n\tchecktype=on\n\treal6=db gate\n";
        let text = (1..50).map(service).collect::<String>() + ipv6;
        parse_file(text.as_bytes(), &resolver).expect("right");
        let mut asked: Vec<String> = std::fs::read_to_string(&log).expect("asked").lines().map(str::to_owned).collect();
        asked.sort();
        assert_eq!(asked, ["ahostsv4 db", "ahostsv4 spare", "ahostsv6 db"]);
    }

    #[test]
    fn a_missing_program_is_named() {
        let answer = resolver(&["/nonexistent/getent"]).host("a", Family::Ipv4);
        assert_eq!(answer, Err("/nonexistent/getent ahostsv4: No such file or directory (os error 2)".into()));
    }

    #[test]
    fn an_address_has_the_first_of_its_names_or_none() {
        let addresses = || ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().expect("address"));
        let names = resolver(&["sh", "-c", "echo $1 web.x alias"]).names_of(addresses().into());
        assert_eq!(names, addresses().map(|address| (address, "web.x".to_owned())).into());
        assert!(resolver(&["false"]).names_of(addresses().into()).is_empty());
        let started = Instant::now();
        assert!(resolver(&["sleep", "60"]).names_of(addresses().into()).is_empty());
        assert!(started.elapsed() < Duration::from_secs(30), "killed at the deadline");
    }
}
