//! Deleting a tag, an artifact or a repository: what goes, and what brings it back, is asked first.

use wharf_content::body::Body;
use wharf_model::name::{Reference, RepositoryName, Tag};
use wharf_model::permission::Permission;
use wharf_registry::access::Action;
use wharf_registry::registry::Access;

use super::form::Form;
use super::route::{Page, Part, Room, View};
use super::sent::{Sent, Wrong};
use super::shell::Crumb;
use super::{Trouble, Visit, manage, repository as listed};
use crate::respond::Answer;

/// Leave to delete there, where whoever looks may.
async fn leave(visit: &Visit<'_>, access: &Access) -> Result<Access, Trouble> {
    Ok(visit.registry().authorise(visit.subject, Action::Delete, access.repository()).await?)
}

/// `/<repository>/-/delete`
pub async fn repository(visit: &Visit<'_>, access: &Access, body: &mut Body) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let leave = leave(visit, access).await?;
    visit.registry().repository(access).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(delete_repository(visit, &leave, &sent).await)?
    {
        return Ok(answer);
    }
    let name = access.repository();
    let mut crumbs = listed::crumbs(name);
    crumbs.push(Crumb::new(name, Page::repository(name)));
    let here = Page::Repository(name.clone(), View::Delete);
    let form = Form::new(here, "delete", "Delete this repository?", "Delete the repository")
        .about(format!("{name} goes to the trash with all that is in it. Nobody can pull from it any more, at once."))
        .about("Until its time there is up, it can be restored as it was.");
    manage::ask(visit, crumbs, &sent, form.or(Page::repository(name)))
}

async fn delete_repository(visit: &Visit<'_>, leave: &Access, sent: &Sent) -> Result<Answer, Wrong> {
    if sent.deed() != "delete" {
        return Err(Trouble::Form.into());
    }
    visit.registry().delete_repository(leave).await?;
    let name = leave.repository();
    let project = name.project();
    // Whoever has something in that repository alone has nothing left to see in the project.
    let is_seen = visit.registry().browse_project(visit.subject, &project).await.is_ok();
    let page = match leave.may(Permission::Restore) {
        true => Page::InProject(project, Room::Trash),
        false if is_seen => Page::Project(project),
        false => Page::Home,
    };
    Ok(manage::done(visit, page, format!("Deleted the repository {name}.")))
}

/// `…/-/tags/<tag>/delete` and `…/-/digests/<digest>/delete`
pub async fn artifact(
    visit: &Visit<'_>,
    access: &Access,
    reference: &Reference,
    body: &mut Body,
) -> Result<Answer, Trouble> {
    let mut sent = Sent::of(visit, body).await?;
    let leave = leave(visit, access).await?;
    if sent.is_post()
        && let Some(answer) = sent.done(delete_artifact(visit, &leave, reference, &sent).await)?
    {
        return Ok(answer);
    }
    let name = access.repository();
    let detail = visit.registry().artifact(access, &visit.kinds, visit.origin.host(), reference).await?;
    let mut crumbs = listed::crumbs(name);
    crumbs.push(Crumb::new(name, Page::repository(name)));
    let (here, back) = (page(name, reference, Part::Delete), Page::artifact(name, reference));
    let form = match reference {
        Reference::Tag(tag) => Form::new(here, "delete", "Delete this tag?", "Delete the tag")
            .about(format!("{name}:{tag} is found no more, at once; what it points to stays."))
            .about("Its history stays too, and can point it back."),
        Reference::Digest(digest) => {
            let form = Form::new(here, "delete", "Delete this artifact?", "Delete the artifact");
            let form = form.about(format!(
                "{name}@{digest} goes to the trash, from where it can be restored until its time is up."
            ));
            match tags(&detail.artifact.tags, detail.artifact.tags_total) {
                Some(tags) => form.about(format!("With it go its tags: {tags}.")),
                None => form,
            }
        }
    };
    manage::ask(visit, crumbs, &sent, form.or(back))
}

fn page(name: &RepositoryName, reference: &Reference, part: Part) -> Page {
    Page::Repository(name.clone(), View::Artifact(reference.clone(), part))
}

/// The tags that go, and how many are not named.
fn tags(tags: &[Tag], total: u64) -> Option<String> {
    let named: Vec<&str> = tags.iter().map(|tag| tag.as_str()).collect();
    let more = total.saturating_sub(named.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!named.is_empty()).then(|| format!("{}{more}", named.join(", ")))
}

async fn delete_artifact(
    visit: &Visit<'_>,
    leave: &Access,
    reference: &Reference,
    sent: &Sent,
) -> Result<Answer, Wrong> {
    if sent.deed() != "delete" {
        return Err(Trouble::Form.into());
    }
    visit.registry().delete_manifest(leave, reference).await?;
    let name = leave.repository();
    Ok(match reference {
        Reference::Tag(tag) => {
            manage::done(visit, page(name, reference, Part::History), format!("Deleted the tag {tag}."))
        }
        Reference::Digest(_) => {
            let artifacts = Page::Repository(name.clone(), View::Artifacts);
            manage::done(visit, artifacts, "Deleted the artifact. It is in the trash.")
        }
    })
}
