//! The forms that reading gives: what was written, in order, each with its place.

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Index into [`Sources`](super::Sources).
    pub file: u32,
    pub start: u32,
    pub end: u32,
}

/// One EDN form and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    pub kind: Kind,
    pub span: Span,
}

/// What a form is. Maps and sets keep order and duplicates; numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Nil,
    Bool(bool),
    /// Text of the number without a leading `+` and without the suffix `N`.
    Integer(Box<str>),
    /// Text of the number without a leading `+` and without the suffix `M`.
    Decimal(Box<str>),
    String(Box<str>),
    Char(char),
    /// Without its colon; a namespace stays in front: `a/b`.
    Keyword(Box<str>),
    Symbol(Box<str>),
    List(Vec<Form>),
    Vector(Vec<Form>),
    Set(Vec<Form>),
    Map(Vec<(Form, Form)>),
    /// `#re "x"` is `Tagged("re", "x")`. The tag has no `#`.
    Tagged(Box<str>, Box<Form>),
    /// What could not be read. It has been reported already: pass over it in silence. A collection that holds it
    /// may lack more than is seen: a map with a broken key is not to be blamed for what is missing in it.
    Broken,
}
