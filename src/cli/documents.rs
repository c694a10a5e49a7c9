//! Manual pages and shell completions, made from the command line and the agents' descriptions.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::agent::AGENTS;

/// Where each shell looks for what completes the words of a command, and the name of the file.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "usr/share/bash-completion/completions/lvs-agents"),
    (Shell::Fish, "usr/share/fish/vendor_completions.d/lvs-agents.fish"),
    (Shell::Zsh, "usr/share/zsh/site-functions/_lvs-agents"),
];

/// A file.
#[derive(Debug)]
pub struct Document {
    /// The path below the root.
    pub path: String,
    /// The content.
    pub content: Vec<u8>,
}

/// Returns the pages of the command and its subcommands (section 8), the pages of the agents (section 7), and the
/// completions.
///
/// # Errors
/// Fails only where memory cannot be written.
pub fn all(command: Command) -> io::Result<Vec<Document>> {
    // The words of `lvs-agents help` are those of the pages themselves.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut documents = Vec::new();
    add_pages(&command, &mut documents)?;
    documents.extend(AGENTS.iter().map(|(name, agent)| Document {
        path: format!("usr/share/man/man7/ocf_rust_{name}.7"),
        content: agent.description().man_page().into_bytes(),
    }));
    documents.extend(COMPLETIONS.iter().map(|(shell, path)| {
        let mut content = Vec::new();
        clap_complete::generate(*shell, &mut command.clone(), "lvs-agents", &mut content);
        Document { path: (*path).to_owned(), content }
    }));
    Ok(documents)
}

/// Adds the page of a command and those of its subcommands, but for what `--help` hides.
fn add_pages(command: &Command, documents: &mut Vec<Document>) -> io::Result<()> {
    let source = concat!("lvs-agents ", env!("CARGO_PKG_VERSION"));
    // An empty date would be left out, and the next word taken for it.
    let page = Man::new(command.clone()).section("8").date(" ").source(source).manual("Linux Virtual Server");
    let mut content = Vec::new();
    page.render(&mut content)?;
    documents.push(Document { path: format!("usr/share/man/man8/{}", page.get_filename()), content });
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).try_for_each(|sub| add_pages(sub, documents))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Vec<Document> {
        all(super::super::command()).expect("documents")
    }

    fn text(path: &str) -> String {
        let document = documents().into_iter().find(|document| document.path == path);
        String::from_utf8(document.expect(path).content).expect("UTF-8")
    }

    #[test]
    fn every_command_that_help_shows_has_a_page_and_is_completed() {
        let bash = text("usr/share/bash-completion/completions/lvs-agents");
        for command in super::super::command().get_subcommands() {
            let name = command.get_name();
            let path = format!("usr/share/man/man8/lvs-agents-{name}.8");
            let has_page = documents().iter().any(|document| document.path == path);
            assert_eq!(has_page, !command.is_hide_set(), "{path}");
            assert!(bash.contains(name), "{name}");
        }
    }

    #[test]
    fn every_agent_has_a_page() {
        for (name, _) in AGENTS {
            let page = text(&format!("usr/share/man/man7/ocf_rust_{name}.7"));
            assert!(page.contains(&format!("ocf_rust_{name} \\- ")), "{page}");
        }
    }
}
