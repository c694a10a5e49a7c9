//! Orders in the cluster's configuration: what is read of its nodes, and what is written into them. Pure.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer, XmlVersion};

use crate::model::{ORDER_PREFIX, Order};

/// What the section `nodes` of the cluster's configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nodes {
    /// Every full node of the cluster.
    pub nodes: Vec<Node>,
    /// Names and values of the orders, of all nodes.
    pub orders: Vec<(String, String)>,
}

/// One full node: corosync runs there. Remote nodes run no director.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its identifier in the configuration.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// Reads the section, which may be all of the text or a part of the whole configuration. What follows it, such as thousands of
/// resources, is not read.
///
/// # Errors
/// Fails for a text without such a section: then nothing is known of the orders, which is not the same as that there are none.
pub fn read(text: &str) -> Result<Nodes, String> {
    let mut reader = Reader::from_str(text);
    let mut found = Nodes::default();
    let mut is_section = false;
    loop {
        match reader.read_event().map_err(|cause| cause.to_string())? {
            Event::Eof => return Err("there is no whole section nodes".into()),
            Event::Empty(element) if element.name().as_ref() == "nodes" => return Ok(found),
            Event::End(element) if element.name().as_ref() == "nodes" => return Ok(found),
            Event::Start(element) if element.name().as_ref() == "nodes" => is_section = true,
            Event::Start(element) | Event::Empty(element) if is_section => match element.name().as_ref() {
                "node" => found.nodes.extend(node(&element)?),
                "nvpair" => found.orders.extend(order(&element)?),
                _ => {}
            },
            _ => {}
        }
    }
}

fn node(element: &BytesStart<'_>) -> Result<Option<Node>, String> {
    let [id, name, kind] = values(element, ["id", "uname", "type"])?;
    let is_full = kind.is_none_or(|kind| kind == "member" || kind == "normal");
    Ok(id.zip(name).map(|(id, name)| Node { id, name }).filter(|_| is_full))
}

fn order(element: &BytesStart<'_>) -> Result<Option<(String, String)>, String> {
    let [name, value] = values(element, ["name", "value"])?;
    Ok(name.filter(|name| name.starts_with(ORDER_PREFIX)).map(|name| (name, value.unwrap_or_default())))
}

/// Returns the values of these attributes.
fn values<const N: usize>(element: &BytesStart<'_>, names: [&str; N]) -> Result<[Option<String>; N], String> {
    let mut values = [const { None }; N];
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|cause| cause.to_string())?;
        let named = names.iter().zip(&mut values).find(|(name, _)| **name == attribute.key.as_ref());
        if let Some((_, value)) = named {
            let text = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|cause| cause.to_string())?;
            *value = Some(text.into_owned());
        }
    }
    Ok(values)
}

/// Returns the section that gives every node this order. Its identifiers are those that the cluster's own programs choose:
/// one attribute has one identifier, whoever writes it.
///
/// # Errors
/// Fails for no reason that is known: it is written into memory.
pub fn section_with(order: &Order, nodes: &[Node]) -> std::io::Result<String> {
    let (name, value) = (order.subject.name(), order.value());
    let mut xml = Writer::new(Vec::new());
    xml.create_element("nodes").write_inner_content(|xml| {
        for Node { id, name: node } in nodes {
            let set = format!("nodes-{id}");
            let pair = format!("{set}-{name}");
            xml.create_element("node")
                .with_attributes([("id", id.as_str()), ("uname", node.as_str())])
                .write_inner_content(|xml| {
                    xml.create_element("instance_attributes")
                        .with_attribute(("id", set.as_str()))
                        .write_inner_content(|xml| {
                            let attributes =
                                [("id", pair.as_str()), ("name", name.as_str()), ("value", value.as_str())];
                            xml.create_element("nvpair").with_attributes(attributes).write_empty()?;
                            Ok(())
                        })?;
                    Ok(())
                })?;
        }
        Ok(())
    })?;
    Ok(String::from_utf8_lossy(&xml.into_inner()).into_owned())
}

/// Returns the path of the attributes with these names, on every node.
pub fn path_of(names: &[String]) -> String {
    // The names have only characters that need no escape.
    let conditions: Vec<String> = names.iter().map(|name| format!("@name='{name}'")).collect();
    format!("//nodes//nvpair[{}]", conditions.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = r#"<nodes>
  <node id="1" uname="n1"><instance_attributes id="nodes-1">
    <nvpair id="a" name="standby" value="off"/>
    <nvpair id="b" name="lvs-order-10.0.0.2_80" value="drain by=anna reason=a &lt; &quot;b&quot; &amp; c"/>
  </instance_attributes></node>
  <node id="2" uname="n2" type="member"/>
  <node id="r" uname="far" type="remote"/>
</nodes>"#;

    #[test]
    fn nodes_and_orders_are_read_and_what_is_written_is_read_again() {
        let found = read(SECTION).expect("a section");
        let names: Vec<&str> = found.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["n1", "n2"]);
        let [(name, value)] = found.orders.as_slice() else { panic!("{:?}", found.orders) };
        assert_eq!(value, "drain by=anna reason=a < \"b\" & c");
        let order = Order::read(name, value).expect("an order");
        let written = section_with(&order, &found.nodes).expect("written");
        let pair = "<nvpair id=\"nodes-2-lvs-order-10.0.0.2_80\" name=\"lvs-order-10.0.0.2_80\" value=\"drain by=anna \
                    reason=a &lt; &quot;b&quot; &amp; c\"/>";
        assert!(written.contains(pair), "{written}");
        let again = read(&written).expect("a section");
        assert_eq!((again.nodes.len(), again.orders), (2, vec![found.orders[0].clone(); 2]));
    }

    #[test]
    fn an_answer_that_is_no_section_says_nothing_of_the_orders() {
        crate::testing::check_rows(
            [
                "",
                "no",
                "<cib/>",
                "<nodes",
                "<nodes>",
                "<nodes><node id=\"1></nodes>",
                "<nodes><nvpair name=\"&x;\"/></nodes>",
            ],
            |text| drop(read(text).expect_err("no section")),
        );
        assert_eq!(read("<nodes/>"), Ok(Nodes::default()));
    }

    #[test]
    fn of_the_whole_configuration_the_section_is_read_and_nothing_behind_it() {
        let pair = |host: u8| format!("<nvpair id=\"{host}\" name=\"lvs-order-10.0.0.{host}\" value=\"drain\"/>");
        let whole = |section: &str| {
            let (before, behind) = (pair(1), pair(2));
            format!("<cib><configuration><crm_config>{before}</crm_config>{section}<resources>{behind}</resources")
        };
        assert_eq!(read(&whole(SECTION)), read(SECTION));
        assert_eq!(read(&whole("<nodes/>")), Ok(Nodes::default()));
    }

    #[test]
    fn several_orders_end_by_one_path() {
        let names = ["lvs-order-10.0.0.2", "lvs-order---1"].map(str::to_owned);
        assert_eq!(path_of(&names), "//nodes//nvpair[@name='lvs-order-10.0.0.2' or @name='lvs-order---1']");
    }
}
