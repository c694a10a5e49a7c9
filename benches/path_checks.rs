//! What path checks cost: `cargo bench --bench path_checks [SECONDS]`, as root, on any kernel.
//!
//! A real server in a network namespace of its own has a hundred virtual IPs on lo and a program that listens there. It is asked
//! 1,000 times a second over a cable: by path checks, and beside that by connections to its own address. For both the CPU time of
//! this process is printed, which is all that the health monitor would spend on them; the ratio does not depend on the machine.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lvs_agents::check::path::Paths;
use lvs_agents::model::{ForwardingMethod, PathCheck};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PER_SECOND: u32 = 1000;
/// So many leave at once: the health monitor spreads its checks over the interval as well.
const BATCH: u32 = 10;
const TIMEOUT: Duration = Duration::from_secs(5);
/// Questions about one virtual IP of one real server never overlap: all of them leave from one port.
const VIPS: u32 = 100;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == LISTEN) {
        return listen();
    }
    // Cargo passes words of its own.
    let seconds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(10);
    unshare(CloneFlags::CLONE_NEWNET).context("a network namespace: this needs root")?;
    let mut real_server = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe()?)
        .arg(LISTEN)
        .stdout(Stdio::piped())
        .spawn()?;
    let measured = prepare(&mut real_server).and_then(|()| measure(seconds));
    real_server.kill()?;
    real_server.wait()?;
    measured
}

/// The word by which this program is started as the real server's.
const LISTEN: &str = "listen";

/// Takes connections and closes them, until it is killed.
fn listen() -> Result<()> {
    let listener = TcpListener::bind("[::]:80")?;
    println!("listens");
    listener.incoming().for_each(drop);
    Ok(())
}

/// Returns the virtual IP of this number, with its port.
type NameOf = fn(u32) -> String;

fn measure(seconds: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{PER_SECOND} checks a second for {seconds} s each:");
    let families: [(&str, &str, NameOf); 2] = [
        ("IPv4", "10.9.0.21:80", |number| format!("10.9.1.{number}:80")),
        ("IPv6", "[fd09::21]:80", |number| format!("[fd09::1:{number}]:80")),
    ];
    for (family, real, vip) in families {
        let real: SocketAddr = real.parse()?;
        let vips = (0..VIPS).map(|number| vip(number).parse()).collect::<Result<Vec<SocketAddr>, _>>()?;
        let mut vips = vips.iter().cycle();
        let mut paths = Paths::default();
        let path_cost = runtime.block_on(cost(seconds, || {
            let vip = *vips.next().unwrap_or(&real);
            let answer = paths.ask(PathCheck { vip, real, forwarding: ForwardingMethod::Gate, timeout: TIMEOUT });
            async move { answer.await.map_err(|failure| anyhow::anyhow!("{failure}")) }
        }))?;
        let connect_cost = runtime.block_on(cost(seconds, || async move {
            tokio::time::timeout(TIMEOUT, TcpStream::connect(real)).await??;
            Ok(())
        }))?;
        show(&format!("{family} path check, gate"), path_cost);
        show(&format!("{family} connection alone"), connect_cost);
        println!("  {family}: a path check costs {:.2} times a connection", path_cost.div_duration_f64(connect_cost));
    }
    Ok(())
}

fn show(what: &str, cost: Duration) {
    let share = cost.as_secs_f64() * f64::from(PER_SECOND) * 100.0;
    println!("  {what}: {:.4} ms of CPU each, {share:.1} % of a core", cost.as_secs_f64() * 1000.0);
}

/// Returns the CPU time that one question takes this process, of many that are asked at an even pace.
async fn cost<F: Future<Output = Result<()>> + Send + 'static>(
    seconds: u32,
    mut ask: impl FnMut() -> F,
) -> Result<Duration> {
    let count = seconds * PER_SECOND;
    let (begin, before) = (Instant::now(), cpu_time()?);
    let mut answers = JoinSet::new();
    for number in 0..count {
        if number % BATCH == 0 {
            tokio::time::sleep_until((begin + Duration::from_secs(1) * number / PER_SECOND).into()).await;
        }
        answers.spawn(ask());
        while let Some(answer) = answers.try_join_next() {
            answer??;
        }
    }
    while let Some(answer) = answers.join_next().await {
        answer??;
    }
    Ok((cpu_time()? - before) / count)
}

fn cpu_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let both = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(both.num_microseconds().try_into()?))
}

/// Makes the cable and the addresses, when the real server listens.
fn prepare(real_server: &mut Child) -> Result<()> {
    let mut line = String::new();
    BufReader::new(real_server.stdout.take().context("a pipe")?).read_line(&mut line)?;
    ensure!(line == "listens\n", "the real server has not started");
    let number = real_server.id();
    sh(&format!(
        "ip link add lan type veth peer name lan netns {number}; ip link set lo up; ip link set lan up; \
         ip address add 10.9.0.11/24 dev lan; ip address add fd09::11/64 dev lan nodad; \
         nsenter --net=/proc/{number}/ns/net sh -ec '\
         ip link set lo up; ip link set lan up; sysctl -qw net.ipv4.conf.all.arp_ignore=1; \
         ip address add 10.9.0.21/24 dev lan; ip address add fd09::21/64 dev lan nodad; \
         for number in $(seq 0 {last}); do \
         ip address add 10.9.1.$number/32 dev lo; ip address add fd09::1:$number/128 dev lo; done'",
        last = VIPS - 1
    ))
}

fn sh(script: &str) -> Result<()> {
    let status = Command::new("sh").args(["-ec", script]).status()?;
    ensure!(status.success(), "{script}: {status}");
    Ok(())
}
