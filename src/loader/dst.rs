//! Dynamic string tokens: `$ORIGIN`, `$LIB` and `$PLATFORM` in paths (ld.so(8); glibc, `elf/dl-load.c`, `_dl_dst_substitute`).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// What the tokens stand for in one object's paths.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'t> {
    /// The folder of the object; `None` where it is not known, and a path that names it is dropped.
    pub origin: Option<&'t Path>,
    /// `$LIB`.
    pub lib: &'t OsStr,
    /// `$PLATFORM`.
    pub platform: &'t str,
}

impl Tokens<'_> {
    /// The text with all tokens replaced; `None` where one has no value. What is no token stays as it is.
    pub fn expand(&self, text: &[u8]) -> Option<OsString> {
        let mut expanded = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'$', rest) {
            expanded.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            match token(&rest[1..]) {
                Some((name, len)) => {
                    expanded.extend_from_slice(self.value(name)?);
                    rest = &rest[1 + len..];
                }
                None => {
                    expanded.push(b'$');
                    rest = &rest[1..];
                }
            }
        }
        expanded.extend_from_slice(rest);
        Some(OsString::from_vec(expanded))
    }

    fn value(&self, name: Token) -> Option<&[u8]> {
        Some(match name {
            Token::Origin => self.origin?.as_os_str().as_bytes(),
            Token::Lib => self.lib.as_bytes(),
            Token::Platform => self.platform.as_bytes(),
        })
    }
}

#[derive(Clone, Copy)]
enum Token {
    Origin,
    Lib,
    Platform,
}

/// The token that follows a dollar sign, and its length. A name without braces ends where no letter, digit or
/// underscore follows.
fn token(text: &[u8]) -> Option<(Token, usize)> {
    let names = [(&b"ORIGIN"[..], Token::Origin), (b"LIB", Token::Lib), (b"PLATFORM", Token::Platform)];
    names.into_iter().find_map(|(name, token)| {
        if let Some(inner) = text.strip_prefix(b"{") {
            return (inner.starts_with(name) && inner.get(name.len()) == Some(&b'}'))
                .then_some((token, name.len() + 2));
        }
        let ends = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'_';
        (text.starts_with(name) && text.get(name.len()).is_none_or(ends)).then_some((token, name.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_with_and_without_braces_and_nothing_else_is() {
        let tokens = Tokens { origin: Some(Path::new("/opt/a")), lib: OsStr::new("lib64"), platform: "x86_64" };
        let expand = |text: &str| tokens.expand(text.as_bytes()).unwrap().into_string().unwrap();
        assert_eq!(expand("$ORIGIN/../lib"), "/opt/a/../lib");
        assert_eq!(expand("${ORIGIN}x/${LIB}/$PLATFORM"), "/opt/ax/lib64/x86_64");
        assert_eq!(expand("$ORIGINAL/$LIBS/$/$$LIB"), "$ORIGINAL/$LIBS/$/$lib64");
        assert_eq!(expand("plain"), "plain");
        assert!(Tokens { origin: None, ..tokens }.expand(b"$ORIGIN").is_none());
    }
}
