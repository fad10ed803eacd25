//! HTTP: the Distribution API, our own API, the pages, health and metrics. The only room that knows axum and hyper.
//!
//! [`app`] has every route on one page. Handlers are thin: they read the request, call one use case of the registry room
//! and answer.

pub mod api;
pub mod app;
pub mod body;
mod budget;
pub mod config;
mod download;
pub mod error;
pub mod exchange;
pub mod extract;
pub mod health;
pub mod listen;
pub mod logs;
pub mod metrics;
mod multipart;
pub mod oci;
pub mod origin;
pub mod pages;
mod program;
pub mod respond;
pub mod tls;
pub mod token;
