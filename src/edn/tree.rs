//! Tokens as a tree that keeps comments and what is left out, in rows: what stands on a line of its own where a
//! collection takes several lines.

use std::iter::Peekable;

use super::tokens::{Token, TokenKind, Tokens, tokens};

/// A form with all that stands in it.
pub(super) struct Node<'t> {
    /// Different for each node of a tree.
    pub(super) id: u32,
    pub(super) shape: Shape<'t>,
    /// How many columns it takes on one line; None if it cannot or should not be on one line.
    pub(super) flat: Option<usize>,
    /// A map that is not empty, or a vector or set of such maps.
    pub(super) holds_map: bool,
}

pub(super) enum Shape<'t> {
    Atom(&'t str),
    Tagged(&'t str, Row<'t>),
    Group(Group<'t>),
}

/// A collection.
pub(super) struct Group<'t> {
    pub(super) open: &'t str,
    pub(super) close: &'t str,
    pub(super) rows: Vec<Row<'t>>,
}

/// An item, or a key and its value, with what belongs to it; or a comment on a line of its own.
#[derive(Default)]
pub(super) struct Row<'t> {
    pub(super) parts: Vec<Part<'t>>,
    /// There was an empty line in front.
    pub(super) blank_before: bool,
    /// How many forms are in it.
    forms: usize,
}

pub(super) enum Part<'t> {
    /// `own_line`: nothing stands in front of it on its line.
    Comment {
        text: &'t str,
        own_line: bool,
    },
    /// `#_`
    Marker,
    /// What a `#_` leaves out.
    Ignored(Node<'t>),
    Form(Node<'t>),
}

impl<'t> Node<'t> {
    /// The text of what has no form inside of it.
    pub(super) fn atom(&self) -> Option<&'t str> {
        match self.shape {
            Shape::Atom(text) => Some(text),
            Shape::Tagged(..) | Shape::Group(_) => None,
        }
    }

    /// How many rows a vector of maps has.
    pub(super) fn maps(&self) -> Option<usize> {
        match &self.shape {
            Shape::Group(group) if group.open == "[" && self.holds_map => Some(group.rows.len()),
            _ => None,
        }
    }
}

impl<'t> Row<'t> {
    /// Whether the line cannot go on behind it.
    pub(super) fn ends_with_comment(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Comment { .. }))
    }

    /// A key that can be on one line, its value, and what stands behind them.
    pub(super) fn pair(&self) -> Option<(&Node<'t>, usize, &Node<'t>, &[Part<'t>])> {
        match &self.parts[..] {
            [Part::Form(key), Part::Form(value), rest @ ..] => Some((key, key.flat?, value, rest)),
            _ => None,
        }
    }

    /// Whether, as row `at` of so many, it begins with a `#_` or has nothing else.
    fn leaves_out_alone(&self, at: usize, of: usize) -> bool {
        (at > 0 && matches!(self.parts.first(), Some(Part::Marker))) || (of > 1 && self.forms == 0)
    }

    /// The form that it begins with.
    pub(super) fn first_form(&self) -> Option<&Node<'t>> {
        match self.parts.first() {
            Some(Part::Form(form)) => Some(form),
            _ => None,
        }
    }
}

/// The rows of a text in which the reader finds no fault.
pub(super) fn rows(text: &str) -> Vec<Row<'_>> {
    let mut builder = Builder { tokens: tokens(text).peekable(), breaks: 0, next_id: 0 };
    let mut rows = builder.rows(Kind::File);
    for row in &mut rows {
        for part in &mut row.parts {
            // The entries of a file have lines of their own.
            if let Part::Form(node) = part
                && let Shape::Group(group) = &node.shape
                && group.open == "{"
                && group.rows.len() > 1
            {
                node.flat = None;
            }
        }
    }
    rows
}

/// What rows are made for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    File,
    List,
    Sequence,
    Map,
    Tag,
}

struct Builder<'t> {
    tokens: Peekable<Tokens<'t>>,
    /// Line breaks since the last token that is no blank: 2 stands for more.
    breaks: usize,
    next_id: u32,
}

impl<'t> Builder<'t> {
    /// The rows up to a closing bracket, which stays; of a tag those up to its form.
    fn rows(&mut self, kind: Kind) -> Vec<Row<'t>> {
        let mut rows: Vec<Row<'t>> = Vec::new();
        // How many of the next forms are left out; whether the last row can take no more.
        let (mut discards, mut closed) = (0_usize, true);
        let mut step = if kind == Kind::Map { 2 } else { 1 };
        while let Some(token) = self.solid() {
            if token.kind == TokenKind::Close {
                break;
            }
            let breaks = std::mem::take(&mut self.breaks);
            let forms = rows.last().map_or(0, |row| row.forms);
            // Something is still to come that belongs to the row.
            let awaits = !closed && (discards > 0 || (0 < forms && forms < step) || kind == Kind::Tag);
            let begins = match token.kind {
                // Behind something it stays there.
                TokenKind::Comment => rows.is_empty() || (!awaits && breaks > 0),
                TokenKind::Discard => closed || (!awaits && breaks > 0),
                _ => closed || (!awaits && (forms == step || breaks > 0)),
            };
            if begins {
                rows.push(Row { blank_before: breaks > 1, ..Row::default() });
                closed = false;
            }
            let part = match token.kind {
                TokenKind::Comment => {
                    self.tokens.next();
                    closed = !awaits && kind != Kind::Tag;
                    Part::Comment { text: token.text.trim_ascii_end(), own_line: breaks > 0 }
                }
                TokenKind::Discard => {
                    self.tokens.next();
                    discards += 1;
                    Part::Marker
                }
                _ if discards > 0 => {
                    discards -= 1;
                    Part::Ignored(self.node())
                }
                _ => Part::Form(self.node()),
            };
            let Some(row) = rows.last_mut() else { break };
            row.forms += usize::from(matches!(part, Part::Form(_)));
            row.parts.push(part);
            if kind == Kind::Tag && row.forms > 0 {
                break;
            }
            // What stands behind `cond` are pairs.
            if kind == Kind::List && rows.len() == 1 {
                let head = rows[0].first_form().and_then(Node::atom);
                if head == Some("cond") {
                    closed = true;
                    step = 2;
                }
            }
        }
        rows
    }

    /// The next token that is no blank, which stays.
    fn solid(&mut self) -> Option<Token<'t>> {
        while let Some(token) = self.tokens.peek() {
            if token.kind != TokenKind::Blank {
                return Some(*token);
            }
            let breaks = token.text.bytes().filter(|byte| *byte == b'\n').count();
            self.breaks = (self.breaks + breaks).min(2);
            self.tokens.next();
        }
        None
    }

    /// Reads a form; one begins here.
    fn node(&mut self) -> Node<'t> {
        let id = self.next_id;
        self.next_id += 1;
        let token = self.tokens.next().expect("a form begins here");
        match token.kind {
            TokenKind::Tag => {
                let row = self.rows(Kind::Tag).pop().unwrap_or_default();
                let flat = width_of_parts(&row).map(|width| width + width_of(token.text) + 1);
                Node { id, shape: Shape::Tagged(token.text, row), flat, holds_map: false }
            }
            TokenKind::Open => self.group(id, token.text),
            _ => {
                let flat = (!token.text.contains('\n')).then(|| width_of(token.text));
                Node { id, shape: Shape::Atom(token.text), flat, holds_map: false }
            }
        }
    }

    fn group(&mut self, id: u32, open: &'t str) -> Node<'t> {
        let kind = match open {
            "(" => Kind::List,
            "{" => Kind::Map,
            _ => Kind::Sequence,
        };
        let rows = self.rows(kind);
        self.breaks = 0;
        let close = self.tokens.next().map_or("", |token| token.text);
        let maps = rows.iter().flat_map(|row| &row.parts);
        let maps = maps.filter(|part| matches!(part, Part::Form(node) if node.holds_map)).count();
        let inner: Option<usize> = rows.iter().map(width_of_parts).sum();
        let blanks = rows.len().saturating_sub(1);
        let flat = inner.map(|inner| open.len() + inner + blanks + close.len());
        // Two checks on one line are hard to read.
        let flat = flat.filter(|_| kind == Kind::List || maps < 2);
        // What is left out on a line of its own stays there; in one line nothing would tell that it was.
        let flat = flat.filter(|_| !rows.iter().enumerate().any(|(at, row)| row.leaves_out_alone(at, rows.len())));
        let holds_map = if kind == Kind::Map { !rows.is_empty() } else { kind == Kind::Sequence && maps > 0 };
        Node { id, shape: Shape::Group(Group { open, close, rows }), flat, holds_map }
    }
}

/// How many columns the parts of a row take on one line.
fn width_of_parts(row: &Row) -> Option<usize> {
    let mut width = 0;
    for (at, part) in row.parts.iter().enumerate() {
        width += match part {
            Part::Comment { .. } => return None,
            Part::Marker => 2,
            Part::Ignored(node) | Part::Form(node) => node.flat?,
        };
        let is_last = at + 1 == row.parts.len();
        width += usize::from(!is_last && !matches!(part, Part::Marker));
    }
    Some(width)
}

pub(super) fn width_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}
