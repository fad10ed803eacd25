//! Paging of lists (Distribution spec, "Listing Tags"): at most `n` entries after `last`.

use crate::limits::PAGE_ENTRIES_MAX;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many entries; 0 is an empty list.
    pub limit: usize,
    /// Only entries after this one, which need not exist.
    pub after: Option<String>,
}

impl Page {
    /// Reads the parameters `n` and `last`. Without `n`, and where it asks for more, it is [`PAGE_ENTRIES_MAX`].
    ///
    /// # Errors
    /// [`PageError`] where `n` is not a number, or negative, or `last` has control characters: no entry of any list has, and
    /// not every ledger can be asked for a NUL.
    pub fn parse(n: Option<&str>, last: Option<&str>) -> Result<Page, PageError> {
        let limit = match n {
            None => PAGE_ENTRIES_MAX,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().unwrap_or(PAGE_ENTRIES_MAX).min(PAGE_ENTRIES_MAX)
            }
            Some(_) => return Err(PageError::Limit),
        };
        if last.is_some_and(|last| last.chars().any(char::is_control)) {
            return Err(PageError::After);
        }
        Ok(Page { limit, after: last.filter(|last| !last.is_empty()).map(str::to_owned) })
    }
}

/// Which parameter is not of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// `n` is not a number.
    #[error("n is the most entries to list: a whole number from 0, at most {PAGE_ENTRIES_MAX} at once")]
    Limit,
    /// `last` is no entry of any list.
    #[error("last is the entry that the page comes after; none has control characters")]
    After,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_entries_is_bounded() {
        let check = |n, expect| assert_eq!(Page::parse(n, None).map(|page| page.limit), expect, "{n:?}");
        check(None, Ok(10_000));
        check(Some("0"), Ok(0));
        check(Some("7"), Ok(7));
        check(Some("10000"), Ok(10_000));
        check(Some("1000000000"), Ok(10_000));
        check(Some("99999999999999999999999999"), Ok(10_000));
        check(Some("-1"), Err(PageError::Limit));
        check(Some("+1"), Err(PageError::Limit));
        check(Some(""), Err(PageError::Limit));
        check(Some("ten"), Err(PageError::Limit));
    }

    #[test]
    fn what_comes_before_is_text() {
        let check = |last, expect: Result<Option<&str>, PageError>| {
            let after = Page::parse(None, Some(last)).map(|page| page.after);
            assert_eq!(after, expect.map(|text| text.map(str::to_owned)), "{last:?}");
        };
        check("", Ok(None));
        check("v1", Ok(Some("v1")));
        check("\u{fffd}~", Ok(Some("\u{fffd}~")));
        check("\0", Err(PageError::After));
        check("v1\n", Err(PageError::After));
    }
}
