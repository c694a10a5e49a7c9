//! What the kernel shows: addresses, routes and address labels, of this namespace and of those with a name.

use serde_json::Value;

use super::common::Host;

/// `NIC ADDRESS/PREFIX [label L] [brd B] [metric N] [FLAG...] [preferred SECONDS]`, `route TO dev NIC [metric N]` and
/// `label PREFIX NUMBER`, each after `NAMESPACE: ` where that has a name; without what is as the kernel has it anyway.
pub fn lines(host: &Host) -> Vec<String> {
    let mut all = of(host, "ip");
    for line in host.sh("ip netns list").lines() {
        let name = line.split(' ').next().unwrap_or_default();
        all.extend(of(host, &format!("ip -n {name}")).into_iter().map(|line| format!("{name}: {line}")));
    }
    all.sort();
    all
}

fn of(host: &Host, ip: &str) -> Vec<String> {
    let json = |what: &str| -> Value { serde_json::from_str(&host.sh(&format!("{ip} -j {what}"))).expect(what) };
    let links = json("address");
    let mut found: Vec<String> = links.as_array().into_iter().flatten().flat_map(addresses).collect();
    for (what, usual) in [("-4 route show", 0), ("-6 route show", 256)] {
        found.extend(json(what).as_array().into_iter().flatten().map(|info| route(info, usual)));
    }
    found.extend(host.sh(&format!("{ip} addrlabel list")).lines().filter_map(label));
    // The kernel makes link-local addresses of link-layer addresses, and takes its time.
    found.retain(|line| !line.contains("ff:fe") && !line.contains("fe80::/64"));
    found
}

fn addresses(link: &Value) -> Vec<String> {
    let nic = link["ifname"].as_str().unwrap_or_default();
    link["addr_info"].as_array().into_iter().flatten().map(|info| format!("{nic} {}", address(nic, info))).collect()
}

fn address(nic: &str, info: &Value) -> String {
    let mut text = format!("{}/{}", info["local"].as_str().unwrap_or_default(), info["prefixlen"]);
    if let Some(label) = info["label"].as_str().filter(|label| *label != nic) {
        text += &format!(" label {label}");
    }
    if let Some(broadcast) = info["broadcast"].as_str() {
        text += &format!(" brd {broadcast}");
    }
    if let Some(metric) = info["metric"].as_u64() {
        text += &format!(" metric {metric}");
    }
    for flag in ["nodad", "noprefixroute", "deprecated", "tentative", "dadfailed"] {
        if info[flag] == true {
            text += &format!(" {flag}");
        }
    }
    match info["preferred_life_time"].as_u64().unwrap_or_default() {
        4_294_967_295 => text,
        // The time runs: what is left of 3600 is shown as 3600 for a good while.
        seconds => text + &format!(" preferred {}", seconds.next_multiple_of(100)),
    }
}

fn route(info: &Value, usual: u64) -> String {
    let word = |name: &str| info[name].as_str().unwrap_or_default();
    let metric = info["metric"].as_u64().filter(|metric| *metric != usual);
    let metric = metric.map(|metric| format!(" metric {metric}")).unwrap_or_default();
    format!("route {} dev {}{metric}", word("dst"), word("dev"))
}

/// `prefix 2001:db8::9/128 label 99`
fn label(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let prefix = words.by_ref().skip_while(|word| *word != "prefix").nth(1)?;
    Some(format!("label {prefix} {}", words.last()?))
}

/// Returns the lines that came, and after a `-` those that went.
pub fn difference(before: &[String], after: &[String]) -> Vec<String> {
    let (mut gone, mut came) = (before.to_vec(), Vec::new());
    for line in after {
        match gone.iter().position(|known| known == line) {
            Some(index) => drop(gone.swap_remove(index)),
            None => came.push(line.clone()),
        }
    }
    came.extend(gone.into_iter().map(|line| format!("-{line}")));
    came.sort();
    came
}
