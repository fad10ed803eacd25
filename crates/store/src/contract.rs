//! What every backend must do, as tests that each backend runs: the doc comments of the traits, sentence by sentence. Not
//! tests of one backend's own ways.

pub mod artifacts;
pub mod blobs;
pub mod facts;
pub mod front;
pub mod ledger;
pub mod model;
pub mod people;
pub mod projects;
pub mod search;
pub mod trash;
