//! Two directors on the loopback, whose look at the cluster is ours.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use super::members::Member;
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// The addresses of the nodes of a cluster, and the port that all of them have.
struct Cluster {
    nodes: Vec<IpAddr>,
    port: u16,
}

struct Director {
    opinions: Opinions,
    news: Receiver<OpinionNews>,
}

impl Cluster {
    /// Each test has a network of its own.
    fn new(network: u8) -> Self {
        let node = |host: u8| IpAddr::from([127, 91, network, host]);
        let free = UdpSocket::bind((node(9), 0)).and_then(|socket| socket.local_addr()).expect("a free port");
        Self { nodes: vec![node(1), node(2)], port: free.port() }
    }

    fn seen_by(&self, node: usize, key: &str) -> Seen {
        let all = self.nodes.iter().map(|address| Member { addresses: vec![*address] }).collect();
        Seen { members: Members::of(all, &BTreeSet::from([self.nodes[node]])), key: key.as_bytes().to_vec() }
    }

    /// Starts a director, and waits until it has its socket.
    fn start(&self, node: usize, key: &'static str) -> Director {
        let (nodes, port) = (self.nodes.clone(), self.port);
        let look = move || Ok(Self { nodes: nodes.clone(), port }.seen_by(node, key));
        let (tell, news) = channel();
        let opinions = Opinions::start_at(port, Arc::new(look), move |told| tell.send(told).is_ok()).expect("start");
        opinions.order(Order::Follow(true));
        let at = SocketAddr::new(self.nodes[node], port);
        let deadline = Instant::now() + PATIENCE;
        while UdpSocket::bind(at).is_ok() {
            assert!(Instant::now() < deadline, "{at}: no socket");
            std::thread::sleep(Duration::from_millis(5));
        }
        Director { opinions, news }
    }

    /// A socket in the place of a node.
    fn socket(&self, node: usize) -> UdpSocket {
        let socket = UdpSocket::bind((self.nodes[node], self.port)).expect("bind");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        socket
    }
}

impl Director {
    fn asks(&self) {
        let query = Query { service: service(), real_servers: vec![real()], begins: true };
        self.opinions.order(Order::Ask(query));
    }

    fn heard(&self) -> OthersAnswer {
        match self.news.recv_timeout(PATIENCE).expect("an answer") {
            OpinionNews::Heard(about, answer) if about == service() => answer,
            news => panic!("{news:?}"),
        }
    }

    fn asked(&self) -> PeerQuestion {
        match self.news.recv_timeout(PATIENCE).expect("a question") {
            OpinionNews::Asked(asked) => asked,
            news => panic!("{news:?}"),
        }
    }
}

fn service() -> ServiceKey {
    "tcp 10.9.0.100:80".parse().expect("a key")
}

fn real() -> RealServerKey {
    "10.9.0.21:80".parse().expect("a key")
}

fn key(text: &str) -> Key {
    Key::new(text.as_bytes()).expect("a key")
}

#[test]
fn a_director_asks_and_hears_what_the_other_one_says() {
    let cluster = Cluster::new(1);
    let (one, two) = (cluster.start(0, "secret"), cluster.start(1, "secret"));
    for (word, expected) in [
        (Word::Well, OthersAnswer::Reached { by: sockets::node_name() }),
        (Word::None, OthersAnswer::NotReached),
        (Word::Unknown, OthersAnswer::Silence(Silence::Unknown)),
    ] {
        one.asks();
        let asked = two.asked();
        assert_eq!((asked.question.service, &asked.question.real_servers[..]), (service(), &[real()][..]));
        assert_eq!((asked.from.ip(), asked.via), (cluster.nodes[0], cluster.nodes[1]));
        two.opinions.answer((asked, word));
        assert_eq!(one.heard(), expected);
    }
}

#[test]
fn a_node_that_is_alone_hears_so_at_once() {
    let mut cluster = Cluster::new(2);
    cluster.nodes.truncate(1);
    let one = cluster.start(0, "");
    one.asks();
    assert_eq!(one.heard(), OthersAnswer::Silence(Silence::NoOther));
}

#[test]
fn what_is_forged_counts_for_nothing() {
    let cluster = Cluster::new(3);
    let one = cluster.start(0, "secret");
    let (other, stranger) = (cluster.socket(1), UdpSocket::bind(("127.91.3.9", cluster.port)).expect("bind"));
    one.asks();
    let mut buffer = [0; LONGEST_SEEN];
    let (length, from) = other.recv_from(&mut buffer).expect("the question");
    let Some(Message::Question(question)) = Message::decode(&buffer[..length], &key("secret")) else {
        panic!("no question")
    };
    let answer = |nonce, word| Message::Answer(Answer { nonce, service: service(), word, node: "n2".into() });
    let own_question = Message::Question(question.clone());
    let says = |socket: &UdpSocket, message: &Message, secret: &str| {
        socket.send_to(&message.encode(&key(secret)), from).expect("sent");
    };
    says(&other, &answer(question.nonce, Word::Well), "wrong");
    says(&other, &answer(question.nonce, Word::Well), "");
    says(&other, &answer([0; 16], Word::Well), "secret");
    says(&stranger, &answer(question.nonce, Word::Well), "secret");
    says(&stranger, &own_question, "secret");
    says(&other, &own_question, "wrong");
    // What comes after all of these is the first that is believed.
    says(&other, &answer(question.nonce, Word::None), "secret");
    assert_eq!(one.heard(), OthersAnswer::NotReached);
    says(&other, &answer(question.nonce, Word::Well), "secret");
    assert_eq!(one.heard(), OthersAnswer::Reached { by: "n2".into() }, "a late answer");
}

const LONGEST_SEEN: usize = 2000;

#[test]
fn a_question_that_comes_before_the_first_look_waits_for_it() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let look = move || {
        let waits = wait.lock().expect("lock").recv_timeout(PATIENCE);
        waits.map_err(|cause| cause.to_string())?;
        Ok(Seen { members: Members::default(), key: Vec::new() })
    };
    let (tell, news) = channel();
    let opinions = Opinions::start_at(0, Arc::new(look), move |told| tell.send(told).is_ok()).expect("start");
    let one = Director { opinions, news };
    one.opinions.order(Order::Follow(true));
    one.asks();
    assert!(one.news.try_recv().is_err());
    go.send(()).expect("it looks");
    assert_eq!(one.heard(), OthersAnswer::Silence(Silence::NoOther));
}

#[test]
fn what_fails_for_long_is_a_fault_until_it_works() {
    let now = Instant::now();
    let mut worker = Worker::new(0, Arc::new(|| Err("unused".into())), |_| true);
    let mut told = |trouble: Option<&str>, at| match worker.trouble(trouble.map(str::to_owned), at) {
        Some(OpinionNews::Trouble(news)) => Some(news.trouble),
        Some(news) => panic!("{news:?}"),
        None => None,
    };
    assert_eq!(told(Some("bind"), now), None);
    assert_eq!(told(None, now + PASSING * 2), None, "it has passed");
    assert_eq!(told(Some("bind"), now + PASSING * 3), None);
    assert_eq!(told(Some("bind"), now + PASSING * 5), Some(Some("bind".to_owned())));
    assert_eq!(told(None, now + PASSING * 6), Some(None));
    assert_eq!(told(None, now + PASSING * 7), None);
}

#[test]
fn a_trouble_ends_with_the_last_service_that_wants_a_second_opinion() {
    let now = Instant::now();
    let mut worker = Worker::new(0, Arc::new(|| Err("unused".into())), |_| true);
    worker.obey(Order::Follow(true));
    worker.trouble(Some("bind".into()), now);
    assert!(worker.trouble(Some("bind".into()), now + PASSING * 2).is_some());
    let news = worker.obey(Order::Follow(false));
    assert!(matches!(&news[..], [OpinionNews::Trouble(SinkNews { trouble: None, .. })]), "{news:?}");
    assert_eq!(worker.obey(Order::Follow(false)).len(), 0, "once");
}

#[test]
fn a_question_that_waited_for_the_first_look_leaves_at_once() {
    let cluster = Cluster::new(4);
    let other = cluster.socket(1);
    other.set_read_timeout(Some(Duration::from_secs(2))).expect("a time limit");
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let seen = cluster.nodes.clone();
    let port = cluster.port;
    let look = move || {
        let waits = wait.lock().expect("lock").recv_timeout(PATIENCE);
        waits.map_err(|cause| cause.to_string())?;
        Ok(Cluster { nodes: seen.clone(), port }.seen_by(0, "secret"))
    };
    let (tell, news) = channel();
    let opinions = Opinions::start_at(port, Arc::new(look), move |told| tell.send(told).is_ok()).expect("start");
    let one = Director { opinions, news };
    one.opinions.order(Order::Follow(true));
    one.asks();
    go.send(()).expect("it looks");
    let mut buffer = [0; LONGEST_SEEN];
    let (length, _) = other.recv_from(&mut buffer).expect("the question");
    assert!(matches!(Message::decode(&buffer[..length], &key("secret")), Some(Message::Question(_))));
}
