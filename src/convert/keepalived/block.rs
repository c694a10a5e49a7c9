//! Statements: words, and the block in braces that may follow them.

use super::lines::Line;
use crate::convert::{Place, Remark};

/// keepalived's own blocks go five deep.
const DEEPEST: usize = 16;

/// A keyword with its arguments and its block.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub place: Place,
    /// Its part of the line, for keywords whose arguments have other quotes.
    line: String,
    words: Vec<String>,
    pub block: Vec<Statement>,
}

impl Statement {
    pub fn keyword(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Argument 1 follows the keyword.
    pub fn argument(&self, number: usize) -> Option<&str> {
        self.words.get(number).map(String::as_str)
    }

    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The statement without its block.
    pub fn head(&self) -> String {
        self.words.join(" ")
    }

    /// The first of its statements with this keyword.
    pub fn find(&self, keyword: &str) -> Option<&Self> {
        self.block.iter().find(|statement| statement.keyword() == keyword)
    }

    /// A switch is on where it says nothing else.
    pub fn is_on(&self) -> bool {
        !matches!(self.argument(1), Some("off" | "no" | "false" | "0"))
    }

    pub fn left_out(&self, why: impl Into<String>) -> Remark {
        Remark::left_out(&self.place, &self.head(), why)
    }

    pub fn otherwise(&self, how: impl Into<String>) -> Remark {
        Remark::otherwise(&self.place, &self.head(), how)
    }

    /// A keyword that is not known; its arguments may be a password behind a mistyped one.
    pub fn unknown(&self) -> Remark {
        Remark::left_out(&self.place, self.keyword(), "not known here")
    }

    /// The arguments with quotes of both kinds and escapes as a shell has them, which scripts and patterns are written with
    /// (`alloc_strvec_quoted_escaped` of keepalived's lib/parser.c).
    pub fn shell_arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quote = None;
        let mut characters = self.line.chars();
        while let Some(character) = characters.next() {
            match (character, quote) {
                ('\\', _) => word.get_or_insert_default().extend(characters.next().map(unescaped)),
                (_, Some(open)) if character == open => quote = None,
                ('"' | '\'', None) => {
                    quote = Some(character);
                    word.get_or_insert_default();
                }
                (_, None) if character.is_whitespace() => words.extend(word.take()),
                _ => word.get_or_insert_default().push(character),
            }
        }
        words.extend(word);
        words.into_iter().skip(1).collect()
    }
}

/// What a backslash makes of a character. Codes of characters are not read: they have no place in a line of ours.
fn unescaped(character: char) -> char {
    match character {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other => other,
    }
}

/// A word of a line, and where it begins; a brace between double quotes is none.
enum Word<'a> {
    Text(&'a str),
    Open,
    Close,
}

/// Words between blanks; one that begins with a double quote ends with the next, and a brace stands for itself wherever it is
/// (`alloc_strvec_r` and `read_line` of lib/parser.c). Each comes with its place in the line.
fn words(line: &str) -> Vec<(usize, Word<'_>)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let blanks = rest.len() - rest.trim_start().len();
        let length = match rest.as_bytes().first() {
            _ if blanks > 0 => blanks,
            Some(b'"') => {
                let inner = rest.get(1..).unwrap_or_default();
                let end = inner.find('"');
                words.push((at, Word::Text(inner.get(..end.unwrap_or(inner.len())).unwrap_or_default())));
                end.map_or(rest.len(), |end| end + 2)
            }
            Some(b'{') => {
                words.push((at, Word::Open));
                1
            }
            Some(b'}') => {
                words.push((at, Word::Close));
                1
            }
            _ => {
                let end = plain_length(rest);
                words.push((at, Word::Text(rest.get(..end).unwrap_or_default())));
                end
            }
        };
        at += length;
    }
    words
}

/// The length of a word that is not in quotes. The braces of a definition that is not known belong to it.
fn plain_length(rest: &str) -> usize {
    let mut is_definition = false;
    let mut before = ' ';
    for (at, character) in rest.char_indices() {
        match character {
            '{' if before == '$' => is_definition = true,
            '}' if is_definition => is_definition = false,
            '{' | '}' | '"' => return at,
            blank if blank.is_whitespace() => return at,
            _ => {}
        }
        before = character;
    }
    rest.len()
}

/// Makes statements of lines. What is wrong with the braces is told and read as well as it can be.
pub(super) fn parse(lines: Vec<Line>, remarks: &mut Vec<Remark>) -> Vec<Statement> {
    let mut parser = Parser { open: Vec::new(), done: Vec::new(), skipped: 0, remarks };
    for line in &lines {
        let mut current: Option<Statement> = None;
        let words = words(&line.text);
        // The keyword's own part of the line ends at the next brace.
        let end = |from: usize| {
            let brace = words.iter().find(|(at, word)| *at > from && !matches!(word, Word::Text(_)));
            brace.map_or(line.text.len(), |(at, _)| *at)
        };
        for (at, word) in &words {
            match word {
                Word::Text(text) => {
                    let statement = current.get_or_insert_with(|| Statement {
                        place: line.place.clone(),
                        line: line.text.get(*at..end(*at)).unwrap_or_default().to_owned(),
                        words: Vec::new(),
                        block: Vec::new(),
                    });
                    statement.words.push((*text).to_owned());
                }
                Word::Open => parser.open(current.take(), &line.place),
                Word::Close => {
                    parser.add(current.take());
                    parser.close(&line.place);
                }
            }
        }
        parser.add(current);
    }
    parser.finish()
}

struct Parser<'a> {
    /// The statements whose blocks are open, the innermost last.
    open: Vec<Statement>,
    /// At the outermost level.
    done: Vec<Statement>,
    /// Blocks that are open and too deep to be read.
    skipped: usize,
    remarks: &'a mut Vec<Remark>,
}

impl Parser<'_> {
    fn level(&mut self) -> &mut Vec<Statement> {
        match self.open.last_mut() {
            Some(statement) => &mut statement.block,
            None => &mut self.done,
        }
    }

    fn add(&mut self, statement: Option<Statement>) {
        if self.skipped == 0 {
            self.level().extend(statement);
        }
    }

    /// A brace in a line of its own belongs to the statement before it.
    fn open(&mut self, statement: Option<Statement>, place: &Place) {
        if self.skipped > 0 || self.open.len() >= DEEPEST {
            if self.skipped == 0 {
                self.remarks.push(Remark::left_out(place, "{", format!("blocks that are more than {DEEPEST} deep")));
            }
            self.skipped += 1;
            return;
        }
        match statement.or_else(|| self.level().pop()) {
            Some(statement) => self.open.push(statement),
            None => {
                self.remarks.push(Remark::left_out(place, "{", "no keyword before it"));
                self.skipped += 1;
            }
        }
    }

    fn close(&mut self, place: &Place) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let Some(statement) = self.open.pop() {
            self.level().push(statement);
        } else {
            self.remarks.push(Remark::left_out(place, "}", "no block is open"));
        }
    }

    fn finish(mut self) -> Vec<Statement> {
        while let Some(statement) = self.open.pop() {
            self.remarks.push(statement.left_out("the block has no end: the end of the file counts for it"));
            self.level().push(statement);
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn parsed(text: &str) -> (Vec<Statement>, Vec<String>) {
        let file: Arc<str> = "k".into();
        let lines = text.lines().zip(1..);
        let lines =
            lines.map(|(text, line)| Line { place: Place { file: Arc::clone(&file), line }, text: text.into() });
        let mut remarks = Vec::new();
        (parse(lines.collect(), &mut remarks), remarks.iter().map(ToString::to_string).collect())
    }

    fn written(statements: &[Statement]) -> String {
        let one = |statement: &Statement| match statement.block.is_empty() {
            true => statement.head(),
            false => format!("{}({})", statement.head(), written(&statement.block)),
        };
        statements.iter().map(one).collect::<Vec<_>>().join(";")
    }

    #[test]
    fn blocks_stand_behind_their_keyword_or_below_it() {
        crate::testing::check_rows(
            [
                ("a b {\n c d\n}\ne", "a b(c d);e"),
                ("a\n{\n c { d }\n }", "a(c(d))"),
                ("g{\n\"x y\" z \"{\"\n}", "g(x y z {)"),
            ],
            |(text, expected)| {
                let (statements, remarks) = parsed(text);
                assert_eq!((written(&statements).as_str(), remarks.len()), (expected, 0), "{text}");
            },
        );
    }

    #[test]
    fn wrong_braces_are_told_and_what_they_hold_is_read() {
        crate::testing::check_rows(
            [
                ("a {\n b", "a(b)", "k:1: a: left out: the block has no end: the end of the file counts for it"),
                ("}\na", "a", "k:1: }: left out: no block is open"),
                ("{\n b\n}\na", "a", "k:1: {: left out: no keyword before it"),
            ],
            |(text, expected, told)| {
                let (statements, remarks) = parsed(text);
                assert_eq!((written(&statements).as_str(), remarks), (expected, vec![told.to_owned()]), "{text}");
            },
        );
        let (statements, remarks) = parsed(&"a {\n".repeat(100_000));
        assert_eq!(remarks.len(), 1 + DEEPEST);
        drop(statements);
    }

    #[test]
    fn scripts_and_patterns_have_the_quotes_of_a_shell() {
        let (statements, _) = parsed("misc_path \"/bin/x 'a b' \\\"c\\\"\" d\\\\e 'f g'");
        assert_eq!(statements[0].shell_arguments(), ["/bin/x 'a b' \"c\"", "d\\e", "f g"]);
    }

    #[test]
    fn a_brace_stands_for_itself_wherever_it_is_and_a_keyword_has_its_own_part_of_the_line() {
        let (statements, remarks) = parsed("HTTP_GET {\n url { path \"/a}b\" }\n weight 3}\nb {c {d \"x y\" }}\ne");
        assert_eq!(remarks, Vec::<String>::new());
        let heads: Vec<String> = statements.iter().map(Statement::head).collect();
        assert_eq!(heads, ["HTTP_GET", "b", "e"]);
        let path = statements[0].find("url").and_then(|url| url.find("path")).expect("a path");
        assert_eq!((path.argument(1), path.shell_arguments()), (Some("/a}b"), vec!["/a}b".to_owned()]));
        assert_eq!(statements[0].find("weight").and_then(|weight| weight.argument(1)), Some("3"));
        let deepest = statements[1].find("c").and_then(|c| c.find("d")).expect("a statement");
        assert_eq!(deepest.shell_arguments(), ["x y"]);
    }
}
