//! Medians, quantiles, and how sure one can be of a median.

use serde::Serialize;

/// How often the interval of an [`Estimate`] holds the true median, over many experiments.
pub const CONFIDENCE: f64 = 0.95;

/// Resamples behind the interval of an [`Estimate`].
pub const RESAMPLES: usize = 10_000;

/// The seed of the resampling: the same values always give the same interval.
pub const SEED: u64 = 0x7864_6f63_746f_7231;

/// A median with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// The median of some values with its bootstrap interval by the percentile method (Efron and Tibshirani, *An
    /// Introduction to the Bootstrap*, 13.3): the values are drawn anew with replacement, [`RESAMPLES`] times, and the
    /// interval leaves out what is rarest among the medians of those. Of fewer than six values that is their whole range.
    /// `None` where there are no values.
    pub fn of(values: &[f64]) -> Option<Estimate> {
        Estimate::resampled(values, RESAMPLES)
    }

    fn resampled(values: &[f64], times: usize) -> Option<Estimate> {
        let middle = median(values)?;
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut drawn = vec![0.0; values.len()];
        let mut medians: Vec<f64> = (0..times)
            .filter_map(|_| {
                drawn.fill_with(|| random.choice(values).copied().unwrap_or(middle));
                sort(&mut drawn);
                middle_of(&drawn)
            })
            .collect();
        sort(&mut medians);
        let rare = (1.0 - CONFIDENCE) / 2.0;
        let end = |share| nearest_rank(&medians, share).unwrap_or(middle);
        Some(Estimate { median: middle, low: end(rare), high: end(1.0 - rare) })
    }
}

/// The median; of an even number of values the mean of the two in the middle. `None` where there are none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sort(&mut sorted);
    middle_of(&sorted)
}

fn sort(values: &mut [f64]) {
    values.sort_unstable_by(f64::total_cmp);
}

fn middle_of(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The smallest of the values that at least `share` (0 to 1) of them do not exceed: the nearest rank, always one that was
/// really measured. `None` where there are none.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sort(&mut sorted);
    nearest_rank(&sorted, share)
}

fn nearest_rank(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil().max(1.0);
    sorted.get(rank as usize - 1).or(sorted.last()).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        for (share, expected) in [(0.0, 1.0), (0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0)] {
            assert_eq!(quantile(&values, share), Some(expected));
        }
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_interval_is_the_same_each_time_and_of_few_values_their_whole_range() {
        let values = [1.02, 0.99, 1.31, 1.00, 1.05];
        let estimate = Estimate::of(&values).expect("values");
        assert_eq!(estimate, Estimate { median: 1.02, low: 0.99, high: 1.31 });
        assert_eq!(Estimate::of(&values), Some(estimate));
        assert_eq!(Estimate::of(&[]), None);
    }

    /// The promise of an interval is how often it holds the truth: here the truth is known to be 0.
    #[test]
    fn the_interval_holds_the_true_median_about_as_often_as_it_says() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut normal = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let held = (0..200).filter(|_| {
            let values: Vec<f64> = (0..20).map(|_| normal()).collect();
            Estimate::resampled(&values, 500).is_some_and(|it| it.low <= 0.0 && 0.0 <= it.high)
        });
        let share = held.count() as f64 / 200.0;
        assert!((CONFIDENCE - 0.04..=0.99).contains(&share), "{share}");
    }

    proptest! {
        #[test]
        fn the_interval_holds_its_own_median(values in prop::collection::vec(-1e6..1e6f64, 1..40)) {
            let Estimate { median, low, high } = Estimate::resampled(&values, 100).expect("values");
            prop_assert!(low <= median && median <= high);
        }
    }
}
