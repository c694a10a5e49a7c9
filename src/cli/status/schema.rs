//! `docs/status.schema.json` describes `status --json`; it is made of the types whose values are printed.

use std::fs;

use schemars::generate::SchemaSettings;

use super::overview::Overview;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status.schema.json");

/// With `LVS_AGENTS_WRITE=1` in its environment it writes the file (`./dev schema`).
#[test]
fn the_schema_is_that_of_what_is_printed() {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = generator.into_root_schema_for::<Overview>();
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
    if std::env::var_os("LVS_AGENTS_WRITE").is_some() {
        fs::write(FILE, &text).expect("write");
    }
    assert_eq!(fs::read_to_string(FILE).unwrap_or_default(), text, "{FILE}: not as the types are: run ./dev schema");
}
