//! All processes together: who called what where, and how often.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::image::{Image, Reason, Via};
use super::observation::Observation;

/// Who calls what where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The object that calls.
    pub caller: PathBuf,
    /// The function, by the name that was asked for.
    pub symbol: String,
    /// The version node that its definition stands in.
    pub version: Option<String>,
    /// The object that it is in, where any holds its address.
    pub provider: Option<PathBuf>,
    /// How the caller came by it.
    pub via: Via,
    /// Why the calls could not be counted, where they could not.
    pub reason: Option<Reason>,
}

impl Observation {
    /// Every row once, in their order, with the calls of all process images; `None` where they could not be counted.
    pub fn rows(&self) -> Vec<(Row, Option<u64>)> {
        let mut sums: BTreeMap<Row, Option<u64>> = BTreeMap::new();
        for (row, count) in self.images.iter().flat_map(Image::rows) {
            let sum = sums.entry(row).or_insert(count.map(|_| 0));
            *sum = sum.zip(count).map(|(sum, count)| sum + count);
        }
        sums.into_iter().collect()
    }
}

impl Image {
    /// This image's rows; one may come more than once.
    pub fn rows(&self) -> impl Iterator<Item = (Row, Option<u64>)> {
        let calls = self.calls.iter().cloned().map(|call| {
            let (caller, symbol, version) = (call.caller, call.symbol, call.version);
            let row = Row { caller, symbol, version, provider: call.provider, via: call.via, reason: None };
            (row, Some(call.count))
        });
        let unseen = self.unseen.iter().cloned().map(|unseen| {
            let (caller, symbol, reason) = (unseen.caller, unseen.symbol, Some(unseen.reason));
            (Row { caller, symbol, version: None, provider: None, via: unseen.via, reason }, None)
        });
        calls.chain(unseen)
    }
}
