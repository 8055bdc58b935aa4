//! What comes next while lines are sent: sent again, later, fewer at a time, or given up. Nothing here waits.

use std::ops::Range;
use std::time::Duration;

use memchr::{memchr_iter, memrchr};

use super::influx::Verdict;
use crate::notify::Trouble;

/// What is sent at a time: most servers take more, and no faster.
const LINES: usize = 5_000;
const BYTES: usize = 1_000_000;

/// The first pause, and the longest; each is twice the one before, less up to a half by chance.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(4);

/// Lines as they are sent at a time: at most 5,000, or 1 MB. One that is longer is alone.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// Of whole lines, each with its line feed.
    pub fn of(lines: &'a [u8]) -> Batches<'a> {
        Batches { rest: lines }
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut end = 0;
        for line_feed in memchr_iter(b'\n', self.rest).take(LINES) {
            if end > 0 && line_feed + 1 > BYTES {
                break;
            }
            end = line_feed + 1;
        }
        // A last line without a line feed is a line.
        let end = if end == 0 { self.rest.len() } else { end };
        let (batch, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!batch.is_empty()).then_some(batch)
    }
}

/// What came of lines that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// All of them.
    pub lines: u64,
    /// Those among them that the server never will accept; at least so many.
    pub refused: u64,
    /// What it has against the first of these.
    pub why: Option<String>,
    /// How many times something was sent.
    pub attempts: u64,
}

impl Sent {
    pub fn add(&mut self, other: Sent) {
        self.lines += other.lines;
        self.refused = self.refused.saturating_add(other.refused);
        self.why = self.why.take().or(other.why);
        self.attempts += other.attempts;
    }
}

/// What was heard of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Answer(Verdict),
    Nothing(Trouble),
}

/// How a receiver is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// How long all attempts may take.
    pub timeout: Duration,
    /// Whether lines that never will be accepted are left out.
    pub skip_refused: bool,
    /// Whether a line that is sent twice is one line: then what is in doubt is sent again.
    pub overwrites: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes of the lines, after a pause, and say what was heard.
    Send {
        lines: Range<usize>,
        after: Duration,
    },
    Done(Sent),
    /// One line: why, and what to do.
    Failed(String),
}

/// Lines under way, one request at a time and in order.
#[derive(Debug)]
pub struct Sending<'a> {
    lines: &'a [u8],
    manner: Manner,
    /// What is not accepted yet; the last one is sent next. None is empty.
    pieces: Vec<Range<usize>>,
    /// What is longer is cut before it is sent.
    most: usize,
    /// Attempts since something was accepted.
    tries: u32,
    sent: Sent,
}

impl<'a> Sending<'a> {
    /// `most`: so many bytes may be sent at a time, as far as there are several lines.
    pub fn new(lines: &'a [u8], most: usize, manner: Manner) -> Sending<'a> {
        let all = (!lines.is_empty()).then_some(0..lines.len());
        let pieces = all.into_iter().collect();
        Sending { lines, manner, pieces, most, tries: 0, sent: Sent::default() }
    }

    /// How many bytes the receiver took at a time, as far as it was found out.
    pub fn most(&self) -> usize {
        self.most
    }

    /// What comes first, and whenever something was accepted.
    pub fn begin(&mut self) -> Step {
        self.send(Duration::ZERO)
    }

    /// What comes next. `elapsed` is since the first attempt began, `chance` from 0 to 1.
    pub fn heard(&mut self, heard: Heard, elapsed: Duration, chance: f64) -> Step {
        self.sent.attempts += 1;
        self.tries += 1;
        match heard {
            Heard::Answer(Verdict::Accepted) => self.accepted(),
            Heard::Answer(Verdict::Partial { why, dropped }) => match self.manner.skip_refused {
                true => {
                    self.sent.refused = self.sent.refused.saturating_add(dropped.unwrap_or(1));
                    self.sent.why.get_or_insert(why);
                    self.accepted()
                }
                false => Step::Failed(format!("{why}; `:partial :skip` goes on without what is refused")),
            },
            Heard::Answer(Verdict::Rejected { why }) => Step::Failed(why),
            Heard::Answer(Verdict::TooLarge { why }) => match self.halve() {
                true => self.send(Duration::ZERO),
                false => Step::Failed(format!("{why}; it takes no single line of {} bytes", self.next().len())),
            },
            Heard::Answer(Verdict::Retry { why, after }) => {
                let wanted = after.map_or(Duration::ZERO, |micros| Duration::from_micros(micros.max(0) as u64));
                self.again(&why, wanted, elapsed, chance)
            }
            Heard::Nothing(trouble) if trouble.in_doubt && !self.manner.overwrites => Step::Failed(format!(
                "{}; it may have been taken nevertheless, and would count twice when it is sent again",
                trouble.why
            )),
            Heard::Nothing(trouble) => {
                // As some do when a message is too large. It may have other reasons: so there is a pause.
                if trouble.broke_off {
                    self.halve();
                }
                self.again(&trouble.why, Duration::ZERO, elapsed, chance)
            }
        }
    }

    fn accepted(&mut self) -> Step {
        let piece = self.pieces.pop().unwrap_or_default();
        self.sent.lines += count(&self.lines[piece]);
        self.tries = 0;
        self.send(Duration::ZERO)
    }

    /// The next piece, after a pause of at least `wanted`, unless the time does not last.
    fn again(&mut self, why: &str, wanted: Duration, elapsed: Duration, chance: f64) -> Step {
        let left = self.manner.timeout.saturating_sub(elapsed);
        let seconds = |time: Duration| (time.as_secs_f64() * 10.0).round() / 10.0;
        if wanted >= left && !wanted.is_zero() {
            let wanted = seconds(wanted);
            return Step::Failed(format!("{why}; it asks for a pause of {wanted} s, longer than `:timeout` leaves"));
        }
        let pause = pause(self.tries, chance).max(wanted);
        if pause >= left {
            let (tries, timeout) = (self.tries, seconds(self.manner.timeout));
            let times = if tries == 1 { "once".to_string() } else { format!("{tries} times") };
            return Step::Failed(format!("{why}; tried {times}, and given up after the {timeout} s of `:timeout`"));
        }
        self.send(pause)
    }

    fn send(&mut self, after: Duration) -> Step {
        if self.pieces.is_empty() {
            return Step::Done(std::mem::take(&mut self.sent));
        }
        while self.next().len() > self.most && self.cut() {}
        Step::Send { lines: self.next(), after }
    }

    fn next(&self) -> Range<usize> {
        self.pieces.last().cloned().unwrap_or_default()
    }

    /// Cuts the next piece into halves; false if it is a single line.
    fn halve(&mut self) -> bool {
        let length = self.next().len();
        let is_cut = self.cut();
        if is_cut {
            // Halves end with a line, and are not all of one length.
            self.most = self.most.min(length / 2 + length / 16 + 1);
        }
        is_cut
    }

    fn cut(&mut self) -> bool {
        let Some(piece) = self.pieces.pop() else { return false };
        let lines = &self.lines[piece.clone()];
        let middle = lines.len() / 2;
        let body = lines.len().saturating_sub(1);
        // The end of a line next to the middle, but not that of the last one.
        let before = memrchr(b'\n', &lines[..middle.min(body)]);
        let end = before.or_else(|| memchr::memchr(b'\n', &lines[middle.min(body)..body]).map(|at| middle + at));
        let Some(end) = end else {
            self.pieces.push(piece);
            return false;
        };
        let cut = piece.start + end + 1;
        self.pieces.extend([cut..piece.end, piece.start..cut]);
        true
    }
}

fn count(lines: &[u8]) -> u64 {
    let open = lines.last().is_some_and(|byte| *byte != b'\n');
    memchr_iter(b'\n', lines).count() as u64 + u64::from(open)
}

fn pause(tries: u32, chance: f64) -> Duration {
    let whole = FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST);
    whole.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANNER: Manner = Manner { timeout: Duration::from_secs(30), skip_refused: false, overwrites: true };

    fn lines(count: usize) -> Vec<u8> {
        (0..count).flat_map(|at| format!("http,host=web-{at} count=1i 1700000000000000000\n").into_bytes()).collect()
    }

    fn accepted() -> Heard {
        Heard::Answer(Verdict::Accepted)
    }

    fn too_large() -> Heard {
        Heard::Answer(Verdict::TooLarge { why: "answered 413".to_string() })
    }

    fn busy(after: Option<i64>) -> Heard {
        Heard::Answer(Verdict::Retry { why: "answered 503".to_string(), after })
    }

    fn partial(dropped: Option<u64>) -> Heard {
        Heard::Answer(Verdict::Partial { why: "answered 400: partial write".to_string(), dropped })
    }

    fn broke_off() -> Heard {
        Heard::Nothing(Trouble { broke_off: true, ..Trouble::new("127.0.0.1:8086: broken pipe".to_string()) })
    }

    /// All that is sent to a server that says this of each piece, one second an attempt; how long all took at least.
    fn run(
        lines: &[u8],
        manner: Manner,
        mut server: impl FnMut(&[u8]) -> Heard,
    ) -> (Result<Sent, String>, Vec<Vec<u8>>, Duration) {
        let mut sending = Sending::new(lines, usize::MAX, manner);
        let mut elapsed = Duration::ZERO;
        let mut taken = Vec::new();
        let mut step = sending.begin();
        loop {
            match step {
                Step::Send { lines: piece, after } => {
                    elapsed += after + Duration::from_secs(1);
                    let heard = server(&lines[piece.clone()]);
                    if matches!(heard, Heard::Answer(Verdict::Accepted | Verdict::Partial { .. })) {
                        taken.push(lines[piece].to_vec());
                    }
                    step = sending.heard(heard, elapsed, 0.0);
                }
                Step::Done(sent) => return (Ok(sent), taken, elapsed),
                Step::Failed(why) => return (Err(why), taken, elapsed),
            }
        }
    }

    #[test]
    fn batches_have_at_most_five_thousand_lines_and_a_megabyte() {
        let all = lines(12_000);
        let batches: Vec<_> = Batches::of(&all).map(count).collect();
        assert_eq!(batches, [5_000, 5_000, 2_000]);
        assert_eq!(Batches::of(&all).collect::<Vec<_>>().concat(), all);
        let wide = [vec![b'x'; 400_000], b"\n".to_vec()].concat();
        let mut all = wide.repeat(3);
        all.extend([vec![b'y'; 2_000_000], b"\nz\nlast".to_vec()].concat());
        let batches: Vec<_> = Batches::of(&all).map(|batch| (count(batch), batch.len())).collect();
        assert_eq!(batches, [(2, 800_002), (1, 400_001), (1, 2_000_001), (1, 2), (1, 4)]);
        assert_eq!(Batches::of(b"").next(), None);
    }

    #[test]
    fn what_is_too_large_is_halved_until_it_fits_and_stays_in_order() {
        let all = lines(1_000);
        let most = all.len() / 5;
        for refuse in [too_large, broke_off] {
            let mut attempts = 0;
            let (sent, taken, _) = run(&all, MANNER, |piece| {
                attempts += 1;
                if piece.len() > most { refuse() } else { accepted() }
            });
            assert_eq!(sent, Ok(Sent { lines: 1_000, refused: 0, why: None, attempts }));
            assert_eq!(taken.concat(), all);
            // What was too large once is not tried again.
            assert!(taken.len() <= 10 && attempts as usize <= taken.len() + 4, "{attempts}, {}", taken.len());
        }
        let (sent, taken, _) =
            run(&all[..all.len() - 1], MANNER, |piece| if count(piece) > 1 { too_large() } else { accepted() });
        assert_eq!((sent.map(|sent| sent.lines), taken.len()), (Ok(1_000), 1_000));
        let (sent, ..) = run(&lines(2), MANNER, |_| too_large());
        assert_eq!(sent, Err("answered 413; it takes no single line of 45 bytes".to_string()));
        let (sent, ..) = run(b"one line", MANNER, |_| broke_off());
        let why = "127.0.0.1:8086: broken pipe; tried 9 times, and given up after the 30 s of `:timeout`";
        assert_eq!(sent, Err(why.to_string()));
    }

    #[test]
    fn pauses_grow_and_end_with_the_time() {
        let (sent, _, elapsed) = run(&lines(3), MANNER, |_| busy(None));
        let why = "answered 503; tried 9 times, and given up after the 30 s of `:timeout`";
        assert_eq!(sent, Err(why.to_string()));
        assert!((20..30).contains(&elapsed.as_secs()), "{elapsed:?}");
        for (tries, least, most) in [(1, 125, 250), (2, 250, 500), (5, 2_000, 4_000), (6, 2_000, 4_000)] {
            assert_eq!(pause(tries, 1.0).as_millis(), least);
            assert_eq!(pause(tries, 0.0).as_millis(), most);
        }
        assert_eq!(pause(u32::MAX, 0.0), LONGEST);
    }

    #[test]
    fn a_server_is_left_alone_for_as_long_as_it_asks_or_given_up_at_once() {
        let mut answers = vec![accepted(), busy(Some(7_000_000))];
        let (sent, _, elapsed) = run(&lines(3), MANNER, |_| answers.pop().unwrap());
        assert_eq!(sent, Ok(Sent { lines: 3, refused: 0, why: None, attempts: 2 }));
        assert_eq!(elapsed, Duration::from_secs(9));
        let (sent, _, elapsed) = run(&lines(3), MANNER, |_| busy(Some(120_000_000)));
        let why = "answered 503; it asks for a pause of 120 s, longer than `:timeout` leaves";
        assert_eq!((sent, elapsed), (Err(why.to_string()), Duration::from_secs(1)));
    }

    #[test]
    fn what_is_refused_fails_or_is_counted() {
        let why = "answered 400: partial write";
        let (sent, ..) = run(&lines(9), MANNER, |_| partial(Some(2)));
        assert_eq!(sent, Err(format!("{why}; `:partial :skip` goes on without what is refused")));
        for (dropped, refused) in [(Some(2), 2), (None, 1)] {
            let (sent, ..) = run(&lines(9), Manner { skip_refused: true, ..MANNER }, |_| partial(dropped));
            assert_eq!(sent, Ok(Sent { lines: 9, refused, why: Some(why.to_string()), attempts: 1 }));
        }
        let rejected = || Heard::Answer(Verdict::Rejected { why: "answered 401".to_string() });
        let (sent, ..) = run(&lines(9), Manner { skip_refused: true, ..MANNER }, |_| rejected());
        assert_eq!(sent, Err("answered 401".to_string()));
        let (sent, ..) = run(b"", MANNER, |_| rejected());
        assert_eq!(sent, Ok(Sent::default()));
    }

    #[test]
    fn what_would_count_twice_is_not_sent_again_when_in_doubt() {
        let once = Manner { overwrites: false, ..MANNER };
        let trouble = Trouble::new("127.0.0.1:5559: reset".to_string());
        let (sent, ..) = run(&lines(9), once, |_| Heard::Nothing(trouble.clone()));
        let why =
            "127.0.0.1:5559: reset; it may have been taken nevertheless, and would count twice when it is sent again";
        assert_eq!(sent, Err(why.to_string()));
        let mut answers = vec![accepted(), Heard::Nothing(trouble.unsent())];
        let (sent, ..) = run(&lines(9), once, |_| answers.pop().unwrap());
        assert_eq!(sent.map(|sent| sent.attempts), Ok(2));
    }
}
