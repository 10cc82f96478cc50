//! The URLs of git remotes, compared and shown without what is nobody's business.

use globset::GlobMatcher;

/// The URL without user, password and query: a token may stand in each. The user of an SSH URL is no secret, and stays.
pub(super) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = if scheme.starts_with("http") { rest.split('?').next().unwrap_or(rest) } else { rest };
    let url = format!("{scheme}://{rest}");
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let Some((user, host)) = authority.rsplit_once('@') else { return url };
    match user.split_once(':').map_or(user, |(user, _)| user) {
        user if scheme.ends_with("ssh") => format!("{scheme}://{user}@{host}{path}"),
        _ => format!("{scheme}://{host}{path}"),
    }
}

/// Whether a glob means a URL.
pub(super) trait Matching {
    /// With or without `.git` and a slash at its end: both clone the same.
    fn matches_url(&self, url: &str) -> bool;
}

impl Matching for GlobMatcher {
    fn matches_url(&self, url: &str) -> bool {
        let bare = url.trim_end_matches('/');
        let bare = bare.strip_suffix(".git").unwrap_or(bare);
        self.is_match(url) || self.is_match(bare) || self.is_match(format!("{bare}.git"))
    }
}

#[cfg(test)]
mod tests {
    use globset::Glob;

    use super::*;

    #[test]
    fn what_may_be_a_secret_is_left_out() {
        let urls = [
            ("https://user:pass@host/a/b.git", "https://host/a/b.git"),
            ("https://ghp_token@host:8443/a", "https://host:8443/a"),
            ("https://user:p@ss@host/a", "https://host/a"),
            ("ssh://git:pass@host:22/a", "ssh://git@host:22/a"),
            ("git+ssh://git@host/a", "git+ssh://git@host/a"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://host/a.git?private_token=x", "https://host/a.git"),
            ("file:///srv/what?", "file:///srv/what?"),
            ("/srv/git/a", "/srv/git/a"),
        ];
        for (url, shown) in urls {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn the_end_of_a_url_may_be_written_in_each_usual_way() {
        let matches = |glob: &str, url: &str| Glob::new(glob).expect("a glob").compile_matcher().matches_url(url);
        for url in ["https://host/a/b", "https://host/a/b.git", "https://host/a/b/"] {
            assert!(matches("https://host/a/b", url), "{url}");
            assert!(matches("https://host/*/b.git", url), "{url}");
            assert!(!matches("https://host/a", url), "{url}");
        }
    }
}
