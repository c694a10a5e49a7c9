//! Random parameters, given to `ocf:heartbeat:IPaddr2` and to ours on the same machine: the same answer, the same addresses,
//! routes and labels, and nothing left after stop, or a row of docs/from-ipaddr2.md says otherwise.
//!
//! `LVS_AGENTS_SEED` is the seed of other sets than the usual ones, `LVS_AGENTS_SETS` how many there are.

use std::fmt;

use super::common::{Agent, Host};
use super::view;

const SCRIPT: &str = "/usr/lib/ocf/resource.d/heartbeat/IPaddr2";
const SEED: u64 = 20_261_124;
const SETS: u64 = 300;
const DIFFERENCES: &str = include_str!("../../docs/from-ipaddr2.md");

type Pair = (&'static str, &'static str);

/// The values of one parameter. A value is taken the more often, the more often it stands here. An empty one is not
/// set. Those behind a `!` are wrong, or lead to no interface: half of the sets have none of them.
const IPV4: &[&str] = &[
    "192.0.2.9",
    "192.0.2.9",
    "192.0.2.200",
    "198.51.100.9",
    "198.51.100.9",
    "10.9.5.9",
    "10.9.5.9",
    "10.9.7.9",
    "203.0.113.9",
    "127.0.0.9",
    "!192.0.2.300",
];
const IPV6: &[&str] =
    &["2001:db8::9", "2001:db8::9", "2001:db8:1::9", "2001:DB8:0:0::9", "!2001:db8:ffff::9", "fe80::9", "!2001:db8::g"];
const OF_IPV4: &[(&str, &[&str])] = &[
    ("cidr_netmask", &["", "", "", "24", "24", "16", "25", "30", "31", "32", "32", "255.255.255.0", "!33", "!0", "!x"]),
    ("netmask", &["", "", "", "", "", "", "24", "32"]),
    ("broadcast", &["", "", "", "", "+", "192.0.2.255", "10.0.0.5", "!x"]),
    ("iflabel", &["", "", "vip", "vip", "0", "!much-too-long"]),
    ("preferred_lft", &["", "", "", "0", "!x"]),
    ("lvs_support", &["", "", "no", "yes"]),
    ("lvs_ipv6_addrlabel", &["", "", "", "no", "no", "yes"]),
];
const OF_IPV6: &[(&str, &[&str])] = &[
    ("cidr_netmask", &["", "", "64", "64", "128", "48", "!129", "!x"]),
    ("broadcast", &["", "", "", "", "", "!x"]),
    ("iflabel", &["", "", "vip"]),
    ("preferred_lft", &["", "", "forever", "0", "3600", "!x"]),
    ("nodad", &["yes"]),
    ("lvs_support", &["", "", "", "no", "no", "yes"]),
    ("lvs_ipv6_addrlabel", &["", "no", "yes", "yes"]),
    ("lvs_ipv6_addrlabel_value", &["", "", "7", "!x"]),
];
const OF_BOTH: &[(&str, &[&str])] = &[
    ("nic", &["", "eth0", "eth0", "eth1", "eth1", "eth2", "eth2", "lo", "eth0:x", "eth1:", "!nosuch"]),
    ("noprefixroute", &["", "", "yes", "no"]),
    ("flush_routes", &["", "", "yes"]),
    ("arp_count", &["1", "1", "1", "1", "2", "!0", "!x"]),
    ("arp_interval", &["10", "10", "10", "20", "!0", "!x"]),
    ("arp_bg", &["", "", "yes", "no"]),
];

/// Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn of(&mut self, values: &'static [&'static str], is_right: bool) -> &'static str {
        loop {
            let value = values[self.below(values.len())];
            match value.strip_prefix('!') {
                Some(_) if is_right => {}
                Some(wrong) => return wrong,
                None => return value,
            }
        }
    }
}

#[derive(Clone)]
struct ParameterSet(Vec<Pair>);

impl ParameterSet {
    fn new(seed: u64, number: u64) -> Self {
        let mut random = Random(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let is_right = random.below(2) == 0;
        let (all, own) = if random.below(3) > 0 { (IPV4, OF_IPV4) } else { (IPV6, OF_IPV6) };
        let ip = random.of(all, is_right);
        let mut set = vec![("ip", ip)];
        // Only some of them are taken, or a wrong one would be in every set.
        for (name, values) in own.iter().chain(OF_BOTH) {
            let value = if random.below(3) > 0 || *name == "nodad" { random.of(values, is_right) } else { values[0] };
            if !value.is_empty() {
                set.push((name, value));
            }
        }
        Self(set)
    }

    fn get(&self, name: &str) -> &'static str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// Returns the address as the kernel writes it.
    fn address(&self) -> String {
        let ip = self.get("ip");
        ip.parse::<std::net::IpAddr>().map_or_else(|_| ip.to_owned(), |address| address.to_string())
    }

    fn is_ipv6(&self) -> bool {
        self.get("ip").contains(':')
    }
}

impl fmt::Display for ParameterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(f, "{name}={value} "))
    }
}

/// What an agent made of a set: the code of start, what the kernel shows more then, and what more after stop.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AgentResult {
    code: Option<i32>,
    shows: Vec<String>,
    stopped: Option<i32>,
    left: Vec<String>,
    /// The exit reason, for people.
    says: String,
}

/// A row of the table of docs/from-ipaddr2.md: how it begins there, and whether it explains what became of a set (theirs,
/// ours).
type DocumentedRow = (&'static str, fn(&ParameterSet, &AgentResult, &AgentResult) -> bool);

const ROWS: [DocumentedRow; 10] = [
    ("a `nic` that is missing is 5 for start, not 6; a label that is too long", |set, theirs, ours| {
        let label = set.get("iflabel").len() > 10 && matches!(ours.code, Some(1 | 2));
        theirs.code == Some(6) && (label || set.get("nic") == "nosuch" && ours.code == Some(5))
    }),
    ("a wrong value is 6, whatever else is wrong", |_, theirs, ours| (theirs.code, ours.code) == (Some(1), Some(6))),
    ("`lvs_ipv6_addrlabel` and `check_link_status` are on unless", |set, theirs, ours| {
        let label = format!("label {}/128 ", set.address());
        let without: Vec<String> = ours.shows.iter().filter(|line| !line.starts_with(&label)).cloned().collect();
        set.is_ipv6()
            && set.get("lvs_ipv6_addrlabel").is_empty()
            && (theirs.code, &theirs.shows) == (ours.code, &without)
    }),
    ("`preferred_lft` is 0 while `lvs_ipv6_addrlabel` is on, not `forever`", |set, theirs, ours| {
        let (deprecated, label) = (" deprecated preferred 0", format!("label {}/128 ", set.address()));
        let is_label = |line: &&String| set.get("lvs_ipv6_addrlabel").is_empty() && line.starts_with(&label);
        let ours =
            (ours.code, ours.shows.iter().filter(|line| !is_label(line)).map(|line| line.replace(deprecated, "")));
        let is_meant = set.get("preferred_lft").is_empty() && set.get("lvs_ipv6_addrlabel") != "no" && set.is_ipv6();
        is_meant && theirs.code == ours.0 && theirs.shows.iter().cloned().eq(ours.1)
    }),
    ("a word that is neither yes nor no is refused, a number that is none", |set, _, ours| {
        let unread = set.get("lvs_ipv6_addrlabel") != "yes" && set.get("lvs_ipv6_addrlabel_value") == "x";
        unread && ours.code == Some(6)
    }),
    ("`arp_count=0` means no announcement", |set, theirs, _| set.get("arp_count") == "0" && theirs.code == Some(6)),
    ("`lvs_support` for IPv6 and `lvs_ipv6_addrlabel` for IPv4 are no errors", |set, theirs, _| {
        let other = if set.is_ipv6() { "lvs_support" } else { "lvs_ipv6_addrlabel" };
        set.get(other) == "yes" && theirs.code == Some(6)
    }),
    ("`netmask` and `cidr_netmask` that differ are refused", |set, _, ours| {
        let (old, new) = (set.get("netmask"), set.get("cidr_netmask"));
        !old.is_empty() && !new.is_empty() && old != new && ours.code == Some(6)
    }),
    ("`nic=lo` without a prefix makes a host address", |set, theirs, ours| {
        let without = set.get("cidr_netmask").is_empty() && set.get("netmask").is_empty();
        set.get("nic") == "lo" && without && (theirs.code, ours.code) == (Some(1), Some(0))
    }),
    ("`broadcast=+` means none at /31 and /32", |set, theirs, ours| {
        let itself = format!(" brd {}", set.get("ip"));
        let without: Vec<String> = theirs.shows.iter().map(|line| line.replace(&itself, "")).collect();
        set.get("broadcast") == "+" && theirs.code == ours.code && without == ours.shows
    }),
];

fn new_host() -> Host {
    let host = Host::with_eth0(&["192.0.2.1/24 broadcast +", "2001:db8::1/64"]);
    for nic in ["eth1", "eth2"] {
        host.sh(&format!(
            "ip link add {nic} type veth peer name {nic}-end && ip link set {nic}-end up && ip link set {nic} up"
        ));
    }
    host.sh("ip address add 198.51.100.1/25 dev eth1 && ip address add 2001:db8:1::1/64 dev eth1 nodad");
    host.sh(
        "ip address add 10.9.0.1/16 broadcast + dev eth2 && ip address add 10.9.5.1/24 broadcast 10.9.5.254 dev eth2",
    );
    host.sh(&format!("mkdir -p /run/resource-agents && ln -sf {SCRIPT} {}/IPaddr2", super::common::AGENTS));
    host
}

fn outcome(host: &Host, agent: &Agent<'_>, before: &[String]) -> AgentResult {
    let start = agent.run("start");
    let shows = view::difference(before, &view::lines(host));
    let stopped = agent.run("stop").code;
    let left = view::difference(before, &view::lines(host));
    AgentResult { code: start.code, shows, stopped, left, says: start.stderr.trim().to_owned() }
}

/// Returns their result, then ours.
fn compare(host: &mut Host, set: &ParameterSet) -> (AgentResult, AgentResult) {
    let before = view::lines(host);
    let theirs = theirs(host, set, &before).unwrap_or_else(|| {
        *host = new_host();
        theirs(host, set, &before).unwrap_or_else(|| panic!("{set}: IPaddr2 does not end, twice"))
    });
    if !theirs.left.is_empty() {
        *host = new_host();
    }
    let ours = outcome(host, &host.agent("vip").params(&set.0), &before);
    assert_eq!((ours.stopped, &ours.left), (Some(0), &vec![]), "{set}: our stop");
    (theirs, ours)
}

/// Returns the result of IPaddr2. `None` means that it did not end, which happens to it once in some thousand calls on a busy
/// machine, and not again with the same parameters.
fn theirs(host: &Host, set: &ParameterSet, before: &[String]) -> Option<AgentResult> {
    /// What timeout(1) ends with when the time is over.
    const TIMED_OUT: Option<i32> = Some(124);
    // The sender of IPaddr2 in the background keeps the action's output open.
    let limited = ["sh", "-c", "exec timeout 25 \"$@\" >/dev/null 2>&1", "sh"];
    let result = outcome(host, &host.agent("IPaddr2").under(&limited).params(&set.0), before);
    (result.code != TIMED_OUT && result.stopped != TIMED_OUT).then_some(result)
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().expect(variable))
}

#[test]
fn random_parameters_do_what_ipaddr2_does_or_the_table_of_differences_says_why_not() {
    assert!(std::path::Path::new(SCRIPT).exists(), "{SCRIPT} is missing: this test needs the package resource-agents");
    let (seed, sets) = (number("LVS_AGENTS_SEED", SEED), number("LVS_AGENTS_SETS", SETS));
    for (row, _) in ROWS {
        assert!(DIFFERENCES.contains(&format!("\n| {row}")), "{row:?}: no such row in docs/from-ipaddr2.md");
    }
    let work = |part: u64| {
        let (mut host, mut wrong, mut worked) = (new_host(), Vec::new(), 0);
        for number in (0..sets).filter(|number| number % 4 == part) {
            let set = ParameterSet::new(seed, number);
            let (theirs, ours) = compare(&mut host, &set);
            worked += u64::from(ours.code == Some(0) && theirs.code == Some(0));
            let explained = ROWS.iter().any(|(_, explains)| explains(&set, &theirs, &ours));
            if (theirs.code, &theirs.shows) != (ours.code, &ours.shows) && !explained {
                wrong.push(format!("{number}: {set}\n   theirs {theirs:?}\n   ours   {ours:?}"));
            }
        }
        (wrong, worked)
    };
    let parts: Vec<(Vec<String>, u64)> = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..4).map(|part| scope.spawn(move || work(part))).collect();
        parts.into_iter().map(|part| part.join().expect("part")).collect()
    });
    let wrong: Vec<&str> = parts.iter().flat_map(|(wrong, _)| wrong).map(String::as_str).collect();
    assert!(wrong.is_empty(), "seed {seed}: {} of {sets} sets differ:\n{}", wrong.len(), wrong.join("\n"));
    // Otherwise nothing would have been compared.
    let worked: u64 = parts.iter().map(|(_, worked)| worked).sum();
    assert!(worked >= sets / 3, "only {worked} of {sets} sets work at all");
}
