//! What Prometheus and a browser can read.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::common::server::Server;
use crate::common::until;
use crate::{CONFIG, Host, ONE, TWO, config, daemons, host, ldirectord, status};

const PLACE: &str = "127.0.0.1:9117";

/// Returns the whole answer; an empty one where nothing listens, or nothing any more: the kernel resets a connection that the
/// program has not taken when it stops listening.
fn ask(host: &Host, method: &str, path: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {PLACE}\r\n\r\n");
    host.enter(move || {
        let Ok(mut peer) = TcpStream::connect(PLACE) else { return String::new() };
        peer.set_read_timeout(Some(Duration::from_secs(20))).expect("set timeout");
        let mut text = String::new();
        let asked = peer.write_all(request.as_bytes()).and_then(|()| peer.read_to_string(&mut text));
        match asked.map_err(|error| error.kind()) {
            Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => String::new(),
            Err(kind) => panic!("{}: {kind}", request.trim_end()),
            Ok(_) => text,
        }
    })
}

fn get(host: &Host, path: &str) -> String {
    ask(host, "GET", path)
}

fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || look().then_some(()));
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn metrics_say_what_the_kernel_and_the_health_monitor_know_and_follow_the_file() {
    let host = host("");
    let _one = Server::start(&host, ONE);
    let ldirectord = ldirectord(&host);
    ldirectord.start();
    assert_eq!(get(&host, "/metrics"), "", "off by default");

    host.write(CONFIG, &config(&format!("autoreload=yes\nmetrics={PLACE}\n"), ""));
    host.kill("HUP", daemons(&host)[0]);
    until_true("metrics are there", || !get(&host, "/metrics").is_empty());
    until_true("the second real server is down", || status(&host, TWO)["health"] == "down");
    until_true("the answer is new", || get(&host, "/metrics").contains(&format!("real_server=\"{TWO}\"}} 0\n")));
    // Only checks that ended since metrics are wanted have a time.
    let took = "lvs_agents_check_seconds{service=\"tcp 10.9.0.100:80\",real_server=\"10.9.1.1:80\"} 0.";
    until_true("a check has a time", || get(&host, "/metrics").contains(took));
    let text = get(&host, "/metrics");
    for line in [
        "node_ipvs_connections_total ",
        "node_ipvs_backend_weight{local_address=\"10.9.0.100\",local_port=\"80\",remote_address=\"10.9.1.1\",\
         remote_port=\"80\",proto=\"TCP\",local_mark=\"\"} 1\n",
        "lvs_agents_up 1\n",
        "lvs_agents_real_server_up{service=\"tcp 10.9.0.100:80\",real_server=\"10.9.1.1:80\"} 1\n",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
    let page = get(&host, "/");
    assert!(
        page.starts_with("HTTP/1.1 200 OK") && page.contains("<!DOCTYPE html>") && page.contains("10.9.1.2:80"),
        "{page}"
    );
    assert!(ask(&host, "POST", "/metrics").starts_with("HTTP/1.1 405 "));
    assert!(get(&host, "/etc/passwd").starts_with("HTTP/1.1 404 "));

    host.write(CONFIG, &config("autoreload=yes\n", ""));
    until_true("nothing listens any more", || get(&host, "/metrics").is_empty());
    ldirectord.stop();
}

#[test]
#[ignore = "needs a kernel with IPVS: cts/run runs it there"]
fn an_address_of_another_program_is_said_and_serves_on() {
    let host = host("");
    let (_one, _two) = (Server::start(&host, ONE), Server::start(&host, TWO));
    let other = Server::start(&host, PLACE);
    let ldirectord = ldirectord(&host).param("metrics", PLACE);
    ldirectord.start();
    until_true("monitor says so", || {
        ldirectord.monitor().stderr.contains(&format!("metrics {PLACE}: listen: Address already in use"))
    });
    ldirectord.monitor().expect(190);
    drop(other);
    until_true("metrics are there", || get(&host, "/metrics").contains("lvs_agents_up 1"));
    until_true("nothing is wrong any more", || ldirectord.monitor().code == Some(0));
    ldirectord.stop();
}
