//! `:log`: a line of JSON for each transition.

use super::{Batch, Line, json_lines};
use crate::plan::Log;

pub fn render(log: &Log, batch: &Batch<'_>) -> Line {
    Line { path: log.path.clone(), lines: json_lines(batch) }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn each_transition_is_a_line_as_it_was_produced() {
        let notices = [samples::violation(), samples::recovery()];
        let line = render(&Log::default(), &samples::batch(&notices));
        let expected = format!("{}\n{}\n", notices[0].line(), notices[1].line());
        assert_eq!(String::from_utf8(line.lines).unwrap(), expected);
        assert_eq!(line.path, None);
    }

    #[test]
    fn a_test_is_marked() {
        let notices = [samples::violation()];
        let line = render(&Log::default(), &samples::test_batch(&notices));
        let json: serde_json::Value = serde_json::from_slice(&line.lines).unwrap();
        assert_eq!(json["test"], true);
        assert!(json["summary"].as_str().unwrap().starts_with("TEST: p99 of query-service"));
    }
}
