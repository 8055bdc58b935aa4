//! From logs to points: what is read of files since the last run, counted, and sent elsewhere.
//!
//! [`point`], [`influx`] and [`sending`] are pure; [`push`] performs.

pub mod influx;
pub mod point;
pub mod push;
pub mod sending;
