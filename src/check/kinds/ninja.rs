//! The link lines in what CMake writes for Ninja, for one configuration or for several.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Variables of a `build` statement or of a rule, still with Ninja's quoting.
type Variables<'a> = BTreeMap<&'a str, &'a str>;

/// One link line: the words of its rule with the statement's variables in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Where the target's objects lie.
    pub(super) objects: String,
    /// As the shell gets it, without what runs before and after.
    pub(super) command: String,
}

/// All link lines below a build tree.
///
/// # Errors
/// Where there is no `build.ninja`, or it cannot be read.
pub(super) fn links(build: &Path) -> io::Result<Vec<Link>> {
    let mut text = String::from_utf8_lossy(&fs::read(build.join("build.ninja"))?).into_owned();
    // The rules, and with several configurations the statements of each, are files of their own.
    let mut others: Vec<_> = match fs::read_dir(build.join("CMakeFiles")) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    others.push(build.join("rules.ninja"));
    others.sort();
    for other in others.iter().filter(|path| path.extension().is_some_and(|extension| extension == "ninja")) {
        match fs::read(other) {
            Ok(more) => text.push_str(&format!("\n{}", String::from_utf8_lossy(&more))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(links_of(&text))
}

fn links_of(text: &str) -> Vec<Link> {
    let mut rules: BTreeMap<&str, Variables<'_>> = BTreeMap::new();
    let mut statements: Vec<(&str, Variables<'_>)> = Vec::new();
    let mut inside: Option<&mut Variables<'_>> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("rule ") {
            inside = Some(rules.entry(name.trim()).or_default());
        } else if let Some((outputs, rest)) = line.strip_prefix("build ").and_then(|line| line.split_once(": ")) {
            let (rule, inputs) = rest.split_once(' ').unwrap_or((rest, ""));
            let inputs = inputs.split(" | ").next().and_then(|inputs| inputs.split(" || ").next()).unwrap_or_default();
            let implicit = outputs.split(" | ").next().unwrap_or_default();
            inside = rule
                .contains("_LINKER_")
                .then(|| {
                    statements
                        .push((rule, BTreeMap::from([("in", inputs), ("in_newline", inputs), ("out", implicit)])));
                    statements.last_mut().map(|(_, variables)| variables)
                })
                .flatten();
        } else if !line.starts_with(' ') {
            inside = None;
        } else if let (Some(variables), Some((name, value))) = (&mut inside, line.trim().split_once(" = ")) {
            variables.insert(name, value);
        }
    }
    let empty = Variables::new();
    let link = |(rule, variables): (&str, Variables<'_>)| {
        let rule = rules.get(rule).unwrap_or(&empty);
        let words = ["command", "rspfile_content"].map(|name| rule.get(name).copied().unwrap_or_default());
        Link {
            objects: variables.get("OBJECT_DIR").map(|value| expanded(value, &empty)).unwrap_or_default(),
            command: words.map(|words| expanded(words, &variables)).join(" "),
        }
    };
    statements.into_iter().map(link).collect()
}

/// A value as Ninja expands it: `$name` and `${name}`; `$` quotes a colon, a space, and itself.
fn expanded(value: &str, variables: &Variables<'_>) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, following) = braced.unwrap_or_else(|| {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(after.len());
            after.split_at(end)
        });
        rest = following;
        match name {
            "" => {
                let mut quoted = after.chars();
                text.extend(quoted.next());
                rest = quoted.as_str();
            }
            // What runs before and after is no part of the link line.
            "PRE_LINK" | "POST_BUILD" => text.push(':'),
            name => {
                let nothing = Variables::new();
                text.push_str(&variables.get(name).map(|value| expanded(value, &nothing)).unwrap_or_default());
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "rule C_SHARED_LIBRARY_LINKER__x_Release\n  \
        command = $PRE_LINK && /usr/bin/cc -fPIC $LINK_FLAGS -shared $SONAME_FLAG$SONAME -o $TARGET_FILE @$RSP_FILE && $POST_BUILD\n  \
        rspfile_content = $in $LINK_LIBRARIES\n\n\
        build libx.so: C_SHARED_LIBRARY_LINKER__x_Release a.o b$ c.o | other.so || order\n  \
        LINK_FLAGS = -Wl,--version-script=/p$:q/x.map,-rpath,$$ORIGIN\n  OBJECT_DIR = src/CMakeFiles/x.dir\n  \
        SONAME_FLAG = -Wl,-soname,\n  SONAME = libx.so\n  TARGET_FILE = libx.so\n  RSP_FILE = x.rsp\n  \
        LINK_LIBRARIES = -lm\n  PRE_LINK = echo -no\n  POST_BUILD = strip -no\n\n\
        build y: phony libx.so\n  LINK_FLAGS = -no\n";

    #[test]
    fn a_rule_is_read_with_the_variables_of_the_statement() {
        let command = ": && /usr/bin/cc -fPIC -Wl,--version-script=/p:q/x.map,-rpath,$ORIGIN -shared -Wl,-soname,libx.so \
                       -o libx.so @x.rsp && : a.o b c.o -lm";
        assert_eq!(links_of(TEXT), [Link { objects: "src/CMakeFiles/x.dir".into(), command: command.into() }]);
    }

    #[test]
    fn what_ninja_itself_could_not_read_is_no_panic() {
        for text in ["build x: A_LINKER_\n  OBJECT_DIR = $", "build x: A_LINKER_ ${a\n", "build : \n  =\nrule\nrule \n"]
        {
            links_of(text);
        }
    }
}
