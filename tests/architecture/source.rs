//! Rust source as the paths that it names: as much of the grammar as that needs, and no more.

/// The code of one file, without comments, texts and what is compiled for tests only.
pub struct Source(Vec<Token>);

/// A path such as `std::fmt` or `super::Member`.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub segments: Vec<String>,
    /// It stands in a `use` declaration, as opposed to an expression or a type.
    pub is_use: bool,
    /// What a `use` declaration makes of it in this file.
    pub alias: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Colons,
    Mark(char),
}

impl Source {
    pub fn parse(text: &str) -> Self {
        Self(without_tests(tokens(text)))
    }

    /// Every path of at least two segments, and every path of a `use` declaration.
    pub fn paths(&self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut rest = self.0.as_slice();
        while let Some((token, after)) = rest.split_first() {
            rest = match token {
                Token::Word(word) if word == "use" => tree(after, &[], &mut found),
                Token::Word(_) => inline(rest, &mut found),
                _ => after,
            };
        }
        found
    }

    /// Names of macros that are called.
    pub fn macros(&self) -> Vec<&str> {
        let call = |pair: &[Token]| matches!(pair, [Token::Word(_), Token::Mark('!')]);
        let equals = |index: usize| self.0.get(index + 2) == Some(&Token::Mark('='));
        let pairs = self.0.windows(2).enumerate();
        pairs
            .filter(|(index, pair)| call(pair) && !equals(*index))
            .filter_map(|(_, pair)| word(pair.first()?))
            .collect()
    }

    /// Names of methods that are called.
    pub fn methods(&self) -> Vec<&str> {
        let calls =
            self.0.windows(3).filter(|three| matches!(three, [Token::Mark('.'), Token::Word(_), Token::Mark('(')]));
        calls.filter_map(|three| word(three.get(1)?)).collect()
    }
}

fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

/// One branch of a `use` declaration; returns what follows it.
fn tree<'a>(mut rest: &'a [Token], prefix: &[String], found: &mut Vec<Named>) -> &'a [Token] {
    let mut segments = prefix.to_vec();
    while let Some((token, after)) = rest.split_first() {
        match token {
            Token::Colons => rest = after,
            Token::Word(word) if word == "as" => {
                let alias = after.first().and_then(self::word).unwrap_or_default().to_owned();
                found.push(Named { segments, is_use: true, alias });
                return after.get(1..).unwrap_or_default();
            }
            Token::Word(word) => {
                segments.push(word.clone());
                rest = after;
            }
            Token::Mark('*') => {
                segments.push("*".to_owned());
                rest = after;
            }
            Token::Mark('{') => return branches(after, &segments, found),
            Token::Mark(_) => break,
        }
    }
    // `use super::{self}` names `super` itself.
    segments.pop_if(|last| last == "self" && !prefix.is_empty());
    let alias = segments.last().cloned().unwrap_or_default();
    found.push(Named { segments, is_use: true, alias });
    rest
}

fn branches<'a>(mut rest: &'a [Token], prefix: &[String], found: &mut Vec<Named>) -> &'a [Token] {
    while let Some((token, after)) = rest.split_first() {
        rest = match token {
            Token::Mark('}') => return after,
            Token::Mark(',') => after,
            _ => tree(rest, prefix, found),
        };
    }
    rest
}

/// A path in an expression or a type; returns what follows it.
fn inline<'a>(tokens: &'a [Token], found: &mut Vec<Named>) -> &'a [Token] {
    let mut segments = Vec::new();
    let mut rest = tokens;
    while let Some((Token::Word(word), after)) = rest.split_first() {
        segments.push(word.clone());
        rest = after;
        match after {
            [Token::Colons, Token::Word(_), ..] => rest = after.get(1..).unwrap_or_default(),
            _ => break,
        }
    }
    if segments.len() > 1 {
        found.push(Named { segments, is_use: false, alias: String::new() });
    }
    rest
}

/// Leaves out every item below `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let marker = Source::marker();
    let mut kept = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((token, after)) = rest.split_first() {
        match rest.strip_prefix(marker.as_slice()) {
            Some(item) => rest = after_item(item),
            None => {
                kept.push(token.clone());
                rest = after;
            }
        }
    }
    kept
}

impl Source {
    fn marker() -> Vec<Token> {
        let word = |text: &str| Token::Word(text.to_owned());
        let mark = Token::Mark;
        vec![mark('#'), mark('['), word("cfg"), mark('('), word("test"), mark(')'), mark(']')]
    }
}

/// An item ends with a semicolon, or with the brace that closes its first one.
fn after_item(tokens: &[Token]) -> &[Token] {
    let mut depth = 0_u32;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(token, Token::Mark('}' | ';')) {
            return tokens.get(index + 1..).unwrap_or_default();
        }
    }
    &[]
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = if rest.starts_with("//") {
            rest.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(after) = rest.strip_prefix("/*") {
            after.split_once("*/").map_or("", |(_, after)| after)
        } else if let Some(after) = rest.strip_prefix("::") {
            found.push(Token::Colons);
            after
        } else if let Some(after) = after_raw_text(rest) {
            after
        } else if first == '"' {
            after_text(after, '"')
        } else if first == '\'' {
            after_quote(after)
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            found.push(Token::Word(word.to_owned()));
            after
        } else {
            if !first.is_whitespace() {
                found.push(Token::Mark(first));
            }
            after
        };
    }
    found
}

/// `r"…"` and `r#"…"#`, also of bytes.
fn after_raw_text(text: &str) -> Option<&str> {
    let text = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let inside = text.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(text.len() - inside.len()));
    Some(inside.strip_prefix('"')?.split_once(&end)?.1)
}

fn after_text(text: &str, end: char) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == end => return text.get(at + c.len_utf8()..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

/// After `'`: a character, or the name of a lifetime.
fn after_quote(text: &str) -> &str {
    let is_character = text.starts_with('\\') || text.chars().nth(1) == Some('\'');
    if is_character {
        after_text(text, '\'')
    } else {
        text.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
    }
}

#[test]
fn paths_are_found_in_declarations_and_expressions_and_not_in_texts_comments_and_tests() {
    let text = r##"
        //! std::fs
        use std::{fmt, net::{self, IpAddr as Address}};
        pub(crate) use tally::*;
        fn f<'a>(x: &'a str) -> std::io::Result<()> { /* std::env */ g("std::fs \" ", r#"std::fs"#, '\'', '"'); h::i(x) }
        #[cfg(test)]
        mod tests { use std::process::Command; fn g() {} }
        #[cfg(test)]
        use std::thread;
        const LAST: u8 = u8::MAX;
    "##;
    let shown = |named: &Named| {
        let path = named.segments.join("::");
        if named.is_use { format!("use {path} as {}", named.alias) } else { path }
    };
    let found: Vec<String> = Source::parse(text).paths().iter().map(shown).collect();
    let expected = [
        "use std::fmt as fmt",
        "use std::net as net",
        "use std::net::IpAddr as Address",
        "use tally::* as *",
        "std::io::Result",
        "h::i",
        "u8::MAX",
    ];
    assert_eq!(found, expected);
}
