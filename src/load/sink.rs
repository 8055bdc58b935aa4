//! Where lines go that a step made.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::push::{Batches, Pusher, Sent};
use crate::plan::{Events, Influx};

/// What takes lines.
pub trait Sink {
    /// What is to be known about the destination before lines are sent: the length of a file.
    ///
    /// # Errors
    /// It cannot be used.
    fn position(&mut self) -> Result<Option<u64>, String> {
        Ok(None)
    }

    /// Sends lines, and waits until all are accepted. `again`: they may have been sent before. How many were refused
    /// for good and are left out.
    ///
    /// # Errors
    /// One line; not all were accepted.
    fn send(&mut self, lines: &[u8], again: bool, position: Option<u64>) -> Result<u64, String>;

    /// Why the first of those that were left out was refused.
    fn refusal(&self) -> Option<&str> {
        None
    }
}

/// Standard output, or whatever stands for it.
pub struct Out<'o>(pub &'o mut dyn Write);

impl Sink for Out<'_> {
    fn send(&mut self, lines: &[u8], _again: bool, _position: Option<u64>) -> Result<u64, String> {
        let written = self.0.write_all(lines).and_then(|()| self.0.flush());
        written.map(|()| 0).map_err(|error| format!("standard output: {error}"))
    }
}

/// A file that lines are appended to.
pub struct Append<'p>(pub &'p Path);

impl Sink for Append<'_> {
    fn position(&mut self) -> Result<Option<u64>, String> {
        match std::fs::metadata(self.0) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(0)),
            Err(error) => Err(format!("{}: {error}", self.0.display())),
        }
    }

    /// What was appended already is not appended again.
    fn send(&mut self, lines: &[u8], again: bool, position: Option<u64>) -> Result<u64, String> {
        let append = || -> io::Result<()> {
            let mut file = OpenOptions::new().append(true).read(true).create(true).open(self.0)?;
            let there = if again { already(&mut file, lines, position.unwrap_or(0))? } else { 0 };
            if there == 0 && !ends_a_line(&mut file)? {
                // What somebody else could not finish, on a full disk, must not take our first line with it.
                file.write_all(b"\n")?;
            }
            file.write_all(&lines[there..])?;
            file.sync_data()
        };
        append().map(|()| 0).map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

/// An InfluxDB.
pub struct ToInflux<'p> {
    influx: &'p Influx,
    pusher: Pusher,
    why: Option<String>,
}

impl<'p> ToInflux<'p> {
    pub fn new(influx: &'p Influx) -> ToInflux<'p> {
        ToInflux { influx, pusher: Pusher::default(), why: None }
    }
}

impl Sink for ToInflux<'_> {
    fn send(&mut self, lines: &[u8], _again: bool, _position: Option<u64>) -> Result<u64, String> {
        in_batches(lines, &mut self.why, |batch| {
            let sent = self.pusher.send(self.influx, batch);
            sent.map_err(|fault| format!("{fault}; the next run sends it again"))
        })
    }

    fn refusal(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

/// A daemon.
pub struct ToDaemon<'p> {
    events: &'p Events,
    pusher: Pusher,
    why: Option<String>,
}

impl<'p> ToDaemon<'p> {
    pub fn new(events: &'p Events) -> ToDaemon<'p> {
        ToDaemon { events, pusher: Pusher::default(), why: None }
    }
}

impl Sink for ToDaemon<'_> {
    fn send(&mut self, lines: &[u8], _again: bool, _position: Option<u64>) -> Result<u64, String> {
        in_batches(lines, &mut self.why, |batch| {
            self.pusher.send_events(self.events, batch).map_err(|fault| fault.to_string())
        })
    }

    fn refusal(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

/// Sends lines batch by batch. How many were refused; `why` is of the first that ever was.
fn in_batches(
    lines: &[u8],
    why: &mut Option<String>,
    mut send: impl FnMut(&[u8]) -> Result<Sent, String>,
) -> Result<u64, String> {
    Batches::of(lines).try_fold(0, |refused, batch| {
        let sent = send(batch)?;
        *why = why.take().or(sent.why);
        Ok(u64::saturating_add(refused, sent.refused))
    })
}

/// Whether a file is empty or ends with a newline.
fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// How much of the lines stands at the end of a file, behind a position.
fn already(file: &mut File, lines: &[u8], position: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(position))?;
    let mut there = Vec::new();
    file.take(lines.len() as u64 + 1).read_to_end(&mut there)?;
    Ok(if there.len() <= lines.len() && lines.starts_with(&there) { there.len() } else { 0 })
}
