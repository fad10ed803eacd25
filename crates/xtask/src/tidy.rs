//! Checks of the house that the compiler does not make, and the pages that are generated from the code. Not written yet.

use anyhow::{Result, bail};

/// Whether the house is tidy; says on stderr what is not.
pub(crate) fn tidy() -> Result<bool> {
    bail!("tidy is not written yet")
}

/// Writes `docs/conformance.md`.
pub(crate) fn conformance_docs() -> Result<bool> {
    bail!("conformance-docs is not written yet")
}
