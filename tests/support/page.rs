//! A page of docs/, whose commands are run out of it, so that it cannot say what is not so.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::fs;
use std::path::Path;

/// A page, by its path in the source tree.
#[derive(Clone, Copy)]
pub struct Page(&'static str);

impl Page {
    pub const fn at(path: &'static str) -> Page {
        Page(path)
    }

    /// Its fenced blocks of a language.
    pub fn blocks(self, language: &str) -> Vec<String> {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(self.0)).expect("the page");
        let blocks = text.split("\n```").filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
        blocks.map(|block| block.to_owned() + "\n").collect()
    }

    /// The one block of a language that holds these words.
    #[track_caller]
    pub fn block(self, language: &str, words: &str) -> String {
        let mut found = self.blocks(language).into_iter().filter(|block| block.contains(words));
        let block = found.next().unwrap_or_else(|| panic!("no {language} with {words}"));
        assert!(found.next().is_none(), "more than one {language} with {words}");
        block
    }
}
