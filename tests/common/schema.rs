//! `status --json` against `docs/status.schema.json`.

use boon::{Compiler, Schemas};

const SCHEMA: &str = include_str!("../../docs/status.schema.json");

/// Returns what `status --json` has printed, or ends the test where the schema does not describe it.
pub fn status(text: &str) -> serde_json::Value {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    compiler.add_resource("status.json", schema).expect("the schema");
    let index = compiler.compile("status.json", &mut schemas).expect("the schema is one");
    let value = serde_json::from_str(text).unwrap_or_else(|cause| panic!("{cause}: {text}"));
    if let Err(cause) = schemas.validate(&value, index) {
        panic!("not as docs/status.schema.json says: {cause:#}");
    }
    value
}
