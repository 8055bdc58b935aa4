//! What is one thing elsewhere and two here: numbers with commas, and strings with quotes inside.

use super::read::Reader;
use super::{Form, Kind, Span, catalogue};

impl Reader<'_> {
    /// Whether the digits of a token begin with a zero because they are the end of `1,000` or `0,05`. If so they are
    /// joined to the number before, and that is reported.
    pub(super) fn continues_number(&mut self, start: usize, end: usize) -> bool {
        let tail = Form { kind: Kind::Broken, span: self.span(start, end) };
        let frame = self.top();
        let Some(head) = frame.items.last().filter(|_| frame.discards == 0).cloned() else { return false };
        let Some(joined) = self.joined_number(&head, &tail) else { return false };
        // Of `1,000,000` the whole is reported.
        if self.faults.last().is_some_and(|fault| fault.code == "E060" && fault.labels[0].span == head.span) {
            self.faults.pop();
        }
        self.report_comma(&joined);
        if let Some(last) = self.top().items.last_mut() {
            *last = joined;
        }
        true
    }

    /// Whether a map has an odd number of forms because of `0,95` or `1,500`. If so the two numbers become one.
    pub(super) fn is_comma_joined(&mut self, items: &mut Vec<Form>) -> bool {
        let keys = (2..items.len()).step_by(2);
        let found = keys.filter_map(|at| Some((at, self.joined_number(&items[at - 1], &items[at])?))).next();
        let Some((at, joined)) = found else { return false };
        self.report_comma(&joined);
        items[at - 1] = joined;
        items.remove(at);
        true
    }

    /// The number of two that have only a comma between them.
    fn joined_number(&self, head: &Form, tail: &Form) -> Option<Form> {
        let (start, end) = (head.span.end as usize, tail.span.end as usize);
        let digits = self.text.get(start..end)?.strip_prefix(',')?;
        let (Kind::Integer(whole), true) = (&head.kind, digits.bytes().all(|byte| byte.is_ascii_digit())) else {
            return None;
        };
        let is_thousand = digits.len() == 3 && !matches!(whole.as_ref(), "0" | "-0");
        let kind = match is_thousand {
            true => Kind::Integer(format!("{whole}{digits}").into()),
            false => Kind::Decimal(format!("{whole}.{digits}").into()),
        };
        let short = whole.len() + digits.len() <= 18 && tail.span.start as usize == start + 1;
        short.then_some(Form { kind, span: Span { end: tail.span.end, ..head.span } })
    }

    fn report_comma(&mut self, joined: &Form) {
        let (Kind::Integer(number) | Kind::Decimal(number)) = &joined.kind else { return };
        let written = &self.text[joined.span.start as usize..joined.span.end as usize];
        self.fault(|| catalogue::comma_in_number(joined.span, written, number));
    }

    /// Whether a map has an odd number of forms because of `"the "slow one" here"`. If so they become one string.
    pub(super) fn is_quote_joined(&mut self, items: &mut Vec<Form>) -> bool {
        // Between plain quotes, and not between typographic ones.
        let is_string = |item: &Form| {
            let written = &self.text[item.span.start as usize..item.span.end as usize];
            matches!(item.kind, Kind::String(_))
                && written.len() >= 2
                && written.starts_with('"')
                && written.ends_with('"')
        };
        let is_word = |item: &Form| {
            matches!(item.kind, Kind::Symbol(_) | Kind::Integer(_) | Kind::Decimal(_) | Kind::Nil | Kind::Bool(_))
        };
        let begin = items
            .windows(2)
            .position(|pair| is_string(&pair[0]) && is_word(&pair[1]) && pair[0].span.end == pair[1].span.start);
        let Some(first) = begin else { return false };
        let words = items[first + 1..].iter().take_while(|item| is_word(item)).count();
        let last = first + 1 + words;
        if !items.get(last).is_some_and(is_string) {
            return false;
        }
        let span = Span { end: items[last].span.end, ..items[first].span };
        let content = &self.text[span.start as usize + 1..span.end as usize - 1];
        let inside = items[first].span.end as usize - span.start as usize - 2;
        let closing = items[last].span.start as usize - span.start as usize - 1;
        let meant = match (content.get(..inside), content.get(inside + 1..closing), content.get(closing + 1..)) {
            (Some(before), Some(quoted), Some(after)) => format!("\"{before}\\\"{quoted}\\\"{after}\""),
            _ => return false,
        };
        let at = items[first + 1].span;
        self.fault(|| catalogue::quote_in_string(at, &meant));
        let content: Box<str> = content.into();
        items.splice(first..=last, [Form { kind: Kind::String(content), span }]);
        if let Some(last) = items.last().filter(|_| !items.len().is_multiple_of(2)) {
            // A key before or behind may have lost its value to it.
            let span = Span { start: last.span.end, ..last.span };
            items.push(Form { kind: Kind::Broken, span });
        }
        true
    }
}
