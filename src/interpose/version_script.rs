//! GNU ld version scripts: read, asked, and written.
//!
//! The grammar is that of binutils (`ld/ldgram.y`, "vers_nodes"), the choice among patterns that of
//! `bfd/linker.c`, `bfd_find_version_for_sym`.

use std::fmt::{self, Display};

use globset::{GlobBuilder, GlobMatcher};

use crate::elf::demangle;

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

/// A version script that does not follow the grammar.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}, column {column}: expected {expected}, found {found}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What the grammar wants there.
    pub expected: &'static str,
    /// What stands there.
    pub found: String,
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
    /// Reads a script.
    ///
    /// # Errors
    /// Where it does not follow the grammar: the first place, and what was expected.
    pub fn parse(text: &str) -> Result<VersionScript, ScriptError> {
        Parser { lexer: Lexer::new(text) }.script()
    }

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

impl Display for VersionScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.nodes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{node}")?;
        }
        Ok(())
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => writeln!(f, "{name} {{")?,
            None => f.write_str("{\n")?,
        }
        for (label, patterns) in [("global", &self.global), ("local", &self.local)] {
            if patterns.is_empty() {
                continue;
            }
            writeln!(f, "  {label}:")?;
            let quoted = |pattern: &&Pattern| needs_quotes(pattern);
            for pattern in patterns.iter().filter(|pattern| !quoted(pattern)) {
                writeln!(f, "    {};", pattern.text)?;
            }
            for (language, name) in [(Language::C, "C"), (Language::Cxx, "C++")] {
                let mut rest = patterns.iter().filter(quoted).filter(|pattern| pattern.language == language).peekable();
                if rest.peek().is_none() {
                    continue;
                }
                writeln!(f, "    extern \"{name}\" {{")?;
                rest.try_for_each(|pattern| match pattern.is_exact() {
                    true => writeln!(f, "      \"{}\";", pattern.text),
                    false => writeln!(f, "      {};", pattern.text),
                })?;
                f.write_str("    };\n")?;
            }
        }
        for remark in &self.remarks {
            writeln!(f, "  /* {} */", remark.replace("*/", "* /"))?;
        }
        f.write_str("}")?;
        for parent in &self.parents {
            write!(f, " {parent}")?;
        }
        f.write_str(";\n")
    }
}

/// Whether a pattern goes into an `extern` block: C++ names, mangled or not, and what ld's lexer would not take bare.
fn needs_quotes(pattern: &Pattern) -> bool {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_.$*?[]-!^\\".contains(c);
    pattern.language == Language::Cxx
        || pattern.quoted
        || pattern.text.starts_with("_Z")
        || pattern.text.starts_with(|c: char| c.is_ascii_digit())
        || matches!(pattern.text.as_str(), "global" | "local" | "extern" | "")
        || !pattern.text.chars().all(bare)
}

/// Whether ld's lexer takes a text as a node's name; there is no way to quote one.
pub fn is_node_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || "_.$".contains(c))
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.$".contains(c))
}

/// Whether a name can stand in a script: quotes have no escape.
pub fn is_expressible(name: &str) -> bool {
    !name.is_empty() && !name.contains(['"', '\n', '\\'])
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Punctuation(char),
    End,
}

impl Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(text) => write!(f, "`{text}`"),
            Token::Quoted(text) => write!(f, "`\"{text}\"`"),
            Token::Punctuation(c) => write!(f, "`{}`", c.escape_default()),
            Token::End => f.write_str("the end"),
        }
    }
}

struct Lexer<'t> {
    chars: std::iter::Peekable<std::str::Chars<'t>>,
    line: usize,
    column: usize,
    /// Where the last token started.
    at: (usize, usize),
    peeked: Option<Token>,
}

impl<'t> Lexer<'t> {
    fn new(text: &'t str) -> Lexer<'t> {
        Lexer { chars: text.chars().peekable(), line: 1, column: 1, at: (1, 1), peeked: None }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn error(&self, expected: &'static str, found: impl Display) -> ScriptError {
        ScriptError { line: self.at.0, column: self.at.1, expected, found: found.to_string() }
    }

    fn peek(&mut self) -> Result<&Token, ScriptError> {
        if self.peeked.is_none() {
            self.peeked = Some(self.read()?);
        }
        Ok(self.peeked.as_ref().unwrap_or(&Token::End))
    }

    fn next(&mut self) -> Result<Token, ScriptError> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.read(),
        }
    }

    fn read(&mut self) -> Result<Token, ScriptError> {
        self.skip_blank()?;
        self.at = (self.line, self.column);
        Ok(match self.bump() {
            None => Token::End,
            Some('"') => {
                let mut text = String::new();
                loop {
                    match self.bump() {
                        Some('"') => break Token::Quoted(text),
                        Some(c) => text.push(c),
                        None => return Err(self.error("a closing quote", Token::End)),
                    }
                }
            }
            Some(c) if "{};:".contains(c) => Token::Punctuation(c),
            Some(c) => {
                let mut text = String::from(c);
                while self.extend_word(&mut text) {}
                Token::Word(text)
            }
        })
    }

    /// A word ends at white space, punctuation, quotes and comments; `::` belongs to it.
    fn extend_word(&mut self, word: &mut String) -> bool {
        let mut ahead = self.chars.clone();
        let taken = match (ahead.next(), ahead.next()) {
            (Some(':'), Some(':')) => 2,
            (Some('/'), Some('*')) | (None, _) => 0,
            (Some(c), _) if c.is_whitespace() || "{};:\"".contains(c) => 0,
            _ => 1,
        };
        word.extend((0..taken).filter_map(|_| self.bump()));
        taken > 0
    }

    fn skip_blank(&mut self) -> Result<(), ScriptError> {
        while let Some(&c) = self.chars.peek() {
            let mut ahead = self.chars.clone();
            ahead.next();
            if c.is_whitespace() {
                self.bump();
            } else if c == '#' {
                while self.chars.peek().is_some_and(|&c| c != '\n') {
                    self.bump();
                }
            } else if c == '/' && ahead.next() == Some('*') {
                self.skip_comment()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), ScriptError> {
        self.at = (self.line, self.column);
        self.bump();
        self.bump();
        loop {
            match self.bump() {
                Some('*') if self.chars.peek() == Some(&'/') => {
                    self.bump();
                    return Ok(());
                }
                Some(_) => {}
                None => return Err(self.error("`*/` to end the comment", Token::End)),
            }
        }
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
}

impl Parser<'_> {
    fn script(mut self) -> Result<VersionScript, ScriptError> {
        let mut nodes = Vec::new();
        while *self.lexer.peek()? != Token::End {
            nodes.push(self.node()?);
        }
        if nodes.is_empty() {
            return Err(self.lexer.error("a version node", Token::End));
        }
        Ok(VersionScript { nodes })
    }

    fn node(&mut self) -> Result<Node, ScriptError> {
        let mut node = Node::default();
        if let Token::Word(name) = self.lexer.peek()?.clone() {
            self.lexer.next()?;
            node.name = Some(name);
        }
        node.line = self.lexer.at.0;
        self.expect('{', "`{` or a node's name")?;
        self.body(&mut node)?;
        loop {
            match self.lexer.next()? {
                Token::Punctuation(';') => return Ok(node),
                Token::Word(parent) => node.parents.push(parent),
                other => return Err(self.lexer.error("`;` or a node to inherit", other)),
            }
        }
    }

    fn body(&mut self, node: &mut Node) -> Result<(), ScriptError> {
        let mut exports = true;
        loop {
            let token = self.lexer.next()?;
            let line = self.lexer.at.0;
            let section = matches!(&token, Token::Word(word) if word == "global" || word == "local");
            if section && *self.lexer.peek()? == Token::Punctuation(':') {
                self.lexer.next()?;
                exports = token == Token::Word("global".to_owned());
                continue;
            }
            let patterns = if exports { &mut node.global } else { &mut node.local };
            match token {
                Token::Punctuation('}') => return Ok(()),
                Token::Word(word) if word == "extern" && matches!(self.lexer.peek()?, Token::Quoted(_)) => {
                    self.external(patterns)?;
                    self.separator()?;
                }
                Token::Word(text) => {
                    patterns.push(Pattern::of(text, false, Language::C, line));
                    self.separator()?;
                }
                Token::Quoted(text) => {
                    patterns.push(Pattern::of(text, true, Language::C, line));
                    self.separator()?;
                }
                other => return Err(self.lexer.error("a name, `global:`, `local:` or `}`", other)),
            }
        }
    }

    fn external(&mut self, patterns: &mut Vec<Pattern>) -> Result<(), ScriptError> {
        let language = match self.lexer.next()? {
            Token::Quoted(name) if name == "C" => Language::C,
            Token::Quoted(name) if name == "C++" => Language::Cxx,
            other => return Err(self.lexer.error("\"C\" or \"C++\"", other)),
        };
        self.expect('{', "`{`")?;
        loop {
            let token = self.lexer.next()?;
            let line = self.lexer.at.0;
            match token {
                Token::Punctuation('}') => return Ok(()),
                Token::Word(text) => patterns.push(Pattern::of(text, false, language, line)),
                Token::Quoted(text) => patterns.push(Pattern::of(text, true, language, line)),
                other => return Err(self.lexer.error("a name or `}`", other)),
            }
            self.separator()?;
        }
    }

    /// `;`, which may be left out before `}`.
    fn separator(&mut self) -> Result<(), ScriptError> {
        if *self.lexer.peek()? == Token::Punctuation('}') { Ok(()) } else { self.expect(';', "`;`") }
    }

    fn expect(&mut self, wanted: char, expected: &'static str) -> Result<(), ScriptError> {
        match self.lexer.next()? {
            Token::Punctuation(found) if found == wanted => Ok(()),
            other => Err(self.lexer.error(expected, other)),
        }
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
