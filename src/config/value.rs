//! The forms that a value can have. Each function answers the value or what was expected instead.

use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::model::Family;

/// A value in double quotes, from the first quote to the last, and what follows: inner quotes are part of the value, as
/// in ldirectord.
pub(super) fn quoted(value: &str) -> Result<(&str, &str), String> {
    match value.strip_prefix('"').and_then(|rest| rest.rsplit_once('"')) {
        Some(("", _)) => Err("expected text between the double quotes".into()),
        Some((text, after)) => Ok((text, after.trim())),
        None => Err("expected a value in double quotes".into()),
    }
}

/// The value without a pair of quotes around it, if these are the only ones: in `"/bin/a b" c` they belong to a part.
pub(super) fn without_quotes(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(value)
}

/// The value without a pair of quotes around it, for words and numbers, where ldirectord does not mind them.
pub(super) fn bare(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

pub(super) fn yes_no(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".into()),
    }
}

/// A whole number of `minimum..=maximum`: digits and nothing else. ldirectord takes the first digits it finds, so that
/// `-5` is 5 and `3.5` is 3.
pub(super) fn number(value: &str, minimum: u32, maximum: u32) -> Result<u32, String> {
    digits(bare(value))
        .and_then(|digits| digits.parse().ok())
        .filter(|number| (minimum..=maximum).contains(number))
        .ok_or_else(|| format!("expected a whole number from {minimum} to {maximum}"))
}

/// The value itself when it is all ASCII digits: `parse` alone would take `+5`.
pub(super) fn digits(value: &str) -> Option<&str> {
    (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())).then_some(value)
}

/// A port number that something can listen on.
pub(super) fn port(value: &str) -> Result<u16, String> {
    let port = number(value, 1, u16::MAX.into()).ok().and_then(|port| port.try_into().ok());
    port.ok_or_else(|| "expected a port number from 1 to 65535".into())
}

/// At least one second; whole seconds, as in ldirectord.
pub(super) fn seconds(value: &str) -> Result<u32, String> {
    number(value, 1, u32::MAX).map_err(|_| "expected a whole number of seconds, at least 1".into())
}

/// A word that one of the model's types understands.
pub(super) fn word<T: FromStr<Err = crate::model::InvalidValue>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|invalid: crate::model::InvalidValue| format!("expected {}", invalid.expected))
}

/// The length of the prefix: of a dotted quad such as 255.255.255.0, or the number itself for IPv6.
pub(super) fn netmask(value: &str, family: Family) -> Result<u8, String> {
    match family {
        Family::Ipv4 => ipv4_netmask(value),
        Family::Ipv6 => number(value, 1, Family::Ipv6.bits().into())
            .ok()
            .and_then(|length| length.try_into().ok())
            .ok_or_else(|| "expected a prefix length from 1 to 128".into()),
    }
}

fn ipv4_netmask(value: &str) -> Result<u8, String> {
    let mask = value.parse::<Ipv4Addr>().map_err(|_| "expected a netmask such as 255.255.255.0")?;
    let bits = u32::from(mask);
    if bits == 0 || bits.leading_ones() + bits.trailing_zeros() != u32::BITS {
        return Err("expected a netmask of leading ones, such as 255.255.255.0".into());
    }
    Ok(bits.leading_ones().try_into().unwrap_or(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_greedy() {
        assert_eq!(quoted(r#""a b""#), Ok(("a b", "")));
        assert_eq!(quoted(r#""{"a":"b"}" x"#), Ok((r#"{"a":"b"}"#, "x")));
        for wrong in ["", "a", "\"", "\"\"", "\"a", "a\"b\""] {
            assert!(quoted(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(number("007", 1, 9), Ok(7));
        assert_eq!(number("\"7\"", 1, 9), Ok(7));
        for wrong in ["", "-5", "+5", "3.5", "3s", "0", "10", "99999999999999999999", "٣"] {
            assert!(number(wrong, 1, 9).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn netmasks_have_leading_ones_only() {
        for (mask, length) in [("255.255.255.255", 32), ("255.255.255.0", 24), ("128.0.0.0", 1)] {
            assert_eq!(ipv4_netmask(mask), Ok(length));
        }
        for wrong in ["0.0.0.0", "255.0.255.0", "24", "255.255.255", "0.0.0.255"] {
            assert!(ipv4_netmask(wrong).is_err(), "{wrong:?}");
        }
    }
}
