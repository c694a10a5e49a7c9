//! Patterns of the configuration, and bodies of real servers that they are looked for in.

use super::matches;
use crate::seeds::Seeds;

/// The first line is the pattern, the rest is the body.
#[test]
fn patterns() {
    let seeds = Seeds::of("patterns");
    bolero::check!(name = "patterns").for_each(|bytes: &[u8]| {
        seeds.each(bytes, |bytes| {
            let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
            let pattern = String::from_utf8_lossy(parts.next().unwrap_or_default());
            drop(matches(&pattern, parts.next().unwrap_or_default()));
        });
    });
}
