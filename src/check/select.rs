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
        // `matmul.binds` is a finding of the check `matmul`: asking for the finding runs the check.
        let means =
            |pattern: &GlobMatcher| {
                pattern.is_match(&check.id)
                    || check.tags.iter().any(|tag| pattern.is_match(tag))
                    || pattern.glob().glob().strip_prefix(&check.id).is_some_and(|part| {
                        part.strip_prefix('.').is_some_and(|part| check.kind.parts().contains(&part))
                    })
            };
        (self.only.is_empty() || self.only.iter().any(means)) && !self.skip.iter().any(means)
    }
}
