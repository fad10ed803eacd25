//! Why bytes did not get where they were to go, by what there is to do about it.

use std::io;

use wharf_model::digest::Digest;

use crate::abilities::Unfit;

/// Why a copy, or a part of it, was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that is needed is not there.
    #[error("{place} has no {what}")]
    Missing {
        /// A tag, a digest.
        what: String,
        /// Where it was looked for.
        place: String,
    },
    /// The bytes are not those that the digest names.
    #[error("{place} gave wrong bytes for {expected}: theirs are {actual}")]
    Wrong {
        /// Who gave them.
        place: String,
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Box<Digest>,
    },
    /// More or fewer bytes than were announced.
    #[error("{place} gave {actual} bytes for {digest}, not {expected}")]
    Length {
        /// Who gave them.
        place: String,
        /// What was asked for.
        digest: Digest,
        /// Bytes that were announced.
        expected: u64,
        /// Bytes that came: all, or one too many.
        actual: u64,
    },
    /// What is there has a form that cannot be copied.
    #[error("{place}: {why}")]
    Form {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// What is to be put somewhere is known not to be taken there; nothing was sent.
    #[error(transparent)]
    Unfit(Unfit),
    /// A file cannot be read or written.
    #[error("{what}: {error}")]
    Io {
        /// What was being done, with what.
        what: String,
        /// Why not.
        error: io::Error,
    },
    /// What an end of the copy says of itself; whoever knows that end can ask it for more.
    #[error(transparent)]
    End(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// What a failed read or write means: what was put into it by [`Error::into_io`], or that doing `what` failed.
    pub fn from_io(error: io::Error, what: impl FnOnce() -> String) -> Error {
        match error.downcast::<Error>() {
            Ok(inner) => inner,
            Err(error) => Error::Io { what: what(), error },
        }
    }

    /// As an error of a [`crate::body::Body`], to be had back by [`Error::from_io`].
    pub fn into_io(self) -> io::Error {
        match self {
            Error::Io { error, what } => io::Error::new(error.kind(), Error::Io { what, error }),
            Error::Missing { .. } => io::Error::new(io::ErrorKind::NotFound, self),
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }

    /// Something at `place` has a form that cannot be copied.
    pub fn form(place: impl Into<String>, why: impl std::fmt::Display) -> Error {
        Error::Form { place: place.into(), why: why.to_string() }
    }
}
