//! Prints the API's description of itself, for `cargo xtask docs`.
#![allow(clippy::print_stdout, reason = "that is all it does")]

fn main() -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(&wharf_server::api::document())?);
    Ok(())
}
