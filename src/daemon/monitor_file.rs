//! `monitorfile`: a line for the result of each check, in ldirectord's form:
//! `[Mon Nov 23 07:26:51 2026] [4711] negotiate http tcp 192.0.2.2 80 1 gate /  [down] 500 Internal Server Error`.
//!
//! A thread of its own writes the lines: a file system that hangs must hold up neither a check nor the loop.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::event::{Event, Sink, SinkNews, TellLoop};
use crate::check::{CheckKind, NamedBy};
use crate::config::{Config, RealServerConfig, Service};
use crate::health::Outcome;
use crate::model::{Question, RealServerKey, ServiceKey};

/// The turns of the loop whose lines may wait for the thread. Beyond that, lines are dropped, which is a fault: a file
/// that cannot be written must not fill the memory.
const WAITING: usize = 256;

/// One line, and the file that it goes to.
#[derive(Debug)]
struct Line {
    file: Arc<Path>,
    time: Timestamp,
    text: String,
}

/// A service with a `monitorfile`.
#[derive(Debug)]
struct Monitored {
    file: Arc<Path>,
    /// What ldirectord calls each of its real servers.
    names: HashMap<RealServerKey, String>,
}

/// Appends the results of checks to files.
pub struct MonitorFiles {
    services: HashMap<ServiceKey, Monitored>,
    lines: Vec<Line>,
    writer: SyncSender<Vec<Line>>,
    /// Whether the last lines found no room.
    loses: bool,
}

impl MonitorFiles {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(tell: TellLoop) -> std::io::Result<Self> {
        let (writer, lines) = sync_channel(WAITING);
        std::thread::Builder::new().name("monitorfile".into()).spawn(move || write_all(&lines, &tell))?;
        Ok(Self { services: HashMap::new(), lines: Vec::new(), writer, loses: false })
    }

    fn configure(&mut self, config: &Config) {
        let monitored = |service: &Service| {
            let file = service.notices.monitorfile.as_deref()?.into();
            let name = |real: &RealServerConfig| (real.real_server.key, name(service, real));
            let names = service.real_servers.iter().map(name).collect();
            Some((service.service.key, Monitored { file, names }))
        };
        self.services = config.services.iter().filter_map(monitored).collect();
    }
}

impl Sink for MonitorFiles {
    fn receive(&mut self, event: &Event<'_>) {
        match event {
            Event::ConfigurationApplied { config, .. } => self.configure(config),
            Event::Result { service, real, outcome, .. } if !self.services.is_empty() => {
                let Some(monitored) = self.services.get(service) else { return };
                let Some(text) = monitored.names.get(real).and_then(|name| sentence(name, outcome)) else { return };
                self.lines.push(Line { file: Arc::clone(&monitored.file), time: Timestamp::now(), text });
            }
            _ => {}
        }
    }

    fn end_turn(&mut self) -> Option<SinkNews> {
        if self.lines.is_empty() {
            return None;
        }
        let waits = self.writer.try_send(std::mem::take(&mut self.lines));
        let lost = matches!(waits, Err(TrySendError::Full(_)));
        let is_news = lost != std::mem::replace(&mut self.loses, lost);
        let trouble = lost.then(|| "write: lines are lost: the file system does not take them fast enough".into());
        is_news.then(|| SinkNews::until_configured("monitorfile", trouble))
    }
}

/// Returns the line without its time. A check that this node could not make has no result.
fn sentence(name: &str, outcome: &Outcome) -> Option<String> {
    let (state, message) = match outcome {
        Outcome::Good | Outcome::Alive => ("up", "-"),
        Outcome::Advised(advice) => ("up", advice.reason.as_str()),
        Outcome::Bad(cause) => ("down", cause.as_str()),
        Outcome::NotAsked(_) => return None,
    };
    let mut text = format!("[{}] {name} [{state}] ", std::process::id());
    for character in message.chars() {
        match character {
            '%' => text.push_str("%25"),
            '|' => text.push_str("%7c"),
            '\r' => text.push_str("%0d"),
            '\n' => text.push_str("%0a"),
            other => text.push(other),
        }
    }
    Some(text)
}

/// What ldirectord tells its checks apart by (`get_real_id_str`), as it writes it here: colons are blanks, and a run of
/// them is one.
fn name(service: &Service, real: &RealServerConfig) -> String {
    let question = &real.check.question;
    let (key, target) = (&real.real_server.key, real.check.target.port());
    let protocol = match service.service.key {
        ServiceKey::Address { protocol, .. } => protocol.to_string(),
        ServiceKey::Fwmark { .. } => "fwm".into(),
    };
    let address = match key.address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    };
    let checkport = if target == key.port || target == 0 { String::new() } else { target.to_string() };
    let request = if question.request.is_empty() { "/" } else { question.request.as_str() };
    let parts = [
        kind(question, service.between.is_some()),
        protocol,
        address,
        key.port.to_string(),
        question.virtualhost.clone(),
        checkport,
        real.real_server.weight.to_string(),
        real.real_server.forwarding.to_string(),
        request.to_owned(),
        question.receive.clone(),
    ];
    let mut name = String::new();
    for character in parts.join(":").chars() {
        match character {
            '\\' => {}
            ':' if name.ends_with(':') => {}
            other => name.push(other),
        }
    }
    name.replace(':', " ")
}

fn kind(question: &Question, is_combined: bool) -> String {
    let checktype = if is_combined { "combined" } else { "negotiate" };
    match CheckKind::find(question.kind) {
        Some(kind) if kind.named_by == NamedBy::Service => format!("{checktype}:{}", kind.name),
        _ if !question.checkcommand.is_empty() => format!("{}:{}", question.kind, question.checkcommand),
        _ => question.kind.to_owned(),
    }
}

fn write_all(orders: &Receiver<Vec<Line>>, tell: &TellLoop) {
    let zone = TimeZone::system();
    // Whether each file could be written the last time: only what is new to the loop is told.
    let mut states: BTreeMap<Arc<Path>, bool> = BTreeMap::new();
    while let Ok(mut lines) = orders.recv() {
        lines.extend(orders.try_iter().flatten());
        let mut files: BTreeMap<Arc<Path>, String> = BTreeMap::new();
        for Line { file, time, text } in lines {
            let time = time.to_zoned(zone.clone()).strftime("%a %b %e %H:%M:%S %Y");
            files.entry(file).or_default().push_str(&format!("[{time}] {text}\n"));
        }
        for (file, text) in files {
            let trouble = append(&file, &text).err().map(|cause| format!("write: {cause}"));
            let is_well = trouble.is_none();
            let is_known = states.insert(Arc::clone(&file), is_well) == Some(true) && is_well;
            if !is_known && !tell(SinkNews::until_configured(format!("monitorfile {}", file.display()), trouble)) {
                return;
            }
        }
    }
}

/// Opens the file anew each time, so that log rotation needs no signal.
fn append(file: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o644).open(file)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::config::{AnyName, parse_file};
    use crate::daemon::checker::Timing;
    use crate::testing::Scratch;

    fn config(text: &str) -> Config {
        parse_file(text.as_bytes(), &AnyName::default()).expect("right")
    }

    #[test]
    fn a_check_has_the_name_that_ldirectord_gives_it() {
        let name_of = |text: &str| {
            let config = config(text);
            let service = config.services.first().expect("a service");
            name(service, service.real_servers.first().expect("a real server"))
        };
        crate::testing::check_rows(
            [
                ("virtual=10.9.9.9:80\n\treal=10.1.0.40:80 gate\n", "negotiate http tcp 10.1.0.40 80 1 gate / "),
                (
                    "virtual=10.9.9.9:80\n\treal=10.1.0.40:81 masq 7 \"/a\\.b::c\",\"O|K\"\n\tvirtualhost=w.x\n\tcheckport=99\n",
                    "negotiate http tcp 10.1.0.40 81 w.x 99 7 masq /a.b c O|K",
                ),
                (
                    "virtual=7\n\treal=10.1.0.40:53 ipip\n\tchecktype=external\n\tcheckcommand=/bin/x\n",
                    "external /bin/x fwm 10.1.0.40 53 1 ipip / ",
                ),
            ],
            |(text, expected)| assert_eq!(name_of(text), expected),
        );
    }

    #[test]
    fn a_line_holds_its_message_whatever_is_in_it_and_a_check_that_was_not_made_has_none() {
        let pid = std::process::id();
        let say = |outcome| sentence("x", &outcome);
        assert_eq!(say(Outcome::Good), Some(format!("[{pid}] x [up] -")));
        let bad = Outcome::Bad("a|b\r\n5%".into());
        assert_eq!(say(bad), Some(format!("[{pid}] x [down] a%7cb%0d%0a5%25")));
        assert_eq!(say(Outcome::NotAsked("no program".into())), None);
    }

    struct SinkLab {
        sink: MonitorFiles,
        news: Receiver<SinkNews>,
        service: ServiceKey,
        real: RealServerKey,
    }

    impl SinkLab {
        fn new(file: &Path) -> Self {
            let (tell, news) = channel();
            let mut sink = MonitorFiles::start(Box::new(move |told| tell.send(told).is_ok())).expect("start");
            let file = file.display();
            let config = config(&format!(
                "virtual=10.9.9.9:80\n\treal=10.1.0.40:80 gate\n\tmonitorfile={file}\nvirtual=10.9.9.9:81\n\treal=10.1.0.40:80 masq\n"
            ));
            sink.receive(&Event::ConfigurationApplied { config: &config, warnings: &[], first: true });
            let service = config.services.first().expect("a service");
            let real = service.real_servers.first().expect("a real server").real_server.key;
            Self { sink, news, service: service.service.key, real }
        }

        fn hear(&mut self, service: ServiceKey, outcome: &Outcome) {
            self.sink.receive(&Event::Result {
                service: &service,
                real: &self.real,
                outcome,
                timing: Timing::default(),
            });
        }

        fn next(&self) -> SinkNews {
            self.news.recv_timeout(Duration::from_secs(10)).expect("news")
        }
    }

    #[test]
    fn results_of_the_service_that_has_the_file_are_in_it_in_order() {
        let scratch = Scratch::new("monitorfile");
        let file = scratch.path().join("checks");
        let mut lab = SinkLab::new(&file);
        lab.hear(lab.service, &Outcome::Good);
        lab.hear("tcp 10.9.9.9:81".parse().expect("key"), &Outcome::Good);
        lab.hear(lab.service, &Outcome::Bad("refused".into()));
        assert!(lab.sink.end_turn().is_none());
        assert!(lab.next().trouble.is_none());
        let text = std::fs::read_to_string(&file).expect("written");
        let ends: Vec<&str> = text.lines().filter_map(|line| line.split_once(" gate / ")).map(|(_, end)| end).collect();
        assert_eq!(ends, [" [up] -", " [down] refused"], "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_a_trouble_until_it_can() {
        let scratch = Scratch::new("monitorfile-fails");
        let folder = scratch.path().join("later");
        let mut lab = SinkLab::new(&folder.join("checks"));
        let mut round = || {
            lab.hear(lab.service, &Outcome::Good);
            assert!(lab.sink.end_turn().is_none());
            lab.next()
        };
        let news = round();
        assert!(news.object.ends_with("later/checks"), "{news:?}");
        assert!(news.trouble.is_some_and(|cause| cause.starts_with("write: No such file")));
        std::fs::create_dir(&folder).expect("create");
        assert!(round().trouble.is_none());
    }

    #[test]
    fn a_file_system_that_hangs_holds_up_no_turn_and_fills_no_memory() {
        const PIPE: u64 = 1 << 16;
        let scratch = Scratch::new("monitorfile-hangs");
        let path = scratch.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let pipe = std::fs::File::options().read(true).write(true).open(&path).expect("open, and never read");
        let mut lab = SinkLab::new(&path);
        lab.hear(lab.service, &Outcome::Bad("x".repeat(2 * PIPE as usize)));
        assert!(lab.sink.end_turn().is_none());
        let hangs = || rustix::io::ioctl_fionread(&pipe) == Ok(PIPE);
        assert!(crate::netlink::testing::poll(hangs), "the thread does not hang in its write");
        let said: Vec<bool> = (0..4 * WAITING)
            .filter_map(|_| {
                lab.hear(lab.service, &Outcome::Good);
                lab.sink.end_turn()
            })
            .map(|news| news.trouble.is_some_and(|cause| cause.contains("lines are lost")))
            .collect();
        assert_eq!(said, [true], "it is said once");
    }
}
