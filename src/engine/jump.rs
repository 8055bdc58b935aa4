//! What a jump of the clock does to windows: what nobody watched, and what is still to come though it was passed.

use super::evaluator::Evaluator;
use super::lane::Lane;
use super::shape::Windows;
use crate::plan::Timestamp;

impl Evaluator {
    /// Nobody watched between these times.
    pub fn unwatched(&mut self, from: Timestamp, to: Timestamp) {
        self.watch.add_gap(from.micros(), to.micros());
    }

    /// Sets the windows back to a time that comes once more.
    ///
    /// Statuses stay. Windows of which nothing had been watched are open again; those that were judged are not judged
    /// again. What was counted more than `max_skew` (in microseconds) after that time cannot be right and is dropped.
    pub fn set_back(&mut self, to: Timestamp, max_skew: i64, lanes: &mut [&mut Lane]) {
        self.take_all(lanes);
        self.absorb();
        let latest = to.micros().saturating_add(max_skew);
        for (i, shape) in self.compiled.shapes.iter().enumerate() {
            let position = &mut self.positions[i];
            let reopened = shape.first_open(to.micros());
            let mut missed: Vec<Windows> = Vec::new();
            let mut window = reopened;
            while window < position.open {
                let (unwatched, same) = self.watch.unwatched(*shape, window, position.open - window);
                let run = Windows { from: window, to: window + same };
                if unwatched == shape.interval {
                    missed.extend(run.without(position.spoken).into_iter().filter(|windows| windows.from < windows.to));
                }
                window = run.to;
            }
            if let Some(first) = missed.first().map(|windows| windows.from) {
                let mut from = first;
                let mut done = Vec::new();
                for windows in missed {
                    done.push(Windows { from, to: windows.from });
                    from = windows.to;
                }
                done.push(Windows { from, to: position.open });
                done.retain(|windows| windows.from < windows.to);
                done.extend(std::mem::take(&mut position.done));
                position.done = done;
                position.open = first;
                if !position.started {
                    position.first = position.first.map(|known| known.min(first));
                }
            }
            let open = position.open;
            for threshold in &self.compiled.members[i] {
                for group in self.subjects[*threshold].groups.values_mut() {
                    let dropped = group.set_back(open, latest, *shape, &mut self.budget);
                    self.panes -= dropped;
                }
            }
        }
        self.watch.reopen_from(to.micros());
        lanes.iter_mut().for_each(|lane| self.align(lane));
    }
}
