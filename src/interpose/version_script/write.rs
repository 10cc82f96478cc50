//! Writes a version script so that ld reads the same.

use std::fmt::{self, Display};

use super::{Language, Node, Pattern, VersionScript};

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
