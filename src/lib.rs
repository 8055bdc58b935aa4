#![doc = include_str!("../ARCHITECTURE.md")]

pub mod command;
pub mod config;
pub mod deliver;
pub mod edn;
pub mod engine;
pub mod follow;
pub mod load;
pub mod notify;
pub mod order;
pub mod outbox;
pub mod plan;
pub mod route;
pub mod server;
pub mod source;
pub mod store;
