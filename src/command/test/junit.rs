//! JUnit's XML, as build servers read it.

use std::io::{self, Write};

use super::Ran;

pub fn write(ran: &[Ran<'_>], out: &mut dyn Write) -> io::Result<()> {
    let failures = ran.iter().filter(|one| !one.comparison.is_same()).count();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuite name=\"highwater\" tests=\"{}\" failures=\"{failures}\">", ran.len())?;
    for one in ran {
        let (name, file) = (escaped(&one.scenario.name), escaped(&one.sources.files[0].path));
        let seconds = one.took.as_secs_f64();
        write!(out, "  <testcase name=\"{name}\" classname=\"{file}\" time=\"{seconds:.6}\"")?;
        if one.comparison.is_same() {
            writeln!(out, "/>")?;
            continue;
        }
        let mut shown = Vec::new();
        one.comparison.show(one.sources, one.scenario, false, &mut shown)?;
        let text = escaped(&String::from_utf8_lossy(&shown));
        writeln!(out, ">\n    <failure message=\"another timeline came\">{text}</failure>\n  </testcase>")?;
    }
    writeln!(out, "</testsuite>")
}

/// XML has no way to say most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}
