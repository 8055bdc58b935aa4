//! A pattern, checked when it is read, compiled when it is first used, and searched, never anchored.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// A regular expression over bytes, searched anywhere in the text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Pattern(Arc<Source>);

#[derive(Debug)]
struct Source {
    text: Box<str>,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// The longest program a pattern may compile to, in bytes: `\w{1,40}` takes 2 MB.
    pub const SIZE_LIMIT: usize = 10 << 20;

    /// Compiles at once. Errors are those of the `regex` crate: syntax, or a program above [`Pattern::SIZE_LIMIT`].
    pub fn new(text: &str) -> Result<Pattern, regex::Error> {
        let compiled = RegexBuilder::new(text).size_limit(Pattern::SIZE_LIMIT).build()?;
        Ok(Pattern(Arc::new(Source { text: text.into(), compiled: compiled.into() })))
    }

    /// Takes a pattern that `regex-syntax` has read (for bytes) and that is known to be small. It is compiled when it
    /// is first used: a plan of 10,000 patterns is checked without compiling one.
    pub(crate) fn parsed(text: &str) -> Pattern {
        Pattern(Arc::new(Source { text: text.into(), compiled: OnceLock::new() }))
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        self.regex().is_match(text)
    }

    /// Where in `text` the first match stands.
    pub fn find(&self, text: &[u8]) -> Option<Range<usize>> {
        self.regex().find(text).map(|found| found.range())
    }

    /// Where in `text` a group of the first match stands; None without a match, or if it has no part in it.
    pub fn group(&self, text: &[u8], group: usize) -> Option<Range<usize>> {
        match group {
            0 => self.find(text),
            group => self.regex().captures(text)?.get(group).map(|found| found.range()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    fn regex(&self) -> &Regex {
        self.0.compiled.get_or_init(|| {
            let built = RegexBuilder::new(&self.0.text).size_limit(usize::MAX).build();
            built.expect("regex reads what regex-syntax has read, and its size is not limited")
        })
    }
}

impl From<String> for Pattern {
    /// Of text that was a pattern's.
    fn from(text: String) -> Pattern {
        Pattern::parsed(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.as_str().to_string()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.as_str() == other.as_str()
    }
}
