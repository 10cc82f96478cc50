//! Whether the runtime behind the shim is one that the client can start with.

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;

use super::answer::Parts;
use super::client::Client;
use super::judge::{satisfies, spelled};
use super::replace::family;

/// What the runtime lacks of what the client needs: nodes, functions, or the very name.
pub(super) fn judge(parts: &Parts<'_, '_>, client: &Client<'_>) -> Vec<Diagnosis> {
    let runtime = &parts.runtime;
    let path = runtime.path.display();
    let mut diagnoses = Vec::new();
    let family = family(&runtime.name());
    let needed = client.object.image().needed().filter_map(|name| std::str::from_utf8(name).ok());
    let other = needed.filter(|name| name.starts_with(&family)).find(|name| *name != runtime.name());
    if let Some(other) = other {
        let expected = format!("{other}, which the client asks for");
        let diagnosis =
            Diagnosis::new(Code::SonameMismatch, expected, format!("{path} calls itself {}", runtime.name()));
        let fix = format!("judge with the {other} that the client will load: --runtime PATH");
        diagnoses.push(diagnosis.weighing(Severity::Warn).mended_by(fix));
    }
    let nodes = lacking_nodes(parts, client);
    if !nodes.is_empty() {
        let expected = format!("the nodes {} in {path}", nodes.join(", "));
        diagnoses.push(Diagnosis::new(
            Code::MissingVersion,
            expected,
            "it lacks them: the client does not start with it",
        ));
    }
    let lacking: Vec<String> = client
        .references
        .iter()
        .filter(|reference| {
            let exports = runtime.exports.get(&reference.symbol).map(Vec::as_slice).unwrap_or_default();
            !reference.weak && !exports.iter().any(|export| satisfies(export, runtime.is_versioned(), reference))
        })
        .map(spelled)
        .collect();
    if !lacking.is_empty() {
        let expected = format!("{} in {path}", lacking.join(", "));
        let actual = format!("it lacks {}", if lacking.len() == 1 { "it" } else { "them" });
        diagnoses.push(Diagnosis::new(Code::SymbolMissing, expected, actual).mended_by(other_release(parts)));
    }
    diagnoses
}

fn other_release(parts: &Parts<'_, '_>) -> String {
    let count = parts.runtime.nodes.len();
    format!(
        "run the client with the runtime release that it was built for; this one defines {count} nodes, listed by: xdoctor symbols --versions {}",
        parts.runtime.path.display()
    )
}

/// The nodes that the client's version needs name and the runtime does not define; a weak need is only a warning.
fn lacking_nodes(parts: &Parts<'_, '_>, client: &Client<'_>) -> Vec<String> {
    let family = family(&parts.runtime.name());
    let needs = client.object.symbols().versions().needs().iter();
    let ours = needs.filter(|need| need.file.starts_with(family.as_bytes()));
    let mut nodes: Vec<String> = ours
        .flat_map(|need| &need.nodes)
        .filter(|node| !node.weak)
        .map(|node| crate::elf::escape(node.name).to_text().into_owned())
        .filter(|node| !parts.runtime.nodes.contains_key(node))
        .collect();
    nodes.sort();
    nodes
}
