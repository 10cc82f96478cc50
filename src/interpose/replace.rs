//! What a shim that stands in for the runtime's file must have besides its functions: the name, and the nodes.

use std::fs;

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;

use super::answer::Parts;
use super::client::Client;

/// What keeps the shim from standing in for the runtime of this client (glibc, elf/dl-load.c and elf/dl-version.c).
pub(super) fn judge(parts: &Parts<'_, '_>, client: &Client<'_>) -> Vec<Diagnosis> {
    let mut diagnoses = Vec::new();
    let family = family(&parts.runtime.name());
    let image = client.object.image();
    for name in image.needed().filter_map(|name| std::str::from_utf8(name).ok()) {
        if !name.starts_with(&family) {
            continue;
        }
        if !answers_to(parts, name) {
            diagnoses.push(soname_mismatch(parts, name));
        }
        diagnoses.extend(missing_nodes(parts, client, name));
    }
    diagnoses
}

/// `libamdhip64.so` of `libamdhip64.so.7`.
pub(super) fn family(name: &str) -> String {
    name.find(".so").map_or(name, |at| &name[..at + 3]).to_owned()
}

/// Whether ld.so, asked for that name, would find the shim: it calls itself so, or a link beside it does.
fn answers_to(parts: &Parts<'_, '_>, name: &str) -> bool {
    let link = parts.shim.path.with_file_name(name);
    parts.shim.soname.as_deref() == Some(name)
        || matches!((fs::canonicalize(link), fs::canonicalize(&parts.shim.path)), (Ok(a), Ok(b)) if a == b)
}

fn soname_mismatch(parts: &Parts<'_, '_>, name: &str) -> Diagnosis {
    let folder = parts.shim.path.parent().unwrap_or(std::path::Path::new("."));
    let expected = format!("{name}, which the client asks for, leads to the shim");
    let actual = format!("the shim calls itself {}, and no link of that name lies beside it", parts.shim.name());
    let file = parts.shim.path.file_name().unwrap_or_default();
    let fix = format!("ln -s {} {}", file.display(), folder.join(name).display());
    Diagnosis::new(Code::SonameMismatch, expected, actual).mended_by(fix)
}

/// ld.so checks the nodes that a client needs of the file before it binds anything.
fn missing_nodes(parts: &Parts<'_, '_>, client: &Client<'_>, name: &str) -> Option<Diagnosis> {
    let versions = client.object.symbols().versions();
    let need = versions.needs().iter().find(|need| need.file == name.as_bytes())?;
    if !parts.shim.is_versioned() {
        let expected = format!("the version nodes that the client needs of {name}");
        return Some(Diagnosis::new(Code::UnversionedShim, expected, "the shim has none: ld.so warns, and takes any"));
    }
    let text = |node: &[u8]| crate::elf::escape(node).to_text().into_owned();
    let absent: Vec<(String, bool)> = need
        .nodes
        .iter()
        .map(|node| (text(node.name), node.weak))
        .filter(|(node, _)| !parts.shim.nodes.contains_key(node))
        .collect();
    if absent.is_empty() {
        return None;
    }
    let names: Vec<&str> = absent.iter().map(|(node, _)| node.as_str()).collect();
    let expected = format!("the nodes {} in the shim", names.join(", "));
    let fatal = absent.iter().any(|(_, weak)| !weak);
    let actual = if fatal { "it lacks them: the client does not start" } else { "it lacks them: ld.so warns" };
    let fix = format!("xdoctor map {} > shim.map, and link the shim with it", parts.runtime.path.display());
    let diagnosis = Diagnosis::new(Code::ReplacementMissingVersion, expected, actual).mended_by(fix);
    Some(if fatal { diagnosis } else { diagnosis.weighing(Severity::Warn) })
}
