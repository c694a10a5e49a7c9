//! FreeRADIUS 3.

use lvs_agents::model::{Question, Secret};

use super::{PASSWORD, SECOND, Server, all_are, ask, login};

#[test]
fn a_real_radius_server_is_judged_as_it_is() {
    let mut server = Server::new("radius");
    let users =
        format!("monitor Cleartext-Password := \"{PASSWORD}\"\nlong Cleartext-Password := \"{}\"\n", "x".repeat(100));
    let users = server.write("users", &users);
    let (directory, port) = (server.directory.display().to_string(), server.address.port());
    // Only with a Message-Authenticator: what a server that was mended of CVE-2024-3596 wants.
    let configuration = format!(
        "name = freeradius\nprefix = /usr\nlogdir = {directory}\nrun_dir = {directory}\nlibdir = /usr/lib/freeradius\n\
         log {{\n destination = stdout\n}}\n\
         security {{\n allow_vulnerable_openssl = yes\n reject_delay = 0\n}}\n\
         client loopback {{\n ipaddr = 127.0.0.1\n secret = shar3d\n require_message_authenticator = yes\n}}\n\
         modules {{\n files {{\n filename = {users}\n }}\n pap {{\n }}\n}}\n\
         server default {{\n listen {{\n type = auth\n ipaddr = 127.0.0.1\n port = {port}\n }}\n\
         authorize {{\n files\n pap\n }}\n authenticate {{\n pap\n }}\n}}\n"
    );
    server.write("radiusd.conf", &configuration);
    let user = |name: &str, passwd: &str, secret: &str| Question {
        secret: Secret::new(secret),
        ..login("radius", name, passwd)
    };
    let arguments = ["-f", "-d", &directory, "-D", "/usr/share/freeradius"];
    server.run("freeradius", "freeradius", &arguments, |server| {
        ask(server.address, user("monitor", PASSWORD, "shar3d"), SECOND).is_ok()
    });
    let long = "x".repeat(100);
    let rows = [
        (user("monitor", PASSWORD, "shar3d"), Ok(())),
        (user("long", &long, "shar3d"), Ok(())),
        (user("monitor", "wr0ng", "shar3d"), Err("access for \"monitor\": rejected")),
        (user("monitor", "", "shar3d"), Err("access for \"monitor\": rejected")),
        (user("stranger", PASSWORD, "shar3d"), Err("access for \"stranger\": rejected")),
    ];
    all_are(server.address, rows);
    let failure = ask(server.address, user("monitor", PASSWORD, "other"), SECOND).expect_err("the server is silent");
    assert!(failure.to_string().contains("does the server know this host, with this secret?"), "{failure}");
    server.end();
    let row = (user("monitor", PASSWORD, "shar3d"), Err("access for \"monitor\": connection refused"));
    all_are(server.address, [row]);
}
