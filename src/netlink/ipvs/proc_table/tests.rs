#![expect(clippy::string_slice, reason = "the text that is cut has no character of several bytes")]

use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::model::{Persistence, Scheduler};

/// The text as Linux 6.1 writes it, with one service of each kind.
const GOLDEN: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
UDP  0A090001:0035 rr ops  persistent 36000 FFFFFF00
  -> 0A090101:14E9      Masq    1      0          0         
TCP  0A090001:0CEA wrr  
  -> 0A090102:0CEA      Route   0      0          0         
  -> 0A090101:0CEA      Local   10     12         345       
TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:01BB wlc 
  -> [2001:0db8:0001:0000:0000:0000:0000:0002]:01BB      Tunnel  2      0          0         
SCTP  0A090001:0050 rr  
  -> 0A090101:0050      Route   2147483647 0          0         
FWM  00000007 rr ops 
  -> 0A090101:0000      Route   1      0          0         
TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0050 rr persistent 6000 40000000
UDP  0A090002:0035 rr ops 
TCP  0A090002:0050 sh  
";

fn service(key: &str, scheduler: &str) -> VirtualService {
    VirtualService {
        key: key.parse().expect(key),
        scheduler: Scheduler::named(scheduler),
        persistence: None,
        flags: ServiceFlags::default(),
    }
}

fn real(key: &str, forwarding: ForwardingMethod, weight: u32) -> RealServer {
    let key = key.parse().expect(key);
    RealServer { key, forwarding, local: false, weight, upper_threshold: 0, lower_threshold: 0 }
}

fn entry(service: VirtualService, reals: Vec<RealServer>) -> ServiceEntry {
    ServiceEntry { service, real_servers: reals.into_iter().map(|real| (real.key, real)).collect() }
}

/// Returns what the golden text shows in full, as it would be wanted.
fn shown() -> Vec<ServiceEntry> {
    use ForwardingMethod::{Gate, Ipip, Masq};
    let one_packet = ServiceFlags { one_packet: true, ..ServiceFlags::default() };
    vec![
        entry(
            service("tcp 10.9.0.1:3306", "wrr"),
            vec![real("10.9.1.1:3306", Masq, 10), real("10.9.1.2:3306", Gate, 0)],
        ),
        entry(service("tcp [2001:db8::1]:443", "wlc"), vec![real("[2001:db8:1::2]:443", Ipip, 2)]),
        entry(VirtualService { flags: one_packet, ..service("udp 10.9.0.2:53", "rr") }, vec![]),
        entry(service("tcp 10.9.0.2:80", "sh"), vec![]),
        entry(service("sctp 10.9.0.1:80", "rr"), vec![real("10.9.1.1:80", Gate, 2_147_483_647)]),
    ]
}

/// Returns those whose real servers it shows, but not all of the service itself.
fn shown_in_part() -> Vec<ServiceEntry> {
    let held = |timeout, prefix_length| Some(Persistence::by_address(timeout, prefix_length));
    let one_packet = ServiceFlags { one_packet: true, ..ServiceFlags::default() };
    let udp = VirtualService { flags: one_packet, persistence: held(360, 24), ..service("udp 10.9.0.1:53", "rr") };
    let tcp = VirtualService { persistence: held(60, 64), ..service("tcp [2001:db8::1]:80", "rr") };
    let flags = ServiceFlags { scheduler: [false, true, false], ..ServiceFlags::default() };
    vec![
        entry(udp, vec![real("10.9.1.1:5353", ForwardingMethod::Masq, 1)]),
        entry(tcp, vec![]),
        entry(VirtualService { flags, ..service("tcp 10.9.0.2:80", "sh") }, vec![]),
    ]
}

/// Reads what the text tells of the one wanted service.
fn read(text: impl AsRef<[u8]>, wanted: &ServiceEntry) -> ProcTable {
    ProcTable::read(text.as_ref(), &Table::from([(wanted.service.key, wanted.clone())]))
}

fn shows(text: impl AsRef<[u8]>, wanted: &ServiceEntry) -> bool {
    read(text, wanted).shows(&wanted.service)
}

fn shows_real_servers(text: impl AsRef<[u8]>, wanted: &ServiceEntry) -> bool {
    read(text, wanted).shows_real_servers(&wanted.service.key)
}

fn lacks(text: impl AsRef<[u8]>, key: &str) -> bool {
    let wanted = entry(service(key, "rr"), vec![]);
    read(text, &wanted).lacks(&wanted.service.key)
}

#[test]
fn the_kernels_text_shows_what_is_as_wanted() {
    for wanted in shown() {
        assert!(shows(GOLDEN, &wanted), "{wanted:?}");
        assert!(shows_real_servers(GOLDEN, &wanted) && !lacks(GOLDEN, &wanted.service.key.to_string()));
    }
    for wanted in shown_in_part() {
        assert!(!shows(GOLDEN, &wanted) && shows_real_servers(GOLDEN, &wanted), "{wanted:?}");
    }
    for missing in ["tcp 10.9.0.1:53", "udp 10.9.0.1:54", "tcp 10.9.0.1:80"] {
        assert!(lacks(GOLDEN, missing), "{missing}");
        assert!(!shows(GOLDEN, &entry(service(missing, "rr"), vec![])), "{missing}");
    }
}

#[test]
fn whatever_differs_is_not_shown() {
    for wanted in shown() {
        let mut edits: Vec<ServiceEntry> = Vec::new();
        let mut edit = |change: &dyn Fn(&mut ServiceEntry)| {
            let mut edited = wanted.clone();
            change(&mut edited);
            edits.push(edited);
        };
        edit(&|entry| entry.service.scheduler = Scheduler::named("nq"));
        edit(&|entry| entry.service.persistence = Some(Persistence::by_address(61, 64)));
        edit(&|entry| entry.service.flags.one_packet = !entry.service.flags.one_packet);
        edit(&|entry| {
            let added = real("10.9.1.9:9", ForwardingMethod::Gate, 1);
            entry.real_servers.insert(added.key, added);
        });
        if !wanted.real_servers.is_empty() {
            edit(&|entry| {
                entry.real_servers.pop_first();
            });
            edit(&|entry| entry.real_servers.values_mut().for_each(|real| real.weight += 1));
        }
        for edited in edits {
            assert!(!shows(GOLDEN, &edited), "{edited:?}");
        }
    }
    for word in ["gue", "gre"] {
        let mut edited = shown().remove(1);
        edited.real_servers.values_mut().for_each(|real| real.forwarding = word.parse().expect(word));
        assert!(!shows(GOLDEN, &edited), "the text says of no tunnel of which kind it is");
    }
    for method in [ForwardingMethod::Ipip, ForwardingMethod::Masq] {
        let (mut edited, other) = (shown().remove(0), real("10.9.1.2:3306", method, 0));
        edited.real_servers.insert(other.key, other);
        assert!(!shows(GOLDEN, &edited) && !shows_real_servers(GOLDEN, &edited), "{method}");
    }
    let mut plain = shown_in_part().remove(0);
    plain.service.persistence = None;
    assert!(!shows(GOLDEN, &plain), "the kernel's has persistence");
}

#[test]
fn what_the_text_does_not_tell_is_never_shown() {
    let mut limited = shown().remove(0);
    limited.real_servers.values_mut().for_each(|real| real.upper_threshold = 100);
    assert!(!shows(GOLDEN, &limited) && !shows_real_servers(GOLDEN, &limited));
    let marked = entry(service("fwmark 7", "wrr"), vec![real("10.9.1.1:0", ForwardingMethod::Gate, 1)]);
    assert!(!shows(GOLDEN, &marked), "the text has no family of a mark");
    assert!(!lacks(GOLDEN, "fwmark 7") && !lacks(GOLDEN, "fwmark 8"));
    let text = GOLDEN.replace(
        "TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:01BB",
        "UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:01BB",
    );
    let one_packet = ServiceFlags { one_packet: true, ..ServiceFlags::default() };
    let reals = vec![real("[2001:db8:1::2]:443", ForwardingMethod::Ipip, 2)];
    let udp6 = service("udp [2001:db8::1]:443", "wlc");
    assert!(shows(&text, &entry(udp6.clone(), reals.clone())));
    let wanted = entry(VirtualService { flags: one_packet, ..udp6 }, reals);
    assert!(!shows(&text, &wanted), "the kernel writes ops for IPv4 only");
}

#[test]
fn a_text_cut_off_anywhere_shows_no_service_that_was_not_told_of_in_full() {
    for length in 0..GOLDEN.len() {
        let text = &GOLDEN[..length];
        for wanted in shown() {
            let first: String = written(&wanted).split_inclusive(' ').take(3).collect();
            let begin = GOLDEN.find(&first).expect("service");
            let lines = 1 + wanted.real_servers.len();
            let end: usize = begin + GOLDEN[begin..].split_inclusive('\n').take(lines).map(str::len).sum::<usize>();
            // In the middle of the line after it, it is not known whether that one is of the service too.
            let is_told = length == end || (length > end && GOLDEN[end..length].contains('\n'));
            assert!(shows(text, &wanted) <= (length >= end), "{length} bytes: {wanted:?}");
            assert!(shows(text, &wanted) >= is_told, "{length} bytes: {wanted:?}");
        }
        assert!(text.ends_with('\n') || !lacks(text, "tcp 10.9.0.9:80"));
    }
}

#[test]
fn a_line_that_is_not_understood_hides_its_service_alone() {
    let other = service("tcp 10.9.0.2:80", "sh");
    crate::testing::check_rows(
        [
            ("Route   0 ", "Teleport 0 "),
            ("Route   0 ", "Route   -1 "),
            ("Route   0 ", "Route   +1 "),
            ("0A090102:0CEA      ", "0A0901020CEA      "),
            ("0A090102:0CEA      ", "0A090102:10CEA      "),
            ("0CEA wrr  ", "0CEA wrr persistent 360"),
            ("0CEA wrr  ", "0CEA wrr persistent 360 FFFFFFFFF"),
            ("0CEA wrr  ", "0CEA wrr sticky"),
            ("12         345", "12"),
        ],
        |(from, to)| {
            let text = GOLDEN.replacen(from, to, 1);
            assert_ne!(text, GOLDEN);
            let hidden = shown().remove(0);
            assert_eq!(read(&text, &hidden).services[&hidden.service.key], ShownService::Unclear, "{to}");
            assert!(shows(&text, &entry(other.clone(), vec![])), "{to}");
            assert!(!lacks(&text, "tcp 10.9.0.9:80"), "{to}: not whole");
        },
    );
}

#[test]
fn what_is_told_of_twice_is_not_believed() {
    let service = "TCP  0A090002:0050 sh  \n";
    let real = "  -> 0A090101:0050      Route   1      0          0         \n";
    crate::testing::check_rows([format!("{GOLDEN}{service}"), format!("{GOLDEN}{real}{real}")], |text| {
        let wanted = shown().remove(3);
        assert_eq!(read(&text, &wanted).services[&wanted.service.key], ShownService::Unclear, "{text}");
    });
}

#[test]
fn another_header_means_a_text_of_which_nothing_is_known() {
    let moved = GOLDEN.replace("Forward Weight", "Weight Forward");
    crate::testing::check_rows(["", "IP Virtual Server version 1.2.1 (size=4096)\n", &moved, &GOLDEN[44..]], |text| {
        assert_eq!(ProcTable::read(text.as_bytes(), &Table::new()), ProcTable::default(), "{text}");
    });
}

/// Writes the entry as the kernel would.
fn written(entry: &ServiceEntry) -> String {
    let socket = |address: IpAddr, port: u16| match address {
        IpAddr::V4(address) => format!("{:08X}:{port:04X}", u32::from(address)),
        IpAddr::V6(address) => {
            let groups: Vec<String> = address.segments().iter().map(|group| format!("{group:04x}")).collect();
            format!("[{}]:{port:04X}", groups.join(":"))
        }
    };
    let ServiceKey::Address { protocol, address, port } = entry.service.key else { panic!("a mark") };
    let name = protocol.to_string().to_uppercase();
    let mut text = format!("{name}  {} {} ", socket(address, port), entry.service.scheduler);
    if entry.service.flags.one_packet {
        text += "ops ";
    }
    if let Some(Persistence { timeout, prefix_length, .. }) = entry.service.persistence {
        let mask = match address {
            IpAddr::V4(_) => u32::MAX.checked_shl(32 - u32::from(prefix_length)).unwrap_or(0),
            IpAddr::V6(_) => u32::from(prefix_length).to_be(),
        };
        let _ = write!(text, "persistent {} {mask:08X}", timeout / 2);
    }
    text.push('\n');
    for real in entry.real_servers.values() {
        let word = match real.forwarding {
            ForwardingMethod::Masq => "Masq",
            ForwardingMethod::Gate => "Route",
            ForwardingMethod::Ipip | ForwardingMethod::Gue { .. } | ForwardingMethod::Gre { .. } => "Tunnel",
        };
        let _ = writeln!(
            text,
            "  -> {}      {word:<7} {:<6} 0          0         ",
            socket(real.key.address, real.key.port),
            real.weight
        );
    }
    text
}

fn any_entry() -> impl Strategy<Value = ServiceEntry> {
    let address = prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
    let method = prop_oneof![Just(ForwardingMethod::Gate), Just(ForwardingMethod::Masq), Just(ForwardingMethod::Ipip)];
    let real = (address.clone(), any::<u16>(), method, any::<u32>()).prop_map(|(address, port, forwarding, weight)| {
        let key = RealServerKey { address, port };
        RealServer { key, forwarding, local: false, weight, upper_threshold: 0, lower_threshold: 0 }
    });
    let held = proptest::option::of((1u32.., 1u8..=128));
    let reals = proptest::collection::vec(real, 0..5);
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp), Just(Protocol::Sctp)];
    (protocol, address, any::<u16>(), "[a-z]{1,15}", held, any::<bool>(), reals).prop_map(
        |(protocol, address, port, scheduler, held, one_packet, reals)| {
            let key = ServiceKey::Address { protocol, address, port };
            let one_packet = one_packet && key.family() == Family::Ipv4;
            let persistence =
                held.map(|(timeout, length)| Persistence::by_address(timeout, length.min(key.family().bits())));
            let flags = ServiceFlags { one_packet, ..ServiceFlags::default() };
            let scheduler = Scheduler::named(scheduler);
            entry(VirtualService { key, scheduler, persistence, flags }, reals)
        },
    )
}

proptest! {
    #[test]
    fn a_service_is_shown_as_it_was_written(entries in proptest::collection::vec(any_entry(), 0..6)) {
        let entries: Table =
            entries.into_iter().map(|entry| (entry.service.key, entry)).collect();
        let header: String = GOLDEN.split_inclusive('\n').take(3).collect();
        let text = header + &entries.values().map(written).collect::<String>();
        let table = ProcTable::read(text.as_bytes(), &entries);
        prop_assert!(table.is_whole);
        for entry in entries.values() {
            prop_assert!(table.shows_real_servers(&entry.service.key), "{:?}\n{}", entry, text);
            prop_assert_eq!(table.shows(&entry.service), entry.service.persistence.is_none(), "{:?}\n{}", entry, text);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..96), lines in "(TCP |FWM |  -> |[0-9A-F:. \\[\\]]{1,9}|\n| ops| persistent){0,30}") {
        let header: String = GOLDEN.split_inclusive('\n').take(3).collect();
        ProcTable::read(bytes.as_slice(), &Table::new());
        ProcTable::read([header.as_bytes(), &bytes].concat().as_slice(), &Table::new());
        ProcTable::read((header + &lines).as_bytes(), &Table::new());
    }
}
