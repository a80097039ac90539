//! The table that is printed: medians over rounds, and ratios to nginx of the same round.

use std::fmt;

use crate::load::{Load, Sample};

/// The proxy that the others are compared with.
const MEASURE: &str = "nginx";

/// Every measurement, in the order of the rows.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    load: String,
    peer: String,
    samples: Vec<(usize, Sample)>,
}

impl Table {
    pub fn add(&mut self, load: &Load, peer: &str, round: usize, sample: Sample) {
        let load = load.name();
        match self.0.iter_mut().find(|row| row.load == load && row.peer == peer) {
            Some(row) => row.samples.push((round, sample)),
            None => self.0.push(Row { load, peer: peer.to_owned(), samples: vec![(round, sample)] }),
        }
    }

    /// Throughput over that of nginx in the same round.
    fn ratio(&self, row: &Row) -> Option<f64> {
        let other = self.0.iter().find(|other| other.load == row.load && other.peer == MEASURE)?;
        let of = |(round, sample): &(usize, Sample)| {
            let (_, base) = other.samples.iter().find(|(same, _)| same == round)?;
            Some(sample.per_second / base.per_second)
        };
        Some(median(row.samples.iter().filter_map(of)))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| load | through | requests/s | of nginx | p50 ms | p99 ms | CPU µs/request | resident MB | refused |"
        )?;
        writeln!(f, "|---|---|--:|--:|--:|--:|--:|--:|--:|")?;
        for row in &self.0 {
            let of = |figure: fn(&Sample) -> f64| median(row.samples.iter().map(|(_, sample)| figure(sample)));
            let ratio = self.ratio(row).map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            let (cpu, resident) =
                (of(|sample| sample.cpu.as_secs_f64() * 1e6), of(|sample| sample.resident as f64 / 1e6));
            let cost = if cpu > 0.0 { format!("{cpu:.1} | {resident:.1}") } else { " | ".to_owned() };
            writeln!(
                f,
                "| {} | {} | {:.0} | {ratio} | {:.2} | {:.2} | {cost} | {:.1} % |",
                row.load,
                row.peer,
                of(|sample| sample.per_second),
                of(|sample| sample.p50.as_secs_f64() * 1e3),
                of(|sample| sample.p99.as_secs_f64() * 1e3),
                of(|sample| sample.refused * 100.0),
            )?;
        }
        Ok(())
    }
}

/// The middle value; zero where there is none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}
