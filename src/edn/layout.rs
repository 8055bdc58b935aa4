//! Where the lines of a formatted text break, and how they are indented.
//!
//! A value that does not fit beside its key on one line stands there on several lines, or below the key, where that
//! saves lines.

use std::collections::HashMap;

use super::tree::{Group, Node, Part, Row, Shape, width_of};

/// How many columns a line has.
const WIDTH: usize = 100;

/// Values stand under each other behind keys up to this wide.
const ALIGNED: usize = 32;

/// How far comments at the ends of neighbouring lines are moved to stand under each other.
const MOVED: usize = 40;

/// How many lines a value below its key must save: the line of the key, and one for the break between the two.
const BELOW: usize = 2;

/// How many collections are measured at some column before values just stay beside their keys.
const MEASURED: usize = 1_000_000;

/// Lists with a body: how many arguments stand behind the head on its line; the others are indented by two.
const BODIES: [(&str, usize); 11] = [
    ("by", 1),
    ("changed", 1),
    ("cond", 0),
    ("else", 0),
    ("if", 1),
    ("rollup", 2),
    ("sdo", 0),
    ("throttle", 2),
    ("when", 1),
    ("where", 1),
    ("with", 1),
];

/// Writes the rows of a file.
pub(super) fn print(rows: &[Row], newline: &str) -> String {
    let mut printer = Printer {
        newline,
        out: String::new(),
        line: 0,
        column: 0,
        trailing: Vec::new(),
        measures: Measures { known: HashMap::new(), left: MEASURED },
    };
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            printer.next_line(0, row.blank_before);
        }
        printer.row(row, 0, 0);
    }
    if !rows.is_empty() {
        printer.next_line(0, false);
    }
    printer.with_aligned_comments()
}

struct Printer<'p> {
    newline: &'p str,
    out: String,
    line: usize,
    column: usize,
    /// Comments behind something: line, column, place in `out`.
    trailing: Vec<(usize, usize, usize)>,
    measures: Measures,
}

impl Printer<'_> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        match text.rfind('\n') {
            Some(last) => {
                self.line += text.bytes().filter(|byte| *byte == b'\n').count();
                self.column = width_of(&text[last + 1..]);
            }
            None => self.column += width_of(text),
        }
    }

    fn blanks(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
        self.column += count;
    }

    fn next_line(&mut self, indent: usize, empty_between: bool) {
        for _ in 0..=usize::from(empty_between) {
            self.out.push_str(self.newline);
            self.line += 1;
        }
        self.column = 0;
        self.blanks(indent);
    }

    /// `tail` is how many closing brackets follow on the line.
    fn node(&mut self, node: &Node, tail: usize) {
        if fits(node, self.column, tail) {
            return self.flat(node);
        }
        match &node.shape {
            Shape::Atom(text) => self.push(text),
            Shape::Tagged(tag, row) => {
                self.push(tag);
                self.push(" ");
                self.parts(&row.parts, self.column, tail);
            }
            Shape::Group(group) => self.group(group, tail),
        }
    }

    fn flat(&mut self, node: &Node) {
        match &node.shape {
            Shape::Atom(text) => self.push(text),
            Shape::Tagged(tag, row) => {
                self.push(tag);
                self.push(" ");
                self.flat_parts(&row.parts);
            }
            Shape::Group(group) => {
                self.push(group.open);
                for (at, row) in group.rows.iter().enumerate() {
                    if at > 0 {
                        self.push(" ");
                    }
                    self.flat_parts(&row.parts);
                }
                self.push(group.close);
            }
        }
    }

    fn flat_parts(&mut self, parts: &[Part]) {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 && !matches!(parts[at - 1], Part::Marker) {
                self.push(" ");
            }
            match part {
                Part::Marker => self.push("#_"),
                Part::Comment { text, .. } => self.push(text),
                Part::Ignored(node) | Part::Form(node) => self.flat(node),
            }
        }
    }

    fn group(&mut self, group: &Group, tail: usize) {
        let plan = Plan::new(group, self.column);
        self.push(group.open);
        for (at, row) in group.rows.iter().enumerate() {
            if 0 < at && at <= plan.joined {
                self.push(" ");
            } else if 0 < at {
                self.next_line(plan.indent, row.blank_before);
            }
            let is_last = at + 1 == group.rows.len();
            let column = if at <= plan.joined { self.column } else { plan.indent };
            let tail = if is_last { tail + 1 } else { 0 };
            match row.pair() {
                Some(_) => self.pair(row, column, plan.aligned, tail),
                None => self.row(row, column, tail),
            }
        }
        if group.rows.last().is_some_and(Row::ends_with_comment) {
            self.next_line(plan.indent, false);
        }
        self.push(group.close);
    }

    fn pair(&mut self, row: &Row, column: usize, aligned: usize, tail: usize) {
        let Some((key, width, value, rest)) = row.pair() else { return };
        let value_tail = if rest.is_empty() { tail } else { 0 };
        let beside = column + 1 + if width <= ALIGNED { width.max(aligned) } else { width };
        let (place, _) = self.measures.place(value, column, beside, value_tail);
        self.flat(key);
        match place {
            Place::Beside => self.blanks(beside - self.column.min(beside)),
            Place::Below => self.next_line(column, false),
        }
        self.node(value, value_tail);
        if !rest.is_empty() {
            self.further(rest, true, column, tail);
        }
    }

    fn row(&mut self, row: &Row, column: usize, tail: usize) {
        self.parts(&row.parts, column, tail);
    }

    fn parts(&mut self, parts: &[Part], column: usize, tail: usize) {
        self.further(parts, false, column, tail);
    }

    /// `behind`: something stands in front of them on the line.
    fn further(&mut self, parts: &[Part], behind: bool, column: usize, tail: usize) {
        for (at, part) in parts.iter().enumerate() {
            let last_tail = if at + 1 == parts.len() { tail } else { 0 };
            let before = at.checked_sub(1).map(|before| &parts[before]);
            let is_first = before.is_none() && !behind;
            match (before, part) {
                (Some(Part::Comment { .. }), _) => self.next_line(column, false),
                (_, Part::Comment { own_line: true, .. }) if !is_first => self.next_line(column, false),
                (Some(Part::Marker), _) => {}
                _ if is_first => {}
                (_, Part::Comment { .. }) => {
                    self.trailing.push((self.line, self.column, self.out.len()));
                    self.push(" ");
                }
                _ => self.push(" "),
            }
            match part {
                Part::Marker => self.push("#_"),
                Part::Comment { text, .. } => self.push(text),
                Part::Ignored(node) | Part::Form(node) => self.node(node, last_tail),
            }
        }
    }

    /// The text, comments at the ends of neighbouring lines under each other.
    fn with_aligned_comments(self) -> String {
        let mut text = String::with_capacity(self.out.len());
        let mut done = 0;
        for run in self.trailing.chunk_by(|a, b| a.0 + 1 == b.0) {
            let columns = || run.iter().map(|(_, column, _)| *column);
            let (least, most) = (columns().min().unwrap_or(0), columns().max().unwrap_or(0));
            for (_, column, at) in run {
                text.push_str(&self.out[done..*at]);
                if most - least <= MOVED {
                    text.extend(std::iter::repeat_n(' ', most - column));
                }
                done = *at;
            }
        }
        text.push_str(&self.out[done..]);
        text
    }
}

fn fits(node: &Node, column: usize, tail: usize) -> bool {
    node.flat.is_some_and(|width| column + width + tail <= WIDTH)
}

/// How the rows of a collection stand that takes several lines.
struct Plan {
    /// How many rows behind the first one stand on its line.
    joined: usize,
    /// The column of the others.
    indent: usize,
    /// The width of keys beside which values stand.
    aligned: usize,
}

impl Plan {
    fn new(group: &Group, column: usize) -> Plan {
        let inside = column + group.open.len();
        let keys = group.rows.iter().filter_map(Row::pair).map(|(_, width, ..)| width);
        let aligned = keys.filter(|width| *width <= ALIGNED).max().unwrap_or(0);
        let plan = Plan { joined: 0, indent: inside, aligned };
        let head = group.rows.first().and_then(Row::first_form).and_then(Node::atom);
        let Some(head) = head.filter(|_| group.open == "(") else { return plan };
        let body = BODIES.iter().find(|(name, _)| *name == head);
        let most = body.map_or(1, |(_, arguments)| *arguments);
        let goes_on = |rows: &&[Row]| !rows[0].ends_with_comment() && rows[1].first_form().is_some();
        let joined = group.rows.windows(2).take(most).take_while(goes_on).count();
        let behind_head = inside + width_of(head) + 1;
        Plan { joined, indent: if body.is_none() && joined > 0 { behind_head } else { column + 2 }, aligned }
    }
}

enum Place {
    Beside,
    Below,
}

/// What a layout costs; the first counts more.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Cost {
    /// Lines that are too long.
    overlong: usize,
    lines: usize,
}

/// The costs of collections, by their column.
struct Measures {
    known: HashMap<(u32, usize), Cost>,
    left: usize,
}

impl Measures {
    /// Where the value of a key at `column` stands, if it would be at column `beside` beside it; and its cost.
    fn place(&mut self, value: &Node, column: usize, beside: usize, tail: usize) -> (Place, Cost) {
        let beside_cost = self.cost(value, beside, tail);
        // Maps of several lines, as in `:scenarios`, are a list of their own, not a value of an entry of a file.
        if column <= 1 && value.maps().is_some_and(|maps| maps < beside_cost.lines) {
            return (Place::Below, self.cost(value, column, tail));
        }
        if value.atom().is_some() || fits(value, beside, tail) || self.left == 0 {
            return (Place::Beside, beside_cost);
        }
        let mut below_cost = self.cost(value, column, tail);
        // The entries of a file are its headings.
        below_cost.lines = below_cost.lines.saturating_add(if column <= 1 { BELOW + 1 } else { BELOW });
        // Of equals the outermost, as the levels of a path are read from outside.
        match below_cost < beside_cost || (below_cost == beside_cost && value.holds_map) {
            true => (Place::Below, below_cost),
            false => (Place::Beside, beside_cost),
        }
    }

    fn cost(&mut self, node: &Node, column: usize, tail: usize) -> Cost {
        if fits(node, column, tail) {
            return Cost { overlong: 0, lines: 1 };
        }
        match &node.shape {
            Shape::Atom(text) => {
                let lines = 1 + text.bytes().filter(|byte| *byte == b'\n').count();
                Cost { overlong: usize::from(lines == 1), lines }
            }
            Shape::Tagged(tag, row) => self.cost_of_parts(&row.parts, column + width_of(tag) + 1, tail),
            Shape::Group(group) => {
                if let Some(cost) = self.known.get(&(node.id, column)) {
                    return *cost;
                }
                let over = Cost { overlong: usize::MAX / 2, lines: usize::MAX / 2 };
                // Right of the last column nothing is worth a look.
                if column > 2 * WIDTH || self.left == 0 {
                    return over;
                }
                self.left -= 1;
                let cost = self.cost_of_group(group, column, tail);
                self.known.insert((node.id, column), cost);
                cost
            }
        }
    }

    fn cost_of_group(&mut self, group: &Group, column: usize, tail: usize) -> Cost {
        if group.rows.is_empty() {
            return Cost { overlong: 1, lines: 1 };
        }
        let plan = Plan::new(group, column);
        let mut sum = Cost { overlong: 0, lines: 0 };
        for (at, row) in group.rows.iter().enumerate() {
            let tail = if at + 1 == group.rows.len() { tail + 1 } else { 0 };
            let cost = match row.pair() {
                Some((_, width, value, _)) => {
                    let beside = plan.indent + 1 + if width <= ALIGNED { width.max(plan.aligned) } else { width };
                    self.place(value, plan.indent, beside, tail).1
                }
                None => self.cost_of_parts(&row.parts, plan.indent, tail),
            };
            sum.overlong = sum.overlong.saturating_add(cost.overlong);
            sum.lines = sum.lines.saturating_add(cost.lines - usize::from(0 < at && at <= plan.joined));
        }
        sum
    }

    fn cost_of_parts(&mut self, parts: &[Part], column: usize, tail: usize) -> Cost {
        let mut sum = Cost { overlong: 0, lines: 1 };
        for (at, part) in parts.iter().enumerate() {
            let tail = if at + 1 == parts.len() { tail } else { 0 };
            match part {
                Part::Ignored(node) | Part::Form(node) => {
                    let cost = self.cost(node, column, tail);
                    sum.overlong = sum.overlong.saturating_add(cost.overlong);
                    sum.lines = sum.lines.saturating_add(cost.lines - 1);
                }
                Part::Comment { .. } => sum.lines = sum.lines.saturating_add(1),
                Part::Marker => {}
            }
        }
        sum
    }
}
