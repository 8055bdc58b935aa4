#![doc = include_str!("../ARCHITECTURE.md")]

pub mod edn;
pub mod plan;
pub mod config;
pub mod engine;
pub mod source;
pub mod command;
