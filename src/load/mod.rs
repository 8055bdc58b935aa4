//! The cron loader: lines that are new → records → counts by window → points, each an absolute value.

pub mod cells;
pub mod checkpoint;
pub mod count;
pub mod events;
pub mod explain;
pub mod influx;
pub mod point;
pub mod points;
pub mod push;
pub mod reading;
pub mod rejects;
pub mod run;
mod sending;
pub mod sink;
