//! Files in another language, recognised as a whole: one error instead of one for each line.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Json,
    Toml,
    Yaml,
}

impl Language {
    pub fn name(self) -> &'static str {
        match self {
            Language::Json => "JSON",
            Language::Toml => "TOML",
            Language::Yaml => "YAML",
        }
    }
}

/// The language of a text that is certainly no EDN, and the place of what gives it away.
pub(super) fn recognise(text: &str) -> Option<(Language, Range<usize>)> {
    if is_json(text) {
        let start = text.len() - text.trim_start().len();
        return Some((Language::Json, start..start + 1));
    }
    let mut start = 0;
    let mut header = None;
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        let place = start + line.len() - line.trim_start().len();
        let place = place..place + content.len();
        start += line.len();
        // Both have such comments.
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if header.is_none() && is_header(content) {
            header = Some(place);
        } else if is_assignment(content) {
            return Some((Language::Toml, header.unwrap_or(place)));
        } else if header.is_none() && is_yaml(content) {
            return Some((Language::Yaml, place));
        } else {
            return None;
        }
    }
    None
}

/// A map that begins with `"key":`, and has no keyword of EDN in it.
fn is_json(text: &str) -> bool {
    let inner = text.trim_start();
    let inner = match inner.strip_prefix('[') {
        Some(list) => list.trim_start(),
        None => inner,
    };
    let Some(key) = inner.strip_prefix('{').and_then(|map| map.trim_start().strip_prefix('"')) else { return false };
    let behind = key.find('"').map_or("", |end| key[end + 1..].trim_start());
    behind.starts_with(':') && !has_keyword(text)
}

fn has_keyword(text: &str) -> bool {
    let mut is_inside = false;
    let mut bytes = text.bytes().peekable();
    let mut before = b' ';
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if is_inside => {
                bytes.next();
            }
            b'"' => is_inside = !is_inside,
            b':' if !is_inside
                && matches!(before, b' ' | b',' | b'\n' | b'\t' | b'{' | b'[' | b'(')
                && bytes.peek().is_some_and(|next| next.is_ascii_alphabetic() || b"<>=".contains(next)) =>
            {
                return true;
            }
            _ => {}
        }
        before = byte;
    }
    false
}

/// `[section]`, `[[section]]`, `[a.b]`: with numbers or more than one word it could be a vector.
fn is_header(line: &str) -> bool {
    let name = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name = name.map(|name| name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name));
    name.is_some_and(|name| name.split('.').all(|part| is_name(part.trim_matches('"'))))
}

/// `key = value`
fn is_assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(key, value)| is_name(key.trim().trim_matches('"')) && !value.trim().is_empty())
}

/// `---`, `key:`, `key: value`, `- key: value`.
fn is_yaml(line: &str) -> bool {
    let content = line.strip_prefix("- ").unwrap_or(line);
    let is_key = content
        .split_once(':')
        .is_some_and(|(key, value)| is_name(key) && (value.is_empty() || value.starts_with([' ', '\t'])));
    line == "---" || is_key
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::{Language, recognise};

    #[test]
    fn a_file_in_another_language_is_recognised() {
        for (text, expected) in [
            ("{\"percentiles\": {\"q\": {\"0.99\": {\"<=\": 100}}}}", Some(Language::Json)),
            ("\n[ { \"name\" : \"a :b\", } ]", Some(Language::Json)),
            ("{\"a\":[1,2", Some(Language::Json)),
            ("groups:\n  - name: latency\n", Some(Language::Yaml)),
            ("# rules\n---\ngroups: []\n", Some(Language::Yaml)),
            ("- name: latency\n", Some(Language::Yaml)),
            ("percentiles: 5", Some(Language::Yaml)),
            ("[thresholds]\nlimit = 100\n", Some(Language::Toml)),
            ("# x\n[[rules]]\n\nname = \"q\"\n", Some(Language::Toml)),
            ("grace = 5", Some(Language::Toml)),
            ("{:percentiles {}}", None),
            ("{\"service\": \"q\", :limit 5}", None),
            ("{\"grace\" 5}", None),
            ("# habit\n{:grace 5}", None),
            ("[a]", None),
            ("[a]\n{:grace 5}", None),
            ("", None),
            ("; groups:\n{}", None),
            ("{\"", None),
        ] {
            assert_eq!(recognise(text).map(|(language, _)| language), expected, "{text}");
        }
    }
}
