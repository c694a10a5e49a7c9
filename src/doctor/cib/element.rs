//! A tree of XML, small enough for a cluster's configuration.

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// One element, without its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    attributes: BTreeMap<String, String>,
    /// What is in it.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a text that is one element.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        // The elements that are open, the outermost first, in one that holds the whole.
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|cause| cause.to_string())? {
                Event::Start(element) => open.push(Self::of(&element)?),
                Event::Empty(element) => add(&mut open, Self::of(&element)?),
                Event::End(_) => {
                    let closed = open.pop().unwrap_or_default();
                    add(&mut open, closed);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some(mut whole), true) => whole.children.pop().ok_or_else(|| "no element".into()),
            _ => Err("an element is not closed".into()),
        }
    }

    fn of(start: &BytesStart<'_>) -> Result<Self, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut attributes = BTreeMap::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|cause| cause.to_string())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|cause| cause.to_string())?;
            attributes.insert(text(attribute.key.as_ref().as_bytes()), value.into_owned());
        }
        Ok(Self { name: text(start.name().as_ref().as_bytes()), attributes, children: Vec::new() })
    }

    /// Returns the value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Returns the first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Returns the children of this name.
    pub fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns every element of this name in it, at whatever depth, in the order of the text.
    pub fn below(&self, name: &str) -> Vec<&Self> {
        let mut found = Vec::new();
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            found.extend(child.below(name));
        }
        found
    }
}

fn add(open: &mut [Element], closed: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(closed);
    }
}
