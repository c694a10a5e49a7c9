use super::*;
use crate::config::{self, AnyName};

fn config(text: &str) -> Config {
    config::parse_file(text.as_bytes(), &AnyName::default()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn displayed(problems: Vec<Problem>) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_refused_address_is_named_with_its_line_and_all_of_a_line_in_one_problem() {
    let config = config(
        "fallback=0.0.0.0\n\
         virtual=10.9.0.1:80\n\tchecktype=on\n\treal=224.0.0.1->224.0.0.9 gate\n\treal=10.9.0.21 gate\n\
         virtual=10.9.0.2:80\n\tchecktype=on\n\treal=224.0.0.5 gate\n\treal=255.255.255.255 gate\n\
         virtual6=[2001:db8::1]:80\n\tchecktype=on\n\treal6=[ff02::1] gate\n\tfallback6=[::1]\n",
    );
    assert_eq!(
        displayed(refused_addresses(&config, &Addresses::default())),
        [
            "line 2: fallback 0.0.0.0: the kernel refuses the unspecified address",
            "line 4: real server 224.0.0.1 (and 8 more): the kernel refuses a multicast address",
            "line 9: real server 255.255.255.255: the kernel refuses the broadcast address",
            "line 12: real server ff02::1: the kernel refuses a multicast address",
        ]
    );
}

#[test]
fn a_missing_scheduler_is_named_once_with_the_first_service_that_has_it() {
    let config = config(
        "virtual=10.9.0.1:80\n\tscheduler=rr\nvirtual=10.9.0.2:80\n\tscheduler=twos\nvirtual=10.9.0.3:80\n\tscheduler=twos\n",
    );
    let used = schedulers_in(&config);
    let missing = [config.services[1].service.scheduler.clone()];
    assert_eq!(
        displayed(missing_schedulers(&used, &missing)),
        ["line 3: scheduler twos (of 2 virtual services): this kernel does not have it: is the module ip_vs_twos \
          installed?"]
    );
    assert_eq!(displayed(missing_schedulers(&used, &[])), [""; 0]);
}

#[test]
fn parameters_are_named_as_the_user_knows_them() {
    let parameters = [
        ("virtual", "10.9.0.1:80".to_owned()),
        ("real", "224.0.0.1 gate".to_owned()),
        ("scheduler", "twos".to_owned()),
        ("fallback", "0.0.0.0".to_owned()),
        ("checktype", "on".to_owned()),
    ];
    let config = config::parse_parameters(&parameters, &AnyName::default()).expect("right");
    let used = schedulers_in(&config);
    let missing = [config.services[0].service.scheduler.clone()];
    let problems = [refused_addresses(&config, &Addresses::default()), missing_schedulers(&used, &missing)].concat();
    let origins: Vec<String> = problems.iter().map(|problem| problem.origin.to_string()).collect();
    assert_eq!(origins, ["parameter fallback", "parameter real", "parameter scheduler"]);
}
