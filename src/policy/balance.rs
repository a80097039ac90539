//! Load balancing: picks the instance for the next request in turn, by weight, or by requests in flight.
//!
//! The caller brings a [`Candidate`] per instance, in an order that does not change between two calls.

use std::time::Duration;

use crate::model::LoadBalancing;

/// Instances up to this many are all looked at for the fewest connections; of more, two.
const EXHAUSTIVE_CHOICE_MAX: usize = 8;

/// Units in a share of 1: fine enough to raise the share in small steps while an instance warms up.
pub const FULL_SHARE: u32 = 1000;

/// The share that a returning instance begins with.
const INITIAL_SHARE: u32 = FULL_SHARE / 10;

/// An instance as far as the choice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its share in units of [`FULL_SHARE`]; 0 is not chosen.
    pub share: u32,
    /// Requests in flight to it.
    pub in_flight: u32,
}

/// The share of an instance of `weight` that came back `ago`, out of the `warm_up` it takes to get its whole share.
#[must_use]
pub fn share(weight: u32, ago: Duration, warm_up: Duration) -> u32 {
    if ago >= warm_up {
        return full_share(weight);
    }
    let part = ago.as_millis().saturating_mul(u128::from(FULL_SHARE)) / warm_up.as_millis().max(1);
    let part = u32::try_from(part).unwrap_or(FULL_SHARE).max(INITIAL_SHARE);
    weight.saturating_mul(part)
}

/// The whole share of an instance of `weight`.
#[must_use]
pub fn full_share(weight: u32) -> u32 {
    weight.saturating_mul(FULL_SHARE)
}

/// The weight under `strategy` of an instance that is registered with `weight`.
#[must_use]
pub fn effective_weight(strategy: LoadBalancing, weight: u32) -> u32 {
    match strategy {
        LoadBalancing::Weighted => weight,
        LoadBalancing::RoundRobin | LoadBalancing::LeastConnections => 1,
    }
}

/// Chooses among the instances of a service, by any strategy.
#[derive(Debug, Default)]
pub struct Balancer {
    turns: WeightedRoundRobin,
    /// Choices so far, from which random numbers are made.
    choices: u64,
}

impl Balancer {
    /// The candidate for the next request; `None` where none has a share.
    pub fn next(&mut self, strategy: LoadBalancing, candidates: &[Candidate]) -> Option<usize> {
        self.choices = self.choices.wrapping_add(1);
        match strategy {
            LoadBalancing::RoundRobin | LoadBalancing::Weighted => self.turns.next(candidates),
            LoadBalancing::LeastConnections => least_busy(candidates, scramble(self.choices)),
        }
    }
}

/// Weighted round robin, smooth: an instance of weight 5 among ones of weight 1 gets its five not in a row
/// (the algorithm of nginx's upstream module). With equal shares it is plain round robin.
#[derive(Debug, Default)]
struct WeightedRoundRobin {
    credit: Vec<i64>,
}

impl WeightedRoundRobin {
    /// The next of `candidates` in turn; `None` where none has a share.
    fn next(&mut self, candidates: &[Candidate]) -> Option<usize> {
        self.credit.resize(candidates.len(), 0);
        let (mut total, mut best) = (0_i64, None::<(usize, i64)>);
        for (index, (credit, candidate)) in self.credit.iter_mut().zip(candidates).enumerate() {
            if candidate.share == 0 {
                continue;
            }
            *credit = credit.saturating_add(candidate.share.into());
            total = total.saturating_add(candidate.share.into());
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((index, *credit));
            }
        }
        let (index, _) = best?;
        if let Some(credit) = self.credit.get_mut(index) {
            *credit = credit.saturating_sub(total);
        }
        Some(index)
    }
}

/// The candidate with the least to do for its share; of more than eight, the better of two that `random` picks.
/// Among equals the first one after a place that `random` picks, so that idle instances take turns.
fn least_busy(candidates: &[Candidate], random: u64) -> Option<usize> {
    let able = candidates.iter().filter(|candidate| candidate.share > 0).count();
    let first = pick(candidates, nth(random, able)?)?;
    if able > EXHAUSTIVE_CHOICE_MAX {
        // The other one: any of the rest, with equal chance.
        let rest = nth(random.rotate_left(32), able - 1)?;
        let second = pick(candidates, (nth(random, able)? + 1 + rest) % able)?;
        return Some(if busier(candidates, first, second) { second } else { first });
    }
    let order = (first..candidates.len()).chain(0..first);
    order
        .filter(|index| candidates.get(*index).is_some_and(|candidate| candidate.share > 0))
        .reduce(|best, index| if busier(candidates, best, index) { index } else { best })
}

/// True when the first has more requests in flight for its share than the second.
fn busier(candidates: &[Candidate], first: usize, second: usize) -> bool {
    let (Some(first), Some(second)) = (candidates.get(first), candidates.get(second)) else { return false };
    let load = |one: &Candidate, other: &Candidate| (u64::from(one.in_flight) + 1) * u64::from(other.share);
    load(first, second) > load(second, first)
}

/// The index of the `nth` candidate that has a share.
fn pick(candidates: &[Candidate], nth: usize) -> Option<usize> {
    candidates.iter().enumerate().filter(|(_, candidate)| candidate.share > 0).nth(nth).map(|(index, _)| index)
}

/// A number below `count`, from a random one.
fn nth(random: u64, count: usize) -> Option<usize> {
    let count = u64::try_from(count).ok()?;
    usize::try_from(random.checked_rem(count)?).ok()
}

/// A number that looks random, from a counter (splitmix64, Steele et al. 2014).
fn scramble(counter: u64) -> u64 {
    let mut x = counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests;
