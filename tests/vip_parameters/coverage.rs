//! No parameter of the meta-data is without valid, boundary and invalid values.

use std::fmt;

use super::{ParameterRow, addresses, announcements, places, wrong};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Valid,
    Boundary,
    Invalid,
}

use Values::{Boundary, Invalid, Valid};

const NAMES: &str = "names, not a range: there is no edge";
const IGNORED: &str = "whatever it says is accepted and has no effect";
const REFUSED: &str = "refused, whatever it says";
const TRACE: &str = "tracing never fails an action: what is wrong is ignored";

/// The parameters for which one of the three makes no sense, and why.
const SENSELESS: [(&str, Values, &str); 26] = [
    ("network_namespace", Boundary, NAMES),
    ("arp_bg", Boundary, IGNORED),
    ("arp_bg", Invalid, IGNORED),
    ("arp_sender", Boundary, IGNORED),
    ("arp_sender", Invalid, IGNORED),
    ("send_arp_opts", Boundary, IGNORED),
    ("send_arp_opts", Invalid, IGNORED),
    ("mac", Valid, REFUSED),
    ("mac", Boundary, REFUSED),
    ("clusterip_hash", Valid, REFUSED),
    ("clusterip_hash", Boundary, REFUSED),
    ("clusterip_hash_seed", Valid, REFUSED),
    ("clusterip_hash_seed", Boundary, REFUSED),
    ("clusterip_firewall", Valid, REFUSED),
    ("clusterip_firewall", Boundary, REFUSED),
    ("clusterip_table", Valid, REFUSED),
    ("clusterip_table", Boundary, REFUSED),
    ("clusterip_chain", Valid, REFUSED),
    ("clusterip_chain", Boundary, REFUSED),
    ("clusterip_mac_mangle", Valid, REFUSED),
    ("clusterip_mac_mangle", Boundary, REFUSED),
    ("trace_ra", Invalid, TRACE),
    ("trace_file", Boundary, NAMES),
    ("trace_file", Invalid, TRACE),
    ("trace_dir", Boundary, NAMES),
    ("trace_dir", Invalid, TRACE),
];

/// A parameter and its type, as the meta-data declares them.
struct Declared {
    name: String,
    is_boolean: bool,
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn declared() -> Vec<Declared> {
    let program = env!("CARGO_BIN_EXE_lvs-agents");
    let printed = std::process::Command::new(program).args(["meta-data", "vip"]).output().expect("run");
    let text = String::from_utf8(printed.stdout).expect("UTF-8");
    let of = |part: &str| {
        let name = part.split('"').next().unwrap_or_default().to_owned();
        Declared { name, is_boolean: part.contains("<content type=\"boolean\"") }
    };
    text.split("<parameter name=\"").skip(1).map(of).collect()
}

fn rows() -> Vec<&'static ParameterRow> {
    let addresses = [&addresses::IP[..], &addresses::IP_FILE, &addresses::NETMASK, &addresses::CLONES];
    let places = [&places::INTERFACES[..], &places::BROADCAST, &places::ROUTES, &places::IPV6_ONLY];
    let others = [&announcements::ANNOUNCEMENTS[..], &announcements::OTHERS];
    addresses.into_iter().chain(places).chain(others).flatten().collect()
}

/// Whether the rows try such values of a parameter.
fn tried(parameter: &Declared, values: Values) -> bool {
    let about = |row: &&&ParameterRow| row.set.first().is_some_and(|(name, _)| *name == parameter.name);
    let all = rows();
    let mine: Vec<_> = all.iter().filter(about).collect();
    let has = |word: fn(&str) -> bool| mine.iter().any(|row| word(row.set[0].1));
    match values {
        Valid => mine.iter().any(|row| !row.is_boundary),
        // A boolean has two values, and both are tried.
        Boundary if parameter.is_boolean => {
            has(|word| ["yes", "true", "1"].contains(&word)) && has(|word| ["no", "false", "0"].contains(&word))
        }
        Boundary => mine.iter().any(|row| row.is_boundary),
        Invalid => {
            let wrong = [&wrong::OF_IP_AND_MASK[..], &wrong::OF_PLACES, &wrong::OF_NUMBERS_AND_TIMES];
            let mut names = wrong.into_iter().flatten().filter_map(|(set, ..)| set.first());
            names.any(|(name, _)| *name == parameter.name)
        }
    }
}

#[test]
fn each_parameter_has_valid_boundary_and_invalid_values() {
    let declared = declared();
    assert!(declared.iter().any(|parameter| parameter.name == "ip"), "the meta-data is read wrongly");
    let mut wrong = Vec::new();
    for parameter in &declared {
        for values in [Valid, Boundary, Invalid] {
            let is_senseless = SENSELESS.iter().any(|(name, which, _)| *name == parameter.name && *which == values);
            match (tried(parameter, values), is_senseless) {
                (false, false) => wrong.push(format!("{parameter}: no {values:?} row, and no reason why not")),
                (true, true) => wrong.push(format!("{parameter}: has a {values:?} row and a reason why not")),
                _ => {}
            }
        }
    }
    for (name, ..) in SENSELESS {
        if !declared.iter().any(|parameter| parameter.name == name) {
            wrong.push(format!("{name}: is no parameter"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}
