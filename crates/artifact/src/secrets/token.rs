//! Tokens that tell by their form whose they are.

/// How a token begins, how many characters of which sort follow at least, and whose it is.
struct Form {
    prefix: &'static str,
    length: usize,
    fits: fn(char) -> bool,
    reason: &'static str,
}

const FORMS: [Form; 19] = [
    form("ghp_", 36, is_word, "a token of GitHub"),
    form("gho_", 36, is_word, "a token of GitHub"),
    form("ghu_", 36, is_word, "a token of GitHub"),
    form("ghs_", 36, is_word, "a token of GitHub"),
    form("ghr_", 36, is_word, "a token of GitHub"),
    form("github_pat_", 40, is_word, "a token of GitHub"),
    form("glpat-", 20, is_dashed, "a token of GitLab"),
    form("gldt-", 20, is_dashed, "a token of GitLab"),
    form("glrt-", 20, is_dashed, "a token of GitLab"),
    form("AKIA", 16, is_upper, "a key of AWS"),
    form("ASIA", 16, is_upper, "a key of AWS"),
    form("xoxb-", 20, is_dashed, "a token of Slack"),
    form("xoxp-", 20, is_dashed, "a token of Slack"),
    form("npm_", 36, is_word, "a token of npm"),
    form("pypi-AgEIcHlwaS5vcmc", 40, is_dashed, "a token of PyPI"),
    form("dckr_pat_", 20, is_dashed, "a token of Docker Hub"),
    form("AIza", 35, is_dashed, "a key of Google"),
    form("sk_live_", 24, is_word, "a key of Stripe"),
    form("hvs.", 24, is_dashed, "a token of Vault"),
];

const fn form(prefix: &'static str, length: usize, fits: fn(char) -> bool, reason: &'static str) -> Form {
    Form { prefix, length, fits, reason }
}

fn is_word(one: char) -> bool {
    one.is_ascii_alphanumeric() || one == '_'
}

fn is_dashed(one: char) -> bool {
    is_word(one) || one == '-'
}

fn is_upper(one: char) -> bool {
    one.is_ascii_uppercase() || one.is_ascii_digit()
}

/// Whose token is in `text`, if there is one.
pub(super) fn find(text: &str) -> Option<&'static str> {
    FORMS.iter().find(|form| form.is_in(text)).map(|form| form.reason)
}

impl Form {
    fn is_in(&self, text: &str) -> bool {
        text.match_indices(self.prefix).any(|(at, _)| {
            let begins = !text[..at].ends_with(is_dashed);
            let rest = &text[at + self.prefix.len()..];
            let length = rest.chars().take_while(|one| (self.fits)(*one)).count();
            // What repeats one character stands for a token; a longer word is something else where the length is fixed.
            let is_varied = rest.chars().take(self.length).any(|one| !rest.starts_with(one));
            let is_fixed = matches!(self.prefix, "AKIA" | "ASIA");
            begins && is_varied && length >= self.length && (!is_fixed || length == self.length)
        })
    }
}
