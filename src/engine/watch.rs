//! Which time was watched.

use serde::{Deserialize, Serialize};

use super::shape::Shape;

/// So many gaps are told apart; of more, those that are nearest to each other become one.
const GAPS: usize = 1024;
/// So many are remembered that no open window touches.
const PASSED: usize = 64;

/// The time that was watched: a stretch, in microseconds, perhaps without an end on either side, and gaps in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Nothing before is watched.
    pub from: Option<i64>,
    /// Nothing from here on is watched.
    pub to: Option<i64>,
    /// From, to: in order, apart from each other, none empty.
    gaps: Vec<(i64, i64)>,
}

impl Watch {
    /// A watch that begins at this time.
    pub fn from(time: i64) -> Watch {
        Watch { from: Some(time), ..Watch::default() }
    }

    /// Nothing was watched between these times.
    pub fn add_gap(&mut self, from: i64, to: i64) {
        if to <= from {
            return;
        }
        let first = self.gaps.partition_point(|gap| gap.1 < from);
        let after = self.gaps.partition_point(|gap| gap.0 <= to);
        let joined = self.gaps[first..after].iter().fold((from, to), |(a, b), gap| (a.min(gap.0), b.max(gap.1)));
        self.gaps.splice(first..after, [joined]);
        if self.gaps.len() > GAPS {
            let apart = |at: &usize| self.gaps[at + 1].0 - self.gaps[*at].1;
            let nearest = (0..self.gaps.len() - 1).min_by_key(apart).expect("there are two gaps");
            self.gaps[nearest].1 = self.gaps.remove(nearest + 1).1;
        }
    }

    /// Time from here on is still to come: it will be watched.
    pub fn reopen_from(&mut self, time: i64) {
        self.from = self.from.map(|from| from.min(time));
        self.gaps.retain(|gap| gap.0 < time);
        if let Some(last) = self.gaps.last_mut() {
            last.1 = last.1.min(time);
        }
    }

    /// Forgets gaps that no window from this time on touches, but for the latest: the clock may be set back to them.
    pub fn forget_before(&mut self, time: i64) {
        let passed = self.gaps.partition_point(|gap| gap.1 <= time);
        self.gaps.drain(..passed.saturating_sub(PASSED));
    }

    /// How much of the window was unwatched, in microseconds, and for how many windows in a row (at most `most`,
    /// which is above 0) that is so.
    pub fn unwatched(&self, shape: Shape, window: i64, most: i64) -> (i64, i64) {
        let (start, end) = (shape.start(window), shape.end(window));
        let from = self.from.unwrap_or(i64::MIN);
        let to = self.to.unwrap_or(i64::MAX);
        let mut watched = end.min(to).saturating_sub(start.max(from)).max(0);
        let mut same = most;
        let mut meet = |edge: i64| {
            if start < edge && edge < end {
                same = 1;
            } else if end <= edge {
                same = same.min((edge - end) / shape.every + 1);
            }
        };
        [self.from, self.to].into_iter().flatten().for_each(&mut meet);
        let first = self.gaps.partition_point(|gap| gap.1 <= start);
        for gap in &self.gaps[first..] {
            meet(gap.0);
            meet(gap.1);
            if end <= gap.0 {
                break;
            }
            watched -= end.min(to).min(gap.1).saturating_sub(start.max(from).max(gap.0)).max(0);
        }
        (shape.interval - watched, same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_in_a_row_have_the_same_share_watched() {
        let shape = Shape { interval: 60, every: 20, grace: 0 };
        let with = |from: Option<i64>, to: Option<i64>, gaps: &[(i64, i64)]| {
            let mut watch = Watch { from, to, gaps: Vec::new() };
            gaps.iter().for_each(|gap| watch.add_gap(gap.0, gap.1));
            watch
        };
        for watch in [
            Watch::default(),
            with(Some(70), None, &[]),
            with(Some(80), Some(190), &[]),
            with(Some(85), Some(90), &[]),
            with(None, None, &[(10, 30), (110, 120), (119, 125), (200, 300)]),
            with(Some(50), Some(250), &[(20, 60), (100, 160), (240, 270)]),
        ] {
            let slowly = |window: i64| {
                let inside = |t: &i64| {
                    watch.from.is_none_or(|from| from <= *t)
                        && watch.to.is_none_or(|to| *t < to)
                        && !watch.gaps.iter().any(|gap| gap.0 <= *t && *t < gap.1)
                };
                60 - i64::try_from((shape.start(window)..shape.end(window)).filter(inside).count()).unwrap()
            };
            for window in -5..20 {
                let (unwatched, same) = watch.unwatched(shape, window, 7);
                assert!((1..=7).contains(&same));
                for other in window..window + same {
                    assert_eq!(unwatched, slowly(other), "{watch:?} {window} {other}");
                }
            }
        }
    }

    #[test]
    fn gaps_that_touch_are_one_and_there_are_never_too_many() {
        let mut watch = Watch::default();
        for (from, to) in [(50, 60), (10, 20), (20, 30), (55, 70), (90, 90)] {
            watch.add_gap(from, to);
        }
        assert_eq!(watch.gaps, [(10, 30), (50, 70)]);
        watch.reopen_from(60);
        assert_eq!(watch.gaps, [(10, 30), (50, 60)]);
        for i in 0..3000 {
            watch.add_gap(1000 * i, 1000 * i + 1 + i % 7);
        }
        assert_eq!(watch.gaps.len(), GAPS);
        assert!(watch.gaps.windows(2).all(|pair| pair[0].1 < pair[1].0));
        watch.forget_before(2_999_000);
        assert_eq!((watch.gaps.len(), watch.gaps.last()), (PASSED + 1, Some(&(2_999_000, 2_999_004))));
    }
}
