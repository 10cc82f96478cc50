//! What would change the outcome.

use super::super::model::shown;
use super::{Alike, Explanation};
use crate::elf::escape;
use crate::loader::{Hint, Index, NotAsked, Process, Reason, Seen, TypeClass, Unreached, Verdict};

/// Sentences, the most useful first; none twice.
pub fn advice(explanation: &Explanation<'_, '_, '_>) -> Vec<String> {
    let mut lines = Vec::new();
    for alike in &explanation.walks {
        asked(explanation, alike, &mut lines);
        for other in &alike.walk.not_asked {
            lines.extend(not_asked(explanation.process(), alike, other));
        }
        landing(explanation.process(), alike, &mut lines);
    }
    preloads(explanation, &mut lines);
    nobody(explanation, &mut lines);
    let mut seen = std::collections::HashSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    lines
}

fn path(process: &Process<'_, '_>, index: Index) -> String {
    shown(&process.loaded()[index].path)
}

/// Objects that were asked, have the name, and were skipped.
fn asked(explanation: &Explanation<'_, '_, '_>, alike: &Alike<'_>, lines: &mut Vec<String>) {
    let (process, name) = (explanation.process(), escape(explanation.name));
    for step in alike.walk.asked.iter().filter(|step| step.answer.is_none()) {
        let object = path(process, step.object);
        let wanted = alike.walk.version.map(|version| escape(version.name).to_string()).unwrap_or_default();
        for (index, verdict) in &step.entries {
            let symbols = process.loaded()[step.object].object.symbols();
            let node = symbols.get(*index as usize).and_then(|symbol| symbol.version);
            let node = node.map_or("no node".to_owned(), |version| escape(version.name).to_string());
            match verdict {
                Verdict::OtherVersion => lines.push(format!(
                    "{object} has {name} in {node} only. Move it into {wanted} in its version script \
                     (`{wanted} {{ global: {name}; }};`), and it answers."
                )),
                Verdict::Invisible(_) => {
                    lines.push(format!("{object} hides {name}: give it default visibility, and it answers."))
                }
                Verdict::HiddenVersion | Verdict::OneOfSeveral => lines.push(format!(
                    "{object} has several versions of {name}, and the reference asks for none: link the referrer \
                     against a library that says which."
                )),
                _ => {}
            }
        }
    }
}

fn not_asked(process: &Process<'_, '_>, alike: &Alike<'_>, other: &NotAsked) -> Option<String> {
    if !other.would_answer {
        return None;
    }
    let object = path(process, other.object);
    let answered = alike.walk.asked.last().filter(|last| last.answer.is_some())?.object;
    let winner = path(process, answered);
    let referrer = alike.referrers.first().copied()?;
    if answered == referrer && process.loaded()[referrer].object.image().is_symbolic() && referrer != 0 {
        return Some(format!(
            "{winner} was linked with -Bsymbolic: it looks in itself first, and no preload comes before it."
        ));
    }
    let seen = process.seen(other.object);
    let is_preload = |index: Index| matches!(process.loaded()[index].reason, Reason::Preload | Reason::SystemPreload);
    if is_preload(answered) && !is_preload(other.object) {
        return Some(format!("{winner} stands in front of {object}, which has it too: it is intercepted there."));
    }
    Some(match (other.why, answered) {
        (_, 0) => {
            format!("The program itself defines it, and nothing comes before the program: {object} is never asked.")
        }
        (Unreached::OutOfScope, _) if seen == Seen::Local => format!(
            "{object} would answer, but came in by dlopen with RTLD_LOCAL and is not in this scope: preload it, or open it \
             with RTLD_GLOBAL before."
        ),
        (Unreached::Behind, _) if is_preload(other.object) => {
            format!("{object} is preloaded behind {winner}: name it first.")
        }
        (Unreached::Behind, _) => {
            format!("{object} has it too, and comes later: preload it (`--preload {object}`), and it answers first.")
        }
        (Unreached::OutOfScope, _) => {
            format!("{object} has it too, and is not in this scope: preload it, and it answers.")
        }
    })
}

fn landing(process: &Process<'_, '_>, alike: &Alike<'_>, lines: &mut Vec<String>) {
    let provider = alike.walk.binding.provider.map(|(index, _)| index as usize);
    if let Some((provider, lands)) = provider.zip(alike.walk.lands_in).filter(|(provider, lands)| provider != lands) {
        lines.push(format!(
            "{} only has a PLT entry for it, whose address stands for the function: the call lands there, and goes on to {}.",
            path(process, provider),
            path(process, lands)
        ));
    }
    if alike.walk.binding.class == TypeClass::Copy {
        lines.push(format!(
            "The variable is copied into {}: every other object uses that copy.",
            path(process, alike.walk.binding.referrer as usize)
        ));
    }
}

/// Preloads that do not have the name at all.
fn preloads(explanation: &Explanation<'_, '_, '_>, lines: &mut Vec<String>) {
    let (process, name) = (explanation.process(), explanation.name);
    for (index, loaded) in process.loaded().iter().enumerate() {
        if !matches!(loaded.reason, Reason::Preload | Reason::SystemPreload) || exports(process, index, name) {
            continue;
        }
        let (object, name) = (shown(&loaded.path), escape(name));
        lines.push(match process.hint(index, explanation.name) {
            Some(Hint::Mangled(spelled)) => format!(
                "{object} exports it under its C++ name {}: declare it extern \"C\".",
                escape(&spelled)
            ),
            Some(Hint::LocalOnly) => format!(
                "{object} defines {name} and does not export it: a version script (`local: *`) or -fvisibility=hidden keeps \
                 it inside."
            ),
            None => format!("{object} has no {name} at all."),
        });
    }
}

fn exports(process: &Process<'_, '_>, index: Index, name: &[u8]) -> bool {
    process.loaded()[index].object.symbols().iter().any(|symbol| symbol.defined && symbol.name == name)
}

/// Nobody refers to it: what may still call it.
fn nobody(explanation: &Explanation<'_, '_, '_>, lines: &mut Vec<String>) {
    let (process, name) = (explanation.process(), escape(explanation.name));
    let none = explanation.walks.is_empty();
    for dlsym in &explanation.may_look_up {
        lines.push(format!(
            "{} imports dlsym and holds \"{name}\" as text: it may look it up while it runs, in one library's handle, and \
             past every preload.",
            path(process, dlsym.object)
        ));
    }
    if !none {
        return;
    }
    for index in (0..process.loaded().len()).filter(|&index| exports(process, index, explanation.name)) {
        lines.push(format!(
            "{} defines it; its own calls do not leave it (-Bsymbolic, hidden or protected), or there are none.",
            path(process, index)
        ));
    }
    if lines.is_empty() {
        lines.push(format!(
            "No object of this process knows {name}. What dlopen brings in later is part of it only where --module names it."
        ));
    }
}
