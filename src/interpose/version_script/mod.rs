//! GNU ld version scripts: read, asked, and written.
//!
//! The choice among patterns is that of binutils (`bfd/linker.c`, `bfd_find_version_for_sym`).

mod lexer;
mod parser;
mod write;

use globset::{GlobBuilder, GlobMatcher};

use crate::elf::demangle;

pub use lexer::ScriptError;
pub use write::{is_expressible, is_node_name};

/// A version script.
#[derive(Clone, Debug, Default)]
pub struct VersionScript {
    /// The nodes, in the script's order.
    pub nodes: Vec<Node>,
}

/// A version node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name; `None` for the one anonymous node of a script that only hides.
    pub name: Option<String>,
    /// The nodes that it inherits.
    pub parents: Vec<String>,
    /// What it exports.
    pub global: Vec<Pattern>,
    /// What it hides.
    pub local: Vec<Pattern>,
    /// Remarks that are written inside it as comments; not read.
    pub remarks: Vec<String>,
    /// The line that it starts on, from 1; 0 for one that was not read.
    pub line: usize,
}

/// Names that a node exports or hides.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The name, or a glob.
    pub text: String,
    /// Quoted: a name, whatever characters it has.
    pub quoted: bool,
    /// `extern "C++"` and its like.
    pub language: Language,
    /// The line that it stands on, from 1; 0 for one that was not read.
    pub line: usize,
    matcher: Option<GlobMatcher>,
}

/// How names are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// As they stand in the symbol table.
    #[default]
    C,
    /// Demangled.
    Cxx,
}

/// Where a version script puts a symbol.
#[derive(Clone, Copy, Debug)]
pub enum Assignment<'s> {
    /// Exported in this node, by this pattern.
    Exported(&'s Node, &'s Pattern),
    /// Hidden, by this pattern of this node.
    Hidden(&'s Node, &'s Pattern),
    /// No pattern matches: it stays as it is, unversioned.
    Unmatched,
}

impl Pattern {
    /// A name or, with `*`, `?` or `[`, a glob.
    pub fn new(text: impl Into<String>) -> Pattern {
        Pattern::of(text.into(), false, Language::C, 0)
    }

    /// A name, whatever characters it has.
    pub fn exact(text: impl Into<String>) -> Pattern {
        Pattern::of(text.into(), true, Language::C, 0)
    }

    fn of(text: String, quoted: bool, language: Language, line: usize) -> Pattern {
        let globs = !quoted && text.contains(['*', '?', '[']);
        // Braces mean nothing to ld, but alternatives to globset.
        let glob = || GlobBuilder::new(&text.replace('{', "\\{").replace('}', "\\}")).build().ok();
        let matcher = if globs { glob().map(|glob| glob.compile_matcher()) } else { None };
        Pattern { text, quoted, language, line, matcher }
    }

    /// Whether it is one name rather than a glob.
    pub fn is_exact(&self) -> bool {
        self.matcher.is_none()
    }

    fn matches(&self, name: &Name<'_>) -> bool {
        let name = match self.language {
            Language::C => name.plain,
            Language::Cxx => name.demangled.as_str(),
        };
        self.matcher.as_ref().map_or(self.text == name, |matcher| matcher.is_match(name))
    }
}

/// A symbol's name in both spellings.
struct Name<'n> {
    plain: &'n str,
    demangled: String,
}

impl VersionScript {
    /// Where the script puts a symbol. One name beats a glob, an exporting glob a hiding one, any glob `*`; among equals
    /// the last node wins.
    pub fn assign<'s>(&'s self, symbol: &str) -> Assignment<'s> {
        let name = Name { plain: symbol, demangled: demangle(symbol.as_bytes()).to_string() };
        let best = |patterns: &'s [Pattern]| {
            patterns.iter().filter(|pattern| pattern.matches(&name)).max_by_key(|pattern| rank(pattern))
        };
        let mut chosen = Assignment::Unmatched;
        let mut chosen_rank = (0, false);
        for node in &self.nodes {
            for (exports, patterns) in [(true, &node.global), (false, &node.local)] {
                let Some(pattern) = best(patterns) else { continue };
                // The first exact name settles it, as in binutils, which stops there.
                let rank = (rank(pattern), exports);
                let replaces = if rank.0 == EXACT { chosen_rank.0 < EXACT } else { rank >= chosen_rank };
                if replaces {
                    chosen_rank = rank;
                    chosen = match exports {
                        true => Assignment::Exported(node, pattern),
                        false => Assignment::Hidden(node, pattern),
                    };
                }
            }
        }
        chosen
    }

    /// Every name, rather than glob, that a node exports, with that node's name.
    pub fn exported_names(&self) -> impl Iterator<Item = (Option<&str>, &Pattern)> {
        self.nodes.iter().flat_map(|node| {
            node.global.iter().filter(|pattern| pattern.is_exact()).map(|pattern| (node.name.as_deref(), pattern))
        })
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name.as_deref() == Some(name))
    }
}

const EXACT: u8 = 3;

fn rank(pattern: &Pattern) -> u8 {
    match pattern {
        pattern if pattern.is_exact() => EXACT,
        pattern if pattern.text == "*" => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> VersionScript {
        VersionScript::parse(text).unwrap()
    }

    fn placed(script: &VersionScript, symbol: &str) -> String {
        match script.assign(symbol) {
            Assignment::Exported(node, _) => node.name.clone().unwrap_or_default(),
            Assignment::Hidden(_, pattern) => format!("hidden by {}", pattern.text),
            Assignment::Unmatched => "unmatched".to_owned(),
        }
    }

    #[test]
    fn nodes_with_parents_comments_and_extern_blocks_are_read() {
        let script = parse(
            "/* first */ hip_4.2 { global: hipMalloc; hip*; # all\n local: *; };\n\
             hip_4.3 { global: extern \"C++\" { \"ns::f(int)\"; ns::g* }; \"odd name\"; } hip_4.2;",
        );
        assert_eq!(script.nodes.len(), 2);
        assert_eq!(script.nodes[1].parents, ["hip_4.2"]);
        assert_eq!(script.nodes[1].line, 3);
        let texts: Vec<&str> = script.nodes[1].global.iter().map(|pattern| pattern.text.as_str()).collect();
        assert_eq!(texts, ["ns::f(int)", "ns::g*", "odd name"]);
        assert_eq!(placed(&script, "_ZN2ns1fEi"), "hip_4.3");
        assert_eq!(placed(&script, "_ZN2ns2ghEi"), "hip_4.3");
    }

    #[test]
    fn one_name_beats_a_glob_and_an_exporting_glob_beats_a_hiding_one() {
        let script = parse("A { global: a*; x; local: ab; h*; *; }; B { global: ac; h?; };");
        assert_eq!(placed(&script, "aa"), "A");
        assert_eq!(placed(&script, "ab"), "hidden by ab");
        assert_eq!(placed(&script, "ac"), "B");
        assert_eq!(placed(&script, "hi"), "B");
        assert_eq!(placed(&script, "hello"), "hidden by h*");
        assert_eq!(placed(&script, "other"), "hidden by *");
    }

    #[test]
    fn a_script_that_hides_the_api_is_seen_to_export_nothing() {
        let script = parse("{ global: X*; local: *; };");
        assert_eq!(placed(&script, "hipMalloc"), "hidden by *");
        assert_eq!(placed(&script, "XHint"), "");
    }

    #[test]
    fn an_error_names_line_and_column() {
        let error = VersionScript::parse("hip_4.2 {\n  global: hipMalloc hipFree;\n};").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 21: expected `;`, found `hipFree`");
        let error = VersionScript::parse("hip_4.2 { global: a; ").unwrap_err();
        assert_eq!(error.expected, "a name, `global:`, `local:` or `}`");
        assert_eq!(VersionScript::parse("A { x; } /* open").unwrap_err().line, 1);
        assert_eq!(VersionScript::parse(" ").unwrap_err().expected, "a version node");
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let text =
            "A { global: b; \"we ird\"; _ZN2ns1fEi; extern \"C++\" { ns::*; }; local: *; }; B { global: global; } A;";
        let once = parse(text).to_string();
        assert_eq!(parse(&once).to_string(), once);
        assert!(once.contains("\"_ZN2ns1fEi\";"));
        assert_eq!(placed(&parse(&once), "we ird"), "A");
        assert_eq!(placed(&parse(&once), "global"), "B");
    }
}
