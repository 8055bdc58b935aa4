//! A pattern that was compiled once and is searched, never anchored.

use std::sync::Arc;

/// A regular expression over bytes, searched anywhere in the text.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<regex::bytes::Regex>);

impl Pattern {
    /// The longest program a pattern may compile to, in bytes.
    pub const SIZE_LIMIT: usize = 1 << 20;

    /// Errors are those of the `regex` crate: syntax, or a program above [`Pattern::SIZE_LIMIT`].
    pub fn new(text: &str) -> Result<Pattern, regex::Error> {
        let built = regex::bytes::RegexBuilder::new(text).size_limit(Pattern::SIZE_LIMIT).build()?;
        Ok(Pattern(Arc::new(built)))
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// The first match, as it stands in `text`.
    pub fn find<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        self.0.find(text).map(|found| found.as_bytes())
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.as_str() == other.as_str()
    }
}
