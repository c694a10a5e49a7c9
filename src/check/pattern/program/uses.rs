//! Which groups the rest of a pattern asks for.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::pattern::syntax::{Condition, Group, Node, Reference, Syntax};

/// What other parts of the pattern want of a group.
pub struct Uses<'a> {
    syntax: &'a Syntax,
    /// Groups whose match is asked for. The machine forgets the others.
    pub captures: BTreeSet<Group>,
    /// Groups that are called, with their nodes.
    pub calls: BTreeMap<Group, &'a Node>,
    /// What comes next depends on them.
    pub depends_on_captures: bool,
}

impl<'a> Uses<'a> {
    /// # Errors
    /// A group that is asked for and is not there.
    pub fn of(syntax: &'a Syntax) -> Result<Self, String> {
        let mut uses = Self { syntax, captures: BTreeSet::new(), calls: BTreeMap::new(), depends_on_captures: false };
        uses.collect(&syntax.root)?;
        Ok(uses)
    }

    fn collect(&mut self, node: &'a Node) -> Result<(), String> {
        match node {
            Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().try_for_each(|node| self.collect(node)),
            Node::Repeat { node, .. } | Node::Capture(_, node) | Node::Atomic(node) | Node::Look(_, node) => {
                self.collect(node)
            }
            Node::Condition { condition, yes, no } => {
                match condition {
                    Condition::Group(reference) => self.capture(reference, false)?,
                    Condition::Look(_, node) => self.collect(node)?,
                    Condition::Call(_) | Condition::Define => {}
                }
                self.collect(yes)?;
                self.collect(no)
            }
            Node::BackReference { to, .. } => self.capture(to, true),
            Node::Call(to) => {
                self.depends_on_captures = true;
                for group in self.groups(to, true)?.into_iter().take(1) {
                    let target = if group == 0 {
                        Some(&self.syntax.root)
                    } else {
                        find(&self.syntax.root, &|other| other == group)
                    };
                    self.calls.insert(group, target.ok_or_else(|| unknown(to))?);
                }
                Ok(())
            }
            Node::Empty | Node::KeepOut | Node::Fail | Node::Set(_) | Node::Assert(_) => Ok(()),
        }
    }

    fn capture(&mut self, reference: &Reference, must_exist: bool) -> Result<(), String> {
        self.depends_on_captures = true;
        let groups = self.groups(reference, must_exist)?;
        if must_exist && groups.contains(&0) {
            return Err(unknown(reference));
        }
        self.captures.extend(groups);
        Ok(())
    }

    pub fn groups(&self, reference: &Reference, must_exist: bool) -> Result<Vec<Group>, String> {
        match reference {
            Reference::Number(group) if *group > self.syntax.groups && must_exist => Err(unknown(reference)),
            Reference::Number(group) if *group > self.syntax.groups => Ok(Vec::new()),
            Reference::Number(group) => Ok(vec![*group]),
            Reference::Name(name) => self.syntax.names.get(name).cloned().ok_or_else(|| unknown(reference)),
        }
    }
}

fn unknown(reference: &Reference) -> String {
    match reference {
        Reference::Number(number) => format!("there is no group {number}"),
        Reference::Name(name) => format!("there is no group named \"{}\"", name.escape_ascii()),
    }
}

pub fn has_captures(node: &Node) -> bool {
    find(node, &|_| true).is_some()
}

/// The first capture group that is wanted.
fn find<'a>(node: &'a Node, is_wanted: &dyn Fn(Group) -> bool) -> Option<&'a Node> {
    match node {
        Node::Capture(group, _) if is_wanted(*group) => Some(node),
        Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().find_map(|node| find(node, is_wanted)),
        Node::Repeat { node, .. } | Node::Capture(_, node) | Node::Atomic(node) | Node::Look(_, node) => {
            find(node, is_wanted)
        }
        Node::Condition { condition, yes, no } => {
            let looked_for = if let Condition::Look(_, node) = condition { find(node, is_wanted) } else { None };
            looked_for.or_else(|| find(yes, is_wanted)).or_else(|| find(no, is_wanted))
        }
        _ => None,
    }
}
