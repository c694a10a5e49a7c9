//! The names that configurations follow (`dns` in a `real` line): asked of this machine's name servers, and what is known of
//! them.
//!
//! /etc/hosts and /etc/resolv.conf are read for every round of questions, so that a change of them is followed as well. Unlike
//! the names that are looked up once, these are not asked of `getent`: it tells neither the life of a record nor SRV records.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Hosts, Resolver, TokioResolver, system_conf};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::dns::{Answer, Known, MOST, Trouble};
use crate::model::{DnsMember, DnsName, DnsRecord, Family};

/// The longest wait for one datagram: a lost one must not use up the time of a whole question.
const DATAGRAM: Duration = Duration::from_secs(1);
/// How often a question is sent again.
const ATTEMPTS: usize = 3;
/// The questions that are under way at once: each has sockets of its own.
const AT_ONCE: usize = 64;

/// What is known of the names. The reader of a configuration and the thread that asks again share it.
#[derive(Debug, Default)]
pub struct DnsNames {
    known: Mutex<BTreeMap<DnsName, Known>>,
}

impl DnsNames {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<DnsName, Known>> {
        // A panic while it was held has left whole entries: each is replaced in one step.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a health monitor before this one knew. What is known already counts more.
    pub fn remember(&self, records: &[DnsRecord]) {
        let mut known = self.lock();
        for DnsRecord { name, members } in records {
            known.entry(name.clone()).or_insert_with(|| Known::remembered(members.clone()));
        }
    }

    /// Asks for those names that were never asked for. The answers that have not come within the limit count as failed.
    pub fn ask_new(&self, names: &[DnsName], limit: Duration) {
        let new: Vec<DnsName> = {
            let mut known = self.lock();
            let is_new = |name: &&DnsName| known.entry((*name).clone()).or_default().due().is_none();
            names.iter().filter(is_new).cloned().collect()
        };
        self.ask(new, limit);
    }

    /// Asks for those names whose time has come, and says whether other members follow from the answers.
    pub fn ask_due(&self, now: Instant, limit: Duration) -> bool {
        let is_due = |known: &Known| known.due().is_none_or(|due| due <= now);
        let due = self.lock().iter().filter(|(_, known)| is_due(known)).map(|(name, _)| name.clone()).collect();
        self.ask(due, limit)
    }

    fn ask(&self, names: Vec<DnsName>, limit: Duration) -> bool {
        if names.is_empty() {
            return false;
        }
        self.note(ask(names, limit), Instant::now())
    }

    /// Takes answers, and says whether other members follow from them. A name that was forgotten while it was asked for stays
    /// forgotten.
    pub fn note(&self, answers: Vec<(DnsName, Answer)>, now: Instant) -> bool {
        let mut known = self.lock();
        answers.into_iter().fold(false, |changed, (name, answer)| {
            known.get_mut(&name).is_some_and(|known| known.note(answer, now)) | changed
        })
    }

    /// Returns when the next name is to be asked again.
    pub fn next(&self) -> Option<Instant> {
        self.lock().values().filter_map(Known::due).min()
    }

    /// Forgets all other names.
    pub fn retain(&self, names: &BTreeSet<DnsName>) {
        self.lock().retain(|name, _| names.contains(name));
    }

    /// Returns the members of a name.
    ///
    /// # Errors
    /// Says why there are none.
    pub fn members(&self, name: &DnsName) -> Result<Vec<DnsMember>, String> {
        let known = self.lock();
        let Some(known) = known.get(name) else { return Err("not asked".into()) };
        match (known.members(), known.trouble()) {
            ([], Some(trouble)) => Err(trouble.cause.clone()),
            (members, _) => Ok(members.to_vec()),
        }
    }

    /// Returns the names whose records cannot be followed, each with how many members it has meanwhile.
    pub fn troubles(&self) -> BTreeMap<DnsName, (Trouble, usize)> {
        let known = self.lock();
        let troubled = known
            .iter()
            .filter_map(|(name, known)| Some((name.clone(), (known.trouble()?.clone(), known.members().len()))));
        troubled.collect()
    }
}

/// Asks for all names at once.
fn ask(names: Vec<DnsName>, limit: Duration) -> Vec<(DnsName, Answer)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(|cause| cause.to_string()).and_then(|runtime| Ok((runtime, Asker::of_this_machine(limit)?))) {
        Ok((runtime, asker)) => runtime.block_on(ask_with(&Arc::new(asker), names)),
        Err(cause) => names.into_iter().map(|name| (name, Answer::missing(cause.clone()))).collect(),
    }
}

async fn ask_with(asker: &Arc<Asker>, names: Vec<DnsName>) -> Vec<(DnsName, Answer)> {
    let mut questions = JoinSet::new();
    for name in names {
        let asker = Arc::clone(asker);
        questions.spawn(async move {
            let answer = asker.answer(&name).await;
            (name, answer)
        });
    }
    questions.join_all().await
}

/// This machine's files, as they are now, and the name servers that they name.
struct Asker {
    hosts: Hosts,
    resolver: TokioResolver,
    /// Why no name server is known.
    without: Option<String>,
    turns: Semaphore,
    /// The time that all questions have together, and its end.
    limit: Duration,
    deadline: tokio::time::Instant,
}

impl Asker {
    fn of_this_machine(limit: Duration) -> Result<Self, String> {
        // A machine without the file has no names of its own.
        let hosts = Hosts::from_system().unwrap_or_default();
        let nowhere = || (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default());
        let (configured, without) = match system_conf::read_system_conf() {
            Ok(configured) => (configured, None),
            Err(cause) => (nowhere(), Some(format!("/etc/resolv.conf: {cause}"))),
        };
        let (config, options) = configured;
        Ok(Self { hosts, without, ..Self::new(config, options, limit)? })
    }

    fn new(config: ResolverConfig, mut options: ResolverOpts, limit: Duration) -> Result<Self, String> {
        options.timeout = options.timeout.min(DATAGRAM);
        options.attempts = options.attempts.max(ATTEMPTS);
        // A new resolver for each round has nothing to remember, and the hosts are looked at first here.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(|cause| cause.to_string())?;
        Ok(Self {
            hosts: Hosts::default(),
            resolver,
            without: None,
            turns: Semaphore::new(AT_ONCE),
            limit,
            deadline: tokio::time::Instant::now() + limit,
        })
    }

    async fn answer(self: &Arc<Self>, name: &DnsName) -> Answer {
        match name.is_service() {
            true => self.services(name).await,
            false => self.addresses(&name.name, name.family).await,
        }
    }

    /// The addresses of a host; those of /etc/hosts have no time to live.
    async fn addresses(&self, host: &str, family: Family) -> Answer {
        let record_type = match family {
            Family::Ipv4 => RecordType::A,
            Family::Ipv6 => RecordType::AAAA,
        };
        let Ok(name) = Name::from_ascii(host) else { return Answer::missing("expected a host name") };
        if let Some(found) = self.hosts.lookup_static_host(&Query::query(name.clone(), record_type)) {
            return Answer { members: found.answers().iter().filter_map(member).collect(), ..Answer::default() };
        }
        match self.records(name, record_type).await {
            Ok(records) => Answer {
                members: records.iter().filter_map(member).collect(),
                time_to_live: shortest_life(&records),
                ..Answer::default()
            },
            Err(cause) => Answer::missing(cause),
        }
    }

    /// The hosts of SRV records, each with what its record says. A host that cannot be found in time makes the answer
    /// incomplete, and takes nothing from the others.
    async fn services(self: &Arc<Self>, name: &DnsName) -> Answer {
        let Ok(asked) = Name::from_ascii(&*name.name) else { return Answer::missing("expected a host name") };
        let records = match self.records(asked, RecordType::SRV).await {
            Ok(records) => records,
            Err(cause) => return Answer::missing(cause),
        };
        let (services, left_out) = services(&records);
        let targets: BTreeSet<String> = services.iter().map(|service| service.target.to_string()).collect();
        let first = services.first().map(|service| service.priority);
        let mut answer = Answer { time_to_live: shortest_life(&records), left_out, ..Answer::default() };
        for (target, found) in self.targets(targets, name.family).await {
            let of_target = services.iter().filter(|service| service.target.to_string() == target);
            answer.members.extend(of_target.flat_map(|service| {
                found.members.iter().map(|member| DnsMember {
                    port: Some(service.port),
                    weight: Some(service.weight),
                    backup: Some(service.priority) != first,
                    ..member.clone()
                })
            }));
            answer.time_to_live = answer.time_to_live.into_iter().chain(found.time_to_live).min();
            answer.missing = answer.missing.or(found.missing.map(|cause| format!("target {target}: {cause}")));
        }
        answer
    }

    /// The addresses of these hosts, which are asked for at once.
    async fn targets(self: &Arc<Self>, targets: BTreeSet<String>, family: Family) -> BTreeMap<String, Answer> {
        let mut questions = JoinSet::new();
        for target in targets {
            let asker = Arc::clone(self);
            questions.spawn(async move {
                let found = asker.addresses(&target, family).await;
                (target, found)
            });
        }
        questions.join_all().await.into_iter().collect()
    }

    async fn records(&self, name: Name, record_type: RecordType) -> Result<Vec<Record>, String> {
        let question = async {
            // It is never closed.
            let _turn = self.turns.acquire().await;
            self.resolver.lookup(name, record_type).await
        };
        let answer = tokio::time::timeout_at(self.deadline, question).await;
        let answer = answer.map_err(|_| format!("no answer within {} s", self.limit.as_secs().max(1)))?;
        let answer = answer.map_err(|cause| match &self.without {
            Some(without) => without.clone(),
            None => explain(&cause, record_type),
        })?;
        Ok(answer.answers().to_vec())
    }
}

fn member(record: &Record) -> Option<DnsMember> {
    match &record.data {
        RData::A(address) => Some(DnsMember::at(IpAddr::V4(address.0))),
        RData::AAAA(address) => Some(DnsMember::at(IpAddr::V6(address.0))),
        _ => None,
    }
}

/// The services that count, in an order that does not depend on that of the records, and how many do not.
fn services(records: &[Record]) -> (Vec<&SRV>, usize) {
    let mut services: Vec<&SRV> = records.iter().filter_map(service).collect();
    services.sort_by_key(|service| (service.priority, &service.target, service.port));
    let left_out = services.len().saturating_sub(MOST);
    services.truncate(MOST);
    (services, left_out)
}

/// A target that is the root says that there is no such service here (RFC 2782).
fn service(record: &Record) -> Option<&SRV> {
    match &record.data {
        RData::SRV(service) if !service.target.is_root() => Some(service),
        _ => None,
    }
}

/// The life of the answer, aliases on the way to it among them.
fn shortest_life(records: &[Record]) -> Option<Duration> {
    records.iter().map(|record| Duration::from_secs(record.ttl.into())).min()
}

fn explain(error: &NetError, record_type: RecordType) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => match *response_code {
            ResponseCode::NXDomain => "no such name (NXDOMAIN)".into(),
            ResponseCode::NoError => format!("it has no {record_type} record"),
            code => format!("the name server says: {code}"),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the name server says: {code}"),
        NetError::Timeout => "the name servers do not answer".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
    use hickory_resolver::proto::op::Message;
    use hickory_resolver::proto::rr::rdata::A;

    use super::*;

    fn name(text: &str) -> DnsName {
        DnsName { name: text.into(), family: Family::Ipv4 }
    }

    fn host(text: &str) -> Name {
        Name::from_ascii(text).expect("host name")
    }

    fn record(priority: u16, port: u16, target: &str) -> Record {
        Record::from_rdata(host("_db._tcp.example.test."), 60, RData::SRV(SRV::new(priority, 1, port, host(target))))
    }

    fn at(address: u8) -> Answer {
        let members = vec![DnsMember::at(IpAddr::from([10, 9, 1, address]))];
        Answer { members, ..Answer::default() }
    }

    #[test]
    fn a_name_that_was_forgotten_while_it_was_asked_for_stays_forgotten() {
        let (names, now) = (DnsNames::default(), Instant::now());
        names.remember(&[DnsRecord { name: name("a"), members: Vec::new() }]);
        let answers = || vec![(name("a"), at(1)), (name("b"), Answer::missing("no answer"))];
        assert!(names.note(answers(), now));
        assert_eq!(names.members(&name("a")), Ok(at(1).members));
        assert_eq!(names.members(&name("b")), Err("not asked".into()));
        names.retain(&BTreeSet::new());
        assert!(!names.note(answers(), now));
        assert!(names.troubles().is_empty() && names.next().is_none());
    }

    #[test]
    fn of_too_many_services_the_same_ones_count_in_whatever_order_they_come() {
        let target = |number: u16| format!("db{number:03}.example.test.");
        let mut records: Vec<Record> = (0..70).map(|number| record(number / 35, 3306, &target(number))).collect();
        let counted = |records: &[Record]| {
            let (services, left_out) = services(records);
            (services.iter().map(|service| service.target.to_string()).collect::<Vec<_>>(), left_out)
        };
        let expected = ((0..64).map(target).collect(), 6);
        for _ in 0..70 {
            records.rotate_left(1);
            assert_eq!(counted(&records), expected);
        }
    }

    /// Answers questions for the services and for one host, and says nothing of any other host.
    fn silent_of_one_target() -> u16 {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let port = socket.local_addr().expect("address").port();
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                let question = Message::from_vec(&buffer[..length]).expect("question");
                let query = question.queries[0].clone();
                let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
                match query.name().to_string().as_str() {
                    "_db._tcp.example.test." => {
                        let targets = ["a.example.dead.", "b.example.test.", "c.example.dead."];
                        answer.add_answers(targets.map(|target| record(0, 3306, target)));
                    }
                    "b.example.test." => {
                        let address = RData::A(A(Ipv4Addr::new(10, 9, 1, 2)));
                        answer.add_answer(Record::from_rdata(query.name().clone(), 60, address));
                    }
                    _ => continue,
                }
                answer.add_query(query);
                socket.send_to(&answer.to_vec().expect("answer"), peer).expect("send");
            }
        });
        port
    }

    #[test]
    fn a_zone_that_is_silent_takes_no_time_from_the_other_targets_of_a_service() {
        let mut connection = ConnectionConfig::udp();
        connection.port = silent_of_one_target();
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections = vec![connection];
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let asker = Asker::new(config, ResolverOpts::default(), Duration::from_millis(1500)).expect("asker");
        let service = name("_db._tcp.example.test");
        let (_, answer) = runtime.block_on(ask_with(&Arc::new(asker), vec![service])).remove(0);
        let found: Vec<IpAddr> = answer.members.iter().map(|member| member.address).collect();
        assert_eq!(found, [IpAddr::from([10, 9, 1, 2])]);
        assert_eq!(answer.missing.as_deref(), Some("target a.example.dead.: no answer within 1 s"));
    }
}
