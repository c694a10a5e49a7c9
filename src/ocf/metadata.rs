//! The meta-data document of an agent.
//!
//! It has to please readers that disagree: the grammar of OCF 1.1 knows attributes that ocf-tester's DTD (1.0) does
//! not, and ocf-tester also refuses a document without a DTD. So the document brings its own, complete, inside the
//! DOCTYPE and without a system identifier. crmsh hands the text to lxml as a decoded string, which lxml refuses when
//! the declaration names an encoding: hence none, and ASCII only.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::Action;
use super::description::{ActionDefaults, Description};
use super::parameter::{Parameter, ParameterKind, ParameterSupport};

type Xml = Writer<Vec<u8>>;

/// Recent crmsh and pcs read `advanced`, but the grammar of 1.1 refuses it, so there is none.
const DOCTYPE: &str = "resource-agent [
<!ELEMENT resource-agent (version, longdesc, shortdesc, parameters, actions)>
<!ATTLIST resource-agent name CDATA #REQUIRED version CDATA #REQUIRED>
<!ELEMENT version (#PCDATA)>
<!ELEMENT longdesc (#PCDATA)>
<!ATTLIST longdesc lang NMTOKEN #REQUIRED>
<!ELEMENT shortdesc (#PCDATA)>
<!ATTLIST shortdesc lang NMTOKEN #REQUIRED>
<!ELEMENT parameters (parameter+)>
<!ELEMENT parameter (deprecated?, longdesc, shortdesc, content)>
<!ATTLIST parameter name NMTOKEN #REQUIRED unique-group NMTOKEN #IMPLIED unique (0|1) #IMPLIED
  required (0|1) #IMPLIED reloadable (0|1) #IMPLIED>
<!ELEMENT deprecated (replaced-with*)>
<!ELEMENT replaced-with EMPTY>
<!ATTLIST replaced-with name NMTOKEN #REQUIRED>
<!ELEMENT content (option*)>
<!ATTLIST content type (string|integer|boolean|select) #REQUIRED default CDATA #IMPLIED>
<!ELEMENT option EMPTY>
<!ATTLIST option value CDATA #REQUIRED>
<!ELEMENT actions (action+)>
<!ELEMENT action EMPTY>
<!ATTLIST action name NMTOKEN #REQUIRED timeout CDATA #REQUIRED interval CDATA #IMPLIED
  start-delay CDATA #IMPLIED depth CDATA #IMPLIED role (Promoted|Unpromoted) #IMPLIED>
]";

/// Returns the whole document, with a final newline.
pub(super) fn to_xml(description: &Description) -> String {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing into memory has no way to fail; were it to, every reader would refuse the torn document.
    let _ = document(&mut xml, description);
    let mut text = String::from_utf8_lossy(&xml.into_inner()).into_owned();
    text.push('\n');
    text
}

fn document(xml: &mut Xml, description: &Description) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", None, None)))?;
    xml.write_event(Event::DocType(BytesText::from_escaped(DOCTYPE)))?;
    let root = [("name", description.name), ("version", description.version)];
    xml.create_element("resource-agent").with_attributes(root).write_inner_content(|xml| {
        xml.create_element("version").write_text_content(BytesText::new("1.1"))?;
        texts(xml, description.long, description.short)?;
        xml.create_element("parameters").write_inner_content(|xml| {
            description.all_parameters().try_for_each(|parameter| write_parameter(xml, description, parameter))
        })?;
        xml.create_element("actions")
            .write_inner_content(|xml| description.all_actions().try_for_each(|advice| write_action(xml, advice)))?;
        Ok(())
    })?;
    Ok(())
}

fn texts(xml: &mut Xml, long: &str, short: &str) -> io::Result<()> {
    for (element, text) in [("longdesc", long), ("shortdesc", short)] {
        xml.create_element(element).with_attribute(("lang", "en")).write_text_content(BytesText::new(text.trim()))?;
    }
    Ok(())
}

fn write_parameter(xml: &mut Xml, description: &Description, parameter: &Parameter) -> io::Result<()> {
    let mut element = xml.create_element("parameter").with_attribute(("name", parameter.name));
    if parameter.unique {
        element = element.with_attributes([("unique-group", parameter.name), ("unique", "1")]);
    }
    if parameter.required {
        element = element.with_attribute(("required", "1"));
    }
    if parameter.reloadable && description.offers(Action::ReloadAgent) {
        element = element.with_attribute(("reloadable", "1"));
    }
    element.write_inner_content(|xml| {
        deprecated(xml, parameter)?;
        texts(xml, &long_text(parameter), parameter.short)?;
        content(xml, parameter)
    })?;
    Ok(())
}

/// Returns the long text with what a number or a selection may be, which neither `pcs resource describe` nor `crm ra
/// info` shows.
fn long_text(parameter: &Parameter) -> String {
    match parameter.kind {
        ParameterKind::Integer { .. } | ParameterKind::Select(_) => {
            format!("{}\n\nExpected: {}.", parameter.long.trim(), parameter.kind.expected())
        }
        ParameterKind::Text | ParameterKind::Boolean | ParameterKind::Time => parameter.long.to_owned(),
    }
}

/// Marks a deprecated parameter, without a `desc`: pcs 0.11 shows a literal `{param.deprecated_desc}` for it.
fn deprecated(xml: &mut Xml, parameter: &Parameter) -> io::Result<()> {
    match parameter.support {
        ParameterSupport::Current => {}
        ParameterSupport::Obsolete | ParameterSupport::Refused(_) => {
            xml.create_element("deprecated").write_empty()?;
        }
        ParameterSupport::AliasOf(name) => {
            xml.create_element("deprecated").write_inner_content(|xml| {
                xml.create_element("replaced-with").with_attribute(("name", name)).write_empty()?;
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn content(xml: &mut Xml, parameter: &Parameter) -> io::Result<()> {
    let type_name = match parameter.kind {
        // The grammar of 1.1 has no type for a span of time.
        ParameterKind::Text | ParameterKind::Time => "string",
        ParameterKind::Integer { .. } => "integer",
        ParameterKind::Boolean => "boolean",
        ParameterKind::Select(_) => "select",
    };
    let mut element = xml.create_element("content").with_attribute(("type", type_name));
    if let Some(default) = parameter.default {
        element = element.with_attribute(("default", default));
    }
    match parameter.kind {
        ParameterKind::Select(options) => element.write_inner_content(|xml| {
            for option in options {
                xml.create_element("option").with_attribute(("value", *option)).write_empty()?;
            }
            Ok(())
        })?,
        ParameterKind::Text | ParameterKind::Time | ParameterKind::Integer { .. } | ParameterKind::Boolean => {
            element.write_empty()?
        }
    };
    Ok(())
}

fn write_action(xml: &mut Xml, advice: ActionDefaults) -> io::Result<()> {
    let seconds = |value: u32| format!("{value}s");
    let timeout = seconds(advice.timeout);
    let optional = [
        ("interval", advice.interval.map(seconds)),
        ("start-delay", advice.start_delay.map(seconds)),
        ("depth", advice.depth.map(|depth| depth.to_string())),
        ("role", advice.role.map(|role| role.name().to_owned())),
    ];
    let mut element =
        xml.create_element("action").with_attributes([("name", advice.action.name()), ("timeout", timeout.as_str())]);
    for (name, value) in &optional {
        if let Some(value) = value {
            element = element.with_attribute((*name, value.as_str()));
        }
    }
    element.write_empty()?;
    Ok(())
}

#[cfg(test)]
mod tests;
