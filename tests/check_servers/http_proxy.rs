//! tinyproxy.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use lvs_agents::model::Question;

use super::{Server, all_are, free_address};

/// A site that answers each request in the same words, for as long as the test runs.
fn site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // All of the request: what stays unread would reset the connection.
            let mut head = BufReader::new(&stream).lines().map_while(Result::ok);
            let _end = head.find(String::is_empty);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nOK\n");
        }
    });
    address
}

#[test]
fn a_real_proxy_is_judged_by_what_it_brings() {
    let mut server = Server::new("proxy");
    let port = server.address.port();
    let text = format!("Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 5\nMaxClients 100\n");
    let configuration = server.write("tinyproxy.conf", &text);
    server.run("tinyproxy", "tinyproxy", &["-d", "-c", &configuration], |server| {
        TcpStream::connect(server.address).is_ok()
    });
    let question = |request: String, receive: &str| Question {
        request,
        receive: receive.into(),
        httpmethod: "GET".into(),
        ..Question::of("http_proxy")
    };
    let good = format!("http://{}/a?b", site());
    all_are(server.address, [(question(good.clone(), ""), Ok(())), (question(format!("/{good}"), "^OK$"), Ok(()))]);
    let target = server.address;
    let failure = |request: String, receive: &str| {
        super::ask(target, question(request, receive), super::PATIENT).expect_err("must fail").to_string()
    };
    let mismatch = failure(good.clone(), "NO");
    assert!(mismatch.ends_with("the 3 bytes of the body do not match receive=\"NO\""), "{mismatch}");
    let dead = failure(format!("http://{}/", free_address()), "");
    assert!(dead.contains(": status 5"), "{dead}");
    server.end();
    let refused = failure(good, "");
    assert!(refused.ends_with("connect: connection refused"), "{refused}");
}
