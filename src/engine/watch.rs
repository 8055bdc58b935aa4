//! Which time was watched.

use serde::{Deserialize, Serialize};

use super::shape::Shape;

/// The time that was watched: a stretch, in microseconds, perhaps without an end on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Nothing before is watched.
    pub from: Option<i64>,
    /// Nothing from here on is watched.
    pub to: Option<i64>,
}

impl Watch {
    pub const ALWAYS: Watch = Watch { from: None, to: None };

    /// How much of the window was unwatched, in microseconds, and for how many windows in a row (at most `most`,
    /// which is above 0) that is so.
    pub fn unwatched(&self, shape: Shape, window: i64, most: i64) -> (i64, i64) {
        let (start, end) = (shape.start(window), shape.end(window));
        let from = self.from.unwrap_or(i64::MIN);
        let to = self.to.unwrap_or(i64::MAX);
        let watched = end.min(to).saturating_sub(start.max(from)).max(0);
        let mut same = most;
        for edge in [self.from, self.to].into_iter().flatten() {
            if start < edge && edge < end {
                same = 1;
            } else if end <= edge {
                same = same.min((edge - end) / shape.every + 1);
            }
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
        for watch in [
            Watch::ALWAYS,
            Watch { from: Some(70), to: None },
            Watch { from: Some(80), to: Some(190) },
            Watch { from: Some(85), to: Some(90) },
        ] {
            let slowly = |window: i64| {
                let inside = |t: &i64| watch.from.is_none_or(|from| from <= *t) && watch.to.is_none_or(|to| *t < to);
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
}
