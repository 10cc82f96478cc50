//! A definition in a few words, and back: most are functions that everybody sees, of which there is nothing to say.

use std::fmt::Display;

use crate::elf::{Binding, SymbolKind, Visibility};
use crate::interpose::{Abi, Definition, Name};

/// A version that only a reference that names it finds (`@`); the default one (`@@`) goes without saying.
const OLD: &str = "@";
/// In a node of another file: a copy of that file's data.
const COPY: &str = "copy";

/// What a definition is besides a global function in the default version: `object 8`, `weak`, `@`; else nothing.
pub(super) fn words(definition: &Definition<'_>) -> String {
    let mut words = Vec::new();
    match definition.kind {
        SymbolKind::Function => {}
        kind if definition.is_data() => words.push(format!("{kind} {}", definition.size)),
        kind => words.push(kind.to_string()),
    }
    if definition.binding != Binding::Global {
        words.push(definition.binding.to_string());
    }
    if definition.visibility != Visibility::Default {
        words.push(definition.visibility.to_string());
    }
    match (definition.node.is_some(), definition.default, definition.hidden) {
        (_, _, true) => words.push(OLD.to_owned()),
        (true, false, false) => words.push(COPY.to_owned()),
        _ => {}
    }
    words.join(" ")
}

/// The definition that these words describe; `None` where a word is not known.
pub(super) fn definition(node: Option<Name<'static>>, words: &str) -> Option<Definition<'static>> {
    let mut definition = Definition {
        default: node.is_some(),
        node,
        hidden: false,
        kind: SymbolKind::Function,
        binding: Binding::Global,
        visibility: Visibility::Default,
        size: 0,
    };
    for word in words.split_whitespace() {
        if word == OLD {
            (definition.default, definition.hidden) = (false, true);
        } else if word == COPY {
            definition.default = false;
        } else if let Ok(size) = word.parse() {
            definition.size = size;
        } else if let Some(kind) = numbered::<SymbolKind>(word) {
            definition.kind = kind;
        } else if let Some(binding) = numbered::<Binding>(word) {
            definition.binding = binding;
        } else {
            definition.visibility = numbered(word)?;
        }
    }
    Some(definition)
}

/// The number of the format that has this name.
fn numbered<T: From<u8> + Display>(name: &str) -> Option<T> {
    (0..=15).find(|number| T::from(*number).to_string() == name).map(T::from)
}

/// The ABI as it reads back from words, so that what is remembered compares with what is seen. The size of code is left
/// out: each compiler has its own.
pub(super) fn normalised(mut abi: Abi<'static>) -> Abi<'static> {
    for definitions in abi.exports.values_mut() {
        for seen in definitions.iter_mut() {
            if let Some(read) = definition(seen.node.clone(), &words(seen)) {
                *seen = read;
            }
        }
        definitions.sort_by(|a, b| a.node.cmp(&b.node));
    }
    abi
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_the_definition_that_they_describe() {
        let node = |name: &'static str| Some(Name::Borrowed(name));
        let function = definition(node("hip_4.2"), "").expect("a definition");
        let all = [
            (function.clone(), ""),
            (Definition { node: None, default: false, ..function.clone() }, ""),
            (Definition { default: false, hidden: true, ..function.clone() }, "@"),
            (Definition { default: false, kind: SymbolKind::Object, size: 8, ..function.clone() }, "object 8 copy"),
            (Definition { binding: Binding::Weak, kind: SymbolKind::Ifunc, ..function.clone() }, "ifunc weak"),
            (
                Definition { binding: Binding::Unique, visibility: Visibility::Protected, ..function },
                "unique protected",
            ),
        ];
        for (what, text) in all {
            assert_eq!(words(&what), text);
            assert_eq!(definition(what.node.clone(), text), Some(what));
        }
        assert_eq!(definition(None, "nonsense"), None);
    }
}
