//! Three real Galera nodes: one that begins the cluster and two that join it.

use std::os::unix::fs::PermissionsExt;

use super::*;

const ACCOUNTS: &str = "\
SET SESSION wsrep_on = OFF;
CREATE USER monitor@'127.0.0.1' IDENTIFIED BY 'tops3cret';
CREATE USER boss@'127.0.0.1' IDENTIFIED BY 'tops3cret';
GRANT ALL ON *.* TO boss@'127.0.0.1';
";

const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// Sends a node's state by rsync, once it is let go: how long a node is a donor is the test's choice.
const TRANSFER: &str = "\
#!/bin/sh
case \" $* \" in *' --role donor '*)
    for _ in $(seq 2000); do [ -e \"$(dirname \"$0\")/hold\" ] || break; sleep 0.05; done ;;
esac
exec wsrep_sst_rsync \"$@\"
";

struct Cluster {
    /// Has the transfer, and the file that holds it.
    directory: PathBuf,
    /// Where the nodes listen for each other.
    nodes: Vec<String>,
}

impl Cluster {
    fn new() -> Self {
        let directory = temporary();
        let transfer = directory.join("wsrep_sst_held");
        std::fs::write(&transfer, TRANSFER).expect("transfer");
        for path in [&directory, &transfer] {
            // The nodes may have another user.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("mode");
        }
        Self { directory, nodes: Vec::new() }
    }

    fn hold_transfers(&self) {
        std::fs::write(self.directory.join("hold"), "").expect("hold");
    }

    fn let_transfers_go(&self) {
        std::fs::remove_file(self.directory.join("hold")).expect("let go");
    }

    /// Starts a node that begins the cluster or joins it. Each is the donor of the next one.
    fn start_node(&mut self) -> Server {
        let directory = temporary();
        let (place, is_first) = (self.nodes.len() + 1, self.nodes.is_empty());
        // The nodes wait for each other for longer than a busy machine stops any of them, until one is to be cut off
        // (`cut_off`): a node that loses sight of the others while it joins ends for good.
        // From then on all three may lose sight of each other. A majority of equals would never meet again; with the
        // first one's weight, the others find the primary component at it.
        let weight = if is_first { 3 } else { 1 };
        let (port, group, state, transfer) = (free_port(), free_port(), free_port(), free_port());
        let mut command = Command::new("mariadbd");
        command.args(options(&directory).iter().filter(|option| !option.starts_with("--user="))).args([
            format!("--socket={}", directory.join("socket").display()),
            format!("--port={port}"),
            format!("--server-id={place}"),
            format!("--wsrep-provider={PROVIDER}"),
            format!("--wsrep-cluster-address=gcomm://{}", self.nodes.join(",")),
            format!("--wsrep-node-name=node{place}"),
            format!("--wsrep-sst-donor=node{}", place - 1),
            format!("--wsrep-node-address=127.0.0.1:{group}"),
            format!("--wsrep-sst-receive-address=127.0.0.1:{state}"),
            format!(
                "--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{group};\
                 ist.recv_addr=127.0.0.1:{transfer};gcache.size=1M;pc.weight={weight};evs.keepalive_period=PT0.3S;\
                 evs.inactive_check_period=PT0.5S;evs.suspect_timeout=PT20S;evs.inactive_timeout=PT40S"
            ),
        ]);
        command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--binlog-format=ROW", "--wsrep-on=ON"]);
        command.args(["--innodb-autoinc-lock-mode=2", "--wsrep-cluster-name=lvs-agents", "--wsrep-sst-method=held"]);
        if is_first {
            install(&directory);
            std::fs::write(directory.join("setup.sql"), ACCOUNTS).expect("setup.sql");
            command.arg(format!("--init-file={}", directory.join("setup.sql").display()));
        } else {
            // The other node fills it.
            std::fs::create_dir(directory.join("data")).expect("data");
        }
        if nix::unistd::Uid::effective().is_root() {
            // rsync, which carries the state, gives up root's rights and could not write then.
            let status = Command::new("chown").args(["-R", "mysql"]).arg(&directory).status();
            assert!(status.expect("chown").success(), "chown");
            command.arg("--user=mysql");
        }
        let path = std::env::var("PATH").expect("PATH");
        command.env("PATH", format!("{}:{path}", self.directory.display()));
        let log = std::fs::File::create(directory.join("log")).expect("log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.expect("mariadbd must be installed (Debian: mariadb-server)");
        self.nodes.push(format!("127.0.0.1:{group}"));
        Server { child, directory, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Asks until the answer is as wanted: a node needs a moment for each change.
fn becomes(server: &Server, said: &[(Field, &str)], wanted: Result<Option<&str>, &str>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let question = standing("monitor", said);
    loop {
        let found = ask(server.address, question.clone(), PATIENT).map_err(|failure| failure.to_string());
        let is_wanted = match (&found, wanted) {
            (Ok(None), Ok(None)) => true,
            (Ok(Some(advice)), Ok(Some(reason))) => advice.percent == 0 && advice.reason == reason,
            (Err(cause), Err(reason)) => cause.ends_with(reason),
            _ => false,
        };
        if is_wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{}: found {found:?}, wanted {wanted:?}", server.address);
        std::thread::sleep(Duration::from_millis(50));
    }
}

const ANY: &[(Field, &str)] = &[(Field::Role, "any")];

#[test]
fn a_galera_node_is_judged_by_its_state() {
    let mut cluster = Cluster::new();
    let mut first = cluster.start_node();
    first.wait_until_it_answers();
    becomes(&first, ANY, Ok(None));
    let mut second = cluster.start_node();
    second.wait_until_it_answers();
    becomes(&second, ANY, Ok(None));

    cluster.hold_transfers();
    let mut third = cluster.start_node();
    becomes(&second, ANY, Ok(Some("Galera: donor of another node (wsrep_local_state=2)")));
    becomes(&second, &[(Field::Role, "any"), (Field::Donor, "yes")], Ok(None));
    becomes(&first, ANY, Ok(None));
    cluster.let_transfers_go();
    third.wait_until_it_answers();
    for node in [&first, &second, &third] {
        becomes(node, ANY, Ok(None));
        becomes(node, &[(Field::Role, "writer")], Ok(None));
    }
    by_hand(&third);
    cut_off(&third, [&first, &second]);
}

/// What an administrator does to a node.
fn by_hand(node: &Server) {
    let mut boss = node.boss();
    boss.query_drop("SET GLOBAL wsrep_desync = ON").expect("desynchronise");
    becomes(node, ANY, Ok(Some("Galera: desynchronised (wsrep_desync=ON)")));
    becomes(node, &[(Field::Role, "any"), (Field::Donor, "yes")], Ok(None));
    boss.query_drop("SET GLOBAL wsrep_desync = OFF").expect("synchronise");
    becomes(node, ANY, Ok(None));
    boss.query_drop("SET GLOBAL wsrep_reject_queries = ALL").expect("refuse queries");
    becomes(node, ANY, Err("(wsrep_reject_queries=ALL)"));
    boss.query_drop("SET GLOBAL wsrep_reject_queries = NONE").expect("take queries");
    becomes(node, ANY, Ok(None));
}

fn set_provider(node: &Server, options: &str) {
    node.boss().query_drop(format!("SET GLOBAL wsrep_provider_options = '{options}'")).expect(options);
}

fn cut_off(node: &Server, others: [&Server; 2]) {
    for each in [others[0], others[1], node] {
        set_provider(each, "evs.suspect_timeout=PT1S;evs.inactive_timeout=PT3S");
    }
    set_provider(node, "gmcast.isolate=1");
    let reason = "state: Galera: cut off from the primary component (wsrep_cluster_status=non-Primary)";
    becomes(node, ANY, Err(reason));
    let of_two = "SELECT 1 FROM information_schema.GLOBAL_STATUS \
                  WHERE VARIABLE_NAME = 'WSREP_CLUSTER_SIZE' AND VARIABLE_VALUE = 2";
    for other in others {
        becomes(other, &[(Field::Role, "any"), (Field::Request, of_two)], Ok(None));
    }
    let login = ask(node.address, standing("monitor", &[]), PATIENT);
    assert_eq!(login, Ok(None), "a login alone finds nothing wrong");
}
