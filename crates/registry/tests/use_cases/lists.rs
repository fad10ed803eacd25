//! Lists in pages: where the next begins tells nothing of what others have, is for one actor and one list, and a page asks
//! little, however long it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use wharf_artifact::kind::Kinds;
use wharf_model::api::event::EventType;
use wharf_model::api::list::List;
use wharf_model::id::Id;
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_model::page::Page;
use wharf_model::permission::Permissions;
use wharf_registry::access::Action;
use wharf_registry::actor::{Ceiling, Subject};
use wharf_registry::artifacts::Filter;
use wharf_registry::error::Error;
use wharf_registry::events::EventPart;
use wharf_registry::people::Part;
use wharf_registry::registry::Registry;
use wharf_registry::rights::Rights;
use wharf_store::ledger::Ledger as _;
use wharf_store::ledger::change::{Change, Commit, Contents, Expects};
use wharf_store::ledger::people::{AccountKind, BindingRow, Gives, Holder, PeopleChange, SecretHash};

use crate::house::{House, admin, name};

const A: &str = "acme/app";

/// What a page says of the next one, and how many entries it has.
type Told = Result<(usize, Option<String>), Error>;

fn told<T>(list: Result<List<T>, Error>) -> Told {
    list.map(|list| (list.items.len(), list.next))
}

const LISTS: [&str; 18] = [
    "bindings",
    "bindings of acme",
    "tokens",
    "tokens of bob",
    "trash",
    "trash of acme",
    "history",
    "projects",
    "repositories",
    "users",
    "robots",
    "groups",
    "artifacts",
    "artifacts with tags",
    "tags",
    "events",
    "events of acme",
    "events of app",
];

async fn page(registry: &Registry, who: &Subject, list: &str, after: Option<&str>) -> Told {
    let part = &Part { limit: 1, after: after.map(str::to_owned) };
    let (acme, name_of) = ("acme".parse().expect("a project's name"), |text: &str| text.parse().expect("a name"));
    match list {
        "bindings" => told(registry.bindings(who, None, part).await),
        "bindings of acme" => told(registry.bindings(who, Some(&acme), part).await),
        "tokens" => told(registry.tokens(who, &name_of("ann"), part).await),
        "tokens of bob" => told(registry.tokens(who, &name_of("bob"), part).await),
        "trash" => told(registry.trash(who, None, part).await),
        "trash of acme" => told(registry.trash(who, Some(&acme), part).await),
        "history" => {
            let access = registry.authorise(who, Action::Pull, &name(A)).await?;
            let tag: Tag = "v1".parse().expect("a tag");
            told(registry.tag_history(&access, &tag, part).await)
        }
        "artifacts" | "artifacts with tags" | "tags" => {
            let access = registry.authorise(who, Action::Pull, &name(A)).await?;
            let filter = Filter { kind: None, tagged: (list != "artifacts").then_some(true) };
            match list {
                "tags" => told(registry.tagged(&access, Kinds::built_in(), part).await),
                _ => told(registry.artifacts(&access, Kinds::built_in(), &filter, part).await),
            }
        }
        "events" | "events of acme" | "events of app" => {
            let part = EventPart { part: part.clone(), since: None };
            let events = match list {
                "events" => registry.events(who, &part).await?,
                "events of acme" => registry.project_events(who, &acme, &part).await?,
                _ => {
                    let access = registry.authorise(who, Action::Pull, &name(A)).await?;
                    registry.repository_events(&access, &part).await?
                }
            };
            Ok((events.items.len(), events.next))
        }
        "projects" => told(registry.projects(who, part).await),
        "repositories" => told(registry.list_repositories(who, None, part).await),
        "users" => told(registry.users(who, part).await),
        "robots" => told(registry.robots(who, None, part).await),
        "groups" => told(registry.groups(who, part).await),
        other => panic!("{other}"),
    }
}

/// A house where each of the lists has at least two entries, and two administrators.
async fn house() -> (House, Subject, Subject) {
    let house = House::new().await;
    let (ann, bob) = (house.user(2, "ann").await, house.user(3, "bob").await);
    for (number, account) in [(12, 2), (13, 3)] {
        house.bind(number, account, "administrator", None, None).await;
    }
    for repository in [A, "other/app"] {
        let blob = house.push_blob(repository, repository.as_bytes()).await;
        house.push_image(repository, "latest", &[blob]).await;
    }
    for text in ["one", "two", "three"] {
        let blob = house.push_blob(A, text.as_bytes()).await;
        house.push_image(A, "v1", &[blob]).await;
        let digest = house.push_image(A, "gone", &[blob, blob]).await;
        house.delete(A, &Reference::Digest(digest)).await.expect("deleted");
        house.advance(1);
    }
    for number in [20, 21] {
        house.account(number, &format!("robot{number}"), AccountKind::Robot { project: None }, Vec::new()).await;
        house
            .bind(number + 10, 2, &format!("pull{}", if number == 20 { "" } else { ",push" }), Some("acme"), None)
            .await;
        let (id, name) = (Id([number + 20; 16]), format!("group{number}").parse().expect("a name"));
        let group = PeopleChange::PutGroup { id, name, description: String::new() };
        let secret = |account: u8| PeopleChange::PutSecret {
            id: Id([number + 30 + account * 10; 16]),
            account: Id([account; 16]),
            name: "laptop".to_owned(),
            hash: SecretHash::default(),
            limits: Vec::new(),
            expires_at: None,
        };
        house.change(vec![group, secret(2), secret(3)]).await;
    }
    let (ann, bob) = (house.who(&ann).await, house.who(&bob).await);
    (house, ann, bob)
}

/// No list counts what others have, tells of what it does not show, or takes what it has not said to the same actor.
#[tokio::test]
async fn cursors_say_nothing_and_are_for_one() {
    let (house, ann, bob) = house().await;
    let registry = &house.registry;
    let mut cursors = Vec::new();
    for list in LISTS {
        let (entries, next) = page(registry, &ann, list, None).await.expect("she may");
        let next = next.unwrap_or_else(|| panic!("{list} has another page"));
        assert_eq!(entries, 1, "{list}");
        let again = page(registry, &ann, list, None).await.expect("she may").1.expect("there is more");
        let is_of_what_is_hidden =
            ["trash", "trash of acme", "events", "events of acme", "events of app"].contains(&list);
        assert_eq!(next != again, is_of_what_is_hidden, "{list}: only where all of it is told");
        assert_eq!(page(registry, &ann, list, Some(&next)).await.expect("she may").0, 1, "{list} goes on");
        cursors.push(next);
    }
    let lengths: BTreeSet<usize> = cursors.iter().map(String::len).collect();
    assert_eq!(lengths.len(), 1, "how long one is tells nothing");
    let refused = async |who: &Subject, list: &str, after: &str| match page(registry, who, list, Some(after)).await {
        Err(Error::Unsupported(why)) => why,
        other => panic!("{list} after {after}: {other:?}"),
    };
    let why = refused(&ann, "users", "12").await;
    for (at, list) in LISTS.into_iter().enumerate() {
        assert_eq!(refused(&bob, list, &cursors[at]).await, why, "{list} of somebody else");
        let other = &cursors[(at + 1) % LISTS.len()];
        let mut changed = cursors[at].clone();
        changed.replace_range(3..4, if changed.as_bytes()[3] == b'A' { "B" } else { "A" });
        for made_up in [other, &changed, "1", "ann", "0.00", "acme/app", "~", "\u{fffd}"] {
            assert_eq!(refused(&ann, list, made_up).await, why, "{list} after {made_up}");
        }
    }
}

/// `acme` with so many repositories that pat may not see between two that pat may.
async fn scattered(hidden: usize) -> (House, Subject) {
    let house = House::new().await;
    let between = (0..hidden).map(|at| format!("acme/m{at:05}"));
    let ensure = |repository: String| Change::EnsureRepository {
        repository: name(&repository),
        expects: Expects::Anything,
        made_project: false,
    };
    let names = between.chain(["acme/a/web", "acme/z/web"].map(str::to_owned));
    commit(&house, names.map(ensure).collect()).await;
    let pat = house.user(2, "pat").await;
    house.bind(12, 2, "pull", Some("acme"), Some("acme/**/web")).await;
    let pat = house.who(&pat).await;
    (house, pat)
}

async fn commit(house: &House, changes: Vec<Change>) {
    let commit = Commit { actor: "test".to_owned(), changes, ..Commit::default() };
    house.ledger.commit(commit).await.expect("the commit is made");
}

/// A page of the catalog that ends at what is not to be seen says no name, and no id that would tell whether that is still
/// there.
#[tokio::test]
async fn the_catalog_is_no_oracle() {
    let (house, pat) = scattered(10_500).await;
    let catalog = async |who: &Subject, after: Option<String>| {
        let readable = house.registry.authorise_list(who).expect("who logged in may");
        let page = Page { limit: 9, after };
        let listed = house.registry.repositories(who, &readable, &page).await?;
        Ok((listed.entries.iter().map(RepositoryName::to_string).collect::<Vec<_>>(), listed.next))
    };
    let (names, next) = catalog(&pat, None).await.expect("listed");
    assert_eq!(names, ["acme/a/web"]);
    let next = next.expect("there is more");
    assert!(next.starts_with('~') && next.len() > 300, "{next}");
    assert_eq!(catalog(&pat, Some(next.clone())).await.expect("listed"), (vec!["acme/z/web".to_owned()], None));
    // What was told is said as it is, by whoever says it; there need not be such a repository.
    let (names, after) = catalog(&pat, Some("acme/a/web".to_owned())).await.expect("listed");
    assert!(names.is_empty() && after.is_some_and(|after| after.len() == next.len()));
    assert_eq!(catalog(&pat, Some("acme/y".to_owned())).await.expect("listed").0, ["acme/z/web"]);
    let refused = async |who: &Subject, after: &str| match catalog(who, Some(after.to_owned())).await {
        Err(Error::Unsupported(why)) => why,
        other => panic!("{after}: {other:?}"),
    };
    let why = refused(&pat, "~").await;
    let hidden = house.ledger.place(&name("acme/m00007")).await.expect("no fault").repository.expect("it is there");
    for made_up in [format!("~{hidden}"), format!("~{}", Id([9; 16])), "~acme/m00007".to_owned(), next[..99].to_owned()]
    {
        let before = house.ledger.calls();
        assert_eq!((refused(&pat, &made_up).await, house.ledger.calls()), (why.clone(), before), "{made_up}");
    }
    assert_eq!(refused(&admin(), &next).await, why);
}

/// What stands between what is shown is not told either: of the trash of others, and of projects that a token leaves out.
#[tokio::test]
async fn pages_that_end_at_hidden_entries_name_none() {
    let (house, ann, _) = house().await;
    let limit = wharf_model::api::people::Limit {
        permissions: Permissions::ALL,
        repositories: Some("other/**".parse().expect("a pattern")),
    };
    let limited = Subject { ceiling: Ceiling { limits: [limit].into(), ..Ceiling::default() }, ..ann };
    let (entries, next) = page(&house.registry, &limited, "projects", None).await.expect("she may");
    let next = next.expect("there is more");
    assert_eq!((entries, next.contains("acme")), (0, false), "{next}");
    assert_eq!(page(&house.registry, &limited, "projects", Some(&next)).await.expect("she may").0, 1);
}

/// Of a project whose name is so long that no repository can be below it there is the one that is called so.
#[tokio::test]
async fn the_longest_name_of_a_project() {
    let (house, longest) = (House::new().await, "p".repeat(255));
    let listed = async || {
        let project = longest.parse().expect("a project's name");
        let part = Part { limit: 9, after: None };
        house.registry.list_repositories(&admin(), Some(&project), &part).await.expect("listed").items.len()
    };
    assert_eq!(listed().await, 0);
    let repository =
        Change::EnsureRepository { repository: name(&longest), expects: Expects::Anything, made_project: false };
    commit(&house, vec![repository]).await;
    assert_eq!(listed().await, 1);
}

/// What happened where somebody may not look is passed over without being read, so far and no further for one page.
#[tokio::test]
async fn a_page_of_events_passes_over_so_many() {
    let house = House::new().await;
    let ensure = |at: usize| Change::EnsureRepository {
        repository: name(&format!("p{at:05}/app")),
        expects: Expects::Anything,
        made_project: false,
    };
    commit(&house, (0..10_500).map(ensure).collect()).await;
    let pat = house.user(2, "pat").await;
    house.bind(12, 2, "pull", Some("p00000"), None).await;
    let pat = house.who(&pat).await;
    let part = |after, since| EventPart { part: Part { limit: 9, after }, since };
    let page = house.registry.events(&pat, &part(None, None)).await.expect("who logged in may");
    assert!(page.items.is_empty() && page.next.is_some() && page.latest.is_some());
    let rest = house.registry.events(&pat, &part(page.next, None)).await.expect("there is more");
    let told: Vec<_> = rest.items.iter().map(|event| (event.kind, event.project.as_str())).collect();
    assert_eq!((told, rest.next), (vec![(EventType::RepositoryCreated, "p00000")], None));
    commit(&house, vec![ensure(20_000)]).await;
    let news = house.registry.events(&pat, &part(None, page.latest.clone())).await.expect("it goes on");
    assert!(news.items.is_empty() && !news.more && news.latest != page.latest);
    let others = house.registry.events(&admin(), &part(None, page.latest)).await;
    assert!(matches!(others, Err(Error::Unsupported(_))), "a place is for whom it was told");
}

/// Whoever restores in thousands of projects asks for many of them at once.
#[tokio::test]
async fn the_trash_of_many_projects_asks_little() {
    const PROJECTS: usize = 3_000;
    let house = House::new().await;
    let changes = (0..PROJECTS).flat_map(|at| {
        let repository = name(&format!("p{at:04}/app"));
        let entry = Id((at as u128 + 1).to_be_bytes());
        let (expects, keep, contents) = (Expects::Anything, 1_000_000, Contents::default());
        [
            Change::EnsureRepository { repository: repository.clone(), expects, made_project: false },
            Change::DeleteRepository { repository, expects, entry, keep, contents },
        ]
    });
    let changes: Vec<_> = changes.collect();
    for some in changes.chunks(PROJECTS / 2) {
        commit(&house, some.to_vec()).await;
        house.advance(1);
    }
    let pat = house.who(&house.user(2, "pat").await).await;
    let mut bindings = Vec::new();
    for at in (0..PROJECTS).filter(|at| at % 3 > 0) {
        let project = format!("p{at:04}").parse().expect("a project's name");
        let id = house.ledger.project(&project).await.expect("no fault").expect("it is there").id;
        bindings.push(BindingRow {
            id: Id([9; 16]),
            holder: Holder::Account(Id([2; 16])),
            holder_name: "pat".parse().expect("a name"),
            is_robot: false,
            role: None,
            permissions: "restore".parse().expect("a permission"),
            project: Some((id, Some(project))),
            pattern: None,
        });
    }
    let pat = Subject { rights: Arc::new(Rights::compile(&bindings)), ..pat };
    let (mut seen, mut after, mut latest) = (BTreeSet::new(), None, i64::MAX);
    loop {
        let before = house.ledger.calls();
        let list = house.registry.trash(&pat, None, &Part { limit: 900, after }).await.expect("it may");
        let asked = house.ledger.calls() - before;
        assert!(asked <= 4 + 900 + 1, "{asked}: four for the projects, one for each that an entry was taken of");
        for item in &list.items {
            assert!(item.deleted_at <= latest, "the latest first");
            latest = item.deleted_at;
        }
        seen.extend(list.items.into_iter().map(|item| item.name));
        match list.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), PROJECTS * 2 / 3);
    assert!(!seen.contains("p0000/app") && seen.contains("p0001/app") && seen.contains("p2999/app"));
    let before = house.ledger.calls();
    let list = house.registry.trash(&pat, None, &Part { limit: 1, after: None }).await.expect("it may");
    assert_eq!((list.items.len(), house.ledger.calls() - before), (1, 4 + 1), "however many there are");
}

/// A page of people asks as many questions as an entry of it would.
#[tokio::test]
async fn pages_of_people_ask_little() {
    let house = House::new().await;
    house.push_blob(A, b"x").await;
    let (count, acme) = (30_u8, house.project("acme").await);
    let mut changes = vec![PeopleChange::PutGroup {
        id: Id([200; 16]),
        name: "devs".parse().expect("a name"),
        description: String::new(),
    }];
    for number in 10..10 + count {
        house.user(number, &format!("user{number}")).await;
        house
            .account(number + 40, &format!("acme+robot{number}"), AccountKind::Robot { project: Some(acme) }, vec![])
            .await;
        let (holder, project) = (Holder::Account(Id([number + 40; 16])), Some(acme));
        let gives = Gives::BuiltIn("reader".to_owned());
        changes.push(PeopleChange::PutBinding { id: Id([number + 80; 16]), holder, gives, project, pattern: None });
    }
    changes.push(PeopleChange::SetMembers { group: Id([200; 16]), members: (10..20).map(|at| Id([at; 16])).collect() });
    house.change(changes).await;
    let (registry, admin, acme) = (&house.registry, admin(), "acme".parse().expect("a project's name"));
    let part = |limit| Part { limit, after: None };
    for limit in [1, 20] {
        let before = house.ledger.calls();
        let users = registry.users(&admin, &part(limit)).await.expect("it may").items;
        assert_eq!((users.len(), house.ledger.calls() - before), (limit, 2));
        assert!(users.iter().all(|user| user.groups.len() == usize::from(user.name.as_str() < "user20")));
        let before = house.ledger.calls();
        let robots = registry.robots(&admin, Some(&acme), &part(limit)).await.expect("it may").items;
        assert_eq!((robots.len(), house.ledger.calls() - before), (limit, 5));
        assert!(robots.iter().all(|robot| robot.bindings.len() == 1 && robot.tokens.len() == 1));
        assert!(robots.iter().all(|robot| robot.bindings[0].subject.to_string() == format!("robot:{}", robot.name)));
        let before = house.ledger.calls();
        let groups = registry.groups(&admin, &part(limit)).await.expect("it may").items;
        assert_eq!((groups[0].members.len(), house.ledger.calls() - before), (10, 2));
    }
}
