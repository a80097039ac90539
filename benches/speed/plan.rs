//! What is measured, and for how long.

use std::time::Duration;

const USAGE: &str =
    "usage: cargo bench --bench speed -- [--quick] [--only calls,door,embedded,memory,many,recovery,removal] \
     [--rounds N] [--milliseconds N] [--workers N]
  --quick         a smoke test of under a minute; its figures say little
  --only          some parts only
  --rounds        how often everything is measured; medians are shown
  --milliseconds  how long each measurement of a round takes
  --workers       HTTP worker threads, of Ostler and of the bare handler";

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Calls,
    Door,
    Embedded,
    Memory,
    Many,
    Recovery,
    Removal,
}

impl Part {
    const ALL: [Self; 7] =
        [Self::Calls, Self::Door, Self::Embedded, Self::Memory, Self::Many, Self::Recovery, Self::Removal];

    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Door => "door",
            Self::Embedded => "embedded",
            Self::Memory => "memory",
            Self::Many => "many",
            Self::Recovery => "recovery",
            Self::Removal => "removal",
        }
    }
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Plan {
    only: Vec<Part>,
    /// How often each cell of the table is measured.
    pub rounds: usize,
    /// How long one measurement takes.
    pub span: Duration,
    /// HTTP worker threads.
    pub workers: usize,
    /// Calls after which memory is looked at: early, and late.
    pub calls: (usize, usize),
    /// Servers enabled at a boot.
    pub servers: usize,
    /// Servers killed; runs that are begun anew.
    pub kills: usize,
    /// Calls on record that are too many.
    pub backlog: usize,
}

impl Plan {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self::full();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            let number = |text: String| text.parse().ok().filter(|number| *number > 0).ok_or(USAGE);
            match argument.as_str() {
                // Cargo adds this one.
                "--bench" => {}
                "--quick" => plan = Self { only: plan.only, ..Self::quick() },
                "--only" => plan.only = parts(&value()?)?,
                "--rounds" => plan.rounds = number(value()?)?,
                "--milliseconds" => plan.span = Duration::from_millis(number(value()?)? as u64),
                "--workers" => plan.workers = number(value()?)?,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(plan)
    }

    pub fn parts(&self) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(|part| self.only.is_empty() || self.only.contains(part))
    }

    fn full() -> Self {
        Self {
            only: Vec::new(),
            rounds: 9,
            span: Duration::from_millis(500),
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            calls: (10_000, 100_000),
            servers: 200,
            kills: 10,
            backlog: 200_000,
        }
    }

    fn quick() -> Self {
        let span = Duration::from_millis(200);
        Self { rounds: 1, span, calls: (500, 5_000), servers: 16, kills: 2, backlog: 5_000, ..Self::full() }
    }
}

fn parts(names: &str) -> Result<Vec<Part>, String> {
    let part = |name: &str| Part::ALL.into_iter().find(|part| part.name() == name);
    names.split(',').map(|name| part(name).ok_or_else(|| USAGE.to_owned())).collect()
}
