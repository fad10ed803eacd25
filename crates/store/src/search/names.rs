//! How well a word fits the name of a repository: purely, so that every backend ranks alike.

/// The whole name, or all of it that is behind the last slash.
const WHOLE: u32 = 1_000;
/// A part between slashes.
const COMPONENT: u32 = 800;
/// A word of a part: `manager` of `cert-manager`.
const WORD: u32 = 600;
/// What the last part begins with; more, the more of it that is.
const BEGINNING: u32 = 400;
/// What a word begins with.
const WORD_BEGINNING: u32 = 300;
/// Somewhere in it.
const INSIDE: u32 = 150;
/// What a word is nearly.
const NEARLY: u32 = 40;

/// How well `word` fits, 0 where it is not in the name. Both are lower case.
pub(super) fn fit(name: &str, word: &str) -> u32 {
    let last = name.rsplit('/').next().unwrap_or(name);
    if name == word || last == word {
        return WHOLE;
    }
    if !name.contains(word) {
        return 0;
    }
    if word.contains('/') {
        let at_end = name.strip_suffix(word).is_some_and(|before| before.ends_with('/'));
        return if at_end { COMPONENT } else { INSIDE };
    }
    if name.split('/').any(|component| component == word) {
        return COMPONENT;
    }
    if words(name).any(|one| one == word) {
        return WORD;
    }
    if last.starts_with(word) {
        return BEGINNING + (100 * word.len() / last.len()) as u32;
    }
    if words(name).any(|one| one.starts_with(word)) { WORD_BEGINNING } else { INSIDE }
}

/// How well a word fits that was taken for another; less, the more was changed.
pub(super) fn nearly(distance: usize) -> u32 {
    NEARLY / distance.max(1) as u32
}

/// The parts of a name that are found by what they begin with: what is between slashes, and the words of that.
pub(super) fn parts(name: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = name.split('/').chain(words(name)).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['/', '-', '_', '.']).filter(|word| !word.is_empty())
}

/// How many typing mistakes are forgiven in a word.
pub(super) fn forgiven(word: &str) -> usize {
    match word.len() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// How many letters are to be changed, put in, taken out or swapped with the next to make one of the other, if that is no more than
/// `most`.
pub(super) fn distance(left: &str, right: &str, most: usize) -> Option<usize> {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len().abs_diff(right.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, one) in left.iter().enumerate() {
        let mut next = vec![at + 1; right.len() + 1];
        for (column, other) in right.iter().enumerate() {
            let change = row[column] + usize::from(one != other);
            next[column + 1] = change.min(row[column + 1] + 1).min(next[column] + 1);
            if at > 0 && column > 0 && *one == right[column - 1] && left[at - 1] == *other {
                next[column + 1] = next[column + 1].min(before[column - 1] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_better_comes_first() {
        let order = [
            "acme/manager",
            "manager/app",
            "acme/cert-manager",
            "acme/managers",
            "acme/managers-of-much",
            "managers/app",
            "acme/mismanager",
        ];
        let fits: Vec<u32> = order.iter().map(|name| fit(name, "manager")).collect();
        assert!(fits.windows(2).all(|pair| pair[0] > pair[1]), "{fits:?}");
        assert_eq!(fit("acme/app", "manager"), 0);
        assert_eq!(fit("acme/cert-manager", "cert-manager"), fit("acme/x", "acme/x"));
        assert!(fit("acme/x/y", "x/y") > fit("acme/x/yy", "x/y"));
        assert_eq!(parts("acme/cert-manager"), ["acme", "cert", "cert-manager", "manager"]);
    }

    #[test]
    fn mistakes_are_counted() {
        let check = |left, right, expect| assert_eq!(distance(left, right, 2), expect, "{left} {right}");
        check("nginx", "nginx", Some(0));
        check("ngnix", "nginx", Some(1));
        check("nginz", "nginx", Some(1));
        check("ginx", "nginx", Some(1));
        check("prometeus", "prometheus", Some(1));
        check("promteus", "prometheus", Some(2));
        check("apple", "orange", None);
        check("", "ab", Some(2));
    }
}
