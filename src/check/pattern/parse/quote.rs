//! `\Q…\E`: what is between them is text.
//!
//! Perl's lexer does this before the pattern is read as one. ldirectord's patterns never went through the lexer, so there
//! `\Q` was the letter Q, which no administrator can have meant.

use crate::check::pattern::byte_set::is_word;

/// # Errors
/// `\L`, `\U`, `\F`, `\l` and `\u`, which the lexer handles at the same time and we do not.
pub fn expand(pattern: &[u8]) -> Result<Vec<u8>, String> {
    let mut output = Vec::with_capacity(pattern.len());
    let mut rest = pattern.iter();
    let mut is_quoted = false;
    while let Some(&byte) = rest.next() {
        if byte != b'\\' {
            push(&[byte], is_quoted, &mut output);
            continue;
        }
        match rest.next() {
            Some(b'Q') => is_quoted = true,
            Some(b'E') => is_quoted = false,
            Some(&letter @ (b'L' | b'U' | b'F' | b'l' | b'u')) => {
                return Err(format!("\"\\{}\": text that changes its case is not supported", char::from(letter)));
            }
            Some(&escaped) => push(&[b'\\', escaped], is_quoted, &mut output),
            None => push(b"\\", is_quoted, &mut output),
        }
    }
    Ok(output)
}

fn push(bytes: &[u8], is_quoted: bool, output: &mut Vec<u8>) {
    for byte in bytes {
        if is_quoted && !is_word(byte) {
            output.push(b'\\');
        }
        output.push(*byte);
    }
}
