//! Reads what `ipvsadm --save` writes: a line for each virtual service and each real server, in the options of ipvsadm(8).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::draft::{Draft, Writer};
use super::{Conversion, Place, Remark};

/// Counts for `-A` without `-s` (`DEF_SCHED` of ipvsadm.c).
const SCHEDULER: &str = "wlc";
/// Counts for `-p` without a number (`DEFAULT_TIMEOUT` of ipvsadm.c).
const PERSISTENCE: &str = "300";

/// Whether an option has a value behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    No,
    Needed,
    /// A number that may be missing.
    Number,
}

/// Each option by its letter and its long name.
const OPTIONS: &[(&str, &str, Value)] = &[
    ("-A", "--add-service", Value::No),
    ("-a", "--add-server", Value::No),
    ("-t", "--tcp-service", Value::Needed),
    ("-u", "--udp-service", Value::Needed),
    ("", "--sctp-service", Value::Needed),
    ("-f", "--fwmark-service", Value::Needed),
    ("-6", "--ipv6", Value::No),
    ("-s", "--scheduler", Value::Needed),
    ("-b", "--sched-flags", Value::Needed),
    ("-p", "--persistent", Value::Number),
    ("-M", "--netmask", Value::Needed),
    ("", "--pe", Value::Needed),
    ("-o", "--ops", Value::No),
    ("-r", "--real-server", Value::Needed),
    ("-g", "--gatewaying", Value::No),
    ("-m", "--masquerading", Value::No),
    ("-i", "--ipip", Value::No),
    ("", "--tun-type", Value::Needed),
    ("", "--tun-port", Value::Needed),
    ("", "--tun-nocsum", Value::No),
    ("", "--tun-csum", Value::No),
    ("", "--tun-remcsum", Value::No),
    ("-w", "--weight", Value::Needed),
    ("-x", "--u-threshold", Value::Needed),
    ("-y", "--l-threshold", Value::Needed),
];

/// The options of one line, by their long names.
struct Options<'a>(HashMap<&'static str, &'a str>);

impl<'a> Options<'a> {
    fn read(line: &'a str) -> Result<Self, String> {
        let mut options = HashMap::new();
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (word, None),
            };
            let known =
                OPTIONS.iter().find(|(letter, long, _)| name == *long || (name == *letter && !letter.is_empty()));
            let Some((_, name, value)) = known else { return Err(format!("\"{word}\": no option of a saved table")) };
            let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
            let value = match value {
                Value::No => Some(""),
                Value::Needed => attached.or_else(|| words.next()),
                Value::Number => attached.or_else(|| words.next_if(is_number)).or(Some(PERSISTENCE)),
            };
            options.insert(*name, value.ok_or_else(|| format!("\"{word}\": expected a value behind it"))?);
        }
        Ok(Self(options))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn service(&self) -> Result<Service<'a>, &'static str> {
        let kinds = [("--tcp-service", "tcp"), ("--udp-service", "udp"), ("--sctp-service", "sctp")];
        let address = kinds.into_iter().find_map(|(name, protocol)| Some((protocol, self.get(name)?)));
        match (address, self.get("--fwmark-service")) {
            (Some((protocol, word)), None) => {
                Ok(Service { protocol: Some(protocol), word, is_ipv6: word.starts_with('[') })
            }
            (None, Some(word)) => Ok(Service { protocol: None, word, is_ipv6: self.has("--ipv6") }),
            _ => Err("expected one virtual service: -t, -u, --sctp-service or -f"),
        }
    }
}

/// What a line names as its virtual service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Service<'a> {
    /// `None` for a firewall mark.
    protocol: Option<&'static str>,
    word: &'a str,
    is_ipv6: bool,
}

impl Service<'_> {
    fn suffix(&self) -> &'static str {
        if self.is_ipv6 { "6" } else { "" }
    }
}

/// Makes a `ldirectord.cf` of a saved table. `file` names the text in the remarks.
pub fn import_ipvsadm(file: &str, text: &str) -> Conversion {
    let file: Arc<str> = file.into();
    let (mut drafts, mut general) = (Vec::new(), Vec::new());
    let mut places = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = Place { file: Arc::clone(&file), line: number };
        let read = Options::read(line).and_then(|options| Ok((options.service()?, options)));
        let (service, options) = match read {
            Ok(read) => read,
            Err(why) => {
                general.push(Remark::left_out(&place, line, why));
                continue;
            }
        };
        match (options.has("--add-service"), options.has("--add-server")) {
            (true, false) => {
                // Where a service is added twice, its real servers go to the first, which counts.
                places.entry(service).or_insert(drafts.len());
                drafts.push(draft(&place, &service, &options));
            }
            (false, true) => match places.get(&service).and_then(|index| drafts.get_mut(*index)) {
                Some(draft) => add_real_server(draft, &place, &service, &options),
                None => general.push(Remark::left_out(&place, line, "no line before it adds its virtual service")),
            },
            _ => general.push(Remark::left_out(&place, line, "expected either -A or -a")),
        }
    }
    let mut writer = Writer::default();
    drafts.into_iter().for_each(|draft| writer.add(draft));
    writer.finish(
        &format!("Imported from {file}, a table as ipvsadm saves it. It has no checks: each checktype is on."),
        general,
    )
}

fn draft(place: &Place, service: &Service, options: &Options) -> Draft {
    let mut draft = Draft::new(place, format!("virtual{}={}", service.suffix(), service.word));
    let mut say = |name: &str, value: &str| draft.say(place, format!("{name}={value}"));
    if let Some(protocol) = service.protocol {
        say("protocol", protocol);
    }
    say("scheduler", options.get("--scheduler").unwrap_or(SCHEDULER));
    for (option, directive) in [
        ("--sched-flags", "schedflags"),
        ("--persistent", "persistent"),
        ("--netmask", "netmask"),
        ("--pe", "persistence_engine"),
    ] {
        if let Some(value) = options.get(option) {
            say(directive, value);
        }
    }
    if options.has("--ops") {
        say("ops", "yes");
    }
    say("checktype", "on");
    draft
}

fn add_real_server(draft: &mut Draft, place: &Place, service: &Service, options: &Options) {
    let Some(word) = options.get("--real-server") else {
        draft.remark(Remark::left_out(place, "-a", "expected -r and a real server"));
        return;
    };
    // A packet behind a mark keeps its port, which is saved as 0.
    let target = word.strip_suffix(":0").unwrap_or(word);
    let tunnel = options.get("--tun-type").unwrap_or("ipip");
    let method = match (options.has("--masquerading"), options.has("--ipip")) {
        (true, _) => "masq",
        (_, true) => tunnel,
        _ => "gate",
    };
    let mut line = format!("real{}={target} {method} {}", service.suffix(), options.get("--weight").unwrap_or("1"));
    // `ipvsadm` saves the options of a tunnel that the method has anyway.
    let port = options.get("--tun-port").filter(|_| method == "gue").map(|port| format!("tun-port:{port}"));
    let checksum = ["csum", "remcsum"].into_iter().find(|name| options.has(&format!("--tun-{name}")));
    let checksum = checksum.map(|name| format!("tun-{name}"));
    // 0 is no threshold.
    let threshold = |option, letter| Some(format!("{letter}:{}", options.get(option).filter(|value| *value != "0")?));
    let thresholds = [threshold("--l-threshold", "l"), threshold("--u-threshold", "u")];
    for word in [port, checksum].into_iter().chain(thresholds).flatten() {
        line.push(' ');
        line.push_str(&word);
    }
    draft.say(place, line);
}
