//! What a pattern says, with its flags already applied.

use std::collections::HashMap;

use super::byte_set::ByteSet;

/// A capture group by its number, from 1; 0 is the whole pattern.
pub type Group = u32;

#[derive(Debug)]
pub struct Syntax {
    pub root: Node,
    /// Capture groups are numbered from 1 to this.
    pub groups: Group,
    /// A name may stand for several groups.
    pub names: HashMap<Vec<u8>, Vec<Group>>,
}

#[derive(Clone, Debug)]
pub enum Node {
    /// Matches between any two bytes.
    Empty,
    /// `\K` moves the start of the match, and we only ask whether there is one.
    KeepOut,
    /// Never matches.
    Fail,
    /// One byte of these.
    Set(ByteSet),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Repeat {
        node: Box<Node>,
        count: Count,
        greed: Greed,
    },
    Capture(Group, Box<Node>),
    /// `(?>…)`
    Atomic(Box<Node>),
    Look(Look, Box<Node>),
    Condition {
        condition: Condition,
        yes: Box<Node>,
        no: Box<Node>,
    },
    /// The bytes that the first of the groups that took part has matched.
    BackReference {
        to: Reference,
        fold: bool,
    },
    Assert(Assertion),
    /// The group's pattern once more, in place.
    Call(Reference),
}

impl Node {
    pub fn concat(mut nodes: Vec<Node>) -> Node {
        nodes.retain(|node| !matches!(node, Node::Empty));
        match nodes.len() {
            0 => Node::Empty,
            1 => nodes.remove(0),
            _ => Node::Concat(nodes),
        }
    }

    pub fn alternate(mut nodes: Vec<Node>) -> Node {
        if nodes.len() == 1 { nodes.remove(0) } else { Node::Alternate(nodes) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub min: u32,
    /// `None`: without limit.
    pub max: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greed {
    Greedy,
    Lazy,
    /// Takes all it can and gives nothing back.
    Possessive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub behind: bool,
    pub negative: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    Number(Group),
    Name(Vec<u8>),
}

#[derive(Clone, Debug)]
pub enum Condition {
    /// The group has matched.
    Group(Reference),
    /// We are inside a call: of this group, or (`None`) of any.
    Call(Option<Reference>),
    Look(Look, Box<Node>),
    /// `(?(DEFINE)…)`: never.
    Define,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assertion {
    /// `\A`, and `^` without the flag `m`
    Start,
    /// `^` with the flag `m`
    LineStart,
    /// `\z`
    End,
    /// `\Z`, and `$` without the flag `m`
    FinalEnd,
    /// `$` with the flag `m`
    LineEnd,
    WordBoundary,
    NoWordBoundary,
}

/// Fewest and most bytes that a node matches; most is `None` where there is no limit or it is not known beforehand.
pub fn length(node: &Node) -> (u32, Option<u32>) {
    match node {
        Node::Empty | Node::KeepOut | Node::Fail | Node::Assert(_) | Node::Look(..) => (0, Some(0)),
        Node::Set(_) => (1, Some(1)),
        Node::Concat(nodes) => nodes.iter().map(length).fold((0, Some(0)), |(low, high), (min, max)| {
            (low.saturating_add(min), high.zip(max).map(|(high, max): (u32, u32)| high.saturating_add(max)))
        }),
        Node::Alternate(nodes) => either(nodes.iter().map(length)),
        Node::Repeat { node, count, .. } => {
            let (min, max) = length(node);
            let most = match max {
                Some(0) => Some(0),
                _ => max.zip(count.max).map(|(max, times)| max.saturating_mul(times)),
            };
            (min.saturating_mul(count.min), most)
        }
        Node::Capture(_, node) | Node::Atomic(node) => length(node),
        Node::Condition { condition: Condition::Define, no, .. } => length(no),
        Node::Condition { yes, no, .. } => either([length(yes), length(no)].into_iter()),
        Node::BackReference { .. } | Node::Call(_) => (0, None),
    }
}

fn either(lengths: impl Iterator<Item = (u32, Option<u32>)>) -> (u32, Option<u32>) {
    lengths
        .reduce(|(low, high), (min, max)| (low.min(min), high.zip(max).map(|(high, max)| high.max(max))))
        .unwrap_or((0, Some(0)))
}

/// The bytes that a match can begin with; `None`: it may be empty, or it is not known beforehand.
pub fn first_bytes(node: &Node) -> Option<ByteSet> {
    match node {
        Node::Set(set) => Some(*set),
        Node::Fail => Some(ByteSet::default()),
        Node::Concat(nodes) => {
            // What matches nothing by itself adds no byte and says nothing against those of the next.
            let mut nodes = nodes.iter().skip_while(|node| matches!(node, Node::Assert(_) | Node::Look(..)));
            nodes.next().and_then(first_bytes)
        }
        Node::Alternate(nodes) => {
            nodes.iter().map(first_bytes).try_fold(ByteSet::default(), |all, first| Some(all | first?))
        }
        Node::Repeat { node, count, .. } if count.min > 0 => first_bytes(node),
        Node::Capture(_, node) | Node::Atomic(node) => first_bytes(node),
        _ => None,
    }
}

/// Whether a match can begin at the start of the body only.
pub fn is_anchored(node: &Node) -> bool {
    match node {
        Node::Assert(Assertion::Start) => true,
        Node::Concat(nodes) => nodes.first().is_some_and(is_anchored),
        Node::Alternate(nodes) => nodes.iter().all(is_anchored),
        Node::Capture(_, node) | Node::Atomic(node) => is_anchored(node),
        _ => false,
    }
}
