//! The API that is interposed: its functions, their version nodes and what each is for.
//!
//! The table lies in `checks/api/` and is the only one in the project: `build.rs` includes this file
//! to generate the shim's version map and trampolines from it, so it may use the standard library,
//! `thiserror` and `serde` only.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// What an API function is for. The rule by which the HIP table gives roles stands at its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Gives memory.
    Allocate,
    /// Takes memory back.
    Free,
    /// Copies memory.
    Copy,
    /// Fills memory.
    Set,
    /// Starts kernels (a graph launch is one), or sets up such a start.
    Launch,
    /// Builds, changes or inspects a graph.
    Graph,
    /// Creates, asks or destroys streams.
    Stream,
    /// Creates, records, asks or destroys events.
    Event,
    /// Waits, or lets a stream wait.
    Synchronise,
    /// Loads code and finds kernels in it.
    Module,
    /// Devices, contexts, their properties and versions.
    Device,
    /// What a program's own constructors announce to the runtime.
    Register,
    /// Hands out addresses.
    Lookup,
    /// What remains.
    Other,
}

impl Role {
    /// Every role, in the order in which reports list them.
    pub const ALL: [Self; 14] = [
        Self::Allocate,
        Self::Free,
        Self::Copy,
        Self::Set,
        Self::Launch,
        Self::Graph,
        Self::Stream,
        Self::Event,
        Self::Synchronise,
        Self::Module,
        Self::Device,
        Self::Register,
        Self::Lookup,
        Self::Other,
    ];

    /// The name in tables, reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Free => "free",
            Self::Copy => "copy",
            Self::Set => "set",
            Self::Launch => "launch",
            Self::Graph => "graph",
            Self::Stream => "stream",
            Self::Event => "event",
            Self::Synchronise => "synchronise",
            Self::Module => "module",
            Self::Device => "device",
            Self::Register => "register",
            Self::Lookup => "lookup",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl serde::Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A word that names no [`Role`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

/// One function of the API: a row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its C name (a few rows that are not exported are patterns for C++ names).
    pub symbol: String,
    /// The version node that it stands in.
    pub node: String,
    /// The release that first had it; `?` marks a guess.
    pub since: String,
    /// Whether a shim and a runtime of today define this C name.
    pub exported: bool,
    /// What it returns, as C says it.
    pub returns: String,
    /// What it is for.
    pub role: Role,
}

/// An API: functions and version nodes.
#[derive(Debug, Clone)]
pub struct Api {
    /// Its name, as `--api` takes it.
    pub name: String,
    /// The functions, in the table's order.
    pub functions: Vec<Function>,
    /// The version nodes, each with the one that it inherits, parents first. A table without them
    /// lists the nodes that its functions stand in, without inheritance.
    pub nodes: Vec<(String, Option<String>)>,
    by_symbol: HashMap<String, usize>,
}

/// What is wrong with a table, and in which line (from 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// A row with too few columns.
    #[error(
        "line {line}: expected at least 6 tab-separated columns (symbol, node, since, exported, returns, role), found {found}"
    )]
    Columns {
        /// The line.
        line: usize,
        /// How many columns it has.
        found: usize,
    },
    /// The column `exported` is neither yes nor no.
    #[error("line {line}: expected `yes` or `no` in the column exported, found `{found}`")]
    Exported {
        /// The line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// The column `role` names none.
    #[error("line {line}: {source}")]
    Role {
        /// The line.
        line: usize,
        /// Which word.
        source: UnknownRole,
    },
    /// A symbol without a name, or with two rows.
    #[error("line {line}: `{symbol}` is empty or stands in an earlier line too")]
    Symbol {
        /// The line.
        line: usize,
        /// The symbol.
        symbol: String,
    },
    /// A node that inherits one that does not stand before it, or that stands there twice.
    #[error("line {line} of the nodes: `{node}` is listed twice, or before the node that it inherits")]
    Node {
        /// The line.
        line: usize,
        /// The node.
        node: String,
    },
    /// A function in a node that the list of nodes does not have.
    #[error("`{symbol}` stands in node `{node}`, which the list of nodes lacks")]
    NodeUnknown {
        /// The function.
        symbol: String,
        /// Its node.
        node: String,
    },
}

impl Api {
    /// The HIP runtime's API, from the table that is built in.
    pub fn hip() -> &'static Self {
        static HIP: LazyLock<Api> = LazyLock::new(|| {
            Api::with_nodes(
                "hip",
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/checks/api/hip.tsv")),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/checks/api/hip_nodes.tsv")),
            )
            .unwrap_or_else(|error| unreachable!("build.rs has parsed this very table: {error}"))
        });
        &HIP
    }

    /// Reads a table: tab-separated columns symbol, node, since, exported (yes or no), returns, role
    /// and an optional remark; `#` begins a comment line. Its nodes are those of its functions,
    /// without inheritance.
    ///
    /// # Errors
    /// The first line that does not read so.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let functions = parse_functions(text)?;
        let mut nodes: Vec<(String, Option<String>)> = Vec::new();
        for function in functions.iter().filter(|function| function.exported) {
            if !nodes.iter().any(|(node, _)| *node == function.node) {
                nodes.push((function.node.clone(), None));
            }
        }
        Ok(Self::assemble("table", functions, nodes))
    }

    /// Reads a table and the list of its nodes (columns node, inherited node or nothing).
    ///
    /// # Errors
    /// The first line of either that does not read so, or a function in a node that is not listed.
    pub fn with_nodes(name: &str, functions: &str, nodes: &str) -> Result<Self, ApiError> {
        let functions = parse_functions(functions)?;
        let nodes = parse_nodes(nodes)?;
        let astray = functions.iter().find(|function| !nodes.iter().any(|(node, _)| *node == function.node));
        if let Some(function) = astray {
            return Err(ApiError::NodeUnknown { symbol: function.symbol.clone(), node: function.node.clone() });
        }
        Ok(Self::assemble(name, functions, nodes))
    }

    /// An API of these functions, in these nodes (each with the one that it inherits).
    pub fn new(name: &str, functions: Vec<Function>, nodes: Vec<(String, Option<String>)>) -> Self {
        Self::assemble(name, functions, nodes)
    }

    fn assemble(name: &str, functions: Vec<Function>, nodes: Vec<(String, Option<String>)>) -> Self {
        let by_symbol =
            functions.iter().enumerate().map(|(index, function)| (function.symbol.clone(), index)).collect();
        Self { name: name.to_owned(), functions, nodes, by_symbol }
    }

    /// The function of that name.
    pub fn function(&self, symbol: &str) -> Option<&Function> {
        self.functions.get(*self.by_symbol.get(symbol)?)
    }

    /// The functions that a shim and a runtime define, in the table's order.
    pub fn exported(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter(|function| function.exported)
    }
}

/// The lines that say something, each with its number from 1.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

fn parse_functions(text: &str) -> Result<Vec<Function>, ApiError> {
    let mut seen = std::collections::HashSet::new();
    rows(text)
        .map(|(line, row)| {
            let function = parse_function(line, row)?;
            if function.symbol.is_empty() || !seen.insert(function.symbol.clone()) {
                let symbol = function.symbol;
                return Err(ApiError::Symbol { line, symbol });
            }
            Ok(function)
        })
        .collect()
}

fn parse_function(line: usize, row: &str) -> Result<Function, ApiError> {
    let columns: Vec<&str> = row.split('\t').map(str::trim).collect();
    let &[symbol, node, since, exported, returns, role, ..] = columns.as_slice() else {
        let found = columns.len();
        return Err(ApiError::Columns { line, found });
    };
    let exported = match exported {
        "yes" => true,
        "no" => false,
        other => {
            let found = other.to_owned();
            return Err(ApiError::Exported { line, found });
        }
    };
    let role = role.parse().map_err(|source| ApiError::Role { line, source })?;
    Ok(Function {
        symbol: symbol.to_owned(),
        node: node.to_owned(),
        since: since.to_owned(),
        exported,
        returns: returns.to_owned(),
        role,
    })
}

fn parse_nodes(text: &str) -> Result<Vec<(String, Option<String>)>, ApiError> {
    let mut nodes: Vec<(String, Option<String>)> = Vec::new();
    for (line, row) in rows(text) {
        let (node, parent) = row.split_once('\t').unwrap_or((row, ""));
        let (node, parent) = (node.trim(), parent.trim());
        let known = |name: &str| nodes.iter().any(|(node, _)| node == name);
        if known(node) || (!parent.is_empty() && !known(parent)) {
            let node = node.to_owned();
            return Err(ApiError::Node { line, node });
        }
        let parent = (!parent.is_empty()).then(|| parent.to_owned());
        nodes.push((node.to_owned(), parent));
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_covers_the_api() {
        let hip = Api::hip();
        assert_eq!(hip.exported().count(), 568);
        assert_eq!(hip.nodes.len(), 23);
        let launch = hip.function("hipGraphLaunch").map(|function| function.role);
        assert_eq!(launch, Some(Role::Launch));
        assert!(hip.function("cudaMalloc").is_none());
    }

    #[test]
    fn every_role_is_in_use_and_reads_back() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            assert!(Api::hip().exported().any(|function| function.role == role));
        }
    }

    #[test]
    fn a_bad_row_is_named_by_its_line() {
        let short = Api::parse("# head\nf\tn\t1\n").unwrap_err();
        assert_eq!(short, ApiError::Columns { line: 2, found: 3 });
        let role = Api::parse("f\tn\t1\tyes\tint\tdance\n").unwrap_err();
        assert_eq!(role.to_string(), "line 1: `dance` is no role");
        let exported = Api::parse("f\tn\t1\tmaybe\tint\tcopy\n").unwrap_err();
        assert!(exported.to_string().contains("`maybe`"), "{exported}");
        let twice = Api::parse("f\tn\t1\tyes\tint\tcopy\nf\tn\t1\tyes\tint\tcopy\n");
        assert!(matches!(twice, Err(ApiError::Symbol { line: 2, .. })));
    }

    #[test]
    fn a_node_must_follow_the_one_that_it_inherits() {
        let late = Api::with_nodes("x", "", "b\ta\na\t\n").unwrap_err();
        assert!(matches!(late, ApiError::Node { line: 1, .. }));
        let astray = Api::with_nodes("x", "f\tc\t1\tyes\tint\tcopy\n", "a\t\n").unwrap_err();
        assert!(matches!(astray, ApiError::NodeUnknown { .. }));
    }
}
