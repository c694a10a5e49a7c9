//! Nothing that decides knows sockets, files, processes, the environment, the clock or the log: `model`, `plan` and
//! `health` get all that they know as values, and time as an argument.

use std::collections::HashSet;

use crate::source::{Named, Source};
use crate::{files_below, read, repository};

/// The pure modules, and which modules of this crate each may name.
const LAYERS: [(&str, &[&str]); 7] = [
    ("model", &["model"]),
    ("plan", &["model", "plan"]),
    ("health", &["model", "health"]),
    ("dns", &["model", "dns"]),
    ("sync", &["model", "sync"]),
    // The table of checks says what a service may say of them.
    ("config", &["model", "config", "check"]),
    ("convert", &["model", "config", "convert"]),
];

/// The parts of the standard library that are values and functions of values. `Instant` is one of them as long as nobody
/// asks it for the present.
const PURE: &[&str] = &[
    "array",
    "borrow",
    "cell::Cell",
    "cell::RefCell",
    "cmp",
    "collections",
    "convert",
    "error::Error",
    "fmt",
    "hash",
    "iter",
    "marker",
    "mem",
    "net::AddrParseError",
    "net::IpAddr",
    "net::Ipv4Addr",
    "net::Ipv6Addr",
    "net::SocketAddr",
    "num",
    "ops",
    "path::Path",
    "path::PathBuf",
    "slice",
    "str",
    "string",
    "sync::Arc",
    "time::Duration",
    "time::Instant",
    "vec",
];

/// Crates that a pure module may name, beside the standard library: a pure module and a crate in each row.
const CRATES: &[(&str, &str)] = &[
    // Records hold values of the model, and say so in their form.
    ("model", "serde"),
    // Tables with another hasher than the standard library's.
    ("plan", "foldhash"),
];

/// They ask for the present, or ask the file system about a path.
const IMPURE_CALLS: &[&str] =
    &["now", "elapsed", "exists", "is_file", "is_dir", "metadata", "canonicalize", "read_dir"];

const IMPURE_MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg", "env", "option_env", "thread_local"];

/// Types whose names are in lower case.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    "f32", "f64",
];

/// One file of a pure module.
struct File<'a> {
    layer: &'a str,
    may_name: &'a [&'a str],
    /// From the crate's root.
    module: Vec<String>,
    /// Modules that are declared in it.
    children: HashSet<String>,
}

impl File<'_> {
    /// What it names and may not, in words.
    fn faults(&self, source: &Source) -> Vec<String> {
        let paths = source.paths();
        let known: HashSet<&str> = paths.iter().filter(|path| path.is_use).map(|path| path.alias.as_str()).collect();
        let mut faults: Vec<String> = paths.iter().filter_map(|path| self.fault(path, &known)).collect();
        let calls = source
            .methods()
            .into_iter()
            .chain(paths.iter().filter_map(|path| path.segments.last().map(String::as_str)));
        faults.extend(calls.filter(|name| IMPURE_CALLS.contains(name)).map(|name| format!("{name}()")));
        faults.extend(
            source.macros().into_iter().filter(|name| IMPURE_MACROS.contains(name)).map(|name| format!("{name}!")),
        );
        faults
    }

    fn fault(&self, path: &Named, known: &HashSet<&str>) -> Option<String> {
        let (first, rest) = path.segments.split_first()?;
        let is_known = !path.is_use && (known.contains(first.as_str()) || PRIMITIVES.contains(&first.as_str()));
        let may = match first.as_str() {
            "std" | "core" | "alloc" => PURE.iter().any(|pure| {
                let pure: Vec<&str> = pure.split("::").collect();
                rest.iter().map(String::as_str).take(pure.len()).eq(pure)
            }),
            "crate" | "self" | "super" => {
                self.absolute(&path.segments).first().is_some_and(|module| self.may_name.contains(&module.as_str()))
            }
            _ if is_known || self.children.contains(first) || first.starts_with(char::is_uppercase) => true,
            name => CRATES.contains(&(self.layer, name)),
        };
        (!may).then(|| path.segments.join("::"))
    }

    /// The segments from the crate's root.
    fn absolute(&self, segments: &[String]) -> Vec<String> {
        let mut path = self.module.clone();
        for segment in segments {
            match segment.as_str() {
                "crate" => path.clear(),
                "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        path
    }
}

/// The module that a file holds, from the crate's root.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    inside.split('/').map(str::to_owned).collect()
}

/// The modules whose files lie in the folder of this one.
fn children_of(path: &str) -> HashSet<String> {
    let folder = format!("{}/", path.trim_end_matches(".rs"));
    let inside = files_below(&folder).into_iter();
    let name = |file: String| Some(file.strip_prefix(&folder)?.split(['/', '.']).next()?.to_owned());
    inside.filter_map(name).collect()
}

/// A file of tests alone.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

#[test]
fn the_pure_layer_names_nothing_that_is_not_pure() {
    let mut faults = Vec::new();
    for (layer, may_name) in LAYERS {
        let root = format!("src/{layer}.rs");
        assert!(repository().join(&root).is_file(), "{root}: not there");
        for path in files_below(&format!("src/{layer}")).into_iter().chain([root]).filter(|path| !is_test(path)) {
            let file = File { layer, may_name, module: module_of(&path), children: children_of(&path) };
            faults
                .extend(file.faults(&Source::parse(&read(&path))).into_iter().map(|fault| format!("{path}: {fault}")));
        }
    }
    assert_eq!(faults, [""; 0], "what decides gets these as values, or they go to the list of what is pure");
}

#[test]
fn what_is_not_pure_is_found() {
    let children = HashSet::from(["tally".to_owned()]);
    let module = module_of("src/health/pool.rs");
    let file = File { layer: "health", may_name: &["model", "health"], module, children };
    for (text, expected) in [
        ("use std::fs;", "std::fs"),
        ("use std::{fmt, process::Command};", "std::process::Command"),
        ("use std::net::{IpAddr, UdpSocket};", "std::net::UdpSocket"),
        ("fn f() -> bool { std::env::args().count() > 1 }", "std::env::args"),
        ("use std::time::Instant; fn f() -> Instant { Instant::now() }", "now()"),
        ("use std::time::Instant as Time; fn f() -> Time { Time::now() }", "now()"),
        ("fn f(start: Instant) -> Duration { start.elapsed() }", "elapsed()"),
        ("use std::time::SystemTime;", "std::time::SystemTime"),
        ("use crate::plan::Change;", "crate::plan::Change"),
        ("use super::super::netlink::Ipvs;", "super::super::netlink::Ipvs"),
        ("use nix::unistd;", "nix::unistd"),
        ("fn f() { nix::unistd::sync() }", "nix::unistd::sync"),
        ("fn f() { println!(\"x\"); }", "println!"),
        ("fn f(path: &Path) -> bool { path.exists() }", "exists()"),
    ] {
        assert_eq!(file.faults(&Source::parse(text)), [expected], "{text}");
    }
    for text in [
        "use std::time::{Duration, Instant}; fn f(now: Instant) -> Instant { now + Duration::from_secs(1) }",
        "use super::{Member, Outcome}; use crate::model::RealServer; use tally::Tally;",
        "use std::fmt; impl fmt::Display for X {} fn f(a: u8, b: u8) -> bool { a != u8::MAX }",
        "fn f() { let taken = std::mem::take(&mut self.failures); }",
        "#[cfg(test)] mod tests { use std::fs; }",
    ] {
        assert_eq!(file.faults(&Source::parse(text)), [""; 0], "{text}");
    }
}
