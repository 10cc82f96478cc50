//! `--only` and `--skip`: which checks of a checklist are run.

use globset::{Glob, GlobMatcher};

use super::checklist::Check;

/// Which checks are run: by id, tag, or a glob over ids.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    only: Vec<GlobMatcher>,
    skip: Vec<GlobMatcher>,
}

/// A pattern that is no glob.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no glob: {source}")]
pub struct BadSelection {
    pattern: String,
    source: globset::Error,
}

impl Selection {
    /// The checks that one of `only` means (all, where it is empty) and none of `skip` does.
    ///
    /// # Errors
    /// Where a pattern is no glob.
    pub fn new(only: &[String], skip: &[String]) -> Result<Selection, BadSelection> {
        let compile = |pattern: &String| {
            let glob = Glob::new(pattern).map_err(|source| BadSelection { pattern: pattern.clone(), source })?;
            Ok(glob.compile_matcher())
        };
        let all = |patterns: &[String]| patterns.iter().map(compile).collect::<Result<Vec<_>, _>>();
        Ok(Selection { only: all(only)?, skip: all(skip)? })
    }

    /// Whether the check is run.
    pub fn takes(&self, check: &Check) -> bool {
        let means =
            |pattern: &GlobMatcher| pattern.is_match(&check.id) || check.tags.iter().any(|tag| pattern.is_match(tag));
        // `matmul.binds` is a finding of the check `matmul`: asking for the finding runs the whole check.
        let means_part = |pattern: &GlobMatcher| {
            let part = pattern.glob().glob().strip_prefix(&check.id).and_then(|part| part.strip_prefix('.'));
            part.is_some_and(|part| check.kind.parts().contains(&part))
        };
        let asked = self.only.is_empty() || self.only.iter().any(|pattern| means(pattern) || means_part(pattern));
        asked && !self.skip.iter().any(means)
    }

    /// Whether the finding of that id is left out of the report, though its check is run for the others.
    pub fn drops(&self, id: &str) -> bool {
        self.skip.iter().any(|pattern| pattern.is_match(id))
    }
}
