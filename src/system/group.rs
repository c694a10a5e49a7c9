//! Groups by name, as far as `/etc/group` knows them. The C library's own search may ask name services by libraries that
//! a static program cannot load.

use std::fs;
use std::io;

const FILE: &str = "/etc/group";

/// Returns the number of the group; a name that is a number stands for itself. `None` means that there is no such group.
///
/// # Errors
/// Fails when the file cannot be read.
pub fn number(name: &str) -> io::Result<Option<u32>> {
    if let Ok(number) = name.parse() {
        return Ok(Some(number));
    }
    Ok(entries(&fs::read_to_string(FILE)?).find(|(known, _)| *known == name).map(|(_, number)| number))
}

/// Returns the name of the group, or its number where it has no name.
pub fn name(number: u32) -> String {
    let text = fs::read_to_string(FILE).unwrap_or_default();
    let name = entries(&text).find(|(_, known)| *known == number).map(|(name, _)| name.to_owned());
    name.unwrap_or_else(|| number.to_string())
}

/// Lines of other forms (`+` of NIS) name no group.
fn entries(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_name_and_other_lines_are_skipped() {
        let text = "root:x:0:\n+::::\n:x:5:\nops:x:1001:ann,bob\nodd:x:many:\nshort\n";
        assert_eq!(entries(text).collect::<Vec<_>>(), [("root", 0), ("ops", 1001)]);
        assert_eq!(number("4711").expect("no file is read"), Some(4711));
        assert_eq!(number("root").expect("read"), Some(0));
        assert_eq!(number("there-is-no-such-group").expect("read"), None);
        assert_eq!((name(0), name(4_000_000_123)), ("root".into(), "4000000123".into()));
    }
}
