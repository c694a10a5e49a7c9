use std::net::IpAddr;

use crate::config::{AnyName, file_as_parameters};
use crate::convert::{Pair, PairShape, Shell, commands};

const FILE: &str = "checkinterval=1\nchecktimeout=3\nvirtual=10.9.0.100:3306\n\treal=10.9.0.21 gate 1\n\treal=10.9.0.22 gate 3\n\
    \tscheduler=wrr\n\tchecktype=negotiate\n\tservice=mysql\n\tlogin=\"monitor\"\n\tpasswd=\"secret\"\n\tdatabase=\"test\"\n\
    \trequest=\"SELECT * FROM a\"\n\tfallback=127.0.0.1:3306\n";

fn pair(shape: PairShape, shell: Shell) -> String {
    let services = file_as_parameters(FILE.as_bytes(), &AnyName::default()).expect("one service");
    let addresses: [IpAddr; 1] = [[10, 9, 0, 100].into()];
    let sync_interface = (shape == PairShape::Promotable).then_some("eth0");
    let pair =
        Pair { name: "db", shape, services: &services, addresses: &addresses, nic: Some("eth0"), sync_interface };
    commands(&pair, shell)
}

/// The commands of a document in the first block of code behind these words, each as its words in a fixed order: parameters
/// and options may stand in another one.
fn commands_of(text: &str) -> Vec<Vec<String>> {
    let lines = text.replace("\\\n", " ");
    let mut commands: Vec<Vec<String>> = lines.lines().map(words).filter(|words| !words.is_empty()).collect();
    commands.iter_mut().for_each(|words| words.sort());
    commands.sort();
    commands
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn block(document: &str, title: &str) -> Vec<Vec<String>> {
    let (_, behind) = document.split_once(title).expect(title);
    let (_language, commands) =
        behind.split("```").nth(1).and_then(|block| block.split_once('\n')).expect("a block of code");
    commands_of(commands)
}

#[test]
fn the_promotable_pair_is_the_one_of_the_documentation() {
    let document = include_str!("../../../docs/pair.md");
    for (title, shell) in [("With crmsh:", Shell::Crm), ("With pcs:", Shell::Pcs)] {
        assert_eq!(commands_of(&pair(PairShape::Promotable, shell)), block(document, title), "{title}");
    }
}

#[test]
fn the_simple_pair_is_the_one_of_the_documentation_but_for_what_waits() {
    let document = include_str!("../../../README.md");
    assert_eq!(commands_of(&pair(PairShape::Simple, Shell::Crm)), block(document, "With crmsh:"));
    // The document has the constraint of the address before the address; here all constraints come last.
    let without_waiting = |commands: Vec<Vec<String>>| -> Vec<Vec<String>> {
        let kept = commands.into_iter().filter(|words| !words.contains(&"enable".to_owned()));
        let mut kept: Vec<Vec<String>> =
            kept.map(|words| words.into_iter().filter(|word| word != "--disabled").collect()).collect();
        kept.sort();
        kept
    };
    let ours = without_waiting(commands_of(&pair(PairShape::Simple, Shell::Pcs)));
    assert_eq!(ours, without_waiting(block(document, "With pcs:")));
}

#[test]
fn addresses_of_both_families_have_a_length_of_their_own() {
    let addresses: [IpAddr; 2] = [[192, 0, 2, 1].into(), "2001:db8::1".parse().expect("an address")];
    let services = [("configfile", "/etc/ha.d/a b.cf".to_owned())];
    let pair = Pair {
        name: "web",
        shape: PairShape::Simple,
        services: &services,
        addresses: &addresses,
        nic: None,
        sync_interface: None,
    };
    let text = commands(&pair, Shell::Crm);
    let vip = "primitive web-vip ocf:rust:vip params ip=\"192.0.2.1/32, 2001:db8::1/128\" op monitor interval=2s\n";
    assert!(text.contains(vip), "{text}");
    assert!(text.contains("params configfile=\"/etc/ha.d/a b.cf\" op"), "{text}");
}

#[test]
fn a_file_that_parameters_cannot_say_is_refused() {
    let as_parameters = |text: &str| file_as_parameters(text.as_bytes(), &AnyName::default());
    assert_eq!(as_parameters("").expect_err("none"), "0 virtual services: expected one, as parameters name one");
    let two = "virtual=192.0.2.1:80\n\tchecktype=on\nvirtual=192.0.2.1:81\n\tchecktype=on\n";
    assert!(as_parameters(two).is_err());
    let tolerated = "virtual=192.0.2.1:80\n\tchecktype=on\n\treal=192.0.2.2::80 gate\n";
    assert!(as_parameters(tolerated).expect_err("a slip in a parameter").contains("two colons"));
    let six = "fallback6=[::1]\nvirtual6=[2001:db8::1]:80\n\tpersistent=9\n\tnetmask=64\n\tchecktype=connect\n\
        \treal6=[2001:db8::2]:80 gate \"/a, b\",\"c\"\n\treal6=web1 masq\n";
    let expected = [
        ("virtual", "[2001:db8::1]:80"),
        ("real", "[2001:db8::2]:80 gate \"/a, b\",\"c\", web1 masq"),
        ("fallback", "[::1]"),
        ("persistent", "9"),
        ("netmask", "64"),
        ("checktype", "connect"),
    ];
    assert_eq!(as_parameters(six).expect("right"), expected.map(|(name, value)| (name, value.to_owned())));
}
