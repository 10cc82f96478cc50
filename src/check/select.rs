//! `--only` and `--skip`: which checks of a checklist are run.

use std::collections::HashSet;

use globset::{Glob, GlobMatcher};

use super::checklist::{Check, Checklist};

/// Which checks are run: by id, family, tag, or a glob over ids.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    only: Vec<Pattern>,
    skip: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    matcher: GlobMatcher,
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
    pub fn new(only: &[String], skip: &[String], checklist: &Checklist) -> Result<Selection, BadSelection> {
        let names = |check: &'_ Check| [vec![check.id.clone()], check.families.clone()].concat();
        let names: HashSet<String> = checklist.checks().flat_map(names).collect();
        let all =
            |patterns: &[String]| patterns.iter().map(|text| Pattern::new(text, &names)).collect::<Result<Vec<_>, _>>();
        Ok(Selection { only: all(only)?, skip: all(skip)? })
    }

    /// Whether the check is run.
    pub fn takes(&self, check: &Check) -> bool {
        let asked = self.only.is_empty()
            || self.only.iter().any(|pattern| pattern.means(check) || pattern.means_part_of(check));
        asked && !self.skip.iter().any(|pattern| pattern.means(check))
    }

    /// Whether the finding of that id is left out of the report, though its check is run for the others.
    pub fn drops(&self, id: &str) -> bool {
        self.skip.iter().any(|pattern| pattern.matcher.is_match(id))
    }
}

impl Pattern {
    /// The id of a combination (`id[a,x]`) reads as a glob that means others: what is a name word for word, or a finding
    /// of one, means just that.
    fn new(text: &str, names: &HashSet<String>) -> Result<Pattern, BadSelection> {
        let is_word = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let is_part = text.rsplit_once('.').is_some_and(|(name, part)| is_word(part) && names.contains(name));
        let glob = if is_part || names.contains(text) { globset::escape(text) } else { text.to_owned() };
        let glob = Glob::new(&glob).map_err(|source| BadSelection { pattern: text.to_owned(), source })?;
        Ok(Pattern { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    fn means(&self, check: &Check) -> bool {
        let mut names = std::iter::once(&check.id).chain(&check.families).chain(&check.tags);
        names.any(|name| self.matcher.is_match(name))
    }

    /// `matmul.binds` is a finding of the check `matmul`: asking for the finding runs the whole check.
    fn means_part_of(&self, check: &Check) -> bool {
        let part = self.text.strip_prefix(&check.id).and_then(|part| part.strip_prefix('.'));
        part.is_some_and(|part| check.kind.parts().contains(&part))
    }
}
