//! The table that is printed, and the statistics in it.

use std::{fmt, time::Duration};

/// What one measurement found.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl Sample {
    /// Of what took so long each, done one after the other or side by side within `span`.
    pub fn of(mut each: Vec<Duration>, span: Duration) -> Self {
        each.sort_unstable();
        Self {
            per_second: each.len() as f64 / span.as_secs_f64(),
            p50: quantile(&each, 0.50),
            p99: quantile(&each, 0.99),
            max: quantile(&each, 1.0),
        }
    }

    /// The median of each figure over rounds.
    pub fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure));
        let time = |figure: fn(&Self) -> f64| Duration::from_secs_f64(of(figure));
        Self {
            per_second: of(|sample| sample.per_second),
            p50: time(|sample| sample.p50.as_secs_f64()),
            p99: time(|sample| sample.p99.as_secs_f64()),
            max: time(|sample| sample.max.as_secs_f64()),
        }
    }
}

/// The smallest value that at least this share of `sorted` does not exceed; zero where there is none.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The middle value; zero where there is none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Rows of what was measured.
#[derive(Debug, Default)]
pub struct Table(Vec<[String; 6]>);

impl Table {
    /// Adds a row of calls: so many in flight, so many a second, how long they took, and what follows from that.
    pub fn add_calls(&mut self, what: &str, in_flight: usize, sample: Sample, means: String) {
        let per_second = format!("{:.0}", sample.per_second);
        let [p50, p99] = [sample.p50, sample.p99].map(milliseconds);
        self.0.push([what.to_owned(), in_flight.to_string(), per_second, p50, p99, means]);
    }

    /// Adds a row that is one figure.
    pub fn add_figure(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        let none = String::new;
        self.0.push([what.into(), none(), none(), none(), none(), figure.into()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measured | in flight | per second | p50 ms | p99 ms | figure |")?;
        writeln!(f, "|---|--:|--:|--:|--:|---|")?;
        self.0.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}

/// Milliseconds, with as many digits as mean something.
pub fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match ms {
        ..1.0 => format!("{ms:.3}"),
        ..100.0 => format!("{ms:.2}"),
        _ => format!("{ms:.0}"),
    }
}
