//! Wire types of Wharf's own API, `/api/v1`. Unknown fields are refused in what comes in. Fields are never renamed or taken
//! away within v1.

pub mod access;
pub mod artifact;
pub mod config;
pub mod diff;
pub mod event;
pub mod facts;
pub mod files;
pub mod front;
pub mod kind;
pub mod link;
pub mod list;
pub mod people;
pub mod project;
pub mod repository;
pub mod search;
pub mod trash;
