//! Which calls went where: into the shim, past it, and out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::interpose::Role;
use crate::probe::{Counters, Reason, Row};

use super::evidence::Evidence;

/// Calls per function.
pub(super) type Calls = BTreeMap<String, u64>;

impl Evidence<'_> {
    /// Functions that a client was in when the run was cut, and the shim had not called the runtime's.
    pub(super) fn under_way(&self) -> Vec<String> {
        let forwarded = self.forwarded().unwrap_or_default();
        let is_open = |symbol: &str, arrived: u64| arrived > forwarded.get(symbol).copied().unwrap_or_default();
        let arrived = if self.was_cut() { self.arrived() } else { Calls::new() };
        arrived.into_iter().filter(|(symbol, arrived)| is_open(symbol, *arrived)).map(|(symbol, _)| symbol).collect()
    }

    /// Rows of clients, less what they have inside themselves.
    pub(super) fn client_rows(&self) -> impl Iterator<Item = (&Row, Option<u64>)> {
        let rows = self.rows.iter().map(|(row, count)| (row, *count));
        rows.filter(|(row, _)| self.is_client(&row.caller) && row.provider.as_ref() != Some(&row.caller))
    }

    /// Whether the row leads past the shim.
    pub(super) fn goes_past(&self, row: &Row) -> bool {
        row.reason.is_none() && !row.provider.as_ref().is_some_and(|provider| self.is_shim(provider))
    }

    /// Calls of clients that arrived in the shim.
    pub(super) fn arrived(&self) -> Calls {
        summed(self.client_rows().filter(|(row, _)| row.reason.is_none() && !self.goes_past(row)))
    }

    /// Calls of clients that went past it.
    pub(super) fn past(&self) -> Calls {
        summed(self.client_rows().filter(|(row, _)| self.goes_past(row)))
    }

    /// Rows of the shim's own calls, to others than itself.
    pub(super) fn onward_rows(&self) -> impl Iterator<Item = (&Row, Option<u64>)> {
        let rows = self.rows.iter().map(|(row, count)| (row, *count));
        rows.filter(|(row, _)| self.is_shims(&row.caller) && self.goes_past(row))
    }

    /// The shim's own calls, to others than itself: as observed, or, where it finds the runtime without ld.so's help, as
    /// that runtime counts them. `None` where neither tells.
    pub(super) fn forwarded(&self) -> Option<Calls> {
        if self.onward_rows().next().is_some() {
            return Some(summed(self.onward_rows()));
        }
        let mut calls = Counters::total(&self.counters.runtime);
        calls.retain(|symbol, _| self.setup.api.takes(symbol));
        for (symbol, past) in self.past() {
            calls.entry(symbol).and_modify(|count| *count = count.saturating_sub(past));
        }
        (!self.counters.runtime.is_empty()).then_some(calls)
    }

    /// Whether the shim answers dlsym itself, in which case nobody sees what it answers, and calls the runtime at least as
    /// often as was done natively while nobody goes past it: then it has caught what was looked up.
    pub(super) fn catches_lookups(&self) -> bool {
        let hijacks = ["dlsym", "dlvsym"].iter().any(|name| self.shim.exports.contains_key(*name));
        let (Some(native), Some(forwarded)) = (self.native_calls(), self.forwarded()) else { return false };
        let leaves = |symbol: &str| forwarded.get(symbol).copied().unwrap_or_default();
        hijacks
            && !native.is_empty()
            && self.past().values().all(|count| *count == 0)
            && native.iter().all(|(symbol, count)| leaves(symbol) >= *count)
    }

    /// The libraries that the shim calls, as observed or as it says itself.
    pub(super) fn forwarded_to(&self) -> BTreeSet<&Path> {
        let observed = self.onward_rows().filter_map(|(row, _)| row.provider.as_deref());
        observed.chain(self.counters.shim.iter().filter_map(|counters| counters.runtime.as_deref())).collect()
    }

    /// What the clients called natively, whoever served it; `None` where there was no native run.
    pub(super) fn native_calls(&self) -> Option<Calls> {
        self.native.as_ref()?;
        let is_runtime = |path: &Path| self.runtimes.contains(path);
        let rows = self.native_rows.iter().map(|(row, count)| (row, *count));
        Some(summed(rows.filter(|(row, _)| !is_runtime(&row.caller) && row.provider.as_ref() != Some(&row.caller))))
    }

    /// The roles that the clients turned out to need, natively or shimmed.
    pub(super) fn roles(&self) -> BTreeSet<Role> {
        let all = [self.native_calls().unwrap_or_default(), self.arrived(), self.past()];
        let called = all.iter().flatten().filter(|(_, count)| **count > 0);
        called.map(|(symbol, _)| self.setup.api.role(symbol)).filter(|role| *role != Role::Other).collect()
    }

    /// The calls of one role.
    pub(super) fn of_role(&self, calls: &Calls, role: Role) -> u64 {
        calls.iter().filter(|(symbol, _)| self.setup.api.role(symbol) == role).map(|(_, count)| count).sum()
    }

    /// References and pointers that count for nothing because nobody could count them, by name.
    pub(super) fn uncounted(&self, from_shim: bool) -> BTreeMap<&str, Reason> {
        let rows = self.rows.iter().filter(|(row, _)| self.is_shims(&row.caller) == from_shim);
        let rows = rows.filter(|(row, _)| from_shim || self.is_client(&row.caller));
        let uncounted = rows.filter_map(|(row, _)| Some((row.symbol.as_str(), row.reason?)));
        // These are counted, as calls of the program or of the object itself.
        uncounted.filter(|(_, reason)| !matches!(reason, Reason::Canonical | Reason::Own | Reason::Protected)).collect()
    }
}

fn summed<'r>(rows: impl Iterator<Item = (&'r Row, Option<u64>)>) -> Calls {
    let mut calls = Calls::new();
    for (row, count) in rows {
        *calls.entry(row.symbol.clone()).or_default() += count.unwrap_or_default();
    }
    calls
}
