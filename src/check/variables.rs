//! `${name}` in a checklist: a variable of the checklist, or one of the environment.

use std::collections::BTreeMap;

/// What `${…}` may stand for.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// Declared by the checklist or given with `--var`; `None` where it was declared without a value.
    values: BTreeMap<String, Option<String>>,
}

/// A `${…}` that stands for nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Undefined {
    /// Where in the text the `${` stands, in characters from 0.
    pub offset: usize,
    /// What is wrong, and what gives it a value.
    pub message: String,
}

impl Variables {
    /// Declares a variable, or gives it a value; the last one counts.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        self.values.insert(name.to_owned(), value);
    }

    /// Whether the name was declared.
    pub fn declares(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value of a declared variable, where it has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_deref()
    }

    /// Every name that was declared, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// These variables, and more of them, which beat those of the same name.
    #[must_use]
    pub fn with(&self, more: &[(String, String)]) -> Variables {
        let mut all = self.clone();
        more.iter().for_each(|(name, value)| all.set(name, Some(value.clone())));
        all
    }

    /// Every variable that has a value, by name.
    pub fn known(&self) -> BTreeMap<&str, &str> {
        self.values.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?))).collect()
    }

    /// Replaces each `${name}` and `${name:-default}`; `$$` is a dollar sign, and a `$` before anything else stays.
    ///
    /// # Errors
    /// The first one that has neither value nor default, or that is not closed.
    pub fn expand(&self, text: &str) -> Result<String, Undefined> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            let offset = text[..text.len() - after.len() - 1].chars().count();
            if let Some(escaped) = after.strip_prefix('$') {
                out.push('$');
                rest = escaped;
            } else if let Some(inner) = after.strip_prefix('{') {
                let end = inner.find('}');
                if end.is_some_and(|end| inner[..end].contains("${")) {
                    let message = "`${` inside `${…}`: a default cannot hold another variable; declare it under `vars`";
                    return Err(Undefined { offset, message: message.into() });
                }
                let Some(end) = end else {
                    return Err(Undefined { offset, message: "`${` is never closed; expected `}`".into() });
                };
                out.push_str(&self.value(&inner[..end]).map_err(|message| Undefined { offset, message })?);
                rest = &inner[end + 1..];
            } else {
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, expression: &str) -> Result<String, String> {
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression, None),
        };
        let declared = self.values.get(name);
        let value = match declared {
            Some(value) => value.clone(),
            None => std::env::var(name).ok(),
        };
        match (value.filter(|value| default.is_none() || !value.is_empty()), default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) if declared.is_some() => {
                Err(format!("variable `{name}` has no value; give it one with --var {name}=VALUE"))
            }
            (None, None) => {
                let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none are declared".to_owned() } else { known.join(", ") };
                Err(format!(
                    "undefined variable `{name}`: neither under `vars` ({known}) nor in the environment; \
                     `${{{name}:-DEFAULT}}` gives a default"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.set("dir", Some("/opt".into()));
        variables.set("unset", None);
        variables
    }

    #[test]
    fn names_defaults_and_dollars_expand() {
        let expand = |text| variables().expand(text).expect("defined");
        assert_eq!(expand("${dir}/lib"), "/opt/lib");
        assert_eq!(expand("${unset:-x}${XDOCTOR_NO_SUCH_VARIABLE:-y}"), "xy");
        assert_eq!(expand("$${dir} $ORIGIN $"), "${dir} $ORIGIN $");
        assert_eq!(expand("${XDOCTOR_NO_SUCH_VARIABLE:-}"), "");
    }

    #[test]
    fn what_has_no_value_is_named_with_its_place() {
        let error = variables().expand("ä${nope}").expect_err("undefined");
        assert_eq!(error.offset, 1);
        assert!(error.message.contains("`nope`") && error.message.contains("dir, unset"), "{}", error.message);
        assert!(variables().expand("${unset}").expect_err("no value").message.contains("--var unset=VALUE"));
        assert!(variables().expand("${dir").expect_err("not closed").message.contains("never closed"));
        assert!(variables().expand("${a:-${b:-x}}").expect_err("nested").message.contains("another variable"));
    }
}
