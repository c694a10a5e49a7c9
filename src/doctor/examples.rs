//! No false alarm: nothing is found in any configuration that this project shows, with a fence device added.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::kernel::KernelFacts;
use super::network::NetworkFacts;
use super::observe::testing::of_resource;
use super::scope::Scope;
use super::{cib, cluster, kernel, network, services};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Reads the language of crmsh, as far as the examples use it, as the XML that crmsh makes of it.
fn xml_of_crm(text: &str) -> String {
    let (mut resources, mut constraints) = (Resources::default(), String::new());
    let joined = text.replace("\\\n", " ");
    for (number, words) in joined.lines().map(words).enumerate() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["primitive", id, agent, rest @ ..] => resources.add(id, primitive(id, agent, rest)),
            ["group", id, rest @ ..] => resources.enclose("group", id, rest),
            ["clone", id, rest @ ..] => resources.enclose("clone", id, rest),
            ["colocation", _, score, one, with] => {
                let (with, role) = with.split_once(':').unwrap_or((with, "Started"));
                let score = score.trim_end_matches(':').replace("inf", "INFINITY");
                constraints += &format!(
                    "<rsc_colocation id=\"x{number}\" score=\"{score}\" rsc=\"{one}\" with-rsc=\"{with}\" with-rsc-role=\"{role}\"/>"
                );
            }
            ["order", _, kind, rest @ ..] => {
                let set = |word: &&str| {
                    let (id, action) = word.split_once(':').unwrap_or((word, "start"));
                    format!("<resource_set action=\"{action}\"><resource_ref id=\"{id}\"/></resource_set>")
                };
                let sets: String = rest.iter().map(set).collect();
                let kind = kind.trim_end_matches(':');
                constraints += &format!("<rsc_order id=\"x{number}\" kind=\"{kind}\">{sets}</rsc_order>");
            }
            [] | ["location" | "property", ..] => {}
            other => panic!("{other:?}: the test does not read this"),
        }
    }
    let resources = resources.written();
    format!(
        "<cib><configuration><resources>{resources}</resources><constraints>{constraints}</constraints></configuration></cib>"
    )
}

/// The words of a line; quotes keep blanks in one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars().chain([' ']) {
        match letter {
            '"' => is_quoted = !is_quoted,
            letter if letter.is_whitespace() && !is_quoted => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            letter => word.push(letter),
        }
    }
    words
}

/// The resources in their order; what encloses others takes their place.
#[derive(Default)]
struct Resources(Vec<(String, String)>);

impl Resources {
    fn add(&mut self, id: &str, xml: String) {
        self.0.push((id.into(), xml));
    }

    fn enclose(&mut self, kind: &str, id: &str, rest: &[&str]) {
        let members: Vec<&&str> = rest.iter().take_while(|word| **word != "meta").collect();
        let mut inner = sections(rest.get(members.len()..).unwrap_or_default());
        for member in members {
            let at = self.0.iter().position(|(id, _)| id == *member).expect(member);
            inner += &self.0.remove(at).1;
        }
        self.add(id, format!("<{kind} id=\"{id}\">{inner}</{kind}>"));
    }

    fn written(mut self) -> String {
        if !self.0.iter().any(|(_, xml)| xml.contains("class=\"stonith\"")) {
            self.add("fence", primitive("fence", "stonith:fence_ipmilan", &[]));
        }
        self.0.into_iter().map(|(_, xml)| xml).collect()
    }
}

fn primitive(id: &str, agent: &str, rest: &[&str]) -> String {
    let parts: Vec<&str> = agent.split(':').collect();
    let agent = match parts.as_slice() {
        [class, provider, kind] => format!("class=\"{class}\" provider=\"{provider}\" type=\"{kind}\""),
        [class, kind] => format!("class=\"{class}\" type=\"{kind}\""),
        _ => panic!("{agent}"),
    };
    format!("<primitive id=\"{id}\" {agent}>{}</primitive>", sections(rest))
}

/// `params A=B … meta C=D … op NAME E=F …`.
fn sections(words: &[&str]) -> String {
    let (mut xml, mut section, mut operation) = (String::new(), "params", BTreeMap::new());
    let mut operations = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.split_once('=') {
            None if *word == "op" => {
                operations.push(std::mem::take(&mut operation));
                operation.insert("name", *words.next().expect("an operation"));
                section = word;
            }
            None => section = word,
            Some((name, value)) if section == "op" => drop(operation.insert(name, value)),
            Some((name, value)) => {
                let set = if section == "meta" { "meta_attributes" } else { "instance_attributes" };
                xml += &format!("<{set}><nvpair name=\"{name}\" value=\"{}\"/></{set}>", value.replace('"', "&quot;"));
            }
        }
    }
    operations.push(operation);
    for operation in operations.iter().filter(|operation| !operation.is_empty()) {
        let attributes: Vec<String> = operation.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        xml += &format!("<op {}/>", attributes.join(" "));
    }
    xml
}

/// What doctor finds in a configuration of the cluster, where `file` stands for the one that resources name.
fn found(xml: &str, file: &str) -> Vec<String> {
    let mut cib = cib::read(xml).expect(xml);
    for resource in &mut cib.primitives {
        if let Some(configfile) = resource.parameters.get_mut("configfile") {
            *configfile = format!("{ROOT}/cts/config/{file}");
        }
    }
    let configured: Vec<_> = cib.primitives.iter().filter_map(of_resource).collect();
    let mut found = cluster::findings(Some(&cib), &configured, &Scope::default(), 0);
    found.extend(services::findings(&configured, &KernelFacts::default()));
    found.extend(kernel::findings(&configured, &KernelFacts::default()));
    found.extend(network::findings(&configured, &NetworkFacts::default()));
    found.into_iter().map(|one| format!("{}: {}", one.object, one.what)).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

fn files_of(folder: &str, ending: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).expect(folder).flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

#[test]
fn nothing_is_wrong_with_the_configurations_of_the_test_suite() {
    let mut looked_at = 0;
    for path in files_of("cts/config", "crm") {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let file = if name.starts_with("takeover") { "takeover.cf" } else { "ldirectord.cf" };
        assert_eq!(found(&xml_of_crm(&read(&path)), file), [""; 0], "{name}");
        looked_at += 1;
    }
    assert!(looked_at >= 8, "{looked_at}");
}

#[test]
fn nothing_is_wrong_with_the_configurations_of_the_documents() {
    let mut looked_at = 0;
    for path in files_of("docs", "md").into_iter().chain([Path::new(ROOT).join("README.md")]) {
        let text = read(&path);
        let blocks = text.split("\n```").filter_map(|block| block.strip_prefix("crm")?.split_once('\n'));
        let blocks = blocks.map(|(_host, commands)| commands).filter(|commands| commands.starts_with("primitive "));
        for block in blocks.filter(|block| !block.contains('…')) {
            let mut found = found(&xml_of_crm(block), "ldirectord.cf");
            // Some show one resource: what belongs to it stands elsewhere.
            if !block.contains("ocf:rust:vip") {
                found.retain(|line| !line.contains("no vip resource") && !line.contains("no ocf:rust:ldirectord"));
            }
            assert_eq!(found, [""; 0], "{}:{block}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 5, "{looked_at}");
    let packaged = Path::new(ROOT).join("packaging/root/usr/share/doc/lvs-agents/examples/pair.xml");
    // It says of itself that it has no fence device yet.
    assert_eq!(found(&read(&packaged), "ldirectord.cf"), ["stonith-enabled: fencing is off"]);
}

#[test]
fn what_is_wrong_with_an_example_would_be_found() {
    let crm = read(&Path::new(ROOT).join("cts/config/clone.crm")).replace("db-lvs-clone:Promoted", "db-health-clone");
    assert_eq!(found(&xml_of_crm(&crm), "ldirectord.cf"), ["db-vip: no colocation with db-lvs-clone"]);
}
