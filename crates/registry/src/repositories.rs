//! Repositories, as our API tells of them.

use wharf_model::api::list::List;
use wharf_model::api::repository::Repository;
use wharf_model::name::{ProjectName, RepositoryName};
use wharf_model::pattern::Pattern;
use wharf_store::ledger::query::{LedgerError, RepositoryPage};
use wharf_store::ledger::readable::Readable;
use wharf_store::ledger::trash::RepositoryRow;

use crate::access::{self, Action};
use crate::actor::Subject;
use crate::cursor::Wanted;
use crate::error::Error;
use crate::people::Part;
use crate::registry::{Access, Registry};

impl Registry {
    /// The repository.
    ///
    /// # Errors
    /// [`Error::NameUnknown`].
    pub async fn repository(&self, access: &Access) -> Result<Repository, Error> {
        access.expect(&[Action::Pull])?;
        let name = access.repository.clone();
        match self.0.ledger.repository(&name).await? {
            Some(row) => Ok(told(name, &row)),
            None => Err(Error::NameUnknown(name)),
        }
    }

    /// The repositories that `subject` may read, in the order of their names; those of a project, where one is named, of which
    /// there are none where it is not there. A page may be shorter than was asked for.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] as by [`Registry::authorise_list`]; or the ledger fails.
    pub async fn list_repositories(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        part: &Part,
    ) -> Result<List<Repository>, Error> {
        let readable = self.authorise_list(subject)?;
        self.list_readable(subject, &readable, project, part).await
    }

    /// The same for whoever comes by: to who may not list what they may read, the public ones.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn browse_repositories(
        &self,
        subject: &Subject,
        project: Option<&ProjectName>,
        part: &Part,
    ) -> Result<List<Repository>, Error> {
        let readable = access::readable(subject, &self.0.settings.policy);
        self.list_readable(subject, &readable, project, part).await
    }

    async fn list_readable(
        &self,
        subject: &Subject,
        readable: &Readable,
        project: Option<&ProjectName>,
        part: &Part,
    ) -> Result<List<Repository>, Error> {
        let about = project.map_or_else(String::new, ToString::to_string);
        let wanted = self.wanted(subject, format_args!("repositories {about}"), part)?;
        let page = match project {
            Some(project) => self.names_in(project, readable, &wanted).await?,
            None => self.0.ledger.repositories(readable, wanted.after(), wanted.limit).await?,
        };
        let is_told = page.names.last().map(RepositoryName::as_str) == page.next.as_deref();
        let count = page.names.len();
        let mut items = Vec::with_capacity(count);
        for name in page.names {
            // What has just gone, or gone private, is left out.
            let found = self.0.ledger.repository(&name).await?;
            let found = found.filter(|row| readable.holds(name.as_str(), row.public));
            items.extend(found.map(|row| told(name, &row)));
        }
        let is_told = is_told && items.len() == count;
        let next = if is_told { wanted.next_told(page.next)? } else { wanted.next(page.next)? };
        Ok(List { items, next })
    }

    /// The one that is called as the project is, and those below it: others come between them.
    async fn names_in(
        &self,
        project: &ProjectName,
        readable: &Readable,
        wanted: &Wanted<'_>,
    ) -> Result<RepositoryPage, LedgerError> {
        let (after, below) = (wanted.after().unwrap_or_default(), format!("{project}/"));
        let mut first = None;
        if after < project.as_str()
            && let Ok(name) = project.as_str().parse::<RepositoryName>()
            && let Some(row) = self.0.ledger.repository(&name).await?
            && readable.holds(name.as_str(), row.public)
        {
            first = Some(name);
        }
        let limit = wanted.limit - usize::from(first.is_some());
        if let (Some(name), 0) = (&first, limit) {
            return Ok(RepositoryPage { next: Some(name.to_string()), names: first.into_iter().collect() });
        }
        // Not beyond the project: what is there to be read is none of this list's business.
        let Ok(inside) = format!("{project}/**").parse::<Pattern>() else {
            // No name is so long that it could be below this one.
            return Ok(RepositoryPage { names: first.into_iter().collect(), next: None });
        };
        let readable = readable.matching(&[&inside]);
        let mut page = self.0.ledger.repositories(&readable, Some(after.max(below.as_str())), limit).await?;
        if page.names.iter().any(|name| !name.as_str().starts_with(&below)) {
            page.names.retain(|name| name.as_str().starts_with(&below));
            page.next = None;
        }
        page.names.splice(0..0, first);
        Ok(page)
    }
}

fn told(name: RepositoryName, row: &RepositoryRow) -> Repository {
    let RepositoryRow { id, public, created_at, pulls } = *row;
    Repository { id, project: name.project(), name, public, created_at, pulls }
}
