//! Configurations of other load balancers.

use super::{Conversion, IncludedFile, KeepalivedSource, import_ipvsadm, import_keepalived};
use crate::config::{AnyName, parse_file};
use crate::seeds::Seeds;

#[test]
fn keepalived_files() {
    let seeds = Seeds::of("keepalived_files");
    bolero::check!(name = "keepalived_files").for_each(|bytes: &[u8]| seeds.each(bytes, read_keepalived));
}

#[test]
fn saved_tables() {
    let seeds = Seeds::of("saved_tables");
    bolero::check!(name = "saved_tables").for_each(|bytes: &[u8]| {
        seeds.each(bytes, |text| is_read_again(&import_ipvsadm("saved", &String::from_utf8_lossy(text))));
    });
}

fn read_keepalived(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A file that includes itself.
    let include =
        |_: &str, _: &str| vec![IncludedFile { name: "k".into(), text: Ok(text.chars().take(500).collect()) }];
    let source = KeepalivedSource { file: "k", text: &text, config_id: Some("main"), include: &include };
    is_read_again(&import_keepalived(&source));
}

/// Whatever was imported is a file without an error and without a warning.
fn is_read_again(conversion: &Conversion) {
    let Conversion { text, remarks } = conversion;
    let config = parse_file(text.as_bytes(), &AnyName::default());
    assert!(config.as_ref().is_ok_and(|config| config.warnings.is_empty()), "{config:?}\n{text}");
    assert!(remarks.iter().all(|remark| text.contains(&remark.to_string())), "{remarks:?}\n{text}");
}
