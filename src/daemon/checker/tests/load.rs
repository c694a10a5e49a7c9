//! What the checks cost: a measurement, not a test. It needs a server on port 8000 of all loopback addresses, which
//! answers HTTP, in a network namespace of its own (more than 28,000 local ports are in use):
//! `LVS_AGENTS_LOAD="10000 http" lvs_agents-HASH --ignored --nocapture the_cost_of_checks`.

use nix::sys::resource::{UsageWho, getrusage};

use super::*;
use crate::model::{HttpCheck, HttpMethod};

const ROUNDS: u64 = 10;

fn server(n: u32) -> SocketAddr {
    let [_, b, c, d] = (0x7f01_0001 + n).to_be_bytes();
    ([127, b, c, d], 8000).into()
}

fn question(kind: &str) -> CheckMethod {
    let http = HttpCheck {
        tls: false,
        method: HttpMethod::Get,
        request: "/".into(),
        virtual_host: None,
        receive: Some("ok".into()),
    };
    if kind == "http" { CheckMethod::Http(http) } else { CheckMethod::Connect }
}

/// In user mode and in the kernel.
fn processor_time() -> [Duration; 2] {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    [usage.user_time(), usage.system_time()]
        .map(|time| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000))
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")).collect::<Vec<_>>().join(" ")
}

#[test]
#[ignore = "a measurement that needs a server: see the head of this file"]
fn the_cost_of_checks() {
    let load = std::env::var("LVS_AGENTS_LOAD").unwrap_or("1000 connect".into());
    let (count, kind) = load.split_once(' ').expect("COUNT KIND");
    let count: u32 = count.parse().expect("COUNT");
    crate::system::descriptors::raise_limit();
    let seen = Arc::new(Mutex::new((Vec::<Duration>::new(), HashMap::<String, u64>::new())));
    let inbox = Arc::clone(&seen);
    let checker = Checker::start(Box::new(move |batch: Vec<Finished>| {
        let mut inbox = inbox.lock().expect("inbox");
        for Finished { outcome, late, .. } in batch {
            inbox.0.push(late);
            match outcome {
                Outcome::Good => {}
                outcome => *inbox.1.entry(format!("{outcome:?}").chars().take(12).collect()).or_default() += 1,
            }
        }
    }))
    .expect("start");
    println!("before: {}", resident());
    checker.replace((0..count).map(|n| job(question(kind), server(n), SECOND, SECOND)).collect());
    std::thread::sleep(SECOND * 3);
    let mut first = std::mem::take(&mut *seen.lock().expect("seen"));
    first.0.sort();
    println!("first 3 s: {} checks, late at most {:?}, not good: {:?}", first.0.len(), first.0.last(), first.1);
    let before = processor_time();
    std::thread::sleep(SECOND * ROUNDS as u32);
    let after = processor_time();
    let (mut late, bad) = std::mem::take(&mut *seen.lock().expect("seen"));
    late.sort();
    let checks = late.len().max(1);
    let each = |n: usize| (after[n] - before[n]).as_secs_f64() * 1e6 / checks as f64;
    println!(
        "{kind}: {checks} checks in {ROUNDS} s, {:.1} + {:.1} us each, late p50 {:?} p99 {:?} max {:?}, {:?}",
        each(0),
        each(1),
        late[checks / 2],
        late[checks * 99 / 100],
        late[checks - 1],
        checker.pulse().late,
    );
    println!("after: {}, not good: {bad:?}", resident());
}
