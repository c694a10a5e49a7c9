//! The manual page of an agent for `man`, named as resource-agents names its own: ocf_rust_vip(7).

use roff::{Inline, Roff, bold, roman};

use super::description::{ActionDefaults, Description};
use super::manual::summary;
use super::parameter::Parameter;

/// The whole page.
pub(super) fn to_roff(description: &Description) -> String {
    let name = description.name;
    let page_name = format!("ocf_rust_{name}");
    let actions: Vec<ActionDefaults> = description.all_actions().collect();
    let mut page = Roff::new();
    let source = concat!("lvs-agents ", env!("CARGO_PKG_VERSION"));
    // The library leaves an empty date out, and the next word would be taken for it.
    page.control("TH", [page_name.to_uppercase().as_str(), "7", " ", source, "OCF resource agents"]);
    section(&mut page, "NAME");
    page.text([roman(format!("{page_name} - {}", description.short))]);
    section(&mut page, "SYNOPSIS");
    page.text([bold(name), roman(format!(" [{}]", words_of(&actions).join(" | ")))]);
    section(&mut page, "DESCRIPTION");
    paragraphs(&mut page, description.long, "PP");
    section(&mut page, "PARAMETERS");
    description.all_parameters().for_each(|parameter| parameter_entry(&mut page, parameter));
    section(&mut page, "ACTIONS");
    actions.iter().for_each(|advice| action_entry(&mut page, advice));
    section(&mut page, "SEE ALSO");
    page.text([bold("lvs-agents"), roman("(8), "), bold("pacemaker-controld"), roman("(7)")]);
    page.render()
}

fn section(page: &mut Roff, title: &str) {
    page.control("SH", [title]);
}

/// An entry of a list: its name, and the first line of what is said of it.
fn entry(page: &mut Roff, name: Vec<Inline>, text: String) {
    page.control("TP", []);
    page.text(name);
    page.text([roman(text)]);
}

fn parameter_entry(page: &mut Roff, parameter: &Parameter) {
    entry(page, vec![bold(parameter.name)], summary(parameter));
    // Without the request, a paragraph of an entry would be one of the section.
    page.control("IP", []);
    paragraphs(page, parameter.long, "IP");
}

fn action_entry(page: &mut Roff, advice: &ActionDefaults) {
    let role = advice.role.map(|role| roman(format!(" ({})", role.name())));
    let name = [bold(advice.action.to_string())].into_iter().chain(role).collect();
    let interval = advice.interval.map(|seconds| format!(" Suggested interval: {seconds} s.")).unwrap_or_default();
    entry(page, name, format!("Suggested minimum timeout: {} s.{interval}", advice.timeout));
}

/// The paragraphs of a text, with this request between them.
fn paragraphs(page: &mut Roff, text: &str, request: &str) {
    for (index, paragraph) in text.trim().split("\n\n").enumerate() {
        if index > 0 {
            page.control(request, []);
        }
        page.text([roman(paragraph.split_whitespace().collect::<Vec<_>>().join(" "))]);
    }
}

/// The names of the actions, each once.
fn words_of(actions: &[ActionDefaults]) -> Vec<String> {
    let mut words: Vec<String> = actions.iter().map(|advice| advice.action.to_string()).collect();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ocf::dummy::DESCRIPTION;

    #[test]
    fn a_page_names_every_parameter_and_action_and_has_the_words_of_the_other_manual() {
        let page = to_roff(&DESCRIPTION);
        for parameter in DESCRIPTION.all_parameters() {
            let entry = format!(".TP\n\\fB{}\\fR\n{}\n", parameter.name, summary(parameter).replace('-', "\\-"));
            assert!(page.contains(&entry), "{entry}: {page}");
        }
        for advice in DESCRIPTION.all_actions() {
            let word = advice.action.to_string().replace('-', "\\-");
            assert!(page.contains(&format!(".TP\n\\fB{word}\\fR")), "{word}: {page}");
        }
    }

    #[test]
    fn text_is_no_request() {
        let description = Description { long: "first\n\n.SH no section\n'no request \\fB", ..DESCRIPTION };
        let page = to_roff(&description);
        assert!(page.contains("\\&.SH no section \\*(Aqno request \\\\fB"), "{page}");
    }
}
