//! The cron loader: lines that are new → records → counts by window → points, each an absolute value.

pub mod cells;
pub mod checkpoint;
pub mod count;
pub mod points;
pub mod reading;
pub mod rejects;
pub mod run;
pub mod sink;
