use super::*;
use crate::doctor::cib;
use crate::doctor::observe::testing::configured;
use crate::testing::check_rows;

const NOW: u64 = 1000;

/// The pair of docs/pair.md, as crmsh writes it, with fencing.
const PAIR: &str = r#"<cib><configuration>
<crm_config><cluster_property_set id="o"><nvpair id="f" name="stonith-enabled" value="true"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"/><node id="2" uname="n2"><instance_attributes id="s"/></node></nodes>
<resources>
<clone id="db-lvs-clone"><meta_attributes id="m1"><nvpair id="p" name="promotable" value="true"/>
<nvpair id="i" name="interleave" value="true"/><nvpair id="st" name="resource-stickiness" value="100"/></meta_attributes>
<primitive id="db-lvs" class="ocf" provider="rust" type="lvs"><operations>
<op id="a" name="monitor" interval="5s" role="Promoted"/><op id="b" name="monitor" interval="6s" role="Unpromoted"/>
</operations></primitive></clone>
<clone id="db-health-clone"><meta_attributes id="m2"><nvpair id="i2" name="interleave" value="true"/></meta_attributes>
<primitive id="db-health" class="ocf" provider="rust" type="ldirectord"><operations>
<op id="c" name="monitor" interval="5s"/></operations></primitive></clone>
<primitive id="db-vip" class="ocf" provider="rust" type="vip"><instance_attributes id="v">
<nvpair id="ip" name="ip" value="10.9.0.100"/></instance_attributes><operations>
<op id="d" name="monitor" interval="2s"/></operations></primitive>
<primitive id="fence-n1" class="stonith" type="fence_ipmilan"/>
</resources>
<constraints>
<rsc_colocation id="k" score="INFINITY" rsc="db-vip" with-rsc="db-lvs-clone" with-rsc-role="Promoted"/>
<rsc_order id="q" kind="Mandatory" first="db-lvs-clone" first-action="promote" then="db-vip" then-action="start"/>
</constraints></configuration>
<status><node_state id="2" uname="n2"><transient_attributes id="2"/></node_state></status></cib>"#;

/// The group of docs/one-service.md.
const GROUP: &str = r#"<cib><configuration><crm_config/><nodes/><resources>
<group id="db"><primitive id="db-lvs" class="ocf" provider="rust" type="lvs"><operations>
<op id="a" name="monitor" interval="5s"/></operations></primitive>
<primitive id="db-vip" class="ocf" provider="rust" type="vip"><instance_attributes id="v">
<nvpair id="ip" name="ip" value="10.9.0.99-10.9.0.101/24@eth0"/></instance_attributes><operations>
<op id="d" name="monitor" interval="2s"/></operations></primitive></group>
<primitive id="db-health" class="ocf" provider="rust" type="ldirectord"><operations>
<op id="c" name="monitor" interval="5s"/></operations></primitive>
<primitive id="fence" class="stonith" type="fence_sbd"/></resources><constraints>
<rsc_colocation id="k" score="INFINITY" rsc="db-health" with-rsc="db-lvs"/>
<rsc_order id="q"><resource_set id="w" kind="Optional"><resource_ref id="db-lvs"/><resource_ref id="db-health"/></resource_set></rsc_order>
</constraints></configuration></cib>"#;

fn found(xml: &str) -> Vec<String> {
    let mut services =
        configured("db-lvs", "virtual=10.9.0.100:3306\n\treal=10.9.0.21:3306 gate\n\tchecktype=connect\n");
    services.is_resource = true;
    let cib = cib::read(xml).expect("a cib");
    findings(Some(&cib), &[services], &Scope::default(), NOW)
        .into_iter()
        .map(|one| format!("{}: {}", one.object, one.what))
        .collect()
}

#[test]
fn nothing_is_wrong_with_the_pair_and_the_group_of_the_documents() {
    assert_eq!(found(PAIR), [""; 0]);
    assert_eq!(found(GROUP), [""; 0]);
    assert_eq!(findings(None, &[], &Scope::default(), NOW), [], "no cluster");
    let strangers = cib::read("<cib><configuration><resources/></configuration></cib>").expect("a cib");
    assert_eq!(findings(Some(&strangers), &[], &Scope::default(), NOW), [], "a cluster of others");
}

#[test]
fn a_watchdog_alone_fences_as_well() {
    let sbd = "<nvpair id=\"w\" name=\"stonith-watchdog-timeout\" value=\"10\"/><nvpair id=\"f\"";
    assert_eq!(found(&PAIR.replace("class=\"stonith\"", "class=\"ocf\"").replace("<nvpair id=\"f\"", sbd)), [""; 0]);
}

#[test]
fn each_thing_that_is_planted_in_the_pair_is_named_and_nothing_else() {
    let colocation = "rsc=\"db-vip\" with-rsc=\"db-lvs-clone\" with-rsc-role=\"Promoted\"";
    check_rows(
        [
            (
                "name=\"stonith-enabled\" value=\"true\"",
                "name=\"stonith-enabled\" value=\"false\"",
                "stonith-enabled: fencing is off",
            ),
            (
                "class=\"stonith\"",
                "class=\"ocf\"",
                "stonith-enabled: fencing is on and there is no fence device: the cluster starts nothing",
            ),
            (
                "name=\"stonith-enabled\" value=\"true\"",
                "name=\"maintenance-mode\" value=\"true\"",
                "maintenance-mode: the whole cluster is in maintenance mode",
            ),
            (
                "name=\"stonith-enabled\" value=\"true\"",
                "name=\"stop-all-resources\" value=\"1\"",
                "stop-all-resources: every resource is stopped by order",
            ),
            (
                "<instance_attributes id=\"s\"/>",
                "<instance_attributes id=\"s\"><nvpair name=\"standby\" value=\"on\"/></instance_attributes>",
                "node n2: it is in standby",
            ),
            (
                "<constraints>",
                "<constraints><rsc_location id=\"cli-ban-db-vip-on-n2\" rsc=\"db-vip\"/>",
                "db-vip: it is still bound by cli-ban-db-vip-on-n2",
            ),
            (
                "<transient_attributes id=\"2\"/>",
                "<nvpair name=\"fail-count-db-vip#start_0\" value=\"INFINITY\"/>",
                "db-vip: it has failed on n2, and may not run there any more",
            ),
            (
                "<transient_attributes id=\"2\"/>",
                "<lrm><lrm_rsc_op last-rc-change=\"1100\"/></lrm>",
                "node n2: what it did last is 100 s from now by this node's clock: the two clocks differ",
            ),
            (
                "<meta_attributes id=\"m2\">",
                "<meta_attributes id=\"m2\"><nvpair name=\"target-role\" value=\"Stopped\"/>",
                "db-health: it is stopped by order (target-role)",
            ),
            (
                "<meta_attributes id=\"m2\">",
                "<meta_attributes id=\"m2\"><nvpair name=\"is-managed\" value=\"false\"/>",
                "db-health: the cluster does not manage it (is-managed)",
            ),
            ("<op id=\"d\" name=\"monitor\" interval=\"2s\"/>", "", "db-vip: it has no monitor"),
            (
                "<op id=\"a\" name=\"monitor\" interval=\"5s\" role=\"Promoted\"/>",
                "",
                "db-lvs: it has no monitor for the role Promoted",
            ),
            (
                "<op id=\"b\" name=\"monitor\" interval=\"6s\" role=\"Unpromoted\"/>",
                "",
                "db-lvs: it has no monitor for the role Unpromoted",
            ),
            ("interval=\"6s\"", "interval=\"5000ms\"", "db-lvs: two of its monitors have the same interval, 5s"),
            ("<op id=\"c\"", "<op name=\"stop\" timeout=\"2s\"/><op id=\"c\"", "db-health: its stop may take 2 s only"),
            (
                "name=\"interleave\" value=\"true\"/></meta",
                "name=\"interleave\" value=\"false\"/></meta",
                "db-health-clone: it is not interleaved",
            ),
            (
                "<meta_attributes id=\"m2\">",
                "<meta_attributes id=\"m2\"><nvpair name=\"notify\" value=\"true\"/>",
                "db-health-clone: its instances are notified (notify=true)",
            ),
            (
                "name=\"resource-stickiness\" value=\"100\"",
                "name=\"x\" value=\"1\"",
                "db-lvs-clone: it has no stickiness",
            ),
            (
                "<meta_attributes id=\"m1\">",
                "<meta_attributes id=\"m1\"><nvpair name=\"promoted-max\" value=\"2\"/>",
                "db-lvs-clone: it may be promoted on 2 nodes at once",
            ),
            (
                "<meta_attributes id=\"m1\">",
                "<meta_attributes id=\"m1\"><nvpair name=\"clone-max\" value=\"1\"/>",
                "db-lvs-clone: it has a single instance (clone-max=1)",
            ),
            (colocation, "rsc=\"db-vip\" with-rsc=\"db-health\"", "db-vip: no colocation with db-lvs-clone"),
            (
                colocation,
                "rsc=\"db-vip\" with-rsc=\"db-lvs-clone\"",
                "db-vip: its colocation with db-lvs-clone does not say the role Promoted",
            ),
            (
                "<rsc_order id=\"q\" kind=\"Mandatory\"",
                "<rsc_order id=\"q\" kind=\"Optional\"",
                "db-vip: no order that puts it after db-lvs-clone",
            ),
            (" first-action=\"promote\"", "", "db-vip: it does not wait for the promotion of db-lvs-clone"),
            (
                "first=\"db-lvs-clone\" first-action=\"promote\" then=\"db-vip\"",
                "first=\"db-vip\" then=\"db-lvs-clone\"",
                "db-vip: it comes up before db-lvs",
            ),
            ("value=\"10.9.0.100\"", "value=\"10.9.0.90\"", "db-lvs: no vip resource has its address 10.9.0.100"),
            (
                "type=\"ldirectord\"",
                "type=\"realserver\"",
                "db-lvs: no ocf:rust:ldirectord resource checks its real servers",
            ),
        ],
        |(before, after, expected)| {
            assert!(PAIR.contains(before), "{before}");
            assert_eq!(found(&PAIR.replacen(before, after, 1)), [expected]);
        },
    );
}

#[test]
fn a_group_holds_address_and_table_together_in_its_order() {
    check_rows(
        [
            (
                "<rsc_colocation id=\"k\" score=\"INFINITY\"",
                "<rsc_colocation id=\"k\" score=\"10\"",
                "db-health: no colocation with db-lvs",
            ),
            ("<group id=\"db\">", "<group id=\"other\"></group><group id=\"db\">", ""),
        ],
        |(before, after, expected)| assert_eq!(found(&GROUP.replacen(before, after, 1)).join(""), expected),
    );
    let (_, vip) = GROUP.split_once("<primitive id=\"db-vip\"").expect("vip");
    let (vip, _) = vip.split_once("</group>").expect("group");
    let (vip, lvs) = (format!("<primitive id=\"db-vip\"{vip}"), "<group id=\"db\">");
    let turned = GROUP.replacen(&vip, "", 1).replacen(lvs, &format!("{lvs}{vip}"), 1);
    assert_eq!(found(&turned), ["db-vip: it comes up before db-lvs"]);
}

#[test]
fn sets_of_constraints_mean_the_same_as_pairs() {
    let sets = r#"<rsc_colocation id="k" score="INFINITY"><resource_set id="x"><resource_ref id="db-vip"/></resource_set>
<resource_set id="y" role="Master"><resource_ref id="db-lvs-clone"/></resource_set></rsc_colocation>
<rsc_order id="q"><resource_set id="z" action="promote"><resource_ref id="db-lvs-clone"/></resource_set>
<resource_set id="w" action="start"><resource_ref id="db-vip"/></resource_set></rsc_order>"#;
    let (before, rest) = PAIR.split_once("<rsc_colocation").expect("constraints");
    let (_, after) = rest.split_once("</constraints>").expect("constraints");
    assert_eq!(found(&format!("{before}{sets}</constraints>{after}")), [""; 0]);
}

#[test]
fn of_one_resource_only_what_concerns_it_is_said() {
    let planted = PAIR
        .replace("<op id=\"d\" name=\"monitor\" interval=\"2s\"/>", "")
        .replace("name=\"resource-stickiness\" value=\"100\"", "name=\"x\" value=\"1\"")
        .replace(" first-action=\"promote\"", "");
    let mut services =
        configured("db-lvs", "virtual=10.9.0.100:3306\n\treal=10.9.0.21:3306 gate\n\tchecktype=connect\n");
    services.is_resource = true;
    let cib = cib::read(&planted).expect("a cib");
    let about = |subject: &str| {
        let scope = Scope::of(&[subject.to_owned()], Some(&cib));
        let configured: Vec<Configured> = scope.narrow(Some(&cib), services.clone()).into_iter().collect();
        let found = findings(Some(&cib), &configured, &scope, NOW);
        found.into_iter().map(|one| one.what).collect::<Vec<_>>()
    };
    let order = "it does not wait for the promotion of db-lvs-clone";
    assert_eq!(about("db-vip"), ["it has no monitor", order]);
    assert_eq!(about("db-lvs-clone"), ["it has no stickiness", order]);
    assert_eq!(about("db-health"), [""; 0]);
}

#[test]
fn a_cluster_that_has_ended_is_the_worse_the_more_it_has_left_here() {
    let mut one = configured("db-lvs", "");
    assert_eq!(down(&[one.clone()]).what, "it does not run on this node");
    one.is_resource = true;
    assert_eq!(down(&[one]).what, "it does not run on this node, which still has db-lvs");
}
