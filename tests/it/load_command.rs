//! `load` as cron starts it: a process, its exit code, what it says and what it sends.

mod counting;
mod crashes;
mod desk;
mod edits;
mod events;
mod running;
mod trouble;
