//! The rate limits of one runtime: a window per policy and key, forgotten when idle.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::{Error, RateLimited, Result},
    model::{Credential, Principal, UserId},
    policy::rate::{Limit, Windows, source},
    runtime::{Runtime, Settings},
};

/// How often an address may fail to authenticate.
const STRANGERS: Limit = Limit { quota: 60, window: Duration::from_secs(60) };

/// What is limited per account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Registering servers.
    ServerCreate,
    /// Calling tools.
    ToolExecute,
    /// Any request to the API.
    Api,
    /// Changing anything, so that nobody fills the audit log.
    Change,
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Self::ServerCreate => "server-create",
            Self::ToolExecute => "tool-execute",
            Self::Api => "api",
            Self::Change => "change",
        }
    }
}

/// The windows of every policy.
pub(super) struct Limits {
    start: Instant,
    server_create: Option<Shared<UserId>>,
    tool_execute: Option<Shared<UserId>>,
    api: Option<Shared<UserId>>,
    change: Option<Shared<UserId>>,
    strangers: Shared<IpAddr>,
}

type Shared<K> = Mutex<Windows<K>>;

impl Limits {
    /// The limits of `settings`, with nothing counted yet.
    pub(super) fn new(settings: &Settings) -> Self {
        let shared = |limit: Option<Limit>| limit.map(|limit| Mutex::new(Windows::new(limit)));
        Self {
            start: Instant::now(),
            server_create: shared(settings.limit_server_create),
            tool_execute: shared(settings.limit_tool_execute),
            api: shared(settings.limit_api),
            change: shared(settings.limit_change),
            strangers: Mutex::new(Windows::new(STRANGERS)),
        }
    }

    /// Counts one of what `policy` limits for `user`, or says `RateLimited` and counts nothing.
    pub(super) fn check(&self, policy: Policy, user: UserId) -> Result<()> {
        let windows = match policy {
            Policy::ServerCreate => &self.server_create,
            Policy::ToolExecute => &self.tool_execute,
            Policy::Api => &self.api,
            Policy::Change => &self.change,
        };
        windows.as_ref().map_or(Ok(()), |windows| self.take(policy.name(), windows, user))
    }

    fn take<K: Eq + std::hash::Hash>(&self, policy: &'static str, windows: &Shared<K>, key: K) -> Result<()> {
        let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
        let Limit { quota, window } = windows.limit();
        let taken = windows.take(key, self.start.elapsed());
        taken.map(|_| ()).map_err(|retry_after| Error::RateLimited(RateLimited { policy, quota, window, retry_after }))
    }
}

impl Runtime {
    /// Counts a request to the API against its caller's limit; the embedding program has none.
    pub fn limit_api(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::Api, who)
    }

    /// Counts a request that could not be authenticated against the address it came from, an IPv6 one by its /64.
    ///
    /// Call it instead of answering at once, and answer its error where there is one. What comes with a valid
    /// credential is never counted, so strangers behind the same address shut nobody out. `None` is not limited.
    pub fn limit_stranger(&self, address: Option<IpAddr>) -> Result<()> {
        let limits = &self.inner.limits;
        address.map_or(Ok(()), |address| limits.take("authentication", &limits.strangers, source(address)))
    }

    /// Counts a registration against its caller's limit; the embedding program has none.
    pub(super) fn limit_create(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::ServerCreate, who)
    }

    /// Counts a tool call against its caller's limit; the embedding program has none.
    pub(super) fn limit_execute(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::ToolExecute, who)
    }

    /// Counts a change against its caller's limit; the embedding program has none.
    pub(super) fn limit_change(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::Change, who)
    }

    fn limit(&self, policy: Policy, who: &Principal) -> Result<()> {
        match who.credential {
            Credential::Session(_) | Credential::Key(_) | Credential::Token(_) => {
                self.inner.limits.check(policy, who.user_id)
            }
            Credential::Embedder => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(execute: &str) -> Limits {
        Limits::new(&Settings {
            limit_tool_execute: Some(execute.parse().unwrap()),
            limit_api: None,
            ..Settings::default()
        })
    }

    fn accepted_of(limits: &Limits, user: UserId, attempts: usize) -> usize {
        (0..attempts).filter(|_| limits.check(Policy::ToolExecute, user).is_ok()).count()
    }

    #[test]
    fn a_hundred_parallel_requests_get_exactly_the_quota() {
        let (limits, user) = (limits("20/60s"), UserId::new());
        let accepted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..10).map(|_| scope.spawn(|| accepted_of(&limits, user, 10))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(accepted, 20);
        assert_eq!(accepted_of(&limits, UserId::new(), 1), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_request_is_told_when_the_next_is_allowed() {
        let (limits, user) = (limits("2/60s"), UserId::new());
        assert_eq!(accepted_of(&limits, user, 3), 2);
        tokio::time::advance(Duration::from_secs(13)).await;
        let Err(Error::RateLimited(refusal)) = limits.check(Policy::ToolExecute, user) else { panic!("not refused") };
        assert_eq!((refusal.policy, refusal.quota, refusal.retry_after.as_secs()), ("tool-execute", 2, 47));
        tokio::time::advance(refusal.retry_after).await;
        assert_eq!(accepted_of(&limits, user, 3), 2);
    }

    #[test]
    fn a_limit_switched_off_lets_everything_pass() {
        let (limits, user) = (limits("1/60s"), UserId::new());
        assert!((0..1_000).all(|_| limits.check(Policy::Api, user).is_ok()));
    }
}
