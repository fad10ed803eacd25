//! Who asks: an actor, and what the credential it came with limits it to. No rights here; those are [`crate::access`].

use std::sync::Arc;

use wharf_model::id::Id;
use wharf_model::scope::Scope;

/// Somebody who asks. That everybody may do much in open mode is a policy, not an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody in particular.
    Anonymous,
    /// A local user.
    User {
        /// Names it for good.
        id: Id,
        /// What it logged in as; for people to read, never to decide by.
        name: Arc<str>,
        /// Whether it may do everything.
        admin: bool,
    },
}

impl Actor {
    /// The actor in logs, in the ledger's log and as the owner of upload sessions: `anonymous` or `user:<id>`. At most 255
    /// bytes. Survives renaming.
    pub fn key(&self) -> String {
        match self {
            Actor::Anonymous => "anonymous".to_owned(),
            Actor::User { id, .. } => format!("user:{id}"),
        }
    }

    /// Whether nobody logged in.
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Actor::Anonymous)
    }
}

/// What a credential limits its bearer to. It only takes away: nobody may do more because of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ceiling {
    /// To nothing: what the actor may do, it may.
    #[default]
    None,
    /// To these; to nothing at all where there are none.
    Scopes(Arc<[Scope]>),
}

/// An actor under its ceiling: what a request comes with. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Who.
    pub actor: Actor,
    /// Limited to what.
    pub ceiling: Ceiling,
}

impl Subject {
    /// A request without credentials.
    pub fn anonymous() -> Subject {
        Subject { actor: Actor::Anonymous, ceiling: Ceiling::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_the_actor_for_good() {
        assert_eq!(Actor::Anonymous.key(), "anonymous");
        let user = Actor::User { id: Id([0xab; 16]), name: "kim".into(), admin: false };
        assert_eq!(user.key(), format!("user:{}", "ab".repeat(16)));
    }
}
