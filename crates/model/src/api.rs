//! Wire types of Wharf's own API, `/api/v1`. Unknown fields are refused in what comes in.

pub mod project;
