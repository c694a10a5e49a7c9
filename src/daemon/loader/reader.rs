//! Reads the source, and finds out all that has to be known before it can be put in force.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::dns::DnsFollower;
use super::{Loaded, LoaderNews};
use crate::config::{Config, Problem};
use crate::daemon::HealthMonitorOptions;
use crate::daemon::declaring;
use crate::daemon::maintenance::KnownMaintenance;
use crate::daemon::source::{Reading, ServiceSource, Stamp, UnderstoodTexts};
use crate::director::{self, ConfigText};
use crate::model::{DnsName, ServiceKey, Table};
use crate::netlink::ipvs::{Ipvs, ONE_BY_ONE};
use crate::ownership::{self, HealthRecord, Registry, ServiceOwner};
use crate::plan::TableRole;
use crate::system::{RunDir, seconds_since_boot};

/// Reads the source, and remembers from one reading to the next what it needs.
pub struct SourceReader {
    source: ServiceSource,
    run_dir: RunDir,
    instance: String,
    executes: bool,
    remembered: UnderstoodTexts,
    dns: DnsFollower,
    /// The text of the last configuration, where it follows names, and its stamp.
    text: Option<(ConfigText, Stamp)>,
    /// Whether a configuration has been handed over. The two fields below are about the last one.
    has_read: bool,
    keys: BTreeSet<ServiceKey>,
    refused: KnownRefusals,
}

impl SourceReader {
    pub fn new(source: ServiceSource, options: &HealthMonitorOptions) -> Self {
        Self {
            source,
            run_dir: options.run_dir.clone(),
            instance: options.instance.clone(),
            executes: options.executes,
            remembered: UnderstoodTexts::new(),
            dns: DnsFollower::new(),
            text: None,
            has_read: false,
            keys: BTreeSet::new(),
            refused: KnownRefusals::default(),
        }
    }

    pub fn source(&self) -> &ServiceSource {
        &self.source
    }

    /// Reads the source, or nothing for a health monitor that stands by.
    ///
    /// # Errors
    /// Fails when what the source holds now cannot be put in force, with the reason.
    pub fn read(&mut self, stands_by: bool) -> anyhow::Result<Loaded> {
        match stands_by {
            true => self.accept(self.nothing(), None),
            false => {
                self.recall_names();
                let (loaded, text) = self.read_with(|reader| {
                    let followed = Arc::clone(reader.dns.names());
                    reader.source.read(&mut reader.remembered, &followed)
                })?;
                self.accept(loaded, text)
            }
        }
    }

    /// Makes the last configuration anew, with the real servers that follow from its names now. What was written into a file
    /// since then is left for an order to read it. `None`: it follows no name.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_names(&mut self) -> anyhow::Result<Option<Loaded>> {
        let Some((text, stamp)) = self.text.take() else {
            self.dns.take_change();
            return Ok(None);
        };
        let result =
            self.read_with(|_| Ok(Reading { config: text.config()?, stamp, text: None, troubles: Vec::new() }));
        self.text = Some((text, stamp));
        let (mut loaded, _) = result?;
        loaded.sentences.push("Other real servers follow from the records of a name in DNS".into());
        self.keys = ownership::keys(&loaded.config).into_iter().collect();
        Ok(Some(loaded))
    }

    /// Whether other real servers have followed from the names since the last reading.
    pub fn names_have_changed(&self) -> bool {
        self.dns.has_changed()
    }

    /// Returns what has become known of the names since the last call.
    pub fn news_of_names(&mut self) -> Vec<LoaderNews> {
        self.dns.news()
    }

    fn accept(&mut self, mut loaded: Loaded, text: Option<ConfigText>) -> anyhow::Result<Loaded> {
        self.keys = ownership::keys(&loaded.config).into_iter().collect();
        self.has_read = true;
        let names: BTreeSet<DnsName> = followed(&loaded.config).collect();
        self.text = text.filter(|_| !names.is_empty()).map(|text| (text, loaded.stamp));
        loaded.troubles.extend(self.dns.follow(names).err());
        Ok(loaded)
    }

    /// What a health monitor of this name knew of its names before it was killed is better than nothing.
    fn recall_names(&self) {
        let record = self.record_before();
        self.dns.names().remember(&record.dns);
    }

    fn read_with(
        &mut self,
        read: impl FnOnce(&mut Self) -> anyhow::Result<Reading>,
    ) -> anyhow::Result<(Loaded, Option<ConfigText>)> {
        // What changes while the text is read is for the next reading.
        let has_changed = self.dns.take_change();
        let result = self.try_read_with(read);
        if result.is_err() {
            self.dns.forget_others();
            if has_changed {
                self.dns.put_change_back();
            }
        }
        result
    }

    fn try_read_with(
        &mut self,
        read: impl FnOnce(&mut Self) -> anyhow::Result<Reading>,
    ) -> anyhow::Result<(Loaded, Option<ConfigText>)> {
        // Under this lock the services in the kernel are those of the declarations.
        let declarations = match &self.source {
            ServiceSource::File(_) => None,
            ServiceSource::Declarations(run_dir) => Some(declaring::hold(run_dir)),
        };
        let Reading { mut config, stamp, text, troubles } = read(self)?;
        let known = Registry::read_health_monitors(&self.run_dir);
        let mut refused = KnownRefusals::default();
        let mut sentences: Vec<String> = declarations.as_ref().and_then(declaring::Held::warning).into_iter().collect();
        if self.source.owns_services() {
            if !self.executes {
                director::refuse_executed_files(&config, &self.source.name())?;
            }
            self.refuse_conflicts(&config)?;
            // The opening of the table loads ip_vs, and its settings appear with it.
            Ipvs::open_loading()?;
            refused = self.refuse_what_the_kernel_refuses(&config)?;
            director::prepare(&config, |text| sentences.push(text))?;
        }
        let role = if self.source.owns_services() { TableRole::OwnsServices } else { TableRole::MovesRealServers };
        let observed = self.observe(&config)?;
        let before = self.record_before();
        take_over_drains(&mut config, &before, &observed);
        let orphans = orphans(&before);
        self.refused = refused;
        drop(declarations);
        // A name server and a file system may be slow: nothing waits for them meanwhile.
        let maintenance = KnownMaintenance::of(&config);
        let is_ordered = text.is_some() || !self.source.owns_services();
        let loaded =
            Loaded { config, role, stamp, observed, known, is_ordered, orphans, maintenance, troubles, sentences };
        Ok((loaded, text))
    }

    /// Returns what a health monitor that stands by looks after.
    fn nothing(&self) -> Loaded {
        Loaded {
            config: Config::default(),
            role: TableRole::Observes,
            stamp: self.source.stamp(),
            observed: Table::new(),
            known: Registry::default(),
            is_ordered: true,
            orphans: Vec::new(),
            maintenance: KnownMaintenance::default(),
            troubles: Vec::new(),
            sentences: Vec::new(),
        }
    }

    /// Returns the record of a health monitor of this name that owned its services, for the first configuration, which
    /// takes over what that one has left. It is empty else.
    fn record_before(&self) -> HealthRecord {
        let is_first = !self.has_read && self.source.owns_services();
        let record = is_first.then(|| self.run_dir.monitors().read_json(&self.instance)).flatten();
        record.filter(|record: &HealthRecord| record.owns_services).unwrap_or_default()
    }

    /// Two owners of one virtual service would undo each other's work for ever.
    fn refuse_conflicts(&self, config: &Config) -> anyhow::Result<()> {
        let me = ServiceOwner::Ldirectord(self.instance.clone());
        let conflicts = Registry::read(&self.run_dir).conflicts(&me, &ownership::keys(config));
        if conflicts.is_empty() { Ok(()) } else { bail!("{}", conflicts.join("; ")) }
    }

    /// A health monitor that has a configuration keeps it rather than take one of which another part would not serve. A
    /// starting one has none to keep: there, what the kernel refuses is a fault of its service.
    fn refuse_what_the_kernel_refuses(&self, config: &Config) -> anyhow::Result<KnownRefusals> {
        let refusals = director::refusals(config);
        let new = self.refused.new_of(&refusals);
        if self.has_read && !new.is_empty() {
            let name = self.source.name();
            let lines: Vec<String> = new.iter().map(|problem| format!("{name}: {problem}")).collect();
            bail!("{}", lines.join("; "));
        }
        Ok(KnownRefusals::of(refusals))
    }

    /// Returns what the kernel holds of the services that are new.
    fn observe(&self, config: &Config) -> anyhow::Result<Table> {
        let new: Vec<ServiceKey> = ownership::keys(config).into_iter().filter(|key| !self.keys.contains(key)).collect();
        let mut ipvs = match Ipvs::open()? {
            Some(ipvs) if !new.is_empty() => ipvs,
            _ => return Ok(Table::new()),
        };
        if new.len() > ONE_BY_ONE {
            return Ok(ipvs.table()?);
        }
        let mut observed = Table::new();
        for key in new {
            let entry = ipvs.service(&key).context("read what the kernel holds")?;
            observed.extend(entry.map(|entry| (key, entry)));
        }
        Ok(observed)
    }
}

fn followed(config: &Config) -> impl Iterator<Item = DnsName> {
    config.services.iter().flat_map(|service| &service.followed).map(|followed| DnsName::clone(&followed.name))
}

/// Returns what a killed health monitor has not removed.
fn orphans(before: &HealthRecord) -> Vec<ServiceKey> {
    before.removed_at_stop.iter().filter_map(|text| text.parse().ok()).collect()
}

/// Makes those real servers part of the configuration that were drained or have left since, as far as the kernel holds them.
fn take_over_drains(config: &mut Config, before: &HealthRecord, observed: &Table) {
    let now = seconds_since_boot();
    for service in &mut config.services {
        let key = service.service.key;
        let Some(held) = observed.get(&key) else { continue };
        let left = ownership::leaving(service, before.left(&key, now));
        ownership::drain_left(service, left, &held.real_servers);
    }
}

/// What the kernel refuses of the configuration in force: that is no reason to refuse the next one too.
#[derive(Debug, Default)]
struct KnownRefusals(HashSet<String>);

impl KnownRefusals {
    fn of(refusals: Vec<Problem>) -> Self {
        Self(refusals.into_iter().map(|problem| problem.text).collect())
    }

    /// Returns the refusals that are not known yet, whatever their line.
    fn new_of<'a>(&self, refusals: &'a [Problem]) -> Vec<&'a Problem> {
        refusals.iter().filter(|problem| !self.0.contains(&problem.text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::config::{NoNames, Origin, parse_file};
    use crate::model::ServiceEntry;
    use crate::testing::{Scratch, real_server, virtual_service};

    #[test]
    fn what_the_kernel_refuses_already_is_no_reason_to_refuse_the_next_configuration() {
        let problem = |line, text: &str| Problem { origin: Origin::Line(line), text: text.into() };
        let in_force = KnownRefusals::of(vec![problem(3, "real server 192.0.2.255:80: refused")]);
        let edited = [problem(5, "real server 192.0.2.255:80: refused"), problem(9, "scheduler twos: refused")];
        assert_eq!(in_force.new_of(&edited), [&edited[1]], "it has only moved to another line");
        assert_eq!(KnownRefusals::default().new_of(&edited).len(), 2);
    }

    #[test]
    fn what_was_drained_or_has_left_since_is_drained_from_then_on_as_far_as_the_kernel_holds_it() {
        let key = virtual_service("tcp 192.0.2.1:80").key;
        let real = |host: u8| real_server(host, 5).key.to_string();
        let of_key = |reals: &[u8]| BTreeMap::from([(key.to_string(), reals.iter().map(|host| real(*host)).collect())]);
        let record = HealthRecord {
            draining: BTreeMap::from([(key.to_string(), BTreeMap::from([(real(3), 5), ("nonsense".into(), 6)]))]),
            known_up: of_key(&[2, 4]),
            known_down: of_key(&[5, 6]),
            ..HealthRecord::default()
        };
        // 192.0.2.6 has gone, and 192.0.2.7 is of another program.
        let held = [2, 3, 4, 5, 7].map(|host| real_server(host, 5)).map(|real| (real.key, real));
        let service = virtual_service("tcp 192.0.2.1:80");
        let observed = Table::from([(key, ServiceEntry { service, real_servers: held.into() })]);
        for (more, drained) in [("", &[3, 4, 5][..]), ("\tdrain_timeout=0\n", &[])] {
            let text = format!("virtual=192.0.2.1:80\n\treal=192.0.2.2 gate\n\tchecktype=on\n{more}");
            let mut config = parse_file(text.as_bytes(), &NoNames).expect("right");
            take_over_drains(&mut config, &record, &observed);
            let found = &config.services[0].draining;
            assert_eq!(
                found.iter().map(|one| one.real_server.clone()).collect::<Vec<_>>(),
                drained.iter().map(|host| real_server(*host, 0)).collect::<Vec<_>>()
            );
            assert!(found.iter().all(|one| (one.since == 5) == (one.real_server.key == real_server(3, 0).key)));
        }
    }

    impl SourceReader {
        /// Makes the file as it is now the configuration in force, whose names have other records since.
        pub fn has_read_names(&mut self) {
            let ServiceSource::File(path) = &self.source else { panic!("a file") };
            let text = ConfigText::read(path, Arc::clone(self.dns.names())).expect("read");
            self.text = Some((text, self.source.stamp()));
            self.dns.put_change_back();
        }
    }

    #[test]
    fn a_change_of_names_is_kept_until_it_is_followed_and_a_text_that_is_not_in_force_follows_none() {
        let scratch = Scratch::new("names-changed");
        let path = scratch.path().join("ldirectord.cf");
        std::fs::write(&path, "inforce\n").expect("write");
        let options = HealthMonitorOptions::new("one", RunDir::at(scratch.path()));
        let mut reader = SourceReader::new(ServiceSource::File(path.clone()), &options);
        reader.has_read_names();
        std::fs::write(&path, "edited\n").expect("write");
        let name = DnsName { name: "refused".into(), family: crate::model::Family::Ipv4 };
        for _ in 0..2 {
            reader.dns.names().remember(&[crate::model::DnsRecord { name: name.clone(), members: Vec::new() }]);
            let error = reader.read_names().expect_err("wrong").to_string();
            assert!(error.contains("inforce"), "{error}");
            assert!(reader.names_have_changed());
            assert!(reader.dns.names().members(&name).is_err(), "a refused text leaves no names");
        }
        assert!(reader.read(false).is_err());
        assert!(reader.names_have_changed());
        reader.text = None;
        assert!(reader.read_names().expect("nothing to read").is_none());
        assert!(!reader.names_have_changed());
    }

    #[test]
    fn only_the_first_configuration_of_an_owner_takes_over_what_a_killed_health_monitor_left() {
        let scratch = Scratch::new("orphans");
        let run_dir = RunDir::at(scratch.path());
        let removed = ["tcp 192.0.2.1:80", "nonsense", "tcp 192.0.2.9:80"].map(str::to_owned).to_vec();
        let record = HealthRecord { owns_services: true, removed_at_stop: removed, ..HealthRecord::default() };
        run_dir.monitors().write_json("killed", &record).expect("write");
        let reader =
            |source, instance: &str| SourceReader::new(source, &HealthMonitorOptions::new(instance, run_dir.clone()));
        let file = || ServiceSource::File("ldirectord.cf".into());
        let orphans = |reader: &SourceReader| {
            super::orphans(&reader.record_before()).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let mut owner = reader(file(), "killed");
        assert_eq!(orphans(&owner), ["tcp 192.0.2.1:80", "tcp 192.0.2.9:80"]);
        owner.has_read = true;
        assert_eq!(orphans(&owner), [""; 0], "they are this monitor's by now");
        assert_eq!(orphans(&reader(file(), "another")), [""; 0]);
        assert_eq!(orphans(&reader(ServiceSource::Declarations(run_dir.clone()), "killed")), [""; 0]);
    }
}
