//! Reads the source, and finds out all that has to be known before it can be put in force.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context, bail};

use super::Loaded;
use crate::config::{Config, Problem};
use crate::daemon::HealthMonitorOptions;
use crate::daemon::declaring;
use crate::daemon::maintenance::KnownMaintenance;
use crate::daemon::source::{Reading, ServiceSource, UnderstoodTexts};
use crate::director;
use crate::model::{ServiceKey, Table};
use crate::netlink::ipvs::{Ipvs, ONE_BY_ONE};
use crate::ownership::{self, HealthRecord, Registry, ServiceOwner};
use crate::plan::TableRole;
use crate::system::RunDir;

/// Reads the source, and remembers from one reading to the next what it needs.
pub struct SourceReader {
    source: ServiceSource,
    run_dir: RunDir,
    instance: String,
    executes: bool,
    remembered: UnderstoodTexts,
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
        let loaded = if stands_by { self.nothing() } else { self.read_source()? };
        self.keys = ownership::keys(&loaded.config).into_iter().collect();
        self.has_read = true;
        Ok(loaded)
    }

    fn read_source(&mut self) -> anyhow::Result<Loaded> {
        // Under this lock the services in the kernel are those of the declarations.
        let declarations = match &self.source {
            ServiceSource::File(_) => None,
            ServiceSource::Declarations(run_dir) => Some(declaring::hold(run_dir)),
        };
        let Reading { config, stamp, troubles } = self.source.read(&mut self.remembered)?;
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
        let orphans = self.orphans();
        self.refused = refused;
        drop(declarations);
        // A name server and a file system may be slow: nothing waits for them meanwhile.
        let maintenance = KnownMaintenance::of(&config);
        Ok(Loaded { config, role, stamp, observed, known, orphans, maintenance, troubles, sentences })
    }

    /// Returns what a health monitor that stands by looks after.
    fn nothing(&self) -> Loaded {
        Loaded {
            config: Config::default(),
            role: TableRole::Observes,
            stamp: self.source.stamp(),
            observed: Table::new(),
            known: Registry::default(),
            orphans: Vec::new(),
            maintenance: KnownMaintenance::default(),
            troubles: Vec::new(),
            sentences: Vec::new(),
        }
    }

    /// Returns what a killed health monitor of this name has not removed; for the first configuration, which takes it
    /// over.
    fn orphans(&self) -> Vec<ServiceKey> {
        if self.has_read || !self.source.owns_services() {
            return Vec::new();
        }
        let record: Option<HealthRecord> = self.run_dir.monitors().read_json(&self.instance);
        let removed = record.into_iter().flat_map(|record| record.removed_at_stop);
        removed.filter_map(|text| text.parse().ok()).collect()
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
    use crate::config::Origin;
    use crate::testing::Scratch;

    #[test]
    fn what_the_kernel_refuses_already_is_no_reason_to_refuse_the_next_configuration() {
        let problem = |line, text: &str| Problem { origin: Origin::Line(line), text: text.into() };
        let in_force = KnownRefusals::of(vec![problem(3, "real server 192.0.2.255:80: refused")]);
        let edited = [problem(5, "real server 192.0.2.255:80: refused"), problem(9, "scheduler twos: refused")];
        assert_eq!(in_force.new_of(&edited), [&edited[1]], "it has only moved to another line");
        assert_eq!(KnownRefusals::default().new_of(&edited).len(), 2);
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
        let orphans = |reader: &SourceReader| reader.orphans().iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut owner = reader(file(), "killed");
        assert_eq!(orphans(&owner), ["tcp 192.0.2.1:80", "tcp 192.0.2.9:80"]);
        owner.has_read = true;
        assert_eq!(orphans(&owner), [""; 0], "they are this monitor's by now");
        assert_eq!(orphans(&reader(file(), "another")), [""; 0]);
        assert_eq!(orphans(&reader(ServiceSource::Declarations(run_dir.clone()), "killed")), [""; 0]);
    }
}
