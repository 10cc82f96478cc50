//! Which functions `--api` means, and what each is for.

use std::fs;
use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::api::{Api, ApiError, Function, Role};
use super::derive::guess;

/// Functions of HIP that are newer than the table, and C++ names of them; not hipblas…, hipfft…, hiprtc….
const HIP_PATTERNS: [&str; 3] = ["hip[A-Z]*", "__hip[A-Z]*", "_Z[0-9][0-9]hip[A-Z]*"];
/// CUDA's runtime and driver; not cublas…, cufft…, cuFile….
const CUDA_PATTERNS: [&str; 4] = ["cuda[A-Z]*", "__cuda[A-Z]*", "cu[A-EG-Z]*", "cuF[a-hj-z]*"];

/// The names, or patterns with `*`, `?` and `[a-z]`, that `hip`, `cuda`, a name or a pattern stands for.
pub fn names(api: &str) -> Vec<String> {
    let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
    match api {
        "hip" => {
            let mut names: Vec<String> = Api::hip().exported().map(|function| function.symbol.clone()).collect();
            names.extend(owned(&HIP_PATTERNS));
            names
        }
        "cuda" => owned(&CUDA_PATTERNS),
        pattern => vec![pattern.to_owned()],
    }
}

/// The functions of one API: those of a table, and those whose names fit a pattern.
#[derive(Clone, Debug)]
pub struct Selection {
    /// As `--api` had it.
    pub name: String,
    /// Names and patterns, for the observer.
    pub names: Vec<String>,
    patterns: GlobSet,
    table: Option<Api>,
}

/// An `--api` that selects nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// Nothing was named.
    #[error("expected an API (hip, cuda), a table's file, or a name or pattern of functions, found nothing")]
    Empty,
    /// A pattern that the observer would read in another way.
    #[error(
        "`{0}` has more than `*`, `?` and `[a-z]`, and no other patterns of functions are known; a table's file may list any"
    )]
    Foreign(String),
    /// A pattern that is none.
    #[error("`{pattern}` is no pattern: {source}")]
    Pattern {
        /// As given.
        pattern: String,
        /// Why.
        source: globset::Error,
    },
    /// A table that cannot be read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// As given.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is no table.
    #[error("{file}: {source}")]
    Table {
        /// As given.
        file: String,
        /// Why.
        source: ApiError,
    },
}

impl Selection {
    /// HIP's.
    pub fn hip() -> Selection {
        Selection::of("hip", names("hip"), Some(Api::hip().clone()))
            .unwrap_or_else(|error| unreachable!("the built-in patterns are literals: {error}"))
    }

    /// `hip`, `cuda`, a table's file (what holds a slash or ends in `.tsv`), or a name or pattern.
    ///
    /// # Errors
    /// Where nothing is named, the file is no table, or the pattern none that the observer knows, too.
    pub fn parse(api: &str) -> Result<Selection, SelectionError> {
        if api.is_empty() {
            return Err(SelectionError::Empty);
        }
        if api == "hip" {
            return Ok(Selection::hip());
        }
        if !api.contains('/') && Path::new(api).extension().is_none_or(|extension| extension != "tsv") {
            return Selection::of(api, names(api), None);
        }
        let text =
            fs::read_to_string(api).map_err(|source| SelectionError::Unreadable { file: api.to_owned(), source })?;
        let table = Api::parse(&text).map_err(|source| SelectionError::Table { file: api.to_owned(), source })?;
        let names = table.functions.iter().map(|function| function.symbol.clone()).collect();
        if table.functions.is_empty() {
            return Err(SelectionError::Empty);
        }
        Selection::of(api, names, Some(table))
    }

    fn of(name: &str, names: Vec<String>, table: Option<Api>) -> Result<Selection, SelectionError> {
        let mut patterns = GlobSetBuilder::new();
        let failed = |pattern: &str, source| SelectionError::Pattern { pattern: pattern.to_owned(), source };
        // Names in the table are looked up there.
        let is_listed = |name: &str| table.as_ref().is_some_and(|table| table.function(name).is_some());
        for pattern in names.iter().filter(|name| !is_listed(name)) {
            if pattern.contains(['{', '}', '\\', ',']) || pattern.contains("[!") || pattern.contains("[^") {
                return Err(SelectionError::Foreign(pattern.clone()));
            }
            patterns.add(Glob::new(pattern).map_err(|source| failed(pattern, source))?);
        }
        let patterns = patterns.build().map_err(|source| failed(name, source))?;
        Ok(Selection { name: name.to_owned(), names, patterns, table })
    }

    /// Whether the function is meant.
    pub fn takes(&self, symbol: &str) -> bool {
        self.listed(symbol).is_some_and(|function| function.exported) || self.patterns.is_match(symbol)
    }

    /// What the function is for, by the table, else by its name.
    pub fn role(&self, symbol: &str) -> Role {
        self.listed(symbol).map_or_else(|| guess(symbol), |function| function.role)
    }

    fn listed(&self, symbol: &str) -> Option<&Function> {
        self.table.as_ref()?.function(symbol)
    }

    /// The API: its table, and these functions where the table lacks them.
    pub fn api<'s>(&self, seen: impl IntoIterator<Item = &'s str>) -> Api {
        let mut functions = self.table.as_ref().map(|table| table.functions.clone()).unwrap_or_default();
        let nodes = self.table.as_ref().map(|table| table.nodes.clone()).unwrap_or_default();
        let more = seen.into_iter().filter(|symbol| self.listed(symbol).is_none());
        functions.extend(more.map(|symbol| Function {
            symbol: symbol.to_owned(),
            node: String::new(),
            since: "?".to_owned(),
            exported: true,
            returns: "unknown".to_owned(),
            role: guess(symbol),
        }));
        Api::new(&self.name, functions, nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hip_takes_its_table_and_what_is_newer_but_no_library_above_it() {
        let hip = Selection::hip();
        assert!(["hipMalloc", "hipSomethingNew", "__hipPushCallConfiguration"].iter().all(|name| hip.takes(name)));
        assert!(
            ["hipblasCreate", "hipfftExecC2C", "hiprtcCreateProgram", "malloc"].iter().all(|name| !hip.takes(name))
        );
        assert_eq!((hip.role("hipMalloc"), hip.role("hipLaunchSomethingNew")), (Role::Allocate, Role::Launch));
    }

    #[test]
    fn a_pattern_selects_by_name_and_roles_are_guessed() {
        let cuda = Selection::parse("cuda").expect("known");
        assert!(cuda.takes("__cudaLaunchKernel") && cuda.takes("cuLaunchKernelEx") && !cuda.takes("cublasCreate_v2"));
        assert!(cuda.takes("cuFuncGetAttribute") && !cuda.takes("cuFileRead"));
        assert_eq!(cuda.api(["cuLaunchKernelEx"]).function("cuLaunchKernelEx").map(|f| f.role), Some(Role::Launch));
        assert!(Selection::parse("a[").is_err());
        let table = tempfile::Builder::new().suffix(".tsv").tempfile().expect("a file");
        let path = table.path().to_str().expect("text");
        assert!(["", path].iter().all(|api| matches!(Selection::parse(api), Err(SelectionError::Empty))));
        for pattern in ["{hipMalloc,hipFree}", "hip[!A-L]*", "hip[^A-L]*", "hip\\*", "hipMalloc,hipFree"] {
            assert!(matches!(Selection::parse(pattern), Err(SelectionError::Foreign(_))), "{pattern}");
        }
        assert!(matches!(Selection::parse("./no-such.tsv"), Err(SelectionError::Unreadable { .. })));
    }
}
