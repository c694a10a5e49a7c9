//! A machine of its own for each test: network, mount and process namespaces with an empty /run and /var/log, in which
//! the built binary is called as pacemaker calls it. When the [`Host`] is dropped, every process in it ends.
//!
//! Needs root, util-linux and iproute2.

#![allow(dead_code, reason = "each test program is compiled with the whole of this and uses a part of it")]

pub mod agent;
pub mod follow;
pub mod frames;
pub mod kill;
pub mod name_server;
pub mod network;
#[path = "../../src/testing/rows.rs"]
pub mod rows;
pub mod schema;
pub mod server;
pub mod table;
pub mod talk;
pub mod wrong;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};

pub use agent::{Agent, Outcome};

/// The patience for everything that is waited for. It is generous, since it only costs time when the test fails.
pub const PATIENCE: Duration = Duration::from_secs(45);
const POLL: Duration = Duration::from_millis(20);
/// A command that has not ended by then hangs, or has left its pipes to a process in the background.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Links named like the agents, in a folder named as that of resource.d.
pub const AGENTS: &str = "/run/test/resource.d/rust";

/// A machine without any interface but lo.
pub struct Host {
    /// unshare(1), whose end is the end of the process namespace. Its own standard input is a pipe that closes with
    /// the test, so that not even a killed test leaves anything behind.
    holder: Child,
}

impl Host {
    pub fn new() -> Self {
        let script = "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && mkdir -p /run/test/resource.d/rust && \
                      ip link set lo up && echo ready && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare: the tests need root and util-linux");
        let mut line = String::new();
        let read = holder.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        assert!(matches!(read, Some(Ok(_))) && line == "ready\n", "namespaces: the tests need root");
        let host = Self { holder };
        for name in ["vip", "lvs", "ldirectord", "realserver"] {
            symlink(env!("CARGO_BIN_EXE_lvs-agents"), host.path(AGENTS).join(name)).expect(name);
        }
        host
    }

    /// Makes a machine with interface eth0, up, with these addresses. The other end of its cable has no host.
    pub fn with_eth0(addresses: &[&str]) -> Self {
        let host = Self::new();
        host.sh("ip link add eth0 type veth peer name cable && ip link set cable up");
        host.raise_eth0(addresses);
        host
    }

    fn raise_eth0(&self, addresses: &[&str]) {
        self.sh("ip link set eth0 up");
        for address in addresses {
            self.sh(&format!("ip address add {address} dev eth0 nodad"));
        }
    }

    fn namespaces(&self, names: &[&str]) -> Vec<File> {
        let file = |name: &&str| File::open(format!("/proc/{}/ns/{name}", self.holder.id())).expect(name);
        names.iter().map(file).collect()
    }

    /// Returns the path of a file of this machine as the test sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(path.trim_start_matches('/'))
    }

    /// Returns the path of a file that /proc has for each process, of this machine's first one.
    pub fn proc_file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.holder.id())).join(name)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        fs::write(&path, text).expect("write");
    }

    /// Replaces a file in one step, as editors do.
    pub fn replace(&self, path: &str, text: &str) {
        self.write(&format!("{path}.new"), text);
        fs::rename(self.path(&format!("{path}.new")), self.path(path)).expect("rename");
    }

    /// Does something on this machine, such as opening a socket.
    pub fn enter<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        inside(self.namespaces(&["net", "pid_for_children", "mnt"]), work)
    }

    /// Runs a program of this machine to its end.
    pub fn run(&self, mut command: Command) -> Output {
        let what = format!("{command:?}");
        let (sender, answer) = mpsc::channel();
        let namespaces = self.namespaces(&["net", "pid_for_children", "mnt"]);
        std::thread::spawn(move || {
            join(&namespaces);
            sender.send(command.stdin(Stdio::null()).output())
        });
        match answer.recv_timeout(COMMAND_LIMIT) {
            Ok(output) => output.expect(&what),
            Err(_) => panic!("{what}: has not ended, or has not closed its output, in {COMMAND_LIMIT:?}"),
        }
    }

    /// Runs a shell command that must succeed, and returns what it prints.
    pub fn sh(&self, script: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let output = self.run(command);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Takes away all that the agents remember. A helper that was named no more before it took its lock may still create the file,
    /// and the folder is removed once more then.
    pub fn forget_records(&self) {
        until("nothing writes into /run/lvs-agents", || {
            let mut remove = Command::new("rm");
            remove.args(["-rf", "/run/lvs-agents"]);
            self.run(remove).status.success().then_some(())
        });
    }

    /// Runs `lvs-agents` with these arguments.
    pub fn tool(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lvs-agents"));
        command.args(arguments);
        let output = self.run(command);
        Outcome::new(format!("lvs-agents {}", arguments.join(" ")), output)
    }

    pub fn agent(&self, name: &str) -> Agent<'_> {
        Agent::new(self, name)
    }

    /// Returns every address as `NIC ADDRESS/PREFIX`, with label and broadcast address where they are not the usual
    /// ones, but for those of lo that every machine has and the link-local ones.
    pub fn addresses(&self) -> Vec<String> {
        let json: serde_json::Value = serde_json::from_str(&self.sh("ip -j address")).expect("ip -j");
        let mut found = Vec::new();
        for link in json.as_array().into_iter().flatten() {
            let nic = link["ifname"].as_str().unwrap_or_default();
            for info in link["addr_info"].as_array().into_iter().flatten() {
                let local = info["local"].as_str().unwrap_or_default();
                if info["scope"] == "link" || ["127.0.0.1", "::1"].contains(&local) {
                    continue;
                }
                let label = info["label"].as_str().filter(|label| *label != nic).map(|label| format!(" {label}"));
                let broadcast = info["broadcast"].as_str().map(|broadcast| format!(" brd {broadcast}"));
                let optional = label.unwrap_or_default() + &broadcast.unwrap_or_default();
                found.push(format!("{nic} {local}/{}{optional}", info["prefixlen"]));
            }
        }
        found.sort();
        found
    }

    /// Returns the link-layer address of an interface in the usual notation.
    pub fn mac_text(&self, nic: &str) -> String {
        let json: serde_json::Value =
            serde_json::from_str(&self.sh(&format!("ip -j link show {nic}"))).expect("ip -j link");
        json[0]["address"].as_str().unwrap_or_default().to_owned()
    }

    pub fn mac(&self, nic: &str) -> [u8; 6] {
        let text = self.mac_text(nic);
        let bytes: Vec<u8> = text.split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
        bytes.try_into().unwrap_or_else(|_| panic!("{nic}: {text:?} is no link-layer address"))
    }

    /// Returns what `ipvsadm -Sn` saves, in an order that does not depend on the kernel's hash, without the type of a
    /// tunnel.
    pub fn ipvs_table(&self) -> Vec<String> {
        let saved = self.sh("ipvsadm -Sn").replace(" --tun-type ipip", "");
        let mut lines: Vec<String> = saved.lines().map(|line| line.trim().to_owned()).collect();
        lines.sort();
        lines
    }

    /// Returns the process id (of this machine) and command line of every living process, but for our own.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let entries = fs::read_dir(self.path("/proc")).expect("/proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).filter(|pid| *pid > 1);
        let living = pids.filter_map(|pid| {
            let text = self.read(&format!("/proc/{pid}/cmdline"));
            // A zombie has no command line: orphans are not waited for here.
            (!text.is_empty()).then(|| (pid, text.replace('\0', " ").trim().to_owned()))
        });
        living.collect()
    }

    /// Returns the living processes whose command line has this word.
    pub fn processes_with(&self, word: &str) -> Vec<u32> {
        let found = self.processes().into_iter().filter(|(_, line)| line.split(' ').any(|part| part == word));
        found.map(|(pid, _)| pid).collect()
    }

    pub fn kill(&self, signal: &str, pid: u32) {
        self.sh(&format!("kill -{signal} {pid}"));
    }

    /// Returns every file below the run directory, but for what stays on purpose: locks, and the mark whose age says
    /// when an address was given back.
    pub fn run_files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.path("/run/lvs-agents"), &mut files);
        files.retain(|name| !name.ends_with(".lock") && name != ".handed-back");
        files.sort();
        files
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // This ends the first process of the namespace too (--kill-child), and that one ends all others.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn collect(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, files),
            path => files.extend(path.file_name().map(|name| name.to_string_lossy().into_owned())),
        }
    }
}

fn inside<T: Send + 'static>(namespaces: Vec<File>, work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        join(&namespaces);
        work()
    });
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Moves this thread, and the processes that it starts, into the namespaces.
fn join(namespaces: &[File]) {
    // Threads share their working directory, and a thread that shares it cannot change its mounts.
    unshare(CloneFlags::CLONE_FS).expect("unshare");
    for namespace in namespaces {
        setns(namespace, CloneFlags::empty()).expect("setns");
    }
}

/// Polls until `look` finds something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(POLL);
    }
}

/// Polls until the two are equal.
pub fn until_equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, mut look: impl FnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found == *expected {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: expected {expected:?}, still {found:?}");
        std::thread::sleep(POLL);
    }
}
