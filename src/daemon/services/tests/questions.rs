//! Which services share a check.

use super::*;
use crate::model::Standing;
use crate::testing::check_rows;

#[test]
fn services_that_want_a_server_to_stand_differently_share_one_check() {
    let service = |port: u16, role: &str| {
        format!(
            "virtual=192.0.2.1:{port}\n\treal=198.51.100.2:3306 gate\n\tservice=mysql\n\tlogin=\"a\"\n\trole={role}\n"
        )
    };
    let both = [service(3306, "writer"), service(3307, "reader")];
    let mut lab = ServicesLab::new(TableRole::OwnsServices, &both.concat(), Table::new());
    let jobs: Vec<Arc<Job>> = lab.services.jobs().into_iter().collect();
    let [job] = jobs.as_slice() else { panic!("one check, not {jobs:?}") };
    let outcome = |standing: &Arc<Standing>| match standing.role.as_str() {
        "reader" => Outcome::Good.into(),
        _ => Outcome::Bad("no writer".into()).into(),
    };
    let verdicts = job.standings.iter().map(outcome).collect();
    lab.services.note(&Finished { job: job.clone(), verdicts, timing: Timing::default() }, lab.now, &mut lab.sinks);
    lab.tick_all();
    let weights = ["tcp 192.0.2.1:3306", "tcp 192.0.2.1:3307"].map(|service| lab.weights(service));
    assert_eq!(weights, [vec![], vec!["198.51.100.2=1".to_owned()]]);

    lab.configure(TableRole::OwnsServices, &[service(3307, "reader"), service(3306, "writer")].concat(), Table::new());
    assert!(lab.services.jobs().contains(job), "the order of the services makes no other check");
    lab.configure(TableRole::OwnsServices, &service(3306, "writer"), Table::new());
    let left = lab.services.jobs().into_iter().map(|job| job.standings.len()).collect::<Vec<_>>();
    assert_eq!(left, [1]);
}

#[test]
fn what_changes_the_time_of_a_verdict_is_shared_with_no_service_that_did_not_ask_for_it() {
    let service = |port: u16, lines: &str| {
        let check = "real=198.51.100.2:3306 gate\n\tservice=mysql\n\tlogin=\"a\"\n\tcheckinterval=10";
        format!("virtual=192.0.2.1:{port}\n\t{check}\n\t{lines}\n")
    };
    let doubting = "role=reader\n\tfailurecount=3\n\tdoubtinterval=1";
    check_rows(
        [
            // What two services say, and for each job its services, whether it asks a path, and its interval in doubt.
            (["role=writer", "role=reader"], vec![("3306 3307", false, None)]),
            (["role=writer\n\tfailurecount=3", "role=reader"], vec![("3306 3307", false, None)]),
            (["role=writer", "role=reader\n\tcheckpath=yes"], vec![("3306", false, None), ("3307", true, None)]),
            (["role=any\n\tcheckpath=yes"; 2], vec![("3306", true, None), ("3307", true, None)]),
            (["role=writer\n\tfailurecount=3", doubting], vec![("3306", false, None), ("3307", false, Some(1))]),
            (["role=writer\n\tfailurecount=3\n\tdoubtinterval=1", doubting], vec![("3306 3307", false, Some(1))]),
            (
                ["role=writer\n\tfailurecount=2\n\tdoubtinterval=1", doubting],
                vec![("3306", false, Some(1)), ("3307", false, Some(1))],
            ),
        ],
        |(lines, wanted)| {
            let text = [service(3306, lines[0]), service(3307, lines[1])].concat();
            let config = parse_file(text.as_bytes(), &crate::config::AnyName::default()).expect("right");
            let mut questions = Questions::default();
            questions.replace(&config.services);
            let mut found = Vec::new();
            for job in questions.jobs() {
                let verdicts = vec![Outcome::Good.into(); job.standings.len()];
                let finished = Finished { job: Arc::clone(&job), verdicts, timing: Timing::default() };
                let told = questions.note(&finished, &mut Sinks::default()).expect("it is asked").concat();
                let mut ports: Vec<String> = told.iter().map(|(key, _)| key.to_string()).collect();
                ports.sort();
                let ports = ports.iter().filter_map(|key| key.rsplit(':').next()).collect::<Vec<_>>().join(" ");
                found.push((ports, job.path.is_some(), job.doubt.map(|doubt| doubt.interval.as_secs())));
            }
            found.sort();
            let wanted: Vec<_> =
                wanted.into_iter().map(|(ports, path, doubt)| (ports.to_owned(), path, doubt)).collect();
            assert_eq!(found, wanted);
        },
    );
}
