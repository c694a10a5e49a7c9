//! The cluster's configuration as plain values, read from the XML of `cibadmin --query`. Pure.

mod element;
mod status;

use std::collections::BTreeMap;

pub use element::Element;
pub use status::GivenUp;

type Values = BTreeMap<String, String>;

/// What the cluster shall run, and what it knows of its nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cib {
    /// The cluster's properties that are set.
    pub properties: Values,
    /// The defaults of all resources' meta attributes.
    pub defaults: Values,
    /// The nodes that stand by on order.
    pub standby: Vec<String>,
    /// Every primitive resource.
    pub primitives: Vec<Primitive>,
    /// Which runs where another one does.
    pub colocations: Vec<Colocation>,
    /// Which action comes before which other one.
    pub orders: Vec<Order>,
    /// Resources that a tool has banned from a node or bound to one, by the identifiers of the constraints.
    pub moved: Vec<(String, String)>,
    /// Resources that may not run on a node any more for their failures.
    pub given_up: Vec<GivenUp>,
    /// When each node did something last, by its own clock, in seconds since 1970.
    pub last_actions: BTreeMap<String, u64>,
}

/// One resource that an agent runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Primitive {
    /// Its name.
    pub id: String,
    /// `ocf:rust:lvs`, `stonith:fence_ipmilan`.
    pub agent: String,
    /// Its parameters.
    pub parameters: Values,
    /// Its own meta attributes, then those of what it is part of.
    pub meta: Values,
    /// Its operations that are written down.
    pub operations: Vec<Operation>,
    /// The group that it is a member of.
    pub group: Option<String>,
    /// The clone that it, or its group, is the child of.
    pub clone: Option<CloneOf>,
}

impl Primitive {
    /// Whether it puts virtual services into the kernel's table.
    pub fn is_lvs(&self) -> bool {
        self.agent == "ocf:rust:lvs"
    }

    /// Whether it is a health monitor that checks what resources of its node have declared.
    pub fn follows_declarations(&self) -> bool {
        self.agent == "ocf:rust:ldirectord" && !self.parameters.contains_key("configfile")
    }
}

/// A clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloneOf {
    /// Its name.
    pub id: String,
    /// Whether its instances have roles.
    pub promotable: bool,
}

/// One operation of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// `monitor`, `start`.
    pub name: String,
    /// Milliseconds; 0 where it does not repeat.
    pub interval: u64,
    /// Milliseconds, where it is written.
    pub timeout: Option<u64>,
    /// `Promoted`, `Unpromoted` or none, also where it is written in the older words.
    pub role: Option<String>,
}

/// One resource runs where another one does. Names are those of primitives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colocation {
    /// The one that follows.
    pub resource: String,
    /// The one that is followed.
    pub with: String,
    /// The role of the followed one that counts.
    pub role: Option<String>,
}

/// One action comes before another. Names are those of primitives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What is first.
    pub first: String,
    /// The action of the first: `start` where nothing is written.
    pub action: String,
    /// What comes after it.
    pub then: String,
}

/// Reads the XML.
///
/// # Errors
/// Says what is wrong with it.
pub fn read(text: &str) -> Result<Cib, String> {
    let root = Element::parse(text)?;
    if root.name != "cib" {
        return Err("the answer is no <cib>".into());
    }
    let configuration = root.child("configuration").ok_or("the answer has no configuration")?;
    let mut cib = Cib::default();
    let section = |name: &str| configuration.child(name).into_iter();
    cib.properties = section("crm_config").flat_map(|section| section.below("nvpair")).filter_map(pair).collect();
    cib.defaults = section("rsc_defaults").flat_map(|section| section.below("nvpair")).filter_map(pair).collect();
    for node in section("nodes").flat_map(|section| section.below("node")) {
        let attributes: Values = node.below("nvpair").into_iter().filter_map(pair).collect();
        if attributes.get("standby").is_some_and(|value| is_true(value)) {
            cib.standby.extend(node.get("uname").map(str::to_owned));
        }
    }
    let resources = || section("resources").flat_map(|section| &section.children);
    let templates = resources().filter(|one| one.name == "template");
    let templates: Templates<'_> = templates.filter_map(|template| Some((template.get("id")?, template))).collect();
    for resource in resources().filter(|one| one.name != "template") {
        add_resource(&mut cib.primitives, resource, &Enclosing::default(), &templates);
    }
    for constraint in section("constraints").flat_map(|section| &section.children) {
        cib.add_constraint(constraint);
    }
    if let Some(status) = root.child("status") {
        cib.given_up = status::given_up(status, &cib);
        cib.last_actions = status::last_actions(status);
    }
    Ok(cib)
}

/// What primitives say that they have in common, by its name.
type Templates<'a> = BTreeMap<&'a str, &'a Element>;

/// What a resource is part of.
#[derive(Debug, Clone, Default)]
struct Enclosing {
    group: Option<String>,
    clone: Option<CloneOf>,
    meta: Values,
}

fn add_resource(all: &mut Vec<Primitive>, element: &Element, within: &Enclosing, templates: &Templates<'_>) {
    let id = element.get("id").unwrap_or_default().to_owned();
    // What stands in the resource itself comes last: it counts.
    let template = element.get("template").and_then(|name| templates.get(name)).copied();
    let layers: Vec<&Element> = template.into_iter().chain([element]).collect();
    let values = |set: &str| -> Values {
        let sets = layers.iter().flat_map(|layer| layer.children_named(set));
        sets.flat_map(|set| set.below("nvpair")).filter_map(pair).collect()
    };
    let mut meta = within.meta.clone();
    meta.extend(values("meta_attributes"));
    match element.name.as_str() {
        "primitive" => {
            let part = |part: &str| layers.iter().find_map(|layer| layer.get(part));
            let agent: Vec<&str> = ["class", "provider", "type"].into_iter().filter_map(part).collect();
            all.push(Primitive {
                id,
                agent: agent.join(":"),
                parameters: values("instance_attributes"),
                meta,
                operations: operations(&layers),
                group: within.group.clone(),
                clone: within.clone.clone(),
            });
        }
        name => {
            let mut inside = Enclosing { meta, ..within.clone() };
            if name == "group" {
                inside.group = Some(id);
            } else {
                let promotable = name == "master" || inside.meta.get("promotable").is_some_and(|value| is_true(value));
                inside.clone = Some(CloneOf { id, promotable });
            }
            let parts = ["primitive", "group", "clone", "master"];
            let parts = element.children.iter().filter(|child| parts.contains(&child.name.as_str()));
            parts.for_each(|child| add_resource(all, child, &inside, templates));
        }
    }
}

/// Those of a template, then the resource's own. One of the same name, interval and role takes the place of the template's.
fn operations(layers: &[&Element]) -> Vec<Operation> {
    let mut found: Vec<Operation> = Vec::new();
    for layer in layers {
        let own: Vec<Operation> = layer.below("op").into_iter().map(operation).collect();
        let is_same = |one: &Operation, other: &Operation| {
            (&one.name, one.interval, &one.role) == (&other.name, other.interval, &other.role)
        };
        found.retain(|one| !own.iter().any(|other| is_same(one, other)));
        found.extend(own);
    }
    found
}

fn operation(element: &Element) -> Operation {
    let role = element.get("role").map(modern_role).filter(|role| role != "Started");
    Operation {
        name: element.get("name").unwrap_or_default().to_owned(),
        interval: element.get("interval").and_then(milliseconds).unwrap_or(0),
        timeout: element.get("timeout").and_then(milliseconds),
        role,
    }
}

fn modern_role(role: &str) -> String {
    match role {
        "Master" => "Promoted".into(),
        "Slave" => "Unpromoted".into(),
        role => role.into(),
    }
}

/// Reads a time as the cluster does: a number of seconds, or one with a unit, also as ISO 8601 has it (PT5S).
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix("pt").unwrap_or(&text);
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit.trim() {
        "ms" | "msec" => 1,
        "" | "s" | "sec" => 1000,
        "m" | "min" => 60_000,
        "h" | "hr" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn pair(element: &Element) -> Option<(String, String)> {
    Some((element.get("name")?.to_owned(), element.get("value")?.to_owned()))
}

/// A truth value as the cluster reads it.
pub fn is_true(value: &str) -> bool {
    ["true", "yes", "on", "y", "1"].contains(&value.to_ascii_lowercase().as_str())
}

impl Cib {
    /// Returns the primitive of this name.
    pub fn primitive(&self, id: &str) -> Option<&Primitive> {
        self.primitives.iter().find(|primitive| primitive.id == id)
    }

    /// Returns the primitives that a constraint means by a name: that of a primitive, a group or a clone.
    pub fn members(&self, name: &str) -> Vec<String> {
        let is_meant = |one: &&Primitive| {
            one.id == name
                || one.group.as_deref() == Some(name)
                || one.clone.as_ref().is_some_and(|clone| clone.id == name)
        };
        self.primitives.iter().filter(is_meant).map(|one| one.id.clone()).collect()
    }

    fn add_constraint(&mut self, element: &Element) {
        match element.name.as_str() {
            "rsc_colocation" if is_infinite(element.get("score")) => self.add_colocation(element),
            "rsc_order" if is_mandatory(element) => self.add_order(element),
            "rsc_location" => {
                let id = element.get("id").unwrap_or_default();
                if id.starts_with("cli-ban-") || id.starts_with("cli-prefer-") {
                    self.moved.push((element.get("rsc").unwrap_or_default().to_owned(), id.to_owned()));
                }
            }
            _ => {}
        }
    }

    fn add_colocation(&mut self, element: &Element) {
        let mut add = |resource: &str, with: &str, role: Option<String>| {
            for resource in self.members(resource) {
                for with in self.members(with) {
                    self.colocations.push(Colocation { resource: resource.clone(), with, role: role.clone() });
                }
            }
        };
        if let (Some(resource), Some(with)) = (element.get("rsc"), element.get("with-rsc")) {
            return add(resource, with, element.get("with-rsc-role").map(modern_role));
        }
        let mut named: Vec<(&str, Option<String>)> = Vec::new();
        for set in element.children_named("resource_set") {
            let role = set.get("role").map(modern_role);
            named.extend(set.children.iter().filter_map(|one| Some((one.get("id")?, role.clone()))));
        }
        for pair in named.windows(2) {
            if let [(one, _), (other, role)] = pair {
                add(one, other, role.clone());
            }
        }
    }

    fn add_order(&mut self, element: &Element) {
        let mut add = |first: &str, action: Option<&str>, then: &str| {
            for first in self.members(first) {
                for then in self.members(then) {
                    let action = action.unwrap_or("start").to_owned();
                    self.orders.push(Order { first: first.clone(), action, then });
                }
            }
        };
        if let (Some(first), Some(then)) = (element.get("first"), element.get("then")) {
            return add(first, element.get("first-action"), then);
        }
        let mut before: Vec<(&str, Option<&str>)> = Vec::new();
        for set in element.children_named("resource_set") {
            let action = set.get("action");
            let members: Vec<&str> = set.children.iter().filter_map(|one| one.get("id")).collect();
            for (first, action) in &before {
                members.iter().for_each(|then| add(first, *action, then));
            }
            if set.get("sequential").is_none_or(is_true) {
                for pair in members.windows(2) {
                    if let [first, then] = pair {
                        add(first, action, then);
                    }
                }
            }
            before = members.into_iter().map(|member| (member, action)).collect();
        }
    }
}

fn is_infinite(score: Option<&str>) -> bool {
    score.is_none_or(|score| matches!(score, "INFINITY" | "+INFINITY" | "inf" | "1000000"))
}

/// An optional order holds only where both happen at once.
fn is_mandatory(order: &Element) -> bool {
    let sets = order.children_named("resource_set").filter_map(|set| set.get("kind"));
    let kind = order.get("kind").or_else(|| sets.last());
    kind != Some("Optional") && order.get("score") != Some("0")
}

#[cfg(test)]
mod tests;
