//! Which line of a version script keeps the shim from being asked: the one that puts a function into another node, or
//! hides it.

use super::answer::{ClientCoverage, SymbolCoverage};
use super::version_script::{Assignment, VersionScript};

/// A line of a version script, and what it does wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blame {
    /// Line in the script, from 1.
    pub line: usize,
    /// What it does, in words.
    pub what: String,
}

/// The line that is to blame for a reference that bypasses the shim; `None` where the script does what it should.
pub fn blame(script: &VersionScript, symbol: &SymbolCoverage) -> Option<Blame> {
    let reference = &symbol.reference;
    let wanted = reference.version.as_deref();
    match script.assign(&reference.symbol) {
        Assignment::Exported(node, pattern) if node.name.as_deref() != wanted => {
            let node = node.name.as_deref().unwrap_or("no node");
            let wanted = wanted.unwrap_or("none");
            let what = format!("`{}` puts {} into {node}, clients ask for {wanted}", pattern.text, reference.symbol);
            Some(Blame { line: pattern.line, what })
        }
        Assignment::Hidden(_, pattern) => {
            Some(Blame { line: pattern.line, what: format!("`{}` hides {}", pattern.text, reference.symbol) })
        }
        Assignment::Exported(..) | Assignment::Unmatched => None,
    }
}

/// The lines to blame for what bypasses the shim, each once.
pub fn blames(script: &VersionScript, clients: &[ClientCoverage]) -> Vec<Blame> {
    let bypassing = clients.iter().flat_map(ClientCoverage::bypassing);
    let mut lines: Vec<Blame> = bypassing.filter_map(|symbol| blame(script, symbol)).collect();
    lines.sort();
    lines.dedup_by_key(|blame| blame.line);
    lines
}
