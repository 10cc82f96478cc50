//! Which fields were asked for, and of which shape: what the checklist's JSON Schema is made of.

/// The shape of a field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not known.
    Anything,
    /// One value of a form that its reader knows.
    Word,
    /// A text; numbers and the like are texts, too.
    Text,
    /// A path.
    Path,
    /// A text, or a list of them.
    Texts,
    /// A regular expression, or a list of them.
    Patterns,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Integer,
    /// `60s`, `500ms`, `2m`, or seconds.
    Duration,
    /// One of these words.
    Choice(Vec<String>),
    /// `NAME: text` pairs.
    Pairs,
    /// `NAME: [text, …]` pairs.
    Lists,
    /// `NAME: value` pairs, each value plain or a mapping that this names.
    Named(&'static str),
    /// A mapping that this names.
    Mapping(&'static str),
    /// A list of mappings that this names.
    ListOf(&'static str),
    /// One mapping that this names, or a list of them.
    OneOrMore(&'static str),
}

/// A field that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// Whether a mapping without it is refused.
    pub required: bool,
    /// What was expected of it, in words; empty where nobody said.
    pub wanted: String,
}

impl Asked {
    /// A field of which only the name is known.
    pub fn new(name: &'static str) -> Asked {
        Asked { name, shape: Shape::Anything, required: false, wanted: String::new() }
    }

    /// Whoever tells first what it looks like is right: readers that share a form tell theirs before the form's.
    pub fn learn(&mut self, shape: impl FnOnce() -> Shape) {
        if self.shape == Shape::Anything {
            self.shape = shape();
        }
    }

    /// It must be there.
    pub fn require(&mut self, wanted: &str) {
        self.required = true;
        wanted.clone_into(&mut self.wanted);
    }
}
