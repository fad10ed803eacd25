//! One's own account: who one is, what one may do, one's password, tokens and sessions.

use wharf_content::body::Body;
use wharf_model::api::access::{Binding, Bound};
use wharf_model::api::people::{Limit, Me, NewToken, PasswordChange, Token};
use wharf_model::handle::Handle;
use wharf_model::limits::{API_PAGE_ENTRIES_MAX, PASSWORD_BYTES_MIN};
use wharf_model::permission::{Level, Permission, Permissions};
use wharf_registry::people::Part;

use super::facts::{Cell, Pair};
use super::form::{Choice, Field, Form};
use super::html::Moment;
use super::manage::{self, Block, Deed, Head, Row, Rows};
use super::route::Page;
use super::sent::{Sent, Wrong};
use super::shell::Crumb;
use super::{Trouble, Visit, plain, session};
use crate::respond::Answer;

/// How much of what somebody has been given is told.
const GIVEN_TOLD: usize = 50;

/// `/-/account`
pub async fn show(visit: &Visit<'_>, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let me = visit.registry().me(visit.subject).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(act(visit, &me, &sent).await)?
    {
        return Ok(answer);
    }
    if sent.deed() == "end-token" {
        return ask_end(visit, &sent);
    }
    let mut blocks = vec![Block::Pairs("In brief", in_brief(&me)), Block::Rows(given(visit, &me).await?)];
    if let Bound::User(name) = &me.subject {
        let tokens = visit.registry().tokens(visit.subject, name, &all()).await?.items;
        blocks.push(Block::Rows(tokens_list(visit, tokens)));
        blocks.push(Block::Form(new_token(name)));
        blocks.push(Block::Form(password(name)));
        blocks.push(Block::Form(end_sessions()));
    }
    manage::page(visit, Head::alone("Your account", Vec::new()), &sent, blocks)
}

/// As much of a list as there may be at once.
fn all() -> Part {
    Part { limit: API_PAGE_ENTRIES_MAX, after: None }
}

fn in_brief(me: &Me) -> Vec<Pair> {
    let limits: Vec<String> = me.limits.iter().map(limit).collect();
    Pair::some([
        ("You are", Cell::code(&me.subject.to_string())),
        ("In the groups", Cell::words(me.groups.iter().map(Handle::as_str))),
        ("In the whole system you may", permissions(me.permissions)),
        ("No more than this, by the token that you signed in with", Cell::words(limits.iter().map(String::as_str))),
    ])
}

/// Permissions as people take them in.
pub fn permissions(all: Permissions) -> Cell {
    if all.has_all(Permissions::ALL) {
        return Cell::text("everything");
    }
    Cell::words(all.iter().map(Permission::as_str))
}

/// What a binding gives: its role, or what it allows.
pub fn gives(binding: &Binding) -> Cell {
    binding.role.as_ref().map_or_else(|| permissions(binding.permissions), |role| Cell::text(role.as_str()))
}

fn limit(limit: &Limit) -> String {
    let place = limit.repositories.as_ref().map(|pattern| format!(" in {}", pattern.as_str())).unwrap_or_default();
    format!("{}{place}", limit.permissions)
}

/// What one has been given, wherever that is.
async fn given(visit: &Visit<'_>, me: &Me) -> Result<Rows, Trouble> {
    let mut all = visit.registry().own_bindings(visit.subject).await?;
    all.sort_by(|one, other| one.project.cmp(&other.project));
    let left_out = all.len().saturating_sub(GIVEN_TOLD);
    Ok(Rows {
        title: "What you have been given",
        about: if left_out > 0 { format!("{left_out} more are not shown.") } else { String::new() },
        columns: vec!["Where", "What", "By"],
        rows: all.iter().take(GIVEN_TOLD).map(|one| given_row(me, one)).collect(),
        empty: "You have been given nothing yet. What is public you may read all the same.",
        next: None,
        action: String::new(),
    })
}

fn given_row(me: &Me, binding: &Binding) -> Row {
    let place = match (&binding.project, &binding.repositories) {
        (None, _) => Cell::text("everywhere"),
        (Some(_), Some(pattern)) => Cell::code(pattern.as_str()),
        (Some(name), None) => Cell::Way { path: Page::Project(name.clone()).to_string(), text: name.to_string() },
    };
    let by =
        if binding.subject == me.subject { Cell::text("yourself") } else { Cell::text(&binding.subject.to_string()) };
    Row { name: String::new(), cells: vec![place, gives(binding), by], deeds: Vec::new() }
}

fn tokens_list(visit: &Visit<'_>, tokens: Vec<Token>) -> Rows {
    let row = |token: Token| Row {
        deeds: vec![Deed::ask("Delete", Page::Account, "end-token", token.id)],
        ..token_row(visit, token)
    };
    Rows {
        title: "Your tokens",
        about: "Shown in place of the password where a program logs in.".to_owned(),
        columns: TOKEN_COLUMNS.to_vec(),
        rows: tokens.into_iter().map(row).collect(),
        empty: "You have none.",
        next: None,
        action: String::new(),
    }
}

/// What is told of tokens.
pub const TOKEN_COLUMNS: [&str; 5] = ["Name", "May", "Made", "Ends", "Used"];

/// A token in a list.
pub fn token_row(visit: &Visit<'_>, token: Token) -> Row {
    let limits: Vec<String> = token.limits.iter().map(limit).collect();
    let may =
        if limits.is_empty() { Cell::text("all that you may") } else { Cell::words(limits.iter().map(String::as_str)) };
    let name = plain(&token.name);
    let cells = vec![
        Cell::text(&name),
        may,
        Cell::Moment(visit.moment(token.created_at)),
        moment_or(visit, token.expires_at, "never"),
        moment_or(visit, token.used_at, "never"),
    ];
    Row { name, cells, deeds: Vec::new() }
}

/// A moment, or that there is none.
pub fn moment_or(visit: &Visit<'_>, at: Option<i64>, none: &str) -> Cell {
    at.map_or_else(|| Cell::text(none), |at| Cell::Moment(Moment::new(at, visit.now)))
}

fn new_token(me: &Handle) -> Form {
    let choices = Choice::permissions(Permissions::within(Level::Repository), Permissions::NONE);
    let repositories = Field::line("repositories", "In these repositories", "");
    Form::new(Page::Account, "token", "Make a token", "Make the token")
        .whose(me)
        .field(Field::line("name", "What it is for", "").needed())
        .field(
            Field::many("permissions", "What it may do", choices)
                .hint("Nothing ticked: all that you may, now and later."),
        )
        .field(repositories.hint("A pattern, as in acme/**. Nothing: everywhere."))
        .field(days())
        .field(Field::secret("current", "Your password", "current-password").needed().hint("No token makes tokens."))
}

/// In how many days something ends.
pub fn days() -> Field {
    Field::line("days", "Ends in so many days", "").hint("Nothing: it does not end.")
}

fn password(me: &Handle) -> Form {
    let new = Field::secret("password", "The new one", "new-password").needed();
    Form::new(Page::Account, "password", "Change your password", "Change it")
        .whose(me)
        .about("Everything that was issued for the old one ends, other sessions too. Tokens go on.")
        .field(Field::secret("current", "The one in force", "current-password").needed())
        .field(new.hint(format!("At least {PASSWORD_BYTES_MIN} characters; no rules about which.")))
        .field(Field::secret("again", "The new one again", "new-password").needed())
}

fn end_sessions() -> Form {
    Form::new(Page::Account, "end", "End your sessions", "End all sessions")
        .about("Signs you out everywhere, here too, and ends what was issued to your clients. Tokens go on.")
}

fn ask_end(visit: &Visit<'_>, sent: &Sent) -> Result<Answer, Trouble> {
    let form = Form::new(Page::Account, "end-token", "Delete this token?", "Delete the token").of(sent.thing());
    let form = form.about("Whatever logs in with it is refused from then on.").or(Page::Account);
    manage::ask(visit, vec![crumb()], sent, form)
}

fn crumb() -> Crumb {
    Crumb::new("Your account", Page::Account)
}

async fn act(visit: &Visit<'_>, me: &Me, sent: &Sent) -> Result<Answer, Wrong> {
    let Bound::User(name) = &me.subject else { return Err(Trouble::NotHere.into()) };
    match sent.deed() {
        "token" => make_token(visit, name, sent).await,
        "end-token" => {
            visit.registry().delete_token(visit.subject, name, sent.named()?).await?;
            Ok(manage::done(visit, Page::Account, "Deleted the token."))
        }
        "password" => set_password(visit, name, sent).await,
        "end" => {
            visit.registry().end_sessions(visit.subject, name).await?;
            let path = format!("{}?next={}", Page::SignIn, Page::Account);
            let mut answer = manage::done(visit, path, "Your sessions have ended.");
            session::keep(&mut answer, visit.origin, None);
            Ok(answer)
        }
        _ => Err(Trouble::Form.into()),
    }
}

async fn make_token(visit: &Visit<'_>, user: &Handle, sent: &Sent) -> Result<Answer, Wrong> {
    let new = NewToken { name: sent.text("name").to_owned(), limits: limits(sent)?, days: sent.number("days")? };
    let identity = visit.registry().identity();
    let subject = identity.confirm(visit.subject, sent.raw("current"), visit.from).await?;
    let made = visit.registry().new_token(&subject, user, &new).await?;
    let about =
        format!("Your token “{}”. Log in as {user}, with this in place of the password.", plain(&made.made.name));
    let head = Head::alone("Your new token", vec![crumb()]);
    Ok(manage::secret(visit, head, about, made.secret.as_deref().unwrap_or_default(), &Page::Account.to_string())?)
}

/// What a new token is limited to.
fn limits(sent: &Sent) -> Result<Vec<Limit>, Wrong> {
    let (permissions, repositories) = (sent.permissions("permissions")?, sent.maybe("repositories")?);
    if permissions.is_empty() && repositories.is_none() {
        return Ok(Vec::new());
    }
    let permissions = if permissions.is_empty() { Permissions::within(Level::Repository) } else { permissions };
    Ok(vec![Limit { permissions, repositories }])
}

/// The session that asked for it ends with the old password, and another begins with the new one.
async fn set_password(visit: &Visit<'_>, user: &Handle, sent: &Sent) -> Result<Answer, Wrong> {
    let (current, password) = (Some(sent.raw("current").to_owned()), sent.raw("password"));
    if password != sent.raw("again") {
        return Err(Wrong::Field("again", "That is another one.".to_owned()));
    }
    let change = PasswordChange { current, password: password.to_owned() };
    visit.registry().set_password(visit.subject, user, &change).await?;
    let mut answer = manage::done(visit, Page::Account, "Your password is changed.");
    if let Ok(begun) = visit.registry().identity().sign_in(user.as_str(), password, visit.from).await {
        session::keep(&mut answer, visit.origin, Some(&begun));
    }
    Ok(answer)
}
