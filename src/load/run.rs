//! One run of one pipeline: step by step, until nothing is left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cells::{Cell, Cells, Start};
use super::checkpoint::{Checkpoint, Kept, Series};
use super::count::{Counted, Counter, fields};
use super::points;
use super::reading::{Line, Reader, Readings, Said};
use super::rejects::Rejects;
use super::sink::Sink;
use crate::engine::Budget;
use crate::follow;
use crate::plan::{Destination, Limits, Pipeline, Timestamp};
use crate::source::{Refused, Wanted};

/// A step ends when so many cells changed.
const CELLS: usize = 20_000;
/// What kept values may take, in bytes.
const VALUES: usize = 6 << 20;

/// A step ends when there are so many bytes of events.
const EVENTS: usize = 1 << 20;

/// What a run needs to know beside its pipeline.
pub struct Surroundings<'a> {
    pub limits: Limits,
    pub max_skew: i64,
    /// Reads the machine's clock.
    pub now: &'a dyn Fn() -> Timestamp,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    pub files: u64,
    pub bytes: u64,
    /// Lines that were events, or were refused.
    pub lines: u64,
    /// Lines whose record was nil.
    pub dropped: u64,
    pub late: u64,
    /// Lines beyond the limit of distinct records.
    pub overflown: u64,
    /// Lines whose time is ahead of the machine's clock; they are among those refused.
    pub ahead: u64,
    /// By cause: how many, and the first, with its place.
    pub refused: BTreeMap<&'static str, (u64, String)>,
    pub points: u64,
    /// Points that the destination refused for good.
    pub points_refused: u64,
    /// Why the first of them was.
    pub refusal: Option<String>,
    /// Whether lines that an earlier run could not finish were sent first.
    pub finished_earlier: bool,
    pub said: Said,
    /// The zone of the machine, where it stands in for one that lines do not say.
    pub zone: Option<String>,
    /// What is to be told in any case, one line each.
    pub notes: Vec<String>,
    /// Whether it was the destination that failed.
    pub not_sent: bool,
    /// Why it could not be done to the end.
    pub failure: Option<String>,
}

impl Report {
    pub fn refused_lines(&self) -> u64 {
        self.refused.values().map(|(count, _)| count).sum()
    }
}

/// Takes what is new, counts it and sends points, until nothing is left or something fails.
pub fn run(
    pipeline: &Pipeline,
    surroundings: &Surroundings<'_>,
    checkpoint: &Checkpoint,
    sink: &mut dyn Sink,
) -> Report {
    let mut report = Report::default();
    if let Err(failure) = steps(pipeline, surroundings, checkpoint, sink, &mut report) {
        report.failure = Some(failure);
    }
    report.refusal = sink.refusal().map(str::to_string);
    report
}

fn steps(
    pipeline: &Pipeline,
    surroundings: &Surroundings<'_>,
    checkpoint: &Checkpoint,
    sink: &mut dyn Sink,
    report: &mut Report,
) -> Result<(), String> {
    let mut damaged = None;
    let mut kept = checkpoint.read(&mut damaged)?;
    report.notes.extend(damaged);
    check_owner(pipeline, checkpoint, &kept)?;
    kept.files.clone_from(&pipeline.logs.files);
    let mut sending = Sending { checkpoint, sink };
    if !kept.unsent.is_empty() {
        sending.send(&mut kept, true, report)?;
        report.finished_earlier = true;
    }
    let found = follow::find(&pipeline.logs.files, &kept.generations, &mut report.said.faults)?;
    if found.is_empty() && report.said.faults.is_empty() {
        return Err(follow::none_found(&pipeline.logs.files));
    }
    let before = kept.generations.clone();
    let mut readings = Readings::scan(found, &mut kept.generations, &mut report.said);
    if readings.is_done() && kept.generations == before {
        return Ok(());
    }
    let reader = reader(pipeline, surroundings)?;
    report.zone = reader.assumed_zone(&pipeline.logs);
    let mut counter = counter(pipeline, surroundings, &mut kept);
    let mut rejects = Rejects::new((!checkpoint.is_read_only()).then(|| checkpoint.rejects()));
    let mut gate = Gate { latest: Timestamp::MIN, surroundings };
    loop {
        // Windows that stay open keep their values: half of what is left of the memory is for this step.
        let most = (VALUES + counter.budget.used) / 2;
        let mut more = true;
        // Each step takes something, however much is kept already.
        let mut goes_on = true;
        while goes_on {
            let (rejects, counter, report) = (&mut rejects, &mut counter, &mut *report);
            let mut said = std::mem::take(&mut report.said);
            more = readings.turn(&reader, &mut kept.generations, &mut said, &mut |line| {
                take(line, counter, &mut gate, rejects, report);
            });
            report.said = said;
            goes_on = more && !is_enough(counter, most);
        }
        if report.lines > 0 && report.ahead == report.lines {
            return Err(format!(
                "all of {} lines are ahead of this machine's clock, so nothing was taken: is the clock right, and `:zone`?",
                report.lines
            ));
        }
        if counter.greatest == Timestamp::MIN && report.lines > 0 {
            // A format that never fitted is a mistake in the configuration: once it is mended, all is read.
            let first = report.refused.values().next().map_or("", |(_, first)| first);
            return Err(format!(
                "none of {} lines was understood, so nothing was taken; the first: {first}",
                report.lines
            ));
        }
        rejects.write()?;
        readings.note(&mut kept.generations);
        if settle(&mut counter, &mut kept, &before, readings.reached()) {
            report.overflown += std::mem::take(&mut counter.overflown);
            kept.appended_at = if kept.unsent.is_empty() { None } else { sending.sink.position()? };
            checkpoint.write(&kept)?;
            if !kept.unsent.is_empty() {
                sending.send(&mut kept, false, report)?;
            }
        }
        if !more {
            report.files = readings.files;
            report.bytes = readings.bytes;
            return Ok(());
        }
    }
}

/// Refuses a checkpoint of another pipeline that has the same name.
fn check_owner(pipeline: &Pipeline, checkpoint: &Checkpoint, kept: &Kept) -> Result<(), String> {
    if kept.files.is_empty() || kept.files.iter().any(|file| pipeline.logs.files.contains(file)) {
        return Ok(());
    }
    Err(format!(
        "{} is of another pipeline of this name, which reads {}: give one of them another name, or another folder with \
         `--checkpoint DIR`; if it is this one, with other files, remove it",
        checkpoint.path().display(),
        kept.files.join(", ")
    ))
}

/// Whether a step is to end.
fn is_enough(counter: &Counter<'_>, most: usize) -> bool {
    counter.cells.changed() + counter.late.changed() >= CELLS
        || counter.budget.used >= most
        || counter.events.len() >= EVENTS
}

/// Where lines go that a checkpoint holds.
struct Sending<'s> {
    checkpoint: &'s Checkpoint,
    sink: &'s mut dyn Sink,
}

impl Sending<'_> {
    /// Sends what a checkpoint holds, and writes that it is sent.
    fn send(&mut self, kept: &mut Kept, again: bool, report: &mut Report) -> Result<(), String> {
        let sent = self.sink.send(&kept.unsent, again, kept.appended_at);
        report.not_sent |= sent.is_err();
        report.points_refused = report.points_refused.saturating_add(sent?);
        report.points += count_lines(&kept.unsent);
        kept.unsent = Vec::new();
        self.checkpoint.write(kept)
    }
}

/// What is ahead of the clock is refused.
struct Gate<'a> {
    /// An event after this is checked against the clock.
    latest: Timestamp,
    surroundings: &'a Surroundings<'a>,
}

impl Gate<'_> {
    fn refuses(&mut self, time: Timestamp) -> bool {
        if time > self.latest {
            self.latest = (self.surroundings.now)().plus(self.surroundings.max_skew);
        }
        time > self.latest
    }
}

#[inline]
fn take(line: Line<'_>, counter: &mut Counter<'_>, gate: &mut Gate<'_>, rejects: &mut Rejects, report: &mut Report) {
    report.lines += 1;
    match line {
        Line::Event { event, place } => {
            if event.time.micros().checked_mul(1_000).is_none() {
                let message = "a time before 1677 or after 2262, which no point can have".into();
                return refuse(Refused::Fault { message, at: 0 }, &place, rejects, report);
            }
            if event.time > gate.latest && gate.refuses(event.time) {
                report.ahead += 1;
                let why = Refused::AheadOfClock(event.time);
                return refuse(why, &place, rejects, report);
            }
            match counter.count(event) {
                Counted::Yes => {}
                Counted::Late => report.late += 1,
                Counted::Dropped => report.dropped += 1,
            }
        }
        Line::Refused { why, place } => refuse(why, &place, rejects, report),
    }
}

#[cold]
fn refuse(why: Refused, place: &super::reading::Place<'_>, rejects: &mut Rejects, report: &mut Report) {
    rejects.add(&why, place.path, place.offset, place.line);
    let first = || format!("{}:{}: {why}", place.path.display(), place.number);
    report.refused.entry(why.cause()).or_insert_with(|| (0, first())).0 += 1;
}

fn reader(pipeline: &Pipeline, surroundings: &Surroundings<'_>) -> Result<Reader, String> {
    let wanted = Wanted::of(fields(&pipeline.counting));
    Reader::new(&pipeline.counting.measurement, wanted, surroundings.limits, &pipeline.logs)
}

/// A counter that goes on where the last step ended.
fn counter<'p>(pipeline: &'p Pipeline, surroundings: &Surroundings<'_>, kept: &mut Kept) -> Counter<'p> {
    let counting = &pipeline.counting;
    let budget = Budget { limit: VALUES.min(surroundings.limits.sketch_bytes), used: 0 };
    let mut counter = Counter::new(counting, budget, &surroundings.limits);
    let series = Series {
        measurement: counting.measurement.clone(),
        tags: counting.tags.clone(),
        stats: counting.stats.iter().map(|stat| (stat.name.clone(), stat.field.clone())).collect(),
    };
    let mut cells = std::mem::take(&mut kept.cells);
    if (&kept.series.measurement, &kept.series.tags) != (&series.measurement, &series.tags) {
        // What was counted is in the points of other series; it would be there twice. What comes for the same windows
        // is set apart: else it would overwrite points once the former series are back.
        let behind = cells.last().map_or(Start::MIN, |(start, _)| start.saturating_add(1));
        kept.open_from = kept.open_from.max(behind);
        cells.clear();
    }
    if kept.series.stats != series.stats {
        for cell in cells.iter_mut().flat_map(|(_, window)| window).map(|(_, cell)| cell) {
            rearrange(cell, &kept.series, &series);
        }
    }
    counter.cells = Cells::from_list(cells, &mut counter.budget);
    counter.open_from = kept.open_from;
    counter.as_events = matches!(pipeline.to, Destination::Events(_));
    counter.greatest = kept.greatest.unwrap_or(Timestamp::MIN);
    kept.series = series;
    counter
}

/// Tallies of the stats that are still there, in their present order.
fn rearrange(cell: &mut Cell, former: &Series, present: &Series) {
    let mut tallies = std::mem::take(&mut cell.tallies);
    cell.tallies = present
        .stats
        .iter()
        .map(|stat| {
            let at = former.stats.iter().position(|known| known == stat);
            at.and_then(|at| tallies.get_mut(at)).map(std::mem::take).unwrap_or_default()
        })
        .collect();
}

/// Notes where a step got to, and what it is about to send; false if nothing has changed.
fn settle(
    counter: &mut Counter<'_>,
    kept: &mut Kept,
    before: &[follow::Generation],
    reached: Option<Timestamp>,
) -> bool {
    let counting = counter.counting;
    let mut lines = std::mem::take(&mut counter.events);
    counter.cells.each_changed(&mut |start, key, cell| points::write(counting, start, key, cell, 0, &mut lines));
    let apart = i64::try_from(kept.steps + 1).unwrap_or(i64::MAX);
    counter.late.each_changed(&mut |start, key, cell| points::write(counting, start, key, cell, apart, &mut lines));
    counter.late.close_before(i64::MAX, &mut counter.budget);
    if lines.is_empty() && kept.generations == before && counter.greatest == kept.greatest.unwrap_or(Timestamp::MIN) {
        return false;
    }
    counter.close(reached.map_or(counter.greatest, |reached| reached.min(counter.greatest)));
    counter.make_room();
    kept.steps += 1;
    for (at, generation) in kept.generations.iter_mut().enumerate() {
        if before.get(at) != Some(generation) {
            generation.seen = kept.steps;
        }
    }
    kept.open_from = counter.open_from;
    kept.greatest = (counter.greatest > Timestamp::MIN).then_some(counter.greatest);
    kept.cells = counter.cells.to_list();
    kept.unsent = lines;
    true
}

fn count_lines(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// The folder of checkpoints where nothing is said, in that of all state.
pub fn folder(state: &Path) -> PathBuf {
    state.join("load")
}
