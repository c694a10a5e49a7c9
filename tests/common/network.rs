//! Machines with cables between them.

use std::process::Command;

use super::{Host, inside};

impl Host {
    /// Makes two machines, whose interfaces eth0 are the ends of one cable.
    pub fn pair(mine: &[&str], others: &[&str]) -> (Self, Self) {
        let (one, other) = (Self::new(), Self::new());
        one.lay_cable("eth0", &other, "eth0");
        one.raise_eth0(mine);
        other.raise_eth0(others);
        (one, other)
    }

    /// Makes a switch, and machines whose interfaces eth0 are plugged into it.
    pub fn network<const N: usize>(addresses: [&[&str]; N]) -> (Self, [Self; N]) {
        let switch = Self::new();
        switch.sh("ip link add switch type bridge && ip link set switch up");
        let mut number = 0;
        let hosts = addresses.map(|addresses| {
            let (host, port) = (Self::new(), format!("port{number}"));
            number += 1;
            host.lay_cable("eth0", &switch, &port);
            switch.sh(&format!("ip link set {port} master switch up"));
            host.raise_eth0(addresses);
            host
        });
        (switch, hosts)
    }

    /// Does something in the network of this machine. Threads that it starts stay there; where [`Host::enter`] goes none can be
    /// started, as that is another process namespace.
    pub fn enter_network<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        inside(self.namespaces(&["net"]), work)
    }

    /// Lays a cable from an interface to one of another machine.
    pub fn lay_cable(&self, nic: &str, other: &Self, name: &str) {
        let mut link = Command::new("ip");
        link.args(["link", "add", nic, "type", "veth", "peer", "name", name, "netns"]);
        link.arg(other.holder.id().to_string());
        // The command runs in our own process namespace, where the peer has that number.
        let output = inside(self.namespaces(&["net"]), move || link.output());
        assert!(output.is_ok_and(|output| output.status.success()), "veth");
    }
}
