//! C++ and Rust names as they are written.

use std::fmt::{self, Display};

use super::escape;

/// A name, demangled where it is C++ (Itanium ABI) or Rust, else escaped.
#[derive(Clone, Copy, Debug)]
pub struct Demangled<'a>(&'a [u8]);

/// Shows a name as its source has it.
pub fn demangle(name: &[u8]) -> Demangled<'_> {
    Demangled(name)
}

/// Longer names are left as they are: a demangler's work can grow far beyond its input.
const LONGEST: usize = 1 << 16;

impl Display for Demangled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(self.0).ok().filter(|text| text.len() <= LONGEST);
        match text.and_then(|text| rust(text).or_else(|| cpp(text))) {
            Some(written) => write!(f, "{}", escape(written.as_bytes())),
            None => write!(f, "{}", escape(self.0)),
        }
    }
}

fn rust(name: &str) -> Option<String> {
    rustc_demangle::try_demangle(name).ok().map(|name| format!("{name:#}"))
}

fn cpp(name: &str) -> Option<String> {
    let symbol = name.starts_with("_Z").then(|| cpp_demangle::Symbol::new(name).ok()).flatten()?;
    symbol.demangle().ok()
}

#[cfg(test)]
mod tests {
    use super::demangle;

    #[test]
    fn cpp_and_rust_names_are_shown_as_written_and_others_stay() {
        assert_eq!(demangle(b"_ZTIN6xsched3hip10HipCommandE").to_string(), "typeinfo for xsched::hip::HipCommand");
        assert_eq!(
            demangle(b"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE").to_string(),
            "core::fmt::Write::write_fmt"
        );
        assert_eq!(demangle(b"_RNvC6_123foo3bar").to_string(), "123foo::bar");
        assert_eq!(demangle(b"hipMalloc").to_string(), "hipMalloc");
        assert_eq!(demangle(b"_Z\xff").to_string(), "_Z\\xff");
    }
}
