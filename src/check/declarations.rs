//! `vars`: what a checklist declares, of which type, and the values that its variables get.

use std::path::Path;

use super::fields::{Fields, Reader};
use super::variables::Variables;
use super::yaml::{Entry, Node, Problem, Value};

/// A value that a variable gets from outside its file.
#[derive(Clone, Debug)]
pub struct Given {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Who gave it, for messages: `--var`, or the include.
    pub by: String,
}

/// What a variable may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Path,
    Number,
    Bool,
    Choice(Vec<String>),
}

/// What stands under `vars` for one variable.
struct Declaration {
    kind: Type,
    default: Option<String>,
    required: bool,
    description: Option<String>,
}

/// Reads `vars` before anything else, since every other text may use them; one variable may use those above it.
/// `given` beats the file's own values; relative paths in it start from `outside`, the file's own from `base`.
pub(super) fn declared(root: &Node, given: &[Given], base: &Path, outside: &Path) -> (Variables, Vec<Problem>) {
    let mut variables = Variables::default();
    let mut problems = Vec::new();
    let Value::Map(entries) = &root.value else { return (variables, problems) };
    let declared = entries.iter().find(|entry| entry.key == "vars").map(|entry| &entry.value.value);
    let Some(Value::Map(declared)) = declared else { return (variables, problems) };
    for entry in declared {
        let reader = Reader::new(&variables, base);
        let declaration = declaration(&reader, entry);
        let given = given.iter().rev().find(|given| given.name == entry.key);
        let value = value(&reader, entry, &declaration, given, outside);
        problems.extend(reader.finish());
        variables.set(&entry.key, value);
    }
    (variables, problems)
}

fn declaration(reader: &Reader<'_>, entry: &Entry) -> Declaration {
    match &entry.value.value {
        Value::Map(_) => typed(reader, &entry.value, &entry.key),
        Value::Null => Declaration { kind: Type::Text, default: None, required: false, description: None },
        _ => {
            let default = reader.text(&entry.value, &format!("a text for variable `{}`", entry.key));
            // What could not be read is complained of already.
            let default = Some(default.unwrap_or_default());
            Declaration { kind: Type::Text, default, required: false, description: None }
        }
    }
}

/// `{type: …, default: …, choices: …, description: …, required: …}`, as it is written.
pub struct Written {
    kind: Option<&'static str>,
    choices: Option<Vec<String>>,
    default: Option<String>,
    required: bool,
    description: Option<String>,
}

/// Reads it.
pub(super) fn written(fields: &Fields<'_>) -> Written {
    let types = ["text", "path", "number", "bool", "choice"].map(|name| (name, name));
    // One that cannot be read is complained of, and there all the same.
    let default = fields.text("default").or_else(|| fields.has("default").then(String::new));
    Written {
        kind: fields.choice("type", &types),
        choices: fields.texts("choices"),
        default,
        required: fields.flag("required").unwrap_or(false),
        description: fields.text("description"),
    }
}

fn typed(reader: &Reader<'_>, node: &Node, name: &str) -> Declaration {
    let untyped = Declaration { kind: Type::Text, default: None, required: false, description: None };
    let Some(mapping) = Fields::new(reader, node, format!("variable `{name}`")) else { return untyped };
    let Written { kind, choices, default, required, description } = written(&mapping);
    let place = mapping.place();
    mapping.finish();
    if required && default.is_some() {
        reader.complain(place, format!("variable `{name}` is `required` and has a `default`; expected one of them"));
    }
    let kind = match (kind, choices) {
        (Some("choice") | None, Some(choices)) if !choices.is_empty() => Type::Choice(choices),
        (Some("choice"), _) => {
            reader.complain(place, format!("variable `{name}` lacks `choices`; expected a list of texts"));
            Type::Text
        }
        (Some(other), Some(_)) => {
            reader.complain(place, format!("variable `{name}` has `choices`, and is of type `{other}`, not `choice`"));
            Type::Text
        }
        (Some("path"), None) => Type::Path,
        (Some("number"), None) => Type::Number,
        (Some("bool"), None) => Type::Bool,
        (_, _) => Type::Text,
    };
    Declaration { kind, default, required, description }
}

fn value(
    reader: &Reader<'_>,
    entry: &Entry,
    declaration: &Declaration,
    given: Option<&Given>,
    outside: &Path,
) -> Option<String> {
    let Declaration { kind, default, required, description } = declaration;
    let (text, by, base) = match (given, default) {
        (Some(given), _) => (&given.value, Some(&given.by), outside),
        (None, Some(default)) => (default, None, reader.base),
        (None, None) if *required => {
            let what = description.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
            let name = &entry.key;
            reader.complain(entry.place, format!("variable `{name}`{what} must be given: --var {name}=VALUE"));
            // What uses it need not complain as well.
            return Some(String::new());
        }
        (None, None) => return None,
    };
    match kind.take(text, base) {
        Some(value) => Some(value),
        None => {
            let by = by.map(|by| format!("{by}: ")).unwrap_or_default();
            let wanted = kind.wanted();
            reader.complain(entry.place, format!("{by}expected {wanted} for variable `{}`, found `{text}`", entry.key));
            Some(text.clone())
        }
    }
}

impl Type {
    /// The value as the checklist uses it, where the text is one of this type.
    fn take(&self, text: &str, base: &Path) -> Option<String> {
        let fits = match self {
            Type::Text => true,
            // An empty one stays empty: "none".
            Type::Path if text.is_empty() => true,
            Type::Path => return Some(base.join(text).display().to_string()),
            Type::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
            Type::Bool => matches!(text, "true" | "false"),
            Type::Choice(choices) => choices.iter().any(|choice| choice == text),
        };
        fits.then(|| text.to_owned())
    }

    fn wanted(&self) -> String {
        match self {
            Type::Text => "a text".to_owned(),
            Type::Path => "a path".to_owned(),
            Type::Number => "a number".to_owned(),
            Type::Bool => "true or false".to_owned(),
            Type::Choice(choices) => format!("one of {}", choices.join(", ")),
        }
    }
}
