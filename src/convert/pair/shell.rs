//! The two ways to write the table.

use super::{Constraint, Placement, Resource};

/// Who reads the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// crmsh: the text is for `crm configure load update FILE`.
    Crm,
    /// pcs: the text is for a shell.
    Pcs,
}

/// Longer lines are continued.
const WIDTH: usize = 118;

pub(super) fn write(shell: Shell, resources: &[Resource], constraints: &[Constraint]) -> String {
    let commands = match shell {
        Shell::Crm => crm(resources, constraints),
        Shell::Pcs => pcs(resources, constraints),
    };
    commands.iter().map(|words| wrapped(words)).collect()
}

type Words = Vec<String>;

fn crm(resources: &[Resource], constraints: &[Constraint]) -> Vec<Words> {
    let mut commands = Vec::new();
    for resource in resources {
        let Resource { name, agent, .. } = resource;
        let mut words = words(&["primitive", name, &format!("ocf:rust:{agent}")]);
        if !resource.parameters.is_empty() {
            words.push("params".into());
        }
        words.extend(parameters(resource).chain(operations(resource)));
        commands.push(words);
        if let Placement::Clone { promotable, meta } = &resource.placement {
            let promotable = promotable.then_some("promotable=true");
            let mut words = self::words(&["clone", &format!("{name}-clone"), name, "meta"]);
            words.extend(promotable.iter().chain(meta.iter()).map(|word| (*word).to_owned()));
            commands.push(words);
        }
    }
    commands.extend(group(resources));
    commands.extend(constraints.iter().map(|constraint| match constraint {
        Constraint::Colocation { name, resource, with, role } => {
            let with = role.map_or_else(|| with.clone(), |role| format!("{with}:{role}"));
            words(&["colocation", name, "inf:", resource, &with])
        }
        Constraint::Order { name, is_mandatory, steps } => {
            let kind = if *is_mandatory { "Mandatory:" } else { "Optional:" };
            let steps = steps.iter().map(|(action, name)| match action {
                Some(action) => format!("{name}:{action}"),
                None => name.clone(),
            });
            words(&["order", name, kind]).into_iter().chain(steps).collect()
        }
    }));
    commands
}

/// The group with all of its members, in their order.
fn group(resources: &[Resource]) -> Option<Words> {
    let member = |resource: &Resource| match &resource.placement {
        Placement::Group(group) => Some((group.clone(), resource.name.clone())),
        _ => None,
    };
    let members: Vec<(String, String)> = resources.iter().filter_map(member).collect();
    let (name, _) = members.first()?;
    Some(words(&["group", name]).into_iter().chain(members.iter().map(|(_, member)| member.clone())).collect())
}

fn pcs(resources: &[Resource], constraints: &[Constraint]) -> Vec<Words> {
    let mut commands = Vec::new();
    for resource in resources {
        let Resource { name, agent, .. } = resource;
        let mut words = words(&["pcs", "resource", "create", name, &format!("ocf:rust:{agent}")]);
        words.extend(parameters(resource).chain(operations(resource)));
        match &resource.placement {
            Placement::Alone => {}
            Placement::Group(group) => words.extend(["--group".into(), group.clone()]),
            Placement::Clone { promotable, meta } => {
                words.push(if *promotable { "promotable" } else { "clone" }.into());
                words.extend(meta.iter().map(|word| (*word).to_owned()));
            }
        }
        words.extend(resource.waits.then(|| "--disabled".into()));
        commands.push(words);
    }
    for constraint in constraints {
        match constraint {
            Constraint::Colocation { resource, with, role: Some(role), .. } => commands.push(words(&[
                "pcs",
                "constraint",
                "colocation",
                "add",
                "Started",
                resource,
                "with",
                role,
                with,
                "INFINITY",
            ])),
            Constraint::Colocation { resource, with, role: None, .. } => {
                commands.push(words(&["pcs", "constraint", "colocation", "add", resource, "with", with, "INFINITY"]));
            }
            Constraint::Order { is_mandatory, steps, .. } => {
                for pair in steps.windows(2) {
                    let [first, second] = pair else { continue };
                    let mut words = words(&["pcs", "constraint", "order"]);
                    words.extend(step(first).chain(["then".to_owned()]).chain(step(second)));
                    words.extend((!is_mandatory).then(|| "kind=Optional".into()));
                    commands.push(words);
                }
            }
        }
    }
    let waiting: Vec<String> =
        resources.iter().filter(|resource| resource.waits).map(|resource| resource.name.clone()).collect();
    if !waiting.is_empty() {
        commands.push([words(&["pcs", "resource", "enable"]), waiting].concat());
    }
    commands
}

fn step((action, name): &(Option<&'static str>, String)) -> impl Iterator<Item = String> {
    action.map(str::to_owned).into_iter().chain([name.clone()])
}

fn words(words: &[&str]) -> Words {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn parameters(resource: &Resource) -> impl Iterator<Item = String> {
    resource.parameters.iter().map(|(name, value)| format!("{name}={}", quoted(value)))
}

fn operations(resource: &Resource) -> impl Iterator<Item = String> {
    resource.monitors.iter().flat_map(|monitor| {
        let role = monitor.role.map(|role| format!("role={role}"));
        words(&["op", "monitor", &format!("interval={}", monitor.interval)]).into_iter().chain(role)
    })
}

/// A value as both shells read it: crmsh splits words as a POSIX shell does.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/@%+,-".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    match value.contains(['"', '\\', '$', '`', '!']) {
        false => format!("\"{value}\""),
        true => format!("'{}'", value.replace('\'', r"'\''")),
    }
}

/// One command, with a backslash at the end of each line but the last.
fn wrapped(words: &[String]) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for word in words {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            text += " \\\n   ";
            column = 3;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += width;
    }
    text + "\n"
}
