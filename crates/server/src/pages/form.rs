//! Forms: what a page asks of people.
//!
//! A form says by `do` what is to be done, and by `of` to what, and goes to the page on which it stands. So the page that asks and
//! the one that says what was wrong are the same, with what was typed still there; secrets are typed anew.

use wharf_model::api::facts::Text;
use wharf_model::handle::Handle;
use wharf_model::permission::{Permission, Permissions};

use super::sent::Sent;

/// A form.
pub struct Form {
    /// What stands above it.
    pub title: &'static str,
    /// What is to be known of it.
    pub about: Vec<String>,
    /// Where it goes.
    pub action: String,
    /// What it has done.
    pub deed: &'static str,
    /// To what.
    pub thing: String,
    /// Whose passwords it asks for, which is told to what keeps passwords.
    pub whose: String,
    /// What it asks.
    pub fields: Vec<Field>,
    /// What its button says.
    pub button: &'static str,
    /// Where to go instead of having it done.
    pub back: Option<String>,
}

impl Form {
    /// A form that goes to a page.
    pub fn new(page: impl ToString, deed: &'static str, title: &'static str, button: &'static str) -> Form {
        let (about, thing, whose, fields) = (Vec::new(), String::new(), String::new(), Vec::new());
        Form { title, about, action: page.to_string(), deed, thing, whose, fields, button, back: None }
    }

    /// With something that is to be known of it.
    pub fn about(mut self, text: impl ToString) -> Form {
        self.about.push(text.to_string());
        self
    }

    /// To what it is to be done.
    pub fn of(mut self, thing: impl ToString) -> Form {
        self.thing = thing.to_string();
        self
    }

    /// Asking for passwords of this user.
    pub fn whose(mut self, user: &Handle) -> Form {
        self.whose = user.to_string();
        self
    }

    /// With another way out.
    pub fn or(mut self, back: impl ToString) -> Form {
        self.back = Some(back.to_string());
        self
    }

    /// With a field.
    pub fn field(mut self, field: Field) -> Form {
        self.fields.push(Field { id: format!("{}-{}", self.deed, field.name), ..field });
        self
    }

    /// Whether it is this form that was sent.
    pub fn was_sent(&self, sent: &Sent) -> bool {
        sent.is_post() && sent.deed() == self.deed && sent.thing() == self.thing
    }

    /// With what was typed, and what is wrong with it, where it is this form that was sent.
    pub fn after(mut self, sent: &Sent) -> Form {
        if self.was_sent(sent) {
            for field in &mut self.fields {
                field.fill(sent);
            }
        }
        self
    }
}

/// Something that a form asks.
pub struct Field {
    /// Tells it from others on the page.
    pub id: String,
    /// What it is called where it is sent.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What is to be known of it.
    pub hint: String,
    /// What is wrong with it.
    pub error: Option<String>,
    /// How it is asked.
    pub input: Input,
    /// Whether something has to be said.
    pub is_needed: bool,
    /// Whether few need it, so that it is shown when it is asked for.
    pub is_folded: bool,
}

/// How something is asked.
pub enum Input {
    /// A line of text.
    Line {
        /// What is in it.
        value: String,
        /// How browsers know it.
        sort: &'static str,
        /// What browsers may fill in.
        fills: &'static str,
    },
    /// Lines of text.
    Lines(String),
    /// Yes or no.
    Tick(bool),
    /// One of several.
    One(Vec<Choice>),
    /// Some of several.
    Many(Vec<Choice>),
}

/// One of several.
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What it is called.
    pub label: String,
    /// What it means.
    pub about: &'static str,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

impl Choice {
    /// One of several.
    pub fn new(value: impl ToString, label: impl ToString, is_chosen: bool) -> Choice {
        Choice { value: value.to_string(), label: label.to_string(), about: "", is_chosen }
    }

    /// Each of these permissions, ticked where it is in `given`.
    pub fn permissions(all: Permissions, given: Permissions) -> Vec<Choice> {
        let choice = |one: Permission| Choice { about: one.about(), ..Choice::new(one, one, given.has(one)) };
        all.iter().map(choice).collect()
    }
}

impl Field {
    fn new(name: &'static str, label: &'static str, input: Input) -> Field {
        let (id, hint) = (String::new(), String::new());
        Field { id, name, label, hint, error: None, input, is_needed: false, is_folded: false }
    }

    /// A line.
    pub fn line(name: &'static str, label: &'static str, value: impl ToString) -> Field {
        let value = Text::new(&value.to_string()).as_str().to_owned();
        Field::new(name, label, Input::Line { value, sort: "text", fills: "off" })
    }

    /// A name, which nobody corrects.
    pub fn name(name: &'static str, label: &'static str) -> Field {
        Field::line(name, label, "").needed()
    }

    /// A secret, which is never said again.
    pub fn secret(name: &'static str, label: &'static str, fills: &'static str) -> Field {
        Field::new(name, label, Input::Line { value: String::new(), sort: "password", fills })
    }

    /// Lines of text.
    pub fn lines(name: &'static str, label: &'static str, value: &str) -> Field {
        Field::new(name, label, Input::Lines(Text::new(value).as_str().to_owned()))
    }

    /// Yes or no.
    pub fn tick(name: &'static str, label: &'static str, is_ticked: bool) -> Field {
        Field::new(name, label, Input::Tick(is_ticked))
    }

    /// One of several.
    pub fn one(name: &'static str, label: &'static str, choices: Vec<Choice>) -> Field {
        Field::new(name, label, Input::One(choices))
    }

    /// Some of several.
    pub fn many(name: &'static str, label: &'static str, choices: Vec<Choice>) -> Field {
        Field::new(name, label, Input::Many(choices))
    }

    /// With what is to be known of it.
    pub fn hint(mut self, hint: impl ToString) -> Field {
        self.hint = hint.to_string();
        self
    }

    /// Something has to be said.
    pub fn needed(mut self) -> Field {
        self.is_needed = true;
        self
    }

    /// Few need it.
    pub fn folded(mut self) -> Field {
        self.is_folded = true;
        self
    }

    /// Whether it is shown at once all the same.
    pub fn is_open(&self) -> bool {
        let is_chosen = matches!(&self.input, Input::Many(choices) if choices.iter().any(|choice| choice.is_chosen));
        is_chosen || self.error.is_some()
    }

    fn fill(&mut self, sent: &Sent) {
        let name = self.name;
        match &mut self.input {
            Input::Line { sort: "password", .. } => {}
            Input::Line { value, .. } | Input::Lines(value) => {
                *value = Text::new(sent.raw(name)).as_str().to_owned();
            }
            Input::Tick(is_ticked) => *is_ticked = sent.has(name),
            Input::One(choices) | Input::Many(choices) => {
                for choice in choices {
                    choice.is_chosen = sent.all(name).any(|value| value == choice.value);
                }
            }
        }
        self.error = sent.wrong_with(name).map(str::to_owned);
    }

    /// What describes it besides its label.
    pub fn described(&self) -> String {
        let parts = [("hint", !self.hint.is_empty()), ("wrong", self.error.is_some())];
        let ids = parts.into_iter().filter(|(_, is_there)| *is_there).map(|(part, _)| format!("{}-{part}", self.id));
        ids.collect::<Vec<_>>().join(" ")
    }
}
