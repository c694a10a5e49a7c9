use super::*;
use crate::testing::check_rows;

#[test]
fn what_is_no_configuration_says_nothing_of_the_cluster() {
    check_rows(
        ["", "<nodes/>", "<cib/>", "<cib><configuration>", "<cib a=\"&x;\"><configuration/></cib>", "no"],
        |text| {
            read(text).expect_err(text);
        },
    );
    assert_eq!(read("<cib><configuration/></cib>"), Ok(Cib::default()));
}

#[test]
fn times_are_read_as_the_cluster_reads_them() {
    check_rows(
        [
            ("5", Some(5000)),
            ("5s", Some(5000)),
            ("250ms", Some(250)),
            ("2min", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("PT5S", Some(5000)),
            ("x", None),
            ("5 d", None),
        ],
        |(text, expected)| assert_eq!(milliseconds(text), expected, "{text}"),
    );
}

#[test]
fn members_of_a_cloned_group_are_known_by_all_three_names() {
    let text = r#"<cib><configuration><resources><clone id="c"><group id="g"><primitive id="p" class="ocf" provider="rust" type="lvs"/>
        <primitive id="q" class="ocf" provider="rust" type="vip"/></group></clone></resources></configuration></cib>"#;
    let cib = read(text).expect("a cib");
    check_rows([("c", 2), ("g", 2), ("p", 1), ("x", 0)], |(name, count)| {
        assert_eq!(cib.members(name).len(), count, "{name}");
    });
    assert_eq!(cib.primitive("q").map(|one| one.agent.as_str()), Some("ocf:rust:vip"));
}

#[test]
fn a_resource_has_what_its_template_says_and_its_own_word_counts() {
    let text = r#"<cib><configuration><resources>
        <template id="t" class="ocf" provider="rust" type="lvs"><meta_attributes><nvpair name="migration-threshold" value="3"/></meta_attributes>
        <instance_attributes><nvpair name="scheduler" value="rr"/><nvpair name="virtual" value="10.9.0.1:80"/></instance_attributes>
        <operations><op name="monitor" interval="5s"/><op name="stop" timeout="5s"/></operations></template>
        <primitive id="p" template="t"><instance_attributes><nvpair name="scheduler" value="wrr"/></instance_attributes>
        <operations><op name="stop" timeout="60s"/></operations></primitive>
        <primitive id="q" template="none"/></resources></configuration></cib>"#;
    let cib = read(text).expect("a cib");
    assert_eq!(cib.primitives.len(), 2, "a template is no resource");
    let p = cib.primitive("p").expect("p");
    assert_eq!(p.agent, "ocf:rust:lvs");
    assert_eq!([&p.parameters["scheduler"], &p.parameters["virtual"]], ["wrr", "10.9.0.1:80"]);
    assert_eq!(p.meta["migration-threshold"], "3");
    let operations: Vec<_> = p.operations.iter().map(|op| (op.name.as_str(), op.interval, op.timeout)).collect();
    assert_eq!(operations, [("monitor", 5000, None), ("stop", 0, Some(60_000))]);
}

#[test]
fn a_resource_is_banned_when_its_failures_have_reached_its_threshold() {
    let cib = |meta: &str, failures: &str| {
        let text = format!(
            r#"<cib><configuration><rsc_defaults><meta_attributes><nvpair name="migration-threshold" value="5"/></meta_attributes></rsc_defaults>
            <resources><primitive id="p"><meta_attributes>{meta}</meta_attributes></primitive></resources></configuration>
            <status><node_state uname="n2"><lrm><lrm_rsc_op last-rc-change="7"/><lrm_rsc_op last-rc-change="9"/></lrm>{failures}</node_state></status></cib>"#
        );
        read(&text).expect("a cib")
    };
    let meta = |value: &str| format!("<nvpair name=\"migration-threshold\" value=\"{value}\"/>");
    let failed = |action: &str, value: &str| format!("<nvpair name=\"fail-count-p#{action}\" value=\"{value}\"/>");
    let two = failed("start_0", "2") + &failed("monitor_5000", "1");
    check_rows(
        [
            (meta("3"), two.clone(), Some(Some(3))),
            (meta("4"), two.clone(), None),
            (meta("0"), two.clone(), None),
            (meta("INFINITY"), two.clone(), None),
            (String::new(), two, None),
            (String::new(), failed("monitor_5000", "5"), Some(Some(5))),
            (meta("3"), failed("start_0", "INFINITY"), Some(None)),
            (meta("0"), failed("start_0", "INFINITY"), Some(None)),
        ],
        |(meta, failures, expected)| {
            let given_up = cib(&meta, &failures).given_up;
            assert_eq!(given_up.first().map(|one| one.failures), expected);
            assert!(given_up.iter().all(|one| (one.resource.as_str(), one.node.as_str()) == ("p", "n2")));
        },
    );
    assert_eq!(cib("", "").last_actions, BTreeMap::from([("n2".to_owned(), 9)]));
}
