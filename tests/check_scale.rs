//! Promise: a checklist costs what its checks cost, no more for there being many: reading and running one of 10,000 checks
//! takes ten times what one of 1,000 takes. Counted in allocated bytes, which no busy machine changes. One test alone in
//! its process, since it watches the process's allocator.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/checklists.rs"]
mod checklists;

use std::alloc::System;
use std::path::Path;

use cap::Cap;
use xdoctor::check::{Checklist, Options, Source, run};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// All that is allocated while a checklist of so many checks is read and run.
fn cost(text: String, checks: usize) -> usize {
    let before = ALLOCATOR.total_allocated();
    let source = Source { name: "large.yaml".into(), text, base: "/".into(), unasked: false };
    let checklist = Checklist::parse(&source, &[]).unwrap();
    let results = run(&checklist, &Options::new(Path::new("/")));
    assert_eq!(results.summary.passed, checks);
    ALLOCATOR.total_allocated() - before
}

#[test]
fn many_checks_cost_no_more_than_each_of_them() {
    let (small, large) = (cost(checklists::of_size(1_000), 1_000), cost(checklists::of_size(10_000), 10_000));
    assert!(small > 0, "the allocator is watched");
    assert!(large < small * 11, "{small} bytes for 1,000 checks, {large} for 10,000");
    let matrices = |size: usize| cost(checklists::of_matrices(size), 2 * size);
    let (small, large) = (matrices(100), matrices(1_000));
    assert!(large < small * 11, "{small} bytes for 100 checks that need 100, {large} for 1,000 that need 1,000");
}
