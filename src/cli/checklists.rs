//! What the commands that read a checklist say of one that cannot be used, and how its variables are given.

use anyhow::anyhow;

use crate::check::{BadChecklist, LocateError};
use crate::lock::LockError;

use super::Unusable;

/// A variable, as `--var` takes it.
///
/// # Errors
/// What was expected, in words.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The checklist as the file to blame, unless what was named is no file at all.
pub fn not_to_be_had(error: LocateError) -> anyhow::Error {
    let file = match &error {
        LocateError::Unreadable { path, .. } | LocateError::Untrusted { path, .. } => std::path::absolute(path).ok(),
        LocateError::Unknown { .. } => None,
    };
    anyhow!(Unusable { message: error.to_string(), file, line: None, column: None })
}

/// The first complaint's place stands for all of them in JSON; the message holds them all.
pub fn unusable(bad: BadChecklist) -> anyhow::Error {
    let first = bad.complaints.first();
    anyhow!(Unusable {
        message: bad.to_string(),
        file: first.map(|complaint| complaint.file.clone()),
        line: first.map(|complaint| complaint.place.line),
        column: first.map(|complaint| complaint.place.column),
    })
}

/// The lock as the file to blame.
pub fn locked(error: LockError) -> anyhow::Error {
    let (LockError::Damaged { path, .. }
    | LockError::Read { path, .. }
    | LockError::Dangling { path, .. }
    | LockError::Write { path, .. }) = &error;
    anyhow!(Unusable { message: error.to_string(), file: Some(path.clone()), line: None, column: None })
}
