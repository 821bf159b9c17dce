//! Postrider: a deliverability-focused bulk mail delivery engine.
//!
//! One binary and one PostgreSQL take letters from a backend, sign and send them straight to the recipients' mail
//! servers, learn from every reply and stop writing to people who cannot or do not want to be written to.
//!
//! The floors, from the ground up; a file imports only from lower floors (`tests/tidy.rs` holds this):
//! [`mail`] the nouns, [`port`] the traits, then the knowledge, the edges, the engine and the faces.
//! `ARCHITECTURE.md` is the map.

pub mod app;
pub mod bounce;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod compose;
pub mod config;
pub mod dkim;
pub mod engine;
pub mod http;
pub mod inbound;
pub mod journal;
pub mod keys;
pub mod mail;
pub mod metrics;
pub mod net;
pub mod policy;
pub mod port;
pub mod route;
pub mod sim;
pub mod smtp;
pub mod store;
pub mod templates;
pub mod token;
