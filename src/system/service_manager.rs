//! The service manager (systemd) that has started this process by a unit of `Type=notify`: it is told that the process is
//! ready, and again and again that it is alive (sd_notify(3)).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The environment variable that names the service manager's socket.
const SOCKET: &str = "NOTIFY_SOCKET";

/// The way to the service manager.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl ServiceManager {
    /// Returns the service manager that waits for messages of this process; none where none has started it.
    ///
    /// # Errors
    /// Fails when the name of the socket is none, or no socket can be opened.
    pub fn of_environment() -> io::Result<Option<Self>> {
        std::env::var_os(SOCKET).filter(|name| !name.is_empty()).map(|name| Self::at(&name)).transpose()
    }

    fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A service manager that hangs must not stop what it has started.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    /// Says that the service is ready.
    pub fn say_ready(&self) {
        self.tell("READY=1");
    }

    /// Says that the service is alive. systemd ends a service that is silent for `WatchdogSec`.
    pub fn say_alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// Says in words how the service does, for `systemctl status`.
    pub fn say_status(&self, line: &str) {
        self.tell(&format!("STATUS={line}"));
    }

    /// Sends one message. One that is lost was for a service manager that hangs or has gone: nothing can be done for it.
    fn tell(&self, message: &str) {
        let _ = self.socket.send_to_addr(message.as_bytes(), &self.address);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn messages_arrive_at_a_path_and_at_an_abstract_name() {
        let scratch = Scratch::new("service-manager");
        let path = scratch.path().join("notify");
        let abstract_name = format!("lvs-agents-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).expect("address");
        for (name, manager) in [
            (path.clone().into_os_string(), UnixDatagram::bind(&path).expect("bind")),
            (format!("@{abstract_name}").into(), UnixDatagram::bind_addr(&address).expect("bind")),
        ] {
            manager.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
            let service = ServiceManager::at(&name).expect("socket");
            service.say_ready();
            service.say_alive();
            service.say_status("it does well");
            for expected in ["READY=1", "WATCHDOG=1", "STATUS=it does well"] {
                let mut buffer = [0; 64];
                let length = manager.recv(&mut buffer).expect(expected);
                assert_eq!(&buffer[..length], expected.as_bytes());
            }
        }
    }

    #[test]
    fn a_service_manager_that_hangs_or_has_gone_keeps_nobody_waiting() {
        let scratch = Scratch::new("service-manager-hangs");
        let path = scratch.path().join("notify");
        let hangs = UnixDatagram::bind(&path).expect("bind");
        let service = ServiceManager::at(path.as_os_str()).expect("socket");
        // More than fits into the queue of a socket that nobody reads.
        (0..10_000).for_each(|_| service.say_alive());
        drop(hangs);
        service.say_alive();
    }
}
