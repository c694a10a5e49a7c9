use super::super::testing::*;
use super::*;

fn get(request: &str) -> HttpQuestion {
    HttpQuestion {
        tls: false,
        method: Method::GET,
        request: request.into(),
        virtual_host: None,
        site: None,
        receive: None,
        weight_header: None,
        drains_on_404: false,
    }
}

fn expecting(receive: &str) -> HttpQuestion {
    HttpQuestion { receive: Some(receive.into()), ..get("/") }
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn failure(target: SocketAddr, question: &HttpQuestion) -> String {
    let failure = ask(target, question, PATIENT).await.expect_err("must fail");
    assert_eq!(failure.kind(), FailureKind::Answer, "{failure}");
    failure.to_string()
}

#[tokio::test]
async fn a_2xx_answer_is_up_and_the_body_must_match() {
    let target = http_server(|_| answer("200 OK", "", "OK\n")).await;
    ask(target, &get("/"), PATIENT).await.expect("no pattern");
    ask(target, &expecting("^OK$"), PATIENT).await.expect("as Perl");
    assert_eq!(
        failure(target, &expecting("^NO$")).await,
        format!("http GET http://{target}/: the 3 bytes of the body do not match receive=\"^NO$\"")
    );
    let bad = ask(target, &expecting("("), PATIENT).await.expect_err("bad pattern");
    assert_eq!(bad.kind(), FailureKind::Internal);
    let target = http_server(|_| answer("204 No Content", "", "")).await;
    ask(target, &get("/"), PATIENT).await.expect("any 2xx");
}

#[tokio::test]
async fn the_request_names_host_and_agent_and_closes() {
    let target = http_server(|head| {
        let wanted =
            ["GET /a%20b?c HTTP/1.1\r\n", "host: 127.0.0.1\r\n", "connection: close\r\n", "user-agent: lvs-agents/"];
        let good = wanted.iter().all(|line| head.contains(line));
        answer(if good { "200 OK" } else { "400 Bad" }, "", "")
    })
    .await;
    ask(target, &get("/a b?c"), PATIENT).await.expect("as expected");
    let named = HttpQuestion { virtual_host: Some("www.example.com".into()), method: Method::HEAD, ..get("/") };
    let target = http_server(|head| {
        let good = head.starts_with("HEAD / ") && head.contains("host: www.example.com\r\n");
        answer(if good { "200 OK" } else { "400 Bad" }, "", "")
    })
    .await;
    ask(target, &named, PATIENT).await.expect("as expected");
    let pattern = HttpQuestion { receive: Some("OK".into()), ..named };
    assert!(failure(target, &pattern).await.contains("the 0 bytes of the body"), "HEAD has no body");
}

#[tokio::test]
async fn other_statuses_and_other_protocols_are_down() {
    let target = http_server(|_| answer("503 Busy", "", "OK")).await;
    let wanted = format!("http GET http://{target}/h: status 503 (Service Unavailable)");
    assert_eq!(failure(target, &get("/h")).await, wanted);
    let target = http_server(|_| answer("304 Not Modified", "", "")).await;
    assert!(failure(target, &get("/")).await.contains("status 304"));
    let target = http_server(|_| b"\x15\x03\x01\x00\x02\x02\x16 garbage\r\n\r\n".to_vec()).await;
    assert!(failure(target, &get("/")).await.contains("response: not an HTTP answer"));
    let target = greet(b"SSH-2.0-OpenSSH_9.2p1\r\n").await;
    let instead = failure(target, &get("/")).await;
    assert!(!instead.contains("cancel"), "{instead}");
    let target = http_server(|_| Vec::new()).await;
    let closed = ask(target, &get("/"), PATIENT).await.expect_err("closed");
    assert_eq!(closed.kind(), FailureKind::Refused, "{closed}");
    let target = http_server(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nOK".to_vec()).await;
    let cut = ask(target, &get("/"), PATIENT).await.expect_err("cut short");
    assert_eq!(cut.to_string(), format!("http GET http://{target}/: body: connection closed by the server"));
}

#[tokio::test]
async fn sloppy_servers_of_the_real_world_are_up() {
    for head in [
        "HTTP/1.0 200 OK\r\n\r\nOK",
        "HTTP/1.1 200\r\n\r\nOK",
        "HTTP/1.1 200 OK\nServer : old\n\nOK",
        "HTTP/1.1 200 OK\r\nbad header line\r\n\r\nOK",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
    ] {
        let target = http_server(move |_| head.as_bytes().to_vec()).await;
        ask(target, &expecting("^OK$"), PATIENT).await.expect(head);
    }
}

#[tokio::test]
async fn a_huge_body_is_read_up_to_the_limit_only() {
    use tokio::io::AsyncWriteExt;
    let target = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nstart").await;
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
    })
    .await;
    ask(target, &expecting("^start"), PATIENT).await.expect("the beginning is enough");
    let wanted = format!("the first {} bytes of the body do not match", exchange::BODY_LIMIT);
    assert!(failure(target, &expecting("y")).await.contains(&wanted));
}

#[tokio::test]
async fn the_deadline_covers_every_step() {
    use tokio::io::AsyncWriteExt;
    let silent = silent().await;
    let drip_head = serve(|mut stream| async move {
        read_head(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\nX: ".iter().chain(std::iter::repeat(&b'x')) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let drip_body = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let full = FullListener::new();
    let plain = get("/");
    let tls = HttpQuestion { tls: true, ..get("/") };
    for (target, question, step) in [
        (silent, &plain, "response"),
        (drip_head, &plain, "response"),
        (drip_body, &plain, "body"),
        (full.address, &plain, "connect"),
        (silent, &tls, "tls handshake"),
    ] {
        // The trust store is read at the first use, which is not what is measured here.
        Trust::of_this_machine().expect("trust");
        let ask = async || ask(target, question, Duration::from_millis(700)).await.expect_err(step);
        let failure = ends_within(Duration::from_millis(1500), ask).await;
        assert!(failure.to_string().ends_with(&format!("/: {step}: no answer within 0.7 s")), "{failure}");
        assert_eq!(failure.kind(), FailureKind::Timeout);
    }
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_server_only() {
    let target = http_server(|head| match head.split(' ').nth(1) {
        Some("/") => answer("302 Found", "Location: /one\r\n", ""),
        Some("/one") => answer("301 Moved", "Location: http://www.example.com/two?q\r\n", ""),
        Some("/two?q") => answer("200 OK", "", "OK"),
        Some("/away") => answer("302 Found", "Location: http://192.0.2.1/x\r\n", ""),
        Some("/gone") => answer("302 Found", "Location: missing\r\n", ""),
        Some("/loop") => answer("307 Again", "Location: /loop\r\n", ""),
        Some("/nowhere") => answer("302 Found", "", ""),
        _ => answer("404 Not Found", "", ""),
    })
    .await;
    let named = |request| HttpQuestion { virtual_host: Some("www.example.com".into()), ..get(request) };
    ask(target, &HttpQuestion { receive: Some("^OK$".into()), ..named("/") }, PATIENT).await.expect("followed");
    let away = failure(target, &named("/away")).await;
    assert!(away.contains("status 302: redirect to \"http://192.0.2.1/x\": another host"), "{away}");
    assert!(failure(target, &named("/gone")).await.ends_with(": redirected to /missing: status 404 (Not Found)"));
    assert!(failure(target, &named("/loop")).await.contains("more than 7 redirects"));
    assert!(failure(target, &named("/nowhere")).await.ends_with("status 302 (Found)"));
    // Without its name, www.example.com is another host.
    assert!(failure(target, &get("/one")).await.contains("another host"));
}

fn whole(kind: &'static str, request: &str) -> Question {
    let (request, receive) = (request.into(), "^OK$".into());
    Question { request, receive, httpmethod: "GET".into(), ..Question::of(kind) }
}

async fn run(question: Question, target: SocketAddr) -> Result<(), String> {
    let advice = crate::check::run(&check(question, target, PATIENT)).await;
    advice.map(drop).map_err(|failure| failure.to_string())
}

/// Whatever host the URL names: that one may live while the real server is dead.
#[tokio::test]
async fn a_whole_url_is_asked_of_the_real_server_with_its_host_in_the_header() {
    let target = http_server(|head| {
        let good = head.starts_with("GET /a?b HTTP/1.1\r\n") && head.contains("host: www.example.com:99\r\n");
        answer(if good { "200 OK" } else { "400 Bad" }, "", "OK")
    })
    .await;
    run(whole("http", "http://www.example.com:99/a?b"), target).await.expect("the URL's host");
    run(whole("http", "/http://www.example.com:99/a?b"), target).await.expect("with ldirectord's slash");
    let named = Question { virtualhost: "www.example.com:99".into(), ..whole("http", "http://192.0.2.1/a?b") };
    run(named, target).await.expect("virtualhost counts more");
    let by_address = http_server(|head| {
        let good = head.starts_with("GET /a HTTP/1.1\r\n") && head.contains("host: 127.0.0.1\r\n");
        answer(if good { "200 OK" } else { "400 Bad" }, "", "OK")
    })
    .await;
    let elsewhere = SocketAddr::new(by_address.ip(), 9);
    run(whole("http", &format!("http://{by_address}/a")), elsewhere).await.expect("its own port counts");
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url_and_follows_redirects_itself() {
    let target = http_server(|head| match head.split(' ').nth(1) {
        Some("http://www.example.com/a") if head.contains("host: www.example.com\r\n") => {
            answer("302 Found", "Location: http://other.example.com:81/b%20c\r\n", "")
        }
        Some("http://other.example.com:81/b%20c") if head.contains("host: other.example.com:81\r\n") => {
            answer("200 OK", "", "OK")
        }
        Some("http://www.example.com/secure") => answer("301 Moved", "Location: https://www.example.com/\r\n", ""),
        _ => answer("503 Unavailable", "", ""),
    })
    .await;
    run(whole("http_proxy", "http://www.example.com/a"), target).await.expect("both sites by the same proxy");
    run(whole("http_proxy", "/http://other.example.com:81/b c"), target).await.expect("escaped");
    let failure = run(whole("http_proxy", "http://dead.example.com"), target).await.expect_err("503");
    let wanted = format!("http_proxy {target} GET http://dead.example.com/: status 503 (Service Unavailable)");
    assert_eq!(failure, wanted);
    let failure = run(whole("http_proxy", "http://www.example.com/secure"), target).await.expect_err("https");
    assert!(
        failure.ends_with("redirect to \"https://www.example.com/\": https, for which a proxy is not asked"),
        "{failure}"
    );
    let full = FullListener::new();
    let hangs = check(whole("http_proxy", "http://www.example.com/"), full.address, SECOND);
    let failure = crate::check::run(&hangs).await.expect_err("nobody answers");
    assert!(failure.to_string().ends_with("connect: no answer within 1 s"), "{failure}");
}

mod openssl;
mod tls;

#[tokio::test]
async fn a_header_or_a_line_of_the_body_says_how_much_of_its_weight_a_server_wants() {
    let wishing = HttpQuestion { weight_header: Some(HeaderName::from_static("x-weight")), ..get("/") };
    let wish = async |headers: &'static str, body: &'static str| {
        let target = http_server(move |_| answer("200 OK", headers, body)).await;
        ask(target, &wishing, PATIENT).await.map(|advice| advice.map(|advice| advice.percent))
    };
    let rows = [
        ("", "well", None),
        ("X-Weight: up\r\n", "x-weight: 10%", None),
        ("X-Weight: 50%\r\n", "", Some(50)),
        ("", "state\r\nX-Weight: drain\r\n", Some(0)),
        ("", "see x-weight: 5%\nx-weight:7%", Some(7)),
    ];
    for (headers, body, percent) in rows {
        assert_eq!(wish(headers, body).await.expect(body), percent, "{headers}{body}");
    }
    for (headers, cause) in
        [("X-Weight: down\r\n", "x-weight: the server says down"), ("X-Weight: a lot\r\n", "says \"a\"")]
    {
        let failure = wish(headers, "").await.expect_err(headers).to_string();
        assert!(failure.contains(cause), "{failure}");
    }
}

#[tokio::test]
async fn a_404_drains_where_that_is_asked_for_and_is_a_failure_elsewhere() {
    let target = http_server(|_| answer("404 Not Found", "", "")).await;
    assert!(failure(target, &get("/")).await.contains("status 404"));
    let advice = ask(target, &HttpQuestion { drains_on_404: true, ..get("/") }, PATIENT).await.expect("drains");
    assert_eq!(advice.map(|advice| (advice.percent, advice.reason)), Some((0, "status 404 (Not Found)".into())));
}
