//! Writes the timelines that came into a file of scenarios; all else stays, byte for byte.

use std::io;
use std::path::Path;

use super::super::replace::replace;
use crate::edn;
use crate::order;
use crate::plan::Scenario;

/// Writes timelines; whether the file has changed by it. It is either what it was or the new one.
///
/// A file in the style of `fmt` stays in it.
pub fn write(path: &Path, text: &str, timelines: &[(&Scenario, Vec<String>)]) -> io::Result<bool> {
    let mut new = replaced(text, timelines);
    if edn::format(text).is_ok_and(|formatted| formatted == text)
        && let Ok(formatted) = edn::format(&new)
    {
        new = formatted;
    }
    // Lines end as they do in the file.
    if text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r')) {
        new = new.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    if new == text {
        return Ok(false);
    }
    replace(path, text, &new)?;
    Ok(true)
}

fn replaced(text: &str, timelines: &[(&Scenario, Vec<String>)]) -> String {
    let mut timelines: Vec<_> = timelines.iter().collect();
    order::by_key(&mut timelines, |(scenario, _)| std::cmp::Reverse(scenario.place.start));
    let mut text = text.to_string();
    for (scenario, lines) in timelines {
        match scenario.expect {
            Some(span) => {
                let column = column(&text, span.start as usize) + 1;
                text.replace_range(span.start as usize..span.end as usize, &vector(lines, column));
            }
            None => {
                // Before the bracket that closes the scenario.
                let at = scenario.place.end as usize - 1;
                let column = column(&text, scenario.place.start as usize) + 1;
                let indent = " ".repeat(column);
                let vector = vector(lines, column + ":expect [".len());
                text.insert_str(at, &format!("\n{indent}:expect {vector}"));
            }
        }
    }
    text
}

/// `[]`, or a line for each, under each other.
fn vector(lines: &[String], column: usize) -> String {
    format!("[{}]", lines.join(&format!("\n{}", " ".repeat(column))))
}

/// In characters from the beginning of the line.
fn column(text: &str, at: usize) -> usize {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[line..at].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::Span;
    use crate::plan::Timestamp;

    fn scenario(text: &str, expect: Option<&str>) -> Scenario {
        let start = text.find('{').unwrap() as u32;
        let span = |part: &str| {
            let start = text.find(part).unwrap() as u32;
            Span { file: 0, start, end: start + part.len() as u32 }
        };
        let time = Timestamp::clamped(0);
        Scenario {
            name: "a".into(),
            start: time,
            end: time,
            series: vec![],
            expected: vec![],
            place: Span { file: 0, start, end: text.rfind('}').unwrap() as u32 + 1 },
            expect: expect.map(span),
        }
    }

    #[test]
    fn only_the_timeline_changes() {
        let lines = ["{:at \"a\"}", "{:at \"b\"}"].map(String::from).to_vec();
        for (text, expect, lines, new) in [
            (
                "; c\n{:x 1 :expect [1] ; d\n :y 2}",
                Some("[1]"),
                &lines[..1],
                "; c\n{:x 1 :expect [{:at \"a\"}] ; d\n :y 2}",
            ),
            ("{:expect []}", Some("[]"), &lines[..], "{:expect [{:at \"a\"}\n          {:at \"b\"}]}"),
            ("{:x 1}", None, &lines[..1], "{:x 1\n :expect [{:at \"a\"}]}"),
            ("{:expect [1 2]}", Some("[1 2]"), &lines[..0], "{:expect []}"),
        ] {
            let one = scenario(text, expect);
            assert_eq!(replaced(text, &[(&one, lines.to_vec())]), new);
        }
    }
}
