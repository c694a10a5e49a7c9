//! The page for a browser: every service with its real servers. It needs no script and loads nothing.

use std::fmt::Write;

use super::snapshot::Snapshot;
use crate::daemon::protocol::{HealthMonitorStatus, RealServerStatus, ServiceStatus};
use crate::netlink::ipvs::{TableUsage, Usage};

/// The page is text of this kind.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>lvs-agents</title><style>
body{font:14px sans-serif;margin:1.5em;color:#222}h2{font-size:1.1em;margin:1.2em 0 .3em}
table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:left;border-bottom:1px solid #ddd}
td.n{text-align:right}.up{color:#06702e}.down,.trouble{color:#b00020}.draining,.unknown{color:#8a5a00}
</style></head><body>
"#;

/// Returns the whole page.
pub fn render(snapshot: &Snapshot) -> String {
    let mut page = HEAD.to_owned();
    match &snapshot.status {
        None => page.push_str("<p class=\"trouble\">The health monitor's loop does not answer.</p>\n"),
        Some(status) => {
            health_monitor(&mut page, status);
            let empty = TableUsage::new();
            let usage = snapshot.usage.as_ref().unwrap_or(&empty);
            status.services.iter().for_each(|one| service(&mut page, one, usage));
        }
    }
    page.push_str("</body></html>\n");
    page
}

fn health_monitor(page: &mut String, status: &HealthMonitorStatus) {
    let liveness = &status.liveness;
    // Writing into a text cannot fail.
    let _ = writeln!(
        page,
        "<h1>{}</h1>\n<p>lvs-agents {}, {}</p>",
        escaped(&status.instance),
        escaped(&status.version),
        escaped(&status.source)
    );
    let troubles = [
        (&liveness.configuration_error, "new configuration ignored"),
        (&liveness.following_error, "follow the declarations"),
        (&liveness.check_error, "a check could not be made"),
        (&liveness.kernel_error, "kernel"),
    ];
    let told = troubles.into_iter().filter_map(|(cause, what)| Some(format!("{what}: {}", cause.as_ref()?)));
    let refused = liveness.faults.iter().map(|fault| format!("the kernel refuses: {}", fault.cause));
    for trouble in told.chain(refused).chain(liveness.sink_errors.iter().cloned()) {
        let _ = writeln!(page, "<p class=\"trouble\">{}</p>", escaped(&trouble));
    }
    if let Some(sync) = &status.sync {
        let role = if sync.promoted { "promoted" } else { "standby" };
        let known = sync.standbys.iter().map(|one| one.coverage).chain(sync.coverage);
        let known: Vec<String> = known.map(|share| format!(", {share} % of the connections known")).collect();
        let _ = writeln!(page, "<p>{role}{}</p>", known.concat());
    }
}

fn service(page: &mut String, service: &ServiceStatus, usage: &TableUsage) {
    let held = service.service.parse().ok().and_then(|key| usage.get(&key));
    let row = |real: &str| held.and_then(|held| held.get(&real.parse().ok()?));
    let _ = writeln!(
        page,
        "<h2>{} {}</h2>\n<table><tr><th>real server<th>method<th>weight<th>active<th>inactive<th>health<th>reason</tr>",
        escaped(&service.service),
        escaped(&service.scheduler)
    );
    for real in &service.real_servers {
        let RealServerStatus { real_server, forwarding, health, reason, .. } = real;
        line(page, [real_server, forwarding, health, reason], row(real_server));
    }
    if let Some(fallback) = &service.fallback {
        let reason = if fallback.serves { "no real server is up" } else { "not needed" };
        line(page, [&fallback.real_server, &fallback.forwarding, "fallback", reason], row(&fallback.real_server));
    }
    page.push_str("</table>\n");
}

fn line(page: &mut String, [real, forwarding, health, reason]: [&str; 4], usage: Option<&Usage>) {
    let numbers = usage.map_or_else(
        || "<td class=n>-<td class=n>-<td class=n>-".to_owned(),
        |usage| {
            let counts = usage.connections;
            format!("<td class=n>{}<td class=n>{}<td class=n>{}", usage.weight, counts.active, counts.inactive)
        },
    );
    let _ = writeln!(
        page,
        "<tr><td>{}<td>{}{numbers}<td class=\"{}\">{}<td>{}</tr>",
        escaped(real),
        escaped(forwarding),
        escaped(health),
        escaped(health),
        escaped(reason)
    );
}

/// What a real server answers stands in reasons: it must not become a part of the page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::metrics::exposition::tests::example;

    #[test]
    fn every_real_server_has_a_line_with_its_reason() {
        let page = render(&example());
        let expected = "<tr><td>10.9.0.22:80<td>gate<td class=n>-<td class=n>-<td class=n>-<td class=\"down\">down<td>check \
                        failed 1 of 1: &lt;b&gt;&quot;no&quot;&lt;/b&gt;</tr>";
        assert!(page.contains(expected), "{page}");
        assert!(page.contains("<td>10.9.0.21:80<td>gate<td class=n>3<td class=n>12<td class=n>345<td class=\"up\">up"));
        assert!(page.contains("<p class=\"trouble\">new configuration ignored: line 3</p>"));
    }

    #[test]
    fn a_loop_that_does_not_answer_is_said() {
        assert!(render(&Snapshot::default()).contains("The health monitor's loop does not answer."));
    }
}
