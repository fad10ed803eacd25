//! What is in repositories as our API tells it, and what happened.

use wharf_model::api::artifact::{Artifact, ArtifactDetail, TagDetail};
use wharf_model::api::event::{Event, Events};
use wharf_model::api::link::{Link, NewLink};
use wharf_model::name::{ProjectName, Reference, RepositoryName};

use super::repositories::of_repository;
use super::{Admin, PAGE_ENTRIES, encoded};
use crate::error::Error;
use crate::http::EMPTY_PAGES_MAX;

/// Of what it is asked what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsOf {
    /// Of everything.
    All,
    /// Of a project.
    Project(ProjectName),
    /// Of a repository.
    Repository(RepositoryName),
}

impl Admin {
    /// The first `most` artifacts of a repository, the latest first: of one kind, and with or without tags, where that is said.
    ///
    /// # Errors
    /// [`Error`], as of all calls here.
    pub async fn artifacts(
        &self,
        repository: &RepositoryName,
        kind: Option<&str>,
        tagged: Option<bool>,
        most: usize,
    ) -> Result<Vec<Artifact>, Error> {
        let mut parameters = Vec::new();
        parameters.extend(kind.map(|kind| format!("kind={}", encoded(kind))));
        parameters.extend(tagged.map(|tagged| format!("tagged={tagged}")));
        let parameters = parameters.join("&");
        let between = if parameters.is_empty() { "" } else { "?" };
        self.first(&format!("{}/artifacts{between}{parameters}", of_repository(repository)), most).await
    }

    /// An artifact with all that is known of it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn artifact(&self, repository: &RepositoryName, reference: &Reference) -> Result<ArtifactDetail, Error> {
        self.get(&format!("{}/artifacts/{}", of_repository(repository), encoded(&reference.to_string()))).await
    }

    /// What is attached to an artifact.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn attached(&self, repository: &RepositoryName, reference: &Reference) -> Result<Vec<Artifact>, Error> {
        let reference = reference.to_string();
        self.list(&format!("{}/artifacts/{}/referrers", of_repository(repository), encoded(&reference))).await
    }

    /// Makes a link that opens something of an artifact without a login.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn make_link(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        new: &NewLink,
    ) -> Result<Link, Error> {
        let reference = encoded(&reference.to_string()).to_string();
        self.post(&format!("{}/artifacts/{reference}/links", of_repository(repository)), new).await
    }

    /// The tags of a repository with what they point to.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tags(&self, repository: &RepositoryName) -> Result<Vec<TagDetail>, Error> {
        self.list(&format!("{}/tags", of_repository(repository))).await
    }

    /// The latest `most` of what happened, the latest first, and from where to ask for what comes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn events(&self, of: &EventsOf, most: usize) -> Result<(Vec<Event>, Option<String>), Error> {
        let (mut all, mut latest, mut last, mut empty) = (Vec::new(), None, None::<String>, 0);
        loop {
            let entries = PAGE_ENTRIES.min(most.saturating_sub(all.len())).max(1);
            let last_said = last.map(|last| format!("&last={}", encoded(&last))).unwrap_or_default();
            let page: Events = self.get(&format!("{}?n={entries}{last_said}", path(of))).await?;
            latest = latest.or(page.latest);
            empty += usize::from(page.items.is_empty());
            all.extend(page.items);
            last = page.next.filter(|_| all.len() < most && empty <= EMPTY_PAGES_MAX);
            if last.is_none() {
                all.truncate(most);
                return Ok((all, latest));
            }
        }
    }
}

fn path(of: &EventsOf) -> String {
    match of {
        EventsOf::All => "/api/v1/events".to_owned(),
        EventsOf::Project(project) => format!("/api/v1/projects/{project}/events"),
        EventsOf::Repository(repository) => format!("{}/events", of_repository(repository)),
    }
}
