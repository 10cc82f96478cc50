//! The JSON Schema of a checklist, for editors: made by the readers of a checklist themselves.
//!
//! Each reader is given an empty mapping, and asks it for every field that it knows. So the schema cannot name a field that
//! no reader takes, nor miss one. It lets through what only a reader can tell: that a check asks for nothing, or that a
//! variable is not declared.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::combine::{self, How};
use super::fields::{Fields, Reader};
use super::shape::{Asked, Shape};
use super::variables::Variables;
use super::yaml::{self, Node, Place};
use super::{declarations, document, entry, include, kinds, when};

/// The schema (draft 2020-12) of a checklist, as YAML or as JSON.
pub fn schema() -> Value {
    let mut defs = forms();
    defs.insert("step".to_owned(), step());
    defs.insert("variable".to_owned(), mapping(&asked(|fields| drop(declarations::written(fields)))));
    defs.insert("condition".to_owned(), condition());
    let entry = asked(|fields| drop(entry::read(fields)));
    let nested = asked(|fields| drop(combine::nested_head(fields)));
    claims(&mut defs, "check", &entry);
    claims(&mut defs, "nested", &nested);
    let mut root = mapping(&asked(|fields| drop(document::head(fields))));
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["$id"] = json!("xdoctor/checklist/1");
    root["title"] = json!("A checklist of xdoctor");
    root["description"] = json!("What `xdoctor check CHECKLIST` runs. `${NAME}` may stand in every value.");
    root["$defs"] = Value::Object(defs);
    root
}

/// The fields that a reader asks for.
fn asked(read: impl FnOnce(&Fields<'_>)) -> Vec<Asked> {
    asked_with(Vec::new(), read)
}

/// The fields that a reader asks for where these are there.
fn asked_with(entries: Vec<yaml::Entry>, read: impl FnOnce(&Fields<'_>)) -> Vec<Asked> {
    let variables = Variables::default();
    let reader = Reader::new(&variables, Path::new("/"));
    let node = Node { place: Place::default(), value: yaml::Value::Map(entries) };
    let Some(fields) = Fields::new(&reader, &node, "an empty mapping") else { return Vec::new() };
    read(&fields);
    fields.asked()
}

/// A mapping with these fields and no others.
fn mapping(asked: &[Asked]) -> Value {
    let properties: Map<String, Value> = asked.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<&str> = asked.iter().filter(|field| field.required).map(|field| field.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// An include has steps of its own, anything else its checks.
fn step() -> Value {
    let include = mapping(&asked(|fields| drop(include::read(fields))));
    let step = mapping(&asked(|fields| drop(document::step_head(fields))));
    json!({ "type": "object", "if": { "required": ["include"] }, "then": include, "else": step })
}

/// A condition has exactly one subject.
fn condition() -> Value {
    let mut condition = mapping(&asked(|fields| drop(when::of(fields))));
    condition["oneOf"] = when::SUBJECTS.iter().map(|name| json!({ "required": [name] })).collect();
    condition
}

/// What a check claims: for each kind and each combinator the fields that are its own, beside those of every check.
fn claims(defs: &mut Map<String, Value>, name: &str, common: &[Asked]) {
    let mut cases = Vec::new();
    let mut ways = vec![json!({ "required": ["kind"] })];
    for (kind, parse, texts) in kinds::KINDS {
        let mut schema = mapping(&with(common, asked(|fields| drop(parse(fields)))));
        for (field, text) in *texts {
            schema["properties"][field]["description"] = json!(text);
        }
        schema["properties"]["kind"] = json!({ "description": KIND, "const": kind });
        cases.push(json!({
            "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": { "$ref": format!("#/$defs/{name}-{kind}") },
        }));
        defs.insert(format!("{name}-{kind}"), schema);
    }
    for how in How::all() {
        let schema = mapping(&with(common, asked(|fields| drop(combine::combined(fields, how)))));
        let way = how.name();
        cases.push(json!({ "if": { "required": [way] }, "then": { "$ref": format!("#/$defs/{name}-{way}") } }));
        ways.push(json!({ "required": [way] }));
        defs.insert(format!("{name}-{way}"), schema);
    }
    let kinds: Vec<&str> = kinds::KINDS.iter().map(|(kind, ..)| *kind).collect();
    let kind = json!({
        "description": KIND,
        "anyOf": [{ "enum": kinds }, { "type": "string", "pattern": VARIABLE }],
    });
    let check = json!({ "type": "object", "properties": { "kind": kind }, "oneOf": ways, "allOf": cases });
    defs.insert(name.to_owned(), check);
}

/// What the field `kind` is for.
const KIND: &str = "What is checked.";

/// Fields that several readers ask for are the same field: a check's `timeout`, and the one of its kind.
fn with(common: &[Asked], own: Vec<Asked>) -> Vec<Asked> {
    let news = own.into_iter().filter(|field| !common.iter().any(|known| known.name == field.name));
    common.iter().cloned().chain(news).collect()
}

fn property(field: &Asked) -> Value {
    let mut property = form(&field.shape);
    let language = LANGUAGE.iter().find(|(name, _)| *name == field.name).map(|(_, words)| *words);
    let words = language.or((!field.wanted.is_empty()).then_some(field.wanted.as_str()));
    if let Some(words) = words {
        property["description"] = json!(words);
    }
    property
}

/// What the fields of the language itself are for; the kinds' own are described beside their readers.
const LANGUAGE: &[(&str, &str)] = &[
    ("id", "A name, unique in the checklist: what --only, --skip and `needs` take."),
    ("title", "What it claims, or is about, in words."),
    ("tags", "Names of groups that it belongs to: what --only and --skip take, too."),
    ("severity", "How much a failure weighs, in place of the weight that its code has."),
    ("needs", "Checks above this one that must have passed; else it is skipped. The id of a matrix means all of it."),
    ("fix", "What mends a failure, shown with it."),
    ("when", "A condition, or a list that must all hold; else it is skipped with the reason."),
    ("matrix", "NAME: [value, …]: one for each combination of values, each value a variable of that name."),
    ("timeout", "The longest that it may take: 60s, 500ms, 2m. Its commands are ended then."),
    ("retries", "How often it is tried again where it does not hold or cannot be told."),
    ("retry_delay", "The pause before it is tried again; 1s where nothing is said."),
    ("any_of", "One of these must hold."),
    ("all_of", "All of these must hold."),
    ("not", "This must not hold. What is skipped or undetermined stays so."),
    ("vars", "The checklist's variables: NAME: value, or NAME: {type, default, …}. --var NAME=VALUE beats them."),
    ("include", "The steps of another checklist: a file, from this one's folder, or the name of a bundled one."),
    ("as", "What the ids of the included checks get in front, with a dot."),
    ("steps", "The steps: each with its heading and its checks, or an include."),
    ("checks", "The checks, in order."),
    ("type", "What it is."),
    ("default", "The value where none is given."),
    ("choices", "The values that it may have."),
    ("description", "What it is for, in words."),
    ("required", "Whether a value must be given."),
    ("var", "A variable of this checklist."),
    ("env", "A variable of the environment."),
    ("host", "What uname(2) says of this machine."),
    ("exists", "Something is at this path."),
    ("command_on_path", "A program of that name is on PATH."),
    ("equals", "It is this text."),
    ("matches", "This regular expression matches somewhere in it."),
    ("not_empty", "It has at least one character."),
];

fn form(shape: &Shape) -> Value {
    let named = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    let variable = || json!({ "type": "string", "pattern": VARIABLE });
    match shape {
        Shape::Anything => json!({}),
        Shape::Word | Shape::Text | Shape::Path => named("text"),
        Shape::Texts | Shape::Patterns => named("texts"),
        Shape::Flag => named("flag"),
        Shape::Integer => named("integer"),
        Shape::Duration => named("duration"),
        Shape::Choice(words) => json!({ "anyOf": [{ "enum": words }, { "type": "null" }, variable()] }),
        Shape::Pairs => named("pairs"),
        Shape::Lists => named("lists"),
        Shape::Named(name) => json!({
            "type": ["object", "null"],
            "additionalProperties": { "anyOf": [named("text"), named(name)] },
        }),
        Shape::Mapping(name) => named(name),
        Shape::ListOf(name) => json!({ "type": "array", "items": named(name) }),
        Shape::OneOrMore(name) => {
            json!({ "anyOf": [named(name), { "type": "array", "items": named(name) }, { "type": "null" }] })
        }
    }
}

/// What a value that only the variables tell looks like.
const VARIABLE: &str = r"\$\{";

/// The forms that many fields share. A field without a value is one that is not there.
fn forms() -> Map<String, Value> {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    let texts = json!({ "anyOf": [{ "$ref": "#/$defs/text" }, { "type": "array", "items": scalar }] });
    let word = |kinds: &[&str], pattern: &str| json!({ "anyOf": [{ "type": kinds }, { "type": "string", "pattern": format!("{pattern}|{VARIABLE}") }] });
    let forms = [
        ("text", json!({ "type": ["string", "number", "boolean", "null"] })),
        ("texts", texts),
        ("flag", word(&["boolean", "null"], "^(true|false)$")),
        ("integer", word(&["integer", "null"], "^[+-]?[0-9]+$")),
        ("duration", word(&["number", "null"], r"^\+?[0-9.]+([eE][+-]?[0-9]+)?(ms|s|m|h)?$")),
        (
            "range",
            json!({
                "type": ["object", "null"],
                "properties": {
                    "min": { "description": "At least this.", "$ref": "#/$defs/text" },
                    "max": { "description": "At most this.", "$ref": "#/$defs/text" },
                },
                "additionalProperties": false,
            }),
        ),
        ("pairs", json!({ "type": ["object", "null"], "additionalProperties": { "$ref": "#/$defs/text" } })),
        (
            "lists",
            json!({
                "type": ["object", "null"],
                "minProperties": 1,
                "additionalProperties": { "anyOf": [scalar, { "type": "array", "minItems": 1, "items": scalar }] },
            }),
        ),
    ];
    forms.into_iter().map(|(name, form)| (name.to_owned(), form)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_language_is_described() {
        let readers = [
            asked(|fields| drop(entry::read(fields))),
            asked(|fields| drop(declarations::written(fields))),
            asked(|fields| drop(document::head(fields))),
            asked(|fields| drop(document::step_head(fields))),
            asked(|fields| drop(include::read(fields))),
            asked(|fields| drop(when::of(fields))),
        ];
        for field in readers.iter().flatten() {
            assert!(LANGUAGE.iter().any(|(name, _)| *name == field.name), "{}", field.name);
            assert_ne!(field.shape, Shape::Anything, "{}", field.name);
        }
    }

    /// Some value that a field of this shape may have.
    fn filled(field: &Asked) -> yaml::Entry {
        let text = match &field.shape {
            Shape::Flag => "true",
            Shape::Integer => "1",
            Shape::Duration => "1s",
            Shape::Choice(words) => words.first().expect("a word"),
            _ => "x",
        };
        let value = match &field.shape {
            Shape::Pairs | Shape::Lists | Shape::Named(_) | Shape::Mapping(_) => yaml::Value::Map(Vec::new()),
            Shape::ListOf(_) | Shape::OneOrMore(_) => yaml::Value::List(Vec::new()),
            _ => yaml::Value::Scalar { text: text.to_owned(), plain: true },
        };
        let value = Node { place: Place::default(), value };
        yaml::Entry { key: field.name.to_owned(), place: Place::default(), value }
    }

    #[test]
    fn every_field_of_a_kind_is_described_in_a_line_and_nothing_else_is() {
        let common = asked(|fields| drop(entry::read(fields)));
        for (kind, parse, texts) in kinds::KINDS {
            let own = asked(|fields| drop(parse(fields))).into_iter().map(|field| field.name);
            let own = own.filter(|name| !common.iter().any(|field| field.name == *name));
            let described: std::collections::BTreeSet<&str> = texts.iter().map(|(name, _)| *name).collect();
            assert_eq!(own.collect::<std::collections::BTreeSet<_>>(), described, "{kind}");
            assert_eq!(texts.len(), described.len(), "{kind} describes a field twice");
            for (name, text) in *texts {
                assert!(text.ends_with('.') && text.len() <= 130 && !text.contains('\n'), "{kind}.{name}: {text}");
            }
        }
    }

    #[test]
    fn every_kind_asks_for_all_its_fields_whatever_they_hold() {
        let names = |asked: Vec<Asked>| asked.iter().map(|field| field.name).collect::<std::collections::BTreeSet<_>>();
        for (kind, parse, _) in kinds::KINDS {
            let empty = asked(|fields| drop(parse(fields)));
            let full = asked_with(empty.iter().map(filled).collect(), |fields| drop(parse(fields)));
            assert_eq!(names(empty), names(full), "{kind}: a `?` before all is read hides fields from the schema");
        }
    }
}
