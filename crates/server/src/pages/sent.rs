//! What people sent by a form, read as what it stands for, and why it was not done. Whether it may be done is for the use case to
//! say that does it, the same that our API asks; what forms look like is in [`super::form`].

use std::str::FromStr;

use http::Method;
use wharf_content::body::Body;
use wharf_model::api::facts::Text;
use wharf_model::limits::API_BODY_BYTES_MAX;
use wharf_model::permission::{Permission, Permissions};
use wharf_registry::error::Error;
use wharf_registry::identity::AuthError;

use super::form::Form;
use super::{Trouble, Visit, session};
use crate::respond::Answer;

/// How many fields of a form are read.
const FIELDS_MAX: usize = 200;
/// What an empty field is told.
const MISSING: &str = "This is needed.";

/// What was sent to a page.
pub struct Sent {
    is_post: bool,
    fields: Vec<(String, String)>,
    /// What is wrong with fields, and with all of it.
    wrong: Vec<(Option<&'static str>, String)>,
}

/// Why something that was sent was not done.
#[derive(Debug)]
pub enum Wrong {
    /// A field is not as it must be.
    Field(&'static str, String),
    /// It is not to be as things are, and whoever sent it can do something about that.
    Whole(String),
    /// Anything else.
    Trouble(Trouble),
}

impl From<Trouble> for Wrong {
    fn from(trouble: Trouble) -> Wrong {
        Wrong::Trouble(trouble)
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        match error {
            Error::Field { field, reason } => Wrong::Field(field, sentence(&reason)),
            Error::PasswordWrong => Wrong::Field("current", "That is not your password.".to_owned()),
            Error::PasswordNeeded(_) => {
                Wrong::Field("current", "It takes your password: a token makes no tokens.".to_owned())
            }
            Error::Conflict(_)
            | Error::Beyond { .. }
            | Error::Above(_)
            | Error::NotThere { .. }
            | Error::Immutable(_)
            | Error::Quota { .. }
            | Error::TagMoved(..)
            | Error::Unsupported(_) => Wrong::Whole(sentence(&error.to_string())),
            other => Wrong::Trouble(Trouble::from(other)),
        }
    }
}

impl From<AuthError> for Wrong {
    fn from(error: AuthError) -> Wrong {
        match error {
            AuthError::BadCredentials | AuthError::Malformed | AuthError::Expired => {
                let text =
                    "That is not your password. After several wrong ones, even the right one is refused for a while.";
                Wrong::Field("current", text.to_owned())
            }
            other => Wrong::Trouble(Trouble::from(other)),
        }
    }
}

/// What a program says, as a page says it: with a capital and an end.
fn sentence(text: &str) -> String {
    let text = Text::new(text).as_str().to_owned();
    let mut letters = text.chars();
    let begin: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '…']) { "" } else { "." };
    format!("{begin}{}{end}", letters.as_str())
}

impl Sent {
    /// What a form sent; where a page is only looked at, what it is asked to ask: `do` and `of` of its address.
    ///
    /// # Errors
    /// The form is of a page from elsewhere, or cannot be read.
    pub async fn of(visit: &Visit<'_>, body: &mut Body) -> Result<Sent, Trouble> {
        let is_post = visit.parts.method == Method::POST;
        let fields = if is_post {
            session::read(visit, body, API_BODY_BYTES_MAX, FIELDS_MAX).await?
        } else {
            let asked = |name: &str| visit.asked(name).map(|value| (name.to_owned(), value));
            ["do", "of"].into_iter().filter_map(asked).collect()
        };
        // Browsers end lines as terminals did.
        let plain = |(name, value): (String, String)| (name, value.replace("\r\n", "\n"));
        Ok(Sent { is_post, fields: fields.into_iter().map(plain).collect(), wrong: Vec::new() })
    }

    /// Whether something is to be done.
    pub fn is_post(&self) -> bool {
        self.is_post
    }

    /// What is to be done; nothing where the page is only looked at.
    pub fn deed(&self) -> &str {
        self.raw("do")
    }

    /// To what it is to be done.
    pub fn thing(&self) -> &str {
        self.raw("of")
    }

    /// The same, as what it names.
    ///
    /// # Errors
    /// It names no such thing.
    pub fn named<T: FromStr>(&self) -> Result<T, Trouble> {
        self.thing().parse().map_err(|_| Trouble::NotHere)
    }

    /// A field as it was typed, a secret.
    pub fn raw(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// A field without what stands round it; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// Whether something was ticked.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, _)| key == name)
    }

    /// All that was chosen.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The lines of a field.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.raw(name).lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// A field as what it names.
    ///
    /// # Errors
    /// It is not as it must be.
    pub fn read<T: FromStr<Err: ToString>>(&self, name: &'static str) -> Result<T, Wrong> {
        self.maybe(name)?.ok_or_else(|| Wrong::Field(name, MISSING.to_owned()))
    }

    /// The same where nothing need be said.
    ///
    /// # Errors
    /// What is said is not as it must be.
    pub fn maybe<T: FromStr<Err: ToString>>(&self, name: &'static str) -> Result<Option<T>, Wrong> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|error: T::Err| Wrong::Field(name, sentence(&error.to_string())))
    }

    /// A number where one is said.
    ///
    /// # Errors
    /// It is none.
    pub fn number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Wrong> {
        let text = self.text(name);
        let wrong = || Wrong::Field(name, "Write a whole number.".to_owned());
        (!text.is_empty()).then(|| text.parse().map_err(|_| wrong())).transpose()
    }

    /// Each word of a field as what it names; between words are spaces, commas and ends of lines.
    ///
    /// # Errors
    /// One of them is not as it must be.
    pub fn each<T: FromStr<Err: ToString>>(&self, name: &'static str) -> Result<Vec<T>, Wrong> {
        let wrong = |word: &str, error: T::Err| Wrong::Field(name, format!("{word}: {}.", error.to_string()));
        let words = self.raw(name).split([' ', ',', '\n']).filter(|word| !word.is_empty());
        words.map(|word| word.parse().map_err(|error| wrong(word, error))).collect()
    }

    /// The permissions that were ticked.
    ///
    /// # Errors
    /// There is no such permission.
    pub fn permissions(&self, name: &'static str) -> Result<Permissions, Wrong> {
        let wrong = |error: <Permission as FromStr>::Err| Wrong::Field(name, sentence(&error.to_string()));
        self.all(name).map(|text| text.parse::<Permission>().map_err(wrong)).collect()
    }

    /// The answer to what was done; nothing where it was not, and the page that asks for it is to say why.
    ///
    /// # Errors
    /// There is nothing that whoever sent it could do about that.
    pub fn done(&mut self, done: Result<Answer, Wrong>) -> Result<Option<Answer>, Trouble> {
        match done {
            Ok(answer) => Ok(Some(answer)),
            Err(wrong) => self.refuse(wrong).map(|()| None),
        }
    }

    /// Remembers why it was not done.
    fn refuse(&mut self, wrong: Wrong) -> Result<(), Trouble> {
        match wrong {
            Wrong::Field(field, why) => self.wrong.push((Some(field), why)),
            Wrong::Whole(why) => self.wrong.push((None, why)),
            Wrong::Trouble(trouble) => return Err(trouble),
        }
        Ok(())
    }

    /// Whether it was not done.
    pub fn is_refused(&self) -> bool {
        !self.wrong.is_empty()
    }

    /// What is wrong with a field.
    pub fn wrong_with(&self, name: &str) -> Option<&str> {
        self.wrong.iter().find(|(field, _)| *field == Some(name)).map(|(_, why)| why.as_str())
    }

    /// What is wrong, but for the fields of these forms, which say so themselves.
    pub fn told<'a>(&self, forms: impl Iterator<Item = &'a Form> + Clone) -> Vec<String> {
        let is_said = |field: &str| {
            let mut fields = forms.clone().filter(|form| form.was_sent(self)).flat_map(|form| &form.fields);
            fields.any(|one| one.name == field)
        };
        let told = |(field, why): &(Option<&'static str>, String)| match field {
            Some(field) if is_said(field) => None,
            Some(field) => Some(format!("{field}: {why}")),
            None => Some(why.clone()),
        };
        self.wrong.iter().filter_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::pages::form::{Choice, Field, Input};

    fn sent(fields: &[(&str, &str)]) -> Sent {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sent { is_post: true, fields, wrong: Vec::new() }
    }

    #[test]
    fn fields_are_what_they_name() {
        let sent = sent(&[
            ("do", "add"),
            ("of", "7"),
            ("days", " 30 "),
            ("wrong", "x"),
            ("types", "a/b\n\n c/d"),
            ("all", "1,2\n3  4"),
            ("p", "pull"),
            ("p", "push"),
        ]);
        assert_eq!((sent.deed(), sent.thing()), ("add", "7"));
        assert_eq!(sent.number::<u32>("days").expect("a number"), Some(30));
        assert_eq!(sent.number::<u32>("none").expect("nothing"), None);
        assert!(matches!(sent.number::<u32>("wrong"), Err(Wrong::Field("wrong", _))));
        assert!(matches!(sent.read::<u32>("none"), Err(Wrong::Field("none", why)) if why == MISSING));
        assert_eq!(sent.lines("types").collect::<Vec<_>>(), ["a/b", "c/d"]);
        assert_eq!(sent.each::<u32>("all").expect("numbers"), [1, 2, 3, 4]);
        assert!(matches!(sent.each::<u32>("types"), Err(Wrong::Field("types", why)) if why.starts_with("a/b: ")));
        assert_eq!(sent.permissions("p").expect("permissions").to_string(), "pull,push");
        assert!(matches!(sent.permissions("wrong"), Err(Wrong::Field("wrong", _))));
    }

    #[test]
    fn what_was_typed_stays_and_secrets_do_not() {
        let mut sent =
            sent(&[("do", "add"), ("name", "Kim"), ("password", "hidden"), ("open", "1"), ("role", "owner")]);
        let wrong = Error::Field { field: "name", reason: "names are lower-case".to_owned() };
        sent.refuse(wrong.into()).expect("it can be mended");
        sent.refuse(Wrong::Field("bindings", "At most 50.".to_owned())).expect("it can be mended");
        let roles = || vec![Choice::new("reader", "reader", true), Choice::new("owner", "owner", false)];
        let form = |deed| {
            let form = Form::new("/", deed, "Add", "Add").field(Field::name("name", "Name"));
            let form = form
                .field(Field::secret("password", "Password", "new-password"))
                .field(Field::tick("open", "Open", false));
            form.field(Field::one("role", "Role", roles())).after(&sent)
        };
        let (form, other) = (form("add"), form("change"));
        let Input::Line { value, .. } = &form.fields[0].input else { panic!("a line") };
        assert_eq!((value.as_str(), form.fields[0].error.as_deref()), ("Kim", Some("Names are lower-case.")));
        assert_eq!(form.fields[0].described(), "add-name-wrong");
        assert!(matches!(&form.fields[1].input, Input::Line { value, .. } if value.is_empty()));
        assert!(matches!(form.fields[2].input, Input::Tick(true)));
        assert!(matches!(&form.fields[3].input, Input::One(all) if all[1].is_chosen && !all[0].is_chosen));
        assert!(other.fields.iter().all(|field| field.error.is_none()));
        assert!(matches!(&other.fields[0].input, Input::Line { value, .. } if value.is_empty()));
        assert_eq!(sent.told([&form, &other].into_iter()), ["bindings: At most 50."]);
    }

    #[test]
    fn what_nobody_can_mend_is_a_page_of_its_own() {
        let mut sent = sent(&[]);
        for error in [Error::Denied, Error::Unauthorized, Error::Unavailable("x".to_owned())] {
            assert!(sent.refuse(error.into()).is_err());
        }
        assert!(!sent.is_refused());
        sent.refuse(Error::Conflict("the name kim is taken".to_owned()).into()).expect("it can be mended");
        assert_eq!(sent.told([].into_iter()), ["The name kim is taken."]);
    }
}
