//! What performs effects: over HTTP and SMTP, by a program, into a file. It is given what to do and how long it may take.

mod connect;
mod http;
mod line;
mod program;
mod smtp;
mod transports;

pub use transports::Transports;
