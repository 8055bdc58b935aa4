//! What is open, and how it is closed: brackets, tags, `#_`; what is missing or twice.

use super::read::{MAX_DEPTH, Reader};
use super::{Form, Kind, Span, catalogue, equal};

pub(super) struct Frame {
    pub(super) opener: Opener,
    /// Where the bracket or the `#` stands.
    pub(super) start: usize,
    /// Just behind the bracket or the tag.
    pub(super) inside: usize,
    pub(super) items: Vec<Form>,
    /// How many of the next forms are left out.
    pub(super) discards: usize,
    /// Where the last `#_` stands.
    pub(super) discard: usize,
    reported_depth: bool,
    /// A reported fault may have swallowed forms.
    pub(super) is_lossy: bool,
    /// What begins a line here, or left of here, does not belong to this frame; when lines are trusted.
    pub(super) least_column: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Opener {
    File,
    List,
    Vector,
    Map,
    Set,
    Tag(Box<str>),
}

impl Opener {
    pub(super) fn closer(&self) -> Option<u8> {
        match self {
            Opener::List => Some(b')'),
            Opener::Vector => Some(b']'),
            Opener::Map | Opener::Set => Some(b'}'),
            Opener::File | Opener::Tag(_) => None,
        }
    }
}

impl Reader<'_> {
    /// Takes a form that is complete to its place: a tag, a collection, or nowhere after `#_`.
    pub(super) fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.forms += 1;
        let mut form = Form { kind, span: self.span(start, end) };
        loop {
            let frame = self.top();
            if frame.discards > 0 {
                frame.discards -= 1;
                return;
            }
            if !matches!(frame.opener, Opener::Tag(_)) {
                frame.items.push(form);
                return;
            }
            let Some(Frame { opener: Opener::Tag(tag), start, .. }) = self.frames.pop() else { return };
            let span = self.span(start, end);
            form = Form { kind: Kind::Tagged(tag, Box::new(form)), span };
        }
    }

    /// Opens a bracket or tag of `length` bytes.
    pub(super) fn open(&mut self, opener: Opener, length: usize) {
        let (start, inside) = (self.at, self.at + length);
        if self.frames.len() <= MAX_DEPTH {
            let mut frame = Frame::new(opener, start, inside);
            frame.least_column = self.least_column(&frame);
            self.frames.push(frame);
            self.at = inside;
            return;
        }
        if !std::mem::replace(&mut self.top().reported_depth, true) {
            let here = self.span(start, inside);
            self.fault(|| catalogue::too_deep(here, MAX_DEPTH));
        }
        self.at = inside;
        if opener.closer().is_some() {
            self.skip_nested();
            self.push(Kind::Broken, start, self.at);
        }
    }

    /// Passes over what is too deep, up to the bracket that closes it.
    fn skip_nested(&mut self) {
        let mut depth = 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                b';' => {
                    self.skip_line();
                    continue;
                }
                b'"' => {
                    self.at = self.string_end(self.at + 1).map_or(self.bytes.len(), |end| end + 1);
                    continue;
                }
                // Whatever follows is a character.
                b'\\' => self.at += 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        self.at = self.at.min(self.bytes.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        // What is missing at the end was opened too deep, which has been reported.
        self.stopped |= depth > 0;
    }

    /// Reads a closing bracket of `length` bytes.
    pub(super) fn close(&mut self, closer: u8, length: usize) {
        let start = self.at;
        self.at += length;
        self.drop_tags();
        let here = self.span(start, self.at);
        let found = char::from(closer);
        let Some(expected) = self.top().opener.closer() else {
            if self.owed[kind_of(closer)] > 0 {
                self.owed[kind_of(closer)] -= 1;
            } else {
                self.lost_structure = true;
                self.fault(|| catalogue::nothing_to_close(here, found));
            }
            return;
        };
        if expected == closer {
            self.finish_frame(self.at);
            return;
        }
        let opening = self.opening(self.frames.len() - 1);
        let bracket = &self.text[opening.start as usize..opening.end as usize];
        self.fault(|| catalogue::wrong_closer(here, found, opening, bracket, char::from(expected)));
        self.lost_structure = true;
        self.owed[kind_of(expected)] += 1;
        match self.frames.iter().rposition(|frame| frame.opener.closer() == Some(closer)) {
            // One further out is closed: what is inside of it has lost its bracket.
            Some(outer) => {
                self.owed[kind_of(closer)] += 1;
                while self.frames.len() > outer + 1 {
                    self.abandon_frame(start);
                }
                self.finish_frame(self.at);
            }
            None => self.finish_frame(self.at),
        }
    }

    fn opening(&self, frame: usize) -> Span {
        let frame = &self.frames[frame];
        self.span(frame.start, frame.inside)
    }

    /// A tag at the end of a collection has no form.
    fn drop_tags(&mut self) {
        while let Opener::Tag(_) = self.top().opener {
            let Some(frame) = self.frames.pop() else { return };
            let (tag, text) = (self.span(frame.start, frame.inside), &self.text[frame.start..frame.inside]);
            self.drop_discards(&frame);
            if !self.stopped && !frame.reported_depth {
                self.fault(|| catalogue::tag_without_form(tag, text));
            }
            self.push(Kind::Broken, frame.start, frame.inside);
        }
    }

    fn drop_discards(&mut self, frame: &Frame) {
        if frame.discards > 0 && !self.stopped {
            let discard = self.span(frame.discard, frame.discard + 2);
            self.fault(|| catalogue::discard_without_form(discard));
        }
    }

    /// Closes the innermost frame, whose bracket or form is missing, before `end`.
    pub(super) fn abandon_frame(&mut self, end: usize) {
        if let Opener::Tag(_) = self.top().opener {
            return self.drop_tags();
        }
        let broken = Form { kind: Kind::Broken, span: self.span(end, end) };
        let frame = self.top();
        if frame.opener == Opener::Map && frame.items.len().is_multiple_of(2) {
            frame.items.push(broken.clone());
        }
        frame.items.push(broken);
        self.finish_frame(end);
    }

    /// Makes a form of the innermost frame.
    fn finish_frame(&mut self, end: usize) {
        let Some(mut frame) = self.frames.pop() else { return };
        self.drop_discards(&frame);
        let items = std::mem::take(&mut frame.items);
        let kind = match frame.opener {
            Opener::List => Kind::List(items),
            Opener::Vector => Kind::Vector(items),
            Opener::Set => {
                self.find_duplicates(&items, 1);
                Kind::Set(items)
            }
            Opener::Map => {
                let map = self.span(frame.start, frame.inside);
                let items = self.complete_pairs(items, map, frame.is_lossy);
                self.find_duplicates(&items, 2);
                Kind::Map(pairs(items))
            }
            Opener::File | Opener::Tag(_) => return,
        };
        self.push(kind, frame.start, end);
    }

    /// Reports the duplicates among every `step`th item.
    fn find_duplicates(&mut self, items: &[Form], step: usize) {
        let mut budget = self.compare_budget;
        let text = self.text;
        equal::duplicates(items.iter().step_by(step), &mut budget, |first, second| {
            let is_map = |member: usize| matches!(items.get(member * step + 1), Some(Form { kind: Kind::Map(_), .. }));
            let maps = is_map(first) && is_map(second);
            let (first, second) = (items[first * step].span, items[second * step].span);
            let written = &text[second.start as usize..second.end as usize];
            self.fault(|| match step {
                1 => catalogue::duplicate_member(second, written, first),
                _ => catalogue::duplicate_key(second, written, first, maps),
            });
        });
        self.compare_budget = budget;
    }

    /// Makes the items of a map even in number, with a broken value for the key that has none.
    fn complete_pairs(&mut self, mut items: Vec<Form>, map: Span, is_lossy: bool) -> Vec<Form> {
        if items.len().is_multiple_of(2) {
            return items;
        }
        let known = is_lossy || items.iter().any(|item| item.kind == Kind::Broken);
        if !known && (self.is_comma_joined(&mut items) || self.is_quote_joined(&mut items)) {
            return items;
        }
        let lonely = if known { items.len() - 1 } else { key_without_value(&items) };
        let key = items[lonely].span;
        if !known {
            let text = &self.text[key.start as usize..key.end as usize];
            self.fault(|| catalogue::key_without_value(key, text, map));
        }
        let span = Span { start: key.end, ..key };
        items.insert(lonely + 1, Form { kind: Kind::Broken, span });
        items
    }

    /// Reports once that the frames from number `outermost` on are not closed at `end`.
    pub(super) fn report_open(&mut self, outermost: usize, end: usize, next: Option<Span>) {
        self.lost_structure = true;
        let brackets = |frame: &usize| self.frames[*frame].opener.closer().is_some();
        let mut open = (outermost..self.frames.len()).rev().filter(brackets);
        let Some(innermost) = open.next() else { return };
        let (at, opening) = (self.span(end, end), self.opening(innermost));
        let outer: Vec<Span> = open.take(3).map(|frame| self.opening(frame)).collect();
        let closers = self.frames[outermost..].iter().rev().filter_map(|frame| frame.opener.closer());
        let closers: String = closers.map(char::from).collect();
        let bracket = &self.text[opening.start as usize..opening.end as usize];
        self.fault(|| catalogue::not_closed(at, opening, bracket, &outer, &closers, next));
    }

    /// Where the innermost frame ends if nothing before `limit` belongs to it that is blank.
    pub(super) fn content_end(&self, limit: usize) -> usize {
        let trimmed = self.bytes[..limit].trim_ascii_end().len();
        let Some(frame) = self.frames.last() else { return trimmed };
        let last = frame.items.last().map_or(0, |item| item.span.end as usize);
        trimmed.max(frame.inside).max(last)
    }

    /// Reports and closes what is open at the end.
    pub(super) fn finish(&mut self) {
        self.drop_tags();
        let end = self.content_end(self.text.len());
        if self.frames.len() > 1 && !self.stopped {
            self.report_open(1, end, None);
        }
        while self.frames.len() > 1 {
            self.abandon_frame(end);
        }
        let root = std::mem::replace(self.top(), Frame::new(Opener::File, 0, 0));
        self.drop_discards(&root);
        *self.top() = root;
    }
}

impl Frame {
    pub(super) fn new(opener: Opener, start: usize, inside: usize) -> Frame {
        Frame {
            opener,
            start,
            inside,
            items: Vec::new(),
            discards: 0,
            discard: 0,
            reported_depth: false,
            is_lossy: false,
            least_column: None,
        }
    }
}

fn kind_of(closer: u8) -> usize {
    match closer {
        b')' => 0,
        b']' => 1,
        _ => 2,
    }
}

/// Which of an odd number of forms is most likely a key without a value: keys are of one kind.
fn key_without_value(items: &[Form]) -> usize {
    let is_key = |item: &Form| std::mem::discriminant(&item.kind) == std::mem::discriminant(&items[0].kind);
    let mut at = 0;
    while at + 2 < items.len() {
        if is_key(&items[at + 1]) && !is_key(&items[at + 2]) {
            return at;
        }
        at += 2;
    }
    items.len() - 1
}

fn pairs(items: Vec<Form>) -> Vec<(Form, Form)> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}
