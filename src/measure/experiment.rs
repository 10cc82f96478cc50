//! Every lane alone, then all of them together, over and over: what running together does to each.

use serde::Serialize;

use super::statistics::{median, quantile};
use super::{Estimate, Lane, LaneError, Session, Times, run_lanes};

/// Who ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// The lane by itself.
    Alone,
    /// All lanes at once.
    Together,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantity {
    /// The latency that half of the requests do not exceed, in seconds.
    P50,
    /// The latency that 90% of them do not exceed, in seconds.
    P90,
    /// The latency that 99% of them do not exceed, in seconds.
    P99,
    /// Requests a second.
    Throughput,
}

impl Quantity {
    /// Each of them, in the order of reports.
    pub const ALL: [Quantity; 4] = [Quantity::P50, Quantity::P90, Quantity::P99, Quantity::Throughput];

    /// Its name in bounds and reports.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::P50 => "p50",
            Quantity::P90 => "p90",
            Quantity::P99 => "p99",
            Quantity::Throughput => "throughput",
        }
    }
}

/// One lane in one setting of one repeat.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneRun {
    /// Which repeat, from 1.
    pub repeat: usize,
    /// Who ran.
    pub setting: Setting,
    /// The lane, by its place.
    #[serde(skip)]
    pub lane: usize,
    /// Requests that were answered in the window.
    pub requests: usize,
    /// Length of the window, in seconds.
    pub seconds: f64,
    /// Latencies in seconds.
    pub p50: f64,
    /// Latencies in seconds.
    pub p90: f64,
    /// Latencies in seconds.
    pub p99: f64,
    /// Requests a second.
    pub throughput: f64,
}

impl LaneRun {
    fn of(repeat: usize, setting: Setting, lane: usize, seconds: f64, latencies: &[f64]) -> Option<LaneRun> {
        let at = |share| quantile(latencies, share);
        let throughput = latencies.len() as f64 / seconds;
        let requests = latencies.len();
        Some(LaneRun {
            repeat,
            setting,
            lane,
            requests,
            seconds,
            p50: at(0.5)?,
            p90: at(0.9)?,
            p99: at(0.99)?,
            throughput,
        })
    }

    /// One of its figures.
    pub fn figure(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::P50 => self.p50,
            Quantity::P90 => self.p90,
            Quantity::P99 => self.p99,
            Quantity::Throughput => self.throughput,
        }
    }
}

/// What came of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Experiment {
    /// Every lane of every setting, as they were run.
    pub runs: Vec<LaneRun>,
    /// What ended it before all repeats were done.
    pub broken: Option<LaneError>,
}

/// Repeats every setting. In every second repeat they come in the opposite order, so that what drifts meets all alike. `tell`
/// hears how many settings of how many are done.
pub fn experiment(lanes: &[Lane], repeats: usize, times: Times, tell: impl Fn(usize, usize)) -> Experiment {
    let mut settings: Vec<Vec<usize>> = (0..lanes.len()).map(|lane| vec![lane]).collect();
    settings.push((0..lanes.len()).collect());
    let all = settings.len() * repeats;
    let mut experiment = Experiment::default();
    let mut done = 0;
    for repeat in 1..=repeats {
        for members in &settings {
            tell(done, all);
            let chosen: Vec<&Lane> = members.iter().filter_map(|lane| lanes.get(*lane)).collect();
            match run_lanes(&chosen, times) {
                Ok(session) => experiment.runs.extend(rows(repeat, members, &session)),
                Err(error) => {
                    experiment.broken = Some(error);
                    return experiment;
                }
            }
            done += 1;
        }
        settings.reverse();
    }
    experiment
}

fn rows<'a>(repeat: usize, members: &'a [usize], session: &'a Session) -> impl Iterator<Item = LaneRun> + 'a {
    let setting = if members.len() > 1 { Setting::Together } else { Setting::Alone };
    let each = members.iter().zip(&session.latencies);
    each.filter_map(move |(lane, latencies)| LaneRun::of(repeat, setting, *lane, session.seconds, latencies))
}

/// A figure's median over the repeats, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least of them.
    pub least: f64,
    /// The most of them.
    pub most: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Spread> {
        Some(Spread { median: median(values)?, least: quantile(values, 0.0)?, most: quantile(values, 1.0)? })
    }

    /// From the least to the most.
    pub fn width(&self) -> f64 {
        self.most - self.least
    }
}

/// What running together does to one figure of one lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Alone.
    pub alone: Spread,
    /// Together.
    pub together: Spread,
    /// Together over alone, repeat by repeat.
    pub ratio: Estimate,
}

impl Comparison {
    /// Whether the medians lie farther apart than the repeats of either setting do: else nothing may be said of a
    /// difference.
    pub fn differs(&self) -> bool {
        let spread = self.alone.width().max(self.together.width());
        (self.together.median - self.alone.median).abs() > spread
    }
}

impl Experiment {
    /// One figure of one lane in one setting, repeat by repeat.
    pub fn figures(&self, lane: usize, setting: Setting, quantity: Quantity) -> Vec<(usize, f64)> {
        let runs = self.runs.iter().filter(|run| run.lane == lane && run.setting == setting);
        runs.map(|run| (run.repeat, run.figure(quantity))).collect()
    }

    /// One figure of one lane, both settings side by side; `None` where no repeat has both.
    pub fn comparison(&self, lane: usize, quantity: Quantity) -> Option<Comparison> {
        let alone = self.figures(lane, Setting::Alone, quantity);
        let together = self.figures(lane, Setting::Together, quantity);
        let partner = |repeat: usize| alone.iter().find(|(other, _)| *other == repeat);
        let ratios: Vec<f64> =
            together.iter().filter_map(|(repeat, value)| Some(value / partner(*repeat)?.1)).collect();
        let values = |of: &[(usize, f64)]| of.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
        Some(Comparison {
            alone: Spread::of(&values(&alone))?,
            together: Spread::of(&values(&together))?,
            ratio: Estimate::of(&ratios)?,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An experiment of one lane with these p99, alone and together.
    pub fn with_p99(alone: &[f64], together: &[f64]) -> Experiment {
        let rows = |setting, values: &[f64]| {
            let row = |(at, value): (usize, &f64)| LaneRun::of(at + 1, setting, 0, 1.0, &[*value]).expect("a latency");
            values.iter().enumerate().map(row).collect::<Vec<LaneRun>>()
        };
        let runs = [rows(Setting::Alone, alone), rows(Setting::Together, together)].concat();
        Experiment { runs, broken: None }
    }

    #[test]
    fn a_difference_smaller_than_the_spread_between_repeats_is_none() {
        let differs = |alone: &[f64], together: &[f64]| {
            with_p99(alone, together).comparison(0, Quantity::P99).expect("both").differs()
        };
        assert!(differs(&[1.0, 1.1, 1.2], &[2.0, 2.1, 2.2]));
        assert!(!differs(&[1.0, 1.1, 1.2], &[1.2, 1.3, 1.4]), "0.2 apart, and 0.2 within each");
        assert!(!differs(&[1.0, 1.1, 1.2], &[1.0, 2.1, 2.2]), "one repeat was as fast as alone");
    }

    #[test]
    fn ratios_are_of_the_same_repeat() {
        let comparison = with_p99(&[1.0, 2.0, 4.0], &[2.0, 4.0, 8.0]).comparison(0, Quantity::P99).expect("both");
        assert_eq!(comparison.ratio, Estimate { median: 2.0, low: 2.0, high: 2.0 });
        assert_eq!(with_p99(&[1.0], &[]).comparison(0, Quantity::P99), None);
    }
}
