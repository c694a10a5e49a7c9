//! `maintenancedir`: a file named after a real server takes it out at once, and its removal lets it serve again.
//!
//! A thread of its own lists each folder once in an interval, whatever the number of real servers: a file system that
//! hangs must hold up neither a check nor the loop, which keeps what was found last. Host names are looked up when the
//! configuration is read, not for each look.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::event::SinkNews;
use crate::config::{Config, Service};
use crate::director::SystemResolver;
use crate::model::RealServerKey;

/// How long the first look at the folders of a configuration may take: what is put in force without it may let a real
/// server serve for a moment that is under maintenance.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// The names of the files in each folder.
pub type Listings = BTreeMap<PathBuf, BTreeSet<String>>;

/// What was known of maintenance when a configuration was read.
#[derive(Debug, Default)]
pub struct KnownMaintenance {
    pub listings: Listings,
    pub host_names: HashMap<IpAddr, String>,
}

impl KnownMaintenance {
    /// Looks the names of the real servers up, and the files of the folders.
    pub fn of(config: &Config) -> Self {
        let with_folder = || config.services.iter().filter(|service| service.maintenancedir.is_some());
        let reals = with_folder().flat_map(|service| &service.real_servers);
        let addresses: BTreeSet<IpAddr> = reals.map(|real| real.real_server.key.address).collect();
        if addresses.is_empty() {
            return Self::default();
        }
        Self { listings: first_look(folders(config)), host_names: SystemResolver::new().names_of(addresses) }
    }
}

/// Returns each folder with the shortest interval of the services that have it.
fn folders(config: &Config) -> BTreeMap<PathBuf, Duration> {
    let mut folders = BTreeMap::new();
    for service in &config.services {
        let Some(folder) = &service.maintenancedir else { continue };
        let every = folders.entry(folder.clone()).or_insert(service.checkinterval);
        *every = service.checkinterval.min(*every);
    }
    folders
}

/// Lists what can be listed in time. A thread that hangs ends with its file system's answer.
fn first_look(folders: BTreeMap<PathBuf, Duration>) -> Listings {
    let (found, listings) = channel();
    let look = move || {
        for folder in folders.into_keys() {
            if let Ok(names) = list(&folder) {
                // The reader may have lost its patience.
                let _ = found.send((folder, names));
            }
        }
    };
    if std::thread::Builder::new().name("maintenance".into()).spawn(look).is_err() {
        return Listings::new();
    }
    let deadline = Instant::now() + FIRST_LOOK;
    std::iter::from_fn(|| listings.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()).collect()
}

fn list(folder: &Path) -> io::Result<BTreeSet<String>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Which files take the real servers of one service out. Pure.
#[derive(Debug)]
pub struct MaintenanceFiles {
    folder: PathBuf,
    names: HashMap<RealServerKey, Vec<String>>,
}

impl MaintenanceFiles {
    /// Returns `None` for a service without a `maintenancedir`.
    pub fn of(service: &Service, host_names: &HashMap<IpAddr, String>) -> Option<Self> {
        let folder = service.maintenancedir.clone()?;
        let keys = service.real_servers.iter().map(|real| real.real_server.key);
        let names = keys.map(|key| (key, names_of(key, host_names.get(&key.address)))).collect();
        Some(Self { folder, names })
    }

    /// Returns the file that takes this real server out, if there is one.
    pub fn find(&self, real: &RealServerKey, listings: &Listings) -> Option<String> {
        let files = listings.get(&self.folder)?;
        self.names.get(real)?.iter().find(|name| files.contains(*name)).cloned()
    }
}

/// In ldirectord's order: address, full name, first part of the name, each with the port and without.
fn names_of(key: RealServerKey, host_name: Option<&String>) -> Vec<String> {
    let address = match key.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let short = host_name.and_then(|name| name.split_once('.')).map(|(short, _)| short.to_owned());
    let hosts = [Some(address), host_name.cloned(), short].into_iter().flatten();
    hosts.flat_map(|host| [format!("{host}:{}", key.port), host]).collect()
}

/// What the thread has found out.
#[derive(Debug, Default)]
pub struct MaintenanceNews {
    /// Every folder whose files are others than before.
    pub listings: Listings,
    /// What the log shall say.
    pub sentences: Vec<String>,
    pub troubles: Vec<SinkNews>,
}

/// The loop's end of the thread.
#[derive(Debug)]
pub struct MaintenanceWatch(Sender<BTreeMap<PathBuf, Duration>>);

impl MaintenanceWatch {
    /// Starts the thread, which looks at nothing yet. `deliver` returns false when the loop has ended.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(deliver: impl Fn(MaintenanceNews) -> bool + Send + 'static) -> io::Result<Self> {
        let (orders, received) = channel();
        std::thread::Builder::new().name("maintenance".into()).spawn(move || watch(&received, &deliver))?;
        Ok(Self(orders))
    }

    /// Looks at the folders of this configuration from now on.
    pub fn follow(&self, config: &Config) {
        // A thread that has panicked has said so.
        let _ = self.0.send(folders(config));
    }
}

/// What is known of one folder.
#[derive(Debug, Default)]
struct Folder {
    files: BTreeSet<String>,
    error: Option<String>,
    is_seen: bool,
}

impl Folder {
    /// Takes what a look has found; `news` gets what is new. A folder that does not exist has no files, as in ldirectord,
    /// and one that cannot be read keeps those that were seen: a server under maintenance must not come back by a fault.
    fn take(&mut self, path: &Path, found: io::Result<BTreeSet<String>>, news: &mut MaintenanceNews) {
        let (files, error, is_missing) = match found {
            Ok(files) => (files, None, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (BTreeSet::new(), Some(error.to_string()), true),
            Err(error) => (self.files.clone(), Some(error.to_string()), false),
        };
        if error != self.error {
            let object = format!("maintenancedir {}", path.display());
            match &error {
                Some(cause) if is_missing => news.sentences.push(format!("WARNING: {object}: look for files: {cause}")),
                cause => {
                    let trouble = cause.as_ref().map(|cause| format!("look for files: {cause}"));
                    news.troubles.push(SinkNews::until_configured(object, trouble));
                }
            }
            self.error = error;
        }
        if files != self.files || !std::mem::replace(&mut self.is_seen, true) {
            news.listings.insert(path.to_owned(), files.clone());
            self.files = files;
        }
    }
}

fn watch(orders: &Receiver<BTreeMap<PathBuf, Duration>>, deliver: &impl Fn(MaintenanceNews) -> bool) {
    let mut due: BTreeMap<PathBuf, (Duration, Instant)> = BTreeMap::new();
    let mut known: BTreeMap<PathBuf, Folder> = BTreeMap::new();
    loop {
        let order = match due.values().map(|(_, at)| *at).min() {
            Some(at) => orders.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = Instant::now();
        match order {
            Ok(folders) => {
                due = folders.into_iter().map(|(path, every)| (path, (every, now))).collect();
                // The loop begins anew with each configuration.
                known.clear();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let mut news = MaintenanceNews::default();
        for (path, (every, at)) in due.iter_mut().filter(|(_, (_, at))| *at <= now) {
            known.entry(path.clone()).or_default().take(path, list(path), &mut news);
            *at = Instant::now() + *every;
        }
        let is_silent = news.listings.is_empty() && news.sentences.is_empty() && news.troubles.is_empty();
        if !is_silent && !deliver(news) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AnyName, parse_file};
    use crate::testing::Scratch;

    fn config(text: &str) -> Config {
        parse_file(text.as_bytes(), &AnyName::default()).expect("right")
    }

    #[test]
    fn each_of_the_six_names_takes_one_real_server_out_and_no_other_name_does() {
        let config = config(
            "maintenancedir=\"/m\"\nvirtual=192.0.2.1:80\n\treal=192.0.2.2:80 gate\n\treal=192.0.2.3:80 gate\n\
             virtual6=[2001:db8::1]:80\n\treal6=[2001:db8::2]:80 gate\n",
        );
        let names = [("192.0.2.2", "web2.example.org"), ("2001:db8::2", "single")];
        let names = names.map(|(address, name)| (address.parse().expect("address"), name.to_owned()));
        let found = |file: &str| {
            let listings = Listings::from([("/m".into(), BTreeSet::from([file.to_owned()]))]);
            let mut out = Vec::new();
            for service in &config.services {
                let files = MaintenanceFiles::of(service, &names.clone().into()).expect("a folder");
                let keys = service.real_servers.iter().map(|real| real.real_server.key);
                out.extend(keys.filter(|key| files.find(key, &listings).is_some()).map(|key| key.to_string()));
            }
            out.join(" ")
        };
        crate::testing::check_rows(
            [
                ("192.0.2.2:80", "192.0.2.2:80"),
                ("192.0.2.2", "192.0.2.2:80"),
                ("web2.example.org:80", "192.0.2.2:80"),
                ("web2.example.org", "192.0.2.2:80"),
                ("web2:80", "192.0.2.2:80"),
                ("web2", "192.0.2.2:80"),
                ("[2001:db8::2]:80", "[2001:db8::2]:80"),
                ("[2001:db8::2]", "[2001:db8::2]:80"),
                ("single", "[2001:db8::2]:80"),
                ("192.0.2.2:81", ""),
                ("192.0.2", ""),
                ("web2.example", ""),
                ("2001:db8::2", ""),
            ],
            |(file, expected)| assert_eq!(found(file), expected, "{file}"),
        );
    }

    #[test]
    fn a_folder_that_cannot_be_read_keeps_its_files_and_one_that_is_not_there_has_none() {
        let (mut folder, path) = (Folder::default(), Path::new("/m"));
        let mut take = |found: io::Result<&[&str]>| {
            let mut news = MaintenanceNews::default();
            let found = found.map(|names| names.iter().map(ToString::to_string).collect());
            folder.take(path, found, &mut news);
            (news.listings.get(path).map(BTreeSet::len), news.sentences.len(), news.troubles.len())
        };
        let fails = |kind| Err(io::Error::from(kind));
        assert_eq!(take(Ok(&[])), (Some(0), 0, 0), "the first look is told");
        assert_eq!(take(Ok(&["a"])), (Some(1), 0, 0));
        assert_eq!(take(Ok(&["a"])), (None, 0, 0));
        assert_eq!(take(fails(io::ErrorKind::StaleNetworkFileHandle)), (None, 0, 1));
        assert_eq!(take(fails(io::ErrorKind::StaleNetworkFileHandle)), (None, 0, 0), "told once");
        assert_eq!(take(Ok(&["a"])), (None, 0, 1), "it can be read again");
        assert_eq!(take(fails(io::ErrorKind::NotFound)), (Some(0), 1, 0));
    }

    #[test]
    fn the_thread_tells_of_each_change_and_the_first_look_knows_what_is_there() {
        let scratch = Scratch::new("maintenancedir");
        let folder = scratch.path().to_owned();
        let config = config(&format!(
            "maintenancedir={}\ncheckinterval=1\nvirtual=192.0.2.1:80\n\treal=192.0.2.2:80 gate\n",
            folder.display()
        ));
        let (deliver, news) = channel();
        let watch = MaintenanceWatch::start(move |told| deliver.send(told).is_ok()).expect("start");
        watch.follow(&config);
        let files = || {
            let news = news.recv_timeout(Duration::from_secs(20)).expect("news");
            news.listings.get(&folder).cloned().expect("the folder").into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(files(), "");
        std::fs::write(folder.join("192.0.2.2"), "").expect("write");
        assert_eq!(files(), "192.0.2.2");
        assert_eq!(first_look(folders(&config)).get(&folder).map(BTreeSet::len), Some(1));
        std::fs::remove_file(folder.join("192.0.2.2")).expect("remove");
        assert_eq!(files(), "");
    }
}
