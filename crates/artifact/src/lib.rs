//! What a thing is: from a folder to an artifact and back. No async, no network.
//!
//! A folder becomes an artifact in four steps: [`tree::scan`] lists it, [`cut::cut`] says which entries share a layer,
//! [`pack::Packer`] writes a layer, [`config::directory`] makes the manifest. The same tree gives the same digests on any
//! machine. [`unpack::Target`] goes the other way, and trusts nothing that it reads. [`secrets`] looks for what should not be
//! sent, and [`seen`] remembers what need not be read or fetched again.
//!
//! Two forms of others are read and written here, too: [`bundle`], as imgpkg has them, and [`cnab`].
//!
//! What others made is told by its [`kind`]: data, asked in one order, with the commands that fetch it. [`facts`] reads what a kind
//! declares, and [`publisher`] what the publisher says, made harmless. [`inspect`] reads what needs code to be understood;
//! [`recognise`] does all of it. What is not the same in two is told by [`difference`].

pub mod archive;
pub mod bundle;
pub mod cnab;
pub mod compression;
pub mod config;
pub mod cut;
pub mod detail;
pub mod difference;
pub mod facts;
pub mod inspect;
pub mod kind;
pub mod layer;
pub mod pack;
pub mod publisher;
pub mod recognise;
pub mod secrets;
pub mod seen;
pub mod tree;
pub mod unpack;
