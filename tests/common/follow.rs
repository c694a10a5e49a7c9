//! A program that reports what happens on a machine while a test goes on.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::{Host, join, until};

/// A running `ip monitor`, which ends when it is dropped.
pub struct Follower {
    child: Child,
    output: Arc<Mutex<String>>,
}

impl Host {
    /// Starts `command`, an `ip monitor`, and returns when it has begun to listen.
    pub fn follow(&self, command: &str) -> Follower {
        let (program, arguments) = command.split_once(' ').expect("arguments");
        let mut process = Command::new(program);
        process.args(arguments.split(' ')).stdin(Stdio::null()).stdout(Stdio::piped());
        let namespaces = self.namespaces(&["net", "pid_for_children", "mnt"]);
        let spawned = std::thread::spawn(move || {
            join(&namespaces);
            process.spawn()
        });
        let mut child = spawned.join().expect("spawn").expect(command);
        let output = Arc::new(Mutex::new(String::new()));
        let (mut pipe, written) = (child.stdout.take().expect("pipe"), output.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                written.lock().expect("output").push_str(&text);
            }
        });
        let follower = Follower { child, output };
        // The program does not say when it listens, so something happens until it reports that.
        until("the follower listens", || {
            self.sh("ip address add 127.9.9.9/32 dev lo && ip address del 127.9.9.9/32 dev lo");
            (!follower.seen().is_empty()).then_some(())
        });
        follower
    }
}

impl Follower {
    fn seen(&self) -> String {
        self.output.lock().expect("output").clone()
    }

    /// Returns the least number of local routes to `address` at any time, with `at_first` of them before, as `ip
    /// monitor route` reported until it mentions `last`. With none, the node is not reached under the address and its
    /// connections are cut.
    pub fn fewest_local_routes(&self, address: &str, at_first: i32, last: &str) -> i32 {
        let seen = self.until_contains(last);
        let (come, go) = (format!("local {address} "), format!("Deleted local {address} "));
        let counts = seen.lines().scan(at_first, |count, line| {
            *count += i32::from(line.starts_with(&come)) - i32::from(line.starts_with(&go));
            Some(*count)
        });
        counts.min().unwrap_or(at_first)
    }

    /// Waits until the output contains `last`, and returns all of it.
    pub fn until_contains(&self, last: &str) -> String {
        until(last, || Some(self.seen()).filter(|seen| seen.contains(last)))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
