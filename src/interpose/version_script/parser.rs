//! Reads a version script by the grammar of binutils (`ld/ldgram.y`, "vers_nodes").

use super::lexer::{Lexer, ScriptError, Token};
use super::{Language, Node, Pattern, VersionScript};

impl VersionScript {
    /// Reads a script.
    ///
    /// # Errors
    /// Where it does not follow the grammar: the first place, and what was expected.
    pub fn parse(text: &str) -> Result<VersionScript, ScriptError> {
        Parser { lexer: Lexer::new(text) }.script()
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
        node.line = self.lexer.line();
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
            let line = self.lexer.line();
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
            let line = self.lexer.line();
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
