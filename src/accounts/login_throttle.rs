//! [`LoginThrottle`]: limits guesses of passwords.
//!
//! Only failures count, none is counted for ever, and no account is locked.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    error::{Error, RateLimited, Result},
    policy::rate::{Limit, Windows, source},
};

/// Failures for one account from one address.
const PER_PAIR: Limit = Limit { quota: 5, window: Duration::from_secs(60) };
/// Failures from one address.
const PER_ADDRESS: Limit = Limit { quota: 30, window: Duration::from_secs(60) };
/// Failures for one account, from all addresses.
const PER_EMAIL: Limit = Limit { quota: 50, window: Duration::from_secs(15 * 60) };

/// Pairs that logged in before, of which no more are remembered: a few MiB.
const FAMILIAR_PAIRS_MAX: usize = 10_000;

/// The address that a guess came from, and the account's.
type Pair = (Option<IpAddr>, String);

/// Failed logins of the last minutes.
pub(super) struct LoginThrottle {
    start: Instant,
    counts: Mutex<Counts>,
}

struct Counts {
    pairs: Windows<Pair>,
    addresses: Windows<IpAddr>,
    emails: Windows<String>,
    familiar: HashSet<Pair>,
}

/// A guess that was let through; counts as a failure unless it is withdrawn or succeeded.
pub(super) struct Guess {
    pair: Pair,
    at: Duration,
}

impl LoginThrottle {
    /// Nothing counted yet.
    pub(super) fn new() -> Self {
        let counts = Counts {
            pairs: Windows::new(PER_PAIR),
            addresses: Windows::new(PER_ADDRESS),
            emails: Windows::new(PER_EMAIL),
            familiar: HashSet::new(),
        };
        Self { start: Instant::now(), counts: Mutex::new(counts) }
    }

    /// `RateLimited` where a guess would not be let through now; counts nothing.
    pub(super) fn check(&self, address: Option<IpAddr>, email: &str) -> Result<()> {
        self.with(|counts, now| counts.check(&pair(address, email), now))
    }

    /// Lets a guess through and counts it as a failure, so that guesses made in parallel count each other.
    pub(super) fn reserve(&self, address: Option<IpAddr>, email: &str) -> Result<Guess> {
        let pair = pair(address, email);
        self.with(|counts, now| {
            counts.check(&pair, now)?;
            counts.count(&pair, now);
            Ok(Guess { pair: pair.clone(), at: now })
        })
    }

    /// The guess was right: earlier failures of its address at its account are forgotten.
    pub(super) fn succeeded(&self, guess: &Guess) {
        self.with(|counts, _| {
            counts.uncount(guess);
            counts.pairs.forget(&guess.pair);
            if counts.familiar.len() >= FAMILIAR_PAIRS_MAX {
                counts.familiar.clear();
            }
            counts.familiar.insert(guess.pair.clone());
        });
    }

    /// The guess could not be checked, so it was neither right nor wrong.
    pub(super) fn withdrawn(&self, guess: &Guess) {
        self.with(|counts, _| counts.uncount(guess));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts, Duration) -> T) -> T {
        let mut counts = self.counts.lock();
        let now = self.start.elapsed();
        act(&mut counts, now)
    }
}

impl Counts {
    fn check(&self, pair: &Pair, now: Duration) -> Result<()> {
        let (address, email) = pair;
        let per_pair = self.pairs.wait(pair, now).map(|wait| (wait, PER_PAIR));
        let per_address =
            address.and_then(|address| self.addresses.wait(&address, now)).map(|wait| (wait, PER_ADDRESS));
        // Else an attacker who guesses without pause from elsewhere could shut the owner out of their usual place.
        let is_unfamiliar = !self.familiar.contains(pair);
        let per_email = self.emails.wait(email, now).filter(|_| is_unfamiliar).map(|wait| (wait, PER_EMAIL));
        let longest = [per_pair, per_address, per_email].into_iter().flatten().max_by_key(|(wait, _)| *wait);
        longest.map_or(Ok(()), |(retry_after, Limit { quota, window })| {
            Err(Error::RateLimited(RateLimited { policy: "login", setting: None, quota, window, retry_after }))
        })
    }

    fn count(&mut self, pair: &Pair, now: Duration) {
        let (address, email) = pair;
        // An email's window can be full here, at a familiar place; then it stays as full as it is.
        let _ = self.pairs.take(pair.clone(), now);
        let _ = self.emails.take(email.clone(), now);
        if let Some(address) = address {
            let _ = self.addresses.take(*address, now);
        }
    }

    fn uncount(&mut self, guess: &Guess) {
        let (address, email) = &guess.pair;
        self.pairs.give_back(&guess.pair, guess.at);
        self.emails.give_back(email, guess.at);
        if let Some(address) = address {
            self.addresses.give_back(address, guess.at);
        }
    }
}

fn pair(address: Option<IpAddr>, email: &str) -> Pair {
    (address.map(source), email.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "owner@example.com";

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    fn failures(throttle: &LoginThrottle, address: Option<IpAddr>, email: &str, attempts: usize) -> usize {
        (0..attempts).filter(|_| throttle.reserve(address, email).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_sixth_wrong_password_of_a_minute_waits() {
        let throttle = LoginThrottle::new();
        assert_eq!(failures(&throttle, address(1), OWNER, 50), 5);
        let Err(Error::RateLimited(refusal)) = throttle.check(address(1), OWNER) else { panic!("not refused") };
        assert_eq!((refusal.policy, refusal.retry_after), ("login", Duration::from_secs(60)));
        tokio::time::advance(refusal.retry_after).await;
        assert_eq!(failures(&throttle, address(1), OWNER, 50), 5);
    }

    #[test]
    fn a_hundred_parallel_guesses_get_five_through() {
        let throttle = LoginThrottle::new();
        let through: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..10).map(|_| scope.spawn(|| failures(&throttle, address(1), OWNER, 10))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(through, 5);
    }

    #[test]
    fn an_address_that_tries_many_accounts_waits() {
        let throttle = LoginThrottle::new();
        let through = (0..50).filter(|n| throttle.reserve(address(1), &format!("{n}@example.com")).is_ok()).count();
        assert_eq!(through, 30);
        assert!(throttle.check(address(2), OWNER).is_ok());
    }

    #[test]
    fn guesses_from_everywhere_do_not_shut_the_owner_out_of_their_usual_place() {
        let throttle = LoginThrottle::new();
        throttle.succeeded(&throttle.reserve(address(200), OWNER).unwrap());
        let through: usize = (0..20).map(|last| failures(&throttle, address(last), OWNER, 5)).sum();
        assert_eq!(through, 50);
        assert!(throttle.check(address(201), OWNER).is_err());
        assert!(throttle.check(address(200), OWNER).is_ok());
    }

    #[test]
    fn logins_that_succeed_count_for_nothing_and_clear_what_failed_before() {
        let throttle = LoginThrottle::new();
        for _ in 0..100 {
            throttle.succeeded(&throttle.reserve(address(1), OWNER).unwrap());
        }
        assert_eq!(failures(&throttle, address(1), OWNER, 4), 4);
        throttle.succeeded(&throttle.reserve(address(1), OWNER).unwrap());
        assert_eq!(failures(&throttle, address(1), OWNER, 50), 5);
    }

    #[test]
    fn a_guess_that_could_not_be_checked_does_not_count() {
        let throttle = LoginThrottle::new();
        for _ in 0..100 {
            throttle.withdrawn(&throttle.reserve(address(1), OWNER).unwrap());
        }
        assert_eq!(failures(&throttle, address(1), OWNER, 50), 5);
    }
}
