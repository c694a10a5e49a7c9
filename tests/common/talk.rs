//! A client's connection through a virtual service, kept open.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::{Host, PATIENCE};

/// Both ends of a connection.
pub struct Talk {
    client: TcpStream,
    server: TcpStream,
}

impl Talk {
    /// Connects from a machine to a virtual service whose connections go to `listener`.
    pub fn begin(from: &Host, service: &'static str, listener: &TcpListener) -> Self {
        let client = from.enter(move || TcpStream::connect(service)).expect("through the virtual service");
        let (server, _) = listener.accept().expect("accept");
        for end in [&client, &server] {
            end.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        }
        Self { client, server }
    }

    /// Succeeds when both ends hear each other.
    pub fn goes_on(&mut self) {
        let mut heard = [0; 4];
        self.client.write_all(b"ping").expect("send");
        self.server.read_exact(&mut heard).expect("receive");
        self.server.write_all(&heard).expect("send back");
        self.client.read_exact(&mut heard).expect("receive back");
        assert_eq!(&heard, b"ping");
    }

    /// Ends with a reset: the kernel forgets the connection after 10 s, and after two minutes where it ends with a FIN.
    pub fn reset(self) {
        SockRef::from(&self.client).set_linger(Some(Duration::ZERO)).expect("linger");
    }
}

impl Host {
    /// Returns the connections that the kernel passes on: protocol, client, virtual service, real server and state.
    pub fn connections(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.proc_file("net/ip_vs_conn")).expect("the connection table");
        text.lines().skip(1).map(|line| line.split_whitespace().take(8).collect::<Vec<_>>().join(" ")).collect()
    }
}
