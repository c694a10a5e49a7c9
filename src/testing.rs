//! Helpers for the tests of several modules.

pub(crate) mod mysql_server;
mod rows;
pub(crate) mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::health::{Limits, Pool, PoolSettings, RealServerSettings};
use crate::model::{ForwardingMethod, RealServer, RealServerKey, VirtualService};

pub(crate) use rows::check_rows;

/// A directory of its own for one test, removed with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lvs-agents-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("scratch directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of a file in it, as an environment variable has it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the real server 192.0.2.`host`:80 with forwarding method gate.
pub(crate) fn real_server(host: u8, weight: u32) -> RealServer {
    RealServer {
        key: RealServerKey { address: [192, 0, 2, host].into(), port: 80 },
        forwarding: ForwardingMethod::Gate,
        local: false,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
    }
}

/// Returns a virtual service with every default, by the text of its key.
pub(crate) fn virtual_service(key: &str) -> VirtualService {
    let key = key.parse().expect("a service key");
    VirtualService { key, scheduler: Default::default(), persistence: None, flags: Default::default() }
}

/// Returns a virtual service, tcp 192.0.2.1:80, with one real server that no check has decided yet, 192.0.2.2:80 of weight 3, and
/// a fallback, 192.0.2.9:80. What fails gets weight 0.
pub(crate) fn pool() -> Pool {
    let settings = PoolSettings {
        service: virtual_service("tcp 192.0.2.1:80"),
        real_servers: vec![RealServerSettings::new(real_server(2, 3))],
        draining: Vec::new(),
        fallback: Some(real_server(9, 1)),
        quiescent: true,
        limits: Limits { failurecount: 1, rise: 1 },
        policy: Default::default(),
    };
    Pool::new(settings, None, &Default::default(), Instant::now())
}

#[test]
fn every_row_that_fails_is_reported() {
    let checked =
        std::panic::catch_unwind(|| check_rows([1, 2, 3, 4], |number| assert!(number % 2 == 0, "{number} is odd")));
    let panic = checked.expect_err("two rows fail");
    let text = panic.downcast_ref::<String>().expect("text");
    assert_eq!(text, "2 rows fail:\nrow 0 1: 1 is odd\nrow 2 3: 3 is odd");
}
