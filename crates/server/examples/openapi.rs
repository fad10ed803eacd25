//! Prints the API's description of itself, or with `config` the JSON Schema of what is configured, for `cargo xtask docs`.
#![allow(clippy::print_stdout, reason = "that is all it does")]

use wharf_server::api;

fn main() -> Result<(), serde_json::Error> {
    let text = match std::env::args().nth(1).as_deref() {
        Some("config") => serde_json::to_string_pretty(&api::config_schema())?,
        _ => serde_json::to_string_pretty(&api::document())?,
    };
    println!("{text}");
    Ok(())
}
