//! Will it intercept? For each client and each function of the API that it needs: does the shim get the call, and if
//! not, why?

use std::path::Path;
use std::sync::Arc;

use crate::elf::Kind;
use crate::loader::{Files, Object, Objects, Tree};

use super::answer::{Coverage, CoverageError, Parts, Question, Subject, about};
use super::client::clients;
use super::library::Library;
use super::{fitness, process, standing};

/// Answers the question, from the files alone: nothing is run.
///
/// # Errors
/// Where the shim, the runtime or a client that was named cannot be read.
pub fn coverage(question: &Question<'_>) -> Result<Coverage, CoverageError> {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let parts = Parts {
        question,
        objects: &objects,
        shim: Library::read(question.shim)?,
        runtime: Library::read(question.runtime)?,
        object: open(&objects, question.shim)?,
    };
    let mut answer = Coverage { clients: Vec::new(), diagnoses: Vec::new(), unconcerned: 0 };
    let fitness = fitness::of(&parts);
    answer.diagnoses.extend(fitness.into_iter().map(|diagnosis| about(question.shim, diagnosis)));
    for path in question.clients {
        let (concerned, others) = if path.is_file() && is_program(open(&objects, path)?.as_ref()) {
            process::judge(&parts, path, &mut answer)?
        } else {
            let found = clients(&objects, path, question.api, question.progress)?;
            for client in &found {
                standing::judge_client(&parts, client, &mut answer);
            }
            (found.len(), usize::from(found.is_empty()))
        };
        answer.unconcerned += if concerned == 0 { others } else { 0 };
    }
    merge(&mut answer.diagnoses);
    Ok(answer)
}

fn open<'f>(objects: &Objects<'f>, path: &Path) -> Result<Arc<Object<'f>>, CoverageError> {
    objects.open(path).map_err(|why| CoverageError::Refused { path: path.to_owned(), why })
}

fn is_program(object: &Object<'_>) -> bool {
    object.image().interpreter().is_some() || object.image().kind() == Kind::Executable
}

/// The same diagnosis of several files is said once; the worst stand first.
fn merge(diagnoses: &mut Vec<Subject>) {
    let mut merged: Vec<Subject> = Vec::new();
    for subject in diagnoses.drain(..) {
        match merged.iter_mut().find(|known| known.diagnosis == subject.diagnosis) {
            Some(known) => known.others += 1 + subject.others,
            None => merged.push(subject),
        }
    }
    merged.sort_by_key(|subject| std::cmp::Reverse(subject.diagnosis.severity()));
    *diagnoses = merged;
}
