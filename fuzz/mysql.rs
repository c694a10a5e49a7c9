//! What a MySQL server says is wrong.

use mysql::{DriverError, Error, MySqlError};

use super::reply::Cause;
use crate::seeds::Seeds;

#[test]
fn mysql_errors() {
    let seeds = Seeds::of("mysql_errors");
    bolero::check!(name = "mysql_errors").for_each(|bytes: &[u8]| seeds.each(bytes, explain));
}

/// The number stays in the words, so that it can be looked up.
fn explain(bytes: &[u8]) {
    let [low, high, text @ ..] = bytes else { return };
    let (code, message) = (u16::from_le_bytes([*low, *high]), String::from_utf8_lossy(text).into_owned());
    let refused = DriverError::CouldNotConnect(Some(("server".into(), message.clone(), std::io::ErrorKind::Other)));
    assert!(matches!(Cause::from(Error::DriverError(refused)), Cause::NoConnection { .. }));
    let error = MySqlError { state: "HY000".into(), message, code };
    match Cause::from(Error::MySqlError(error)) {
        Cause::Other { text, .. } | Cause::Overload(text) => {
            assert!(text.ends_with(&format!("(error {code})")), "{text}");
        }
        other => panic!("{other:?}"),
    }
}
