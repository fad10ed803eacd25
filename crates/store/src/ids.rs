//! Random identifiers. What they are is the model's to say; here is the randomness.

use wharf_model::id::Id;

use crate::ledger::query::LedgerError;

/// An identifier that nothing else has.
///
/// # Errors
/// [`LedgerError::Unavailable`]: the operating system gives no randomness.
pub fn random() -> Result<Id, LedgerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| LedgerError::Unavailable(format!("no randomness: {error}")))?;
    Ok(Id(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let ids: HashSet<Id> = (0..1000).map(|_| random().expect("randomness")).collect();
        assert_eq!(ids.len(), 1000);
    }
}
