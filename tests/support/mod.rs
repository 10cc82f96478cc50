//! What a test wants of the machine.

/// True where `present`. Else says that the test is skipped and why, unless `XDOCTOR_TEST_REQUIRE=all` makes that a failure.
#[must_use]
pub fn require(present: bool, what: &str) -> bool {
    if !present {
        let all = std::env::var("XDOCTOR_TEST_REQUIRE").is_ok_and(|value| value == "all");
        assert!(!all, "XDOCTOR_TEST_REQUIRE=all, and there is no {what}");
        eprintln!("skipped: there is no {what}");
    }
    present
}
