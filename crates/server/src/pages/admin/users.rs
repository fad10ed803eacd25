//! Users, by whoever looks after them.

use wharf_content::body::Body;
use wharf_model::api::list::List;
use wharf_model::api::people::{NewUser, PasswordChange, Token, User, UserChange};
use wharf_model::handle::Handle;
use wharf_model::id::Id;
use wharf_model::limits::{API_PAGE_ENTRIES_MAX, PASSWORD_BYTES_MIN};
use wharf_model::permission::Permission;
use wharf_registry::people::Part;

use super::super::account::{TOKEN_COLUMNS, token_row};
use super::super::facts::{Cell, Pair};
use super::super::form::{Field, Form};
use super::super::manage::{self, Block, Deed, Head, Row, Rows};
use super::super::route::{Desk, Page};
use super::super::sent::{Sent, Wrong};
use super::super::shell::Crumb;
use super::super::{ENTRIES, Trouble, Visit, further, plain};
use super::{crumb, head, may};
use crate::respond::Answer;

fn here() -> Page {
    Page::Admin(Desk::Users)
}

fn of(name: &Handle) -> Page {
    Page::Admin(Desk::User(name.clone()))
}

/// `/-/admin/users`
pub async fn list(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let may = may(visit);
    if sent.is_post()
        && let Some(answer) = sent.done(make(visit, &sent).await)?
    {
        return Ok(answer);
    }
    let listed = visit.registry().users(visit.subject, &visit.part(ENTRIES)).await?;
    let mut blocks = vec![Block::Rows(rows(visit, listed))];
    if may.has(Permission::UserWrite) {
        let password = Field::secret("password", "Password", "new-password");
        let form = Form::new(here(), "make", "Make a user", "Make the user")
            .field(Field::name("name", "Name").hint("What they sign in as."))
            .field(Field::lines("description", "Who they are", ""))
            .field(password.hint("Nothing: one is made up, and shown once."));
        blocks.push(Block::Form(form));
    }
    manage::page(visit, head(may, Some(&Desk::Users), "Users"), &sent, blocks)
}

fn rows(visit: &Visit<'_>, listed: List<User>) -> Rows {
    let row = |user: User| {
        let name = user.name.to_string();
        let cells = vec![
            Cell::Way { path: of(&user.name).to_string(), text: name.clone() },
            Cell::text(&plain(&user.description)),
            Cell::words(user.groups.iter().map(Handle::as_str)),
            Cell::text(if user.disabled { "off" } else { "on" }),
            Cell::Moment(visit.moment(user.created_at)),
        ];
        Row { name, cells, deeds: Vec::new() }
    };
    Rows {
        title: "Users",
        about: String::new(),
        columns: vec!["Name", "Who", "Groups", "State", "Made"],
        rows: listed.items.into_iter().map(row).collect(),
        empty: "There is none.",
        next: further(visit, &here(), &[], listed.next),
        action: String::new(),
    }
}

async fn make(visit: &Visit<'_>, sent: &Sent) -> Result<Answer, Wrong> {
    if sent.deed() != "make" {
        return Err(Trouble::Form.into());
    }
    let password = Some(sent.raw("password")).filter(|password| !password.is_empty()).map(str::to_owned);
    let new = NewUser { name: sent.read("name")?, password, description: sent.text("description").to_owned() };
    let made = visit.registry().new_user(visit.subject, &new).await?;
    let name = &made.made.name;
    let Some(secret) = &made.secret else { return Ok(manage::done(visit, of(name), format!("Made the user {name}."))) };
    let head = Head::alone(format!("The password of {name}"), crumbs());
    let about = format!("{name} signs in with this, and can change it then.");
    Ok(manage::secret(visit, head, about, secret, &of(name).to_string())?)
}

fn crumbs() -> Vec<Crumb> {
    vec![crumb(), Crumb::new("Users", here())]
}

/// `/-/admin/users/<name>`
pub async fn show(visit: &Visit<'_>, name: &Handle, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    visit.registry().authorise_system(visit.subject, Permission::UserRead)?;
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, name, &sent).await)?
    {
        return Ok(answer);
    }
    let user = visit.registry().user(visit.subject, name).await?;
    let may_write = may(visit).has(Permission::UserWrite);
    if may_write && let Some(form) = ask(name, &sent) {
        let mut crumbs = crumbs();
        crumbs.push(Crumb::new(name, of(name)));
        return manage::ask(visit, crumbs, &sent, form);
    }
    let mut blocks = vec![Block::Pairs("In brief", in_brief(visit, &user))];
    if may_write {
        let part = Part { limit: API_PAGE_ENTRIES_MAX, after: None };
        let tokens = visit.registry().tokens(visit.subject, name, &part).await?;
        let row = |token: Token| Row {
            deeds: vec![Deed::ask("Delete", of(name), "end-token", token.id)],
            ..token_row(visit, token)
        };
        blocks.push(Block::Rows(Rows {
            title: "Tokens",
            about: String::new(),
            columns: TOKEN_COLUMNS.to_vec(),
            rows: tokens.items.into_iter().map(row).collect(),
            empty: "They have none.",
            next: None,
            action: of(name).to_string(),
        }));
        blocks.extend(forms(&user).map(Block::Form));
        blocks.push(Block::Ways(vec![("Delete this user".to_owned(), manage::asking(of(name), "delete", ""))]));
    }
    manage::page(visit, Head::alone(name, crumbs()), &sent, blocks)
}

fn in_brief(visit: &Visit<'_>, user: &User) -> Vec<Pair> {
    Pair::some([
        ("Who", Cell::text(&plain(&user.description))),
        ("In the groups", Cell::words(user.groups.iter().map(Handle::as_str))),
        ("May sign in", Cell::text(if user.disabled { "no" } else { "yes" })),
        ("Made", Cell::Moment(visit.moment(user.created_at))),
    ])
}

fn forms(user: &User) -> [Form; 3] {
    let page = of(&user.name);
    let disabled = Field::tick("disabled", "May not sign in", user.disabled);
    let password = Field::secret("password", "The new one", "new-password").needed();
    [
        Form::new(&page, "change", "About them", "Save")
            .field(Field::lines("description", "Who they are", &user.description))
            .field(disabled.hint("Ends what was issued to them, at once.")),
        Form::new(&page, "password", "Set their password", "Set it")
            .whose(&user.name)
            .about("Everything that was issued for the old one ends.")
            .field(password.hint(format!("At least {PASSWORD_BYTES_MIN} characters."))),
        Form::new(&page, "end", "End their sessions", "End all sessions")
            .about("Signs them out everywhere. Tokens that they made go on."),
    ]
}

/// What is asked once more.
fn ask(name: &Handle, sent: &Sent) -> Option<Form> {
    match sent.deed() {
        "delete" => Some(
            Form::new(of(name), "delete", "Delete this user?", "Delete the user")
                .about(format!(
                    "{name} goes for good, with all that they are given and their tokens. What they pushed stays."
                ))
                .about("Whoever gets the name next is somebody else."),
        ),
        "end-token" => Some(
            Form::new(of(name), "end-token", "Delete this token?", "Delete the token")
                .of(sent.thing())
                .about("Whatever logs in with it is refused from then on."),
        ),
        _ => None,
    }
    .map(|form| form.or(of(name)))
}

async fn act(visit: &Visit<'_>, name: &Handle, sent: &Sent) -> Result<Answer, Wrong> {
    let (registry, subject) = (visit.registry(), visit.subject);
    let text = match sent.deed() {
        "change" => {
            let user = registry.user(subject, name).await?;
            // To let somebody in or not takes more than to say who they are.
            let disabled = Some(sent.has("disabled")).filter(|disabled| *disabled != user.disabled);
            let change = UserChange { description: Some(sent.text("description").to_owned()), disabled };
            registry.change_user(subject, name, &change).await?;
            "Saved."
        }
        "password" => {
            if subject.actor.name() == Some(name) {
                return Err(Wrong::Field("password", "Yours is changed on the page of your account.".to_owned()));
            }
            let change = PasswordChange { current: None, password: sent.raw("password").to_owned() };
            registry.set_password(subject, name, &change).await?;
            "Their password is set."
        }
        "end" => {
            registry.end_sessions(subject, name).await?;
            "Their sessions have ended."
        }
        "end-token" => {
            registry.delete_token(subject, name, sent.named::<Id>()?).await?;
            "Deleted the token."
        }
        "delete" => {
            registry.delete_user(subject, name).await?;
            return Ok(manage::done(visit, here(), format!("Deleted the user {name}.")));
        }
        _ => return Err(Trouble::Form.into()),
    };
    Ok(manage::done(visit, of(name), text))
}
