//! Rate limits: a window per policy and account or address, forgotten when idle.

use std::{net::IpAddr, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    error::{Error, RateLimited, Result},
    model::{Credential, Principal, UserId},
    policy::rate::{Limit, Windows, source},
};

/// Failures to authenticate per address: a client with a wrong key retries less often, a guesser more.
const AUTHENTICATION_FAILURES: Limit = Limit { quota: 60, window: Duration::from_secs(60) };

/// A rate limit per account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// Registering servers.
    ServerCreate,
    /// Calling tools.
    ToolExecute,
    /// Any request to the API.
    Api,
    /// Changing anything. Each change is an audit entry; without a limit, one account could fill the log.
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

    fn setting(self) -> &'static str {
        match self {
            Self::ServerCreate => "RATE_LIMIT_SERVER_CREATE",
            Self::ToolExecute => "RATE_LIMIT_TOOL_EXECUTE",
            Self::Api => "RATE_LIMIT_API",
            Self::Change => "RATE_LIMIT_CHANGE",
        }
    }
}

/// Rate limits of callers, per account; `None` is no limit.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RateLimits {
    /// Servers registered.
    pub server_create: Option<Limit>,
    /// Tools called.
    pub tool_execute: Option<Limit>,
    /// API requests.
    pub api: Option<Limit>,
    /// Changes of anything.
    pub change: Option<Limit>,
}

impl Default for RateLimits {
    fn default() -> Self {
        let limit = |quota, seconds| Some(Limit { quota, window: Duration::from_secs(seconds) });
        Self {
            server_create: limit(5, 300),
            tool_execute: limit(20, 60),
            api: limit(100, 60),
            change: limit(1000, 24 * 60 * 60),
        }
    }
}

/// The windows of every policy, forgotten when idle.
pub(crate) struct RateLimiter {
    start: Instant,
    server_create: Option<SharedWindows<UserId>>,
    tool_execute: Option<SharedWindows<UserId>>,
    api: Option<SharedWindows<UserId>>,
    change: Option<SharedWindows<UserId>>,
    strangers: SharedWindows<IpAddr>,
}

type SharedWindows<K> = Mutex<Windows<K>>;

impl RateLimiter {
    /// Windows with nothing counted yet.
    pub(super) fn new(limits: &RateLimits) -> Self {
        let shared = |limit: Option<Limit>| limit.map(|limit| Mutex::new(Windows::new(limit)));
        Self {
            start: Instant::now(),
            server_create: shared(limits.server_create),
            tool_execute: shared(limits.tool_execute),
            api: shared(limits.api),
            change: shared(limits.change),
            strangers: Mutex::new(Windows::new(AUTHENTICATION_FAILURES)),
        }
    }

    /// Counts one of what `policy` limits for `user`, or says `RateLimited` and counts nothing.
    fn check(&self, policy: Policy, user: UserId) -> Result<()> {
        self.ask(policy, |windows, now| windows.take(user, now).map(|_| ()))
    }

    fn ask(
        &self,
        policy: Policy,
        question: impl FnOnce(&mut Windows<UserId>, Duration) -> Result<(), Duration>,
    ) -> Result<()> {
        let windows = match policy {
            Policy::ServerCreate => &self.server_create,
            Policy::ToolExecute => &self.tool_execute,
            Policy::Api => &self.api,
            Policy::Change => &self.change,
        };
        let Some(windows) = windows else { return Ok(()) };
        let mut windows = windows.lock();
        let answer = question(&mut windows, self.start.elapsed());
        answer.map_err(|wait| refusal(policy.name(), Some(policy.setting()), windows.limit(), wait))
    }

    /// Counts a request to the API against its caller's limit; the embedding program has none.
    pub(crate) fn api(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::Api, who)
    }

    /// Counts a request that could not be authenticated against the address it came from, an IPv6 one by its /64.
    ///
    /// Call it before answering such a request, and answer its error where there is one. A request with a valid
    /// credential is never counted, so strangers behind the same address cannot lock anyone out. `None` is not limited.
    pub(crate) fn authentication_failure(&self, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        let taken = self.strangers.lock().take(source(address), self.start.elapsed());
        taken.map(|_| ()).map_err(|wait| refusal("authentication", None, AUTHENTICATION_FAILURES, wait))
    }

    /// Counts a registration against its caller's limit; the embedding program has none.
    pub(crate) fn server_create(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::ServerCreate, who)
    }

    /// The answer that [`RateLimiter::server_create`] would give now; counts nothing.
    pub(crate) fn foresee_server_create(&self, who: &Principal) -> Result<()> {
        self.unless_embedder(who, |user| {
            self.ask(Policy::ServerCreate, |windows, now| windows.wait(&user, now).map_or(Ok(()), Err))
        })
    }

    /// Counts a tool call against its caller's limit; the embedding program has none.
    pub(crate) fn tool_execute(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::ToolExecute, who)
    }

    /// Counts a change against its caller's limit; the embedding program has none.
    pub(super) fn change(&self, who: &Principal) -> Result<()> {
        self.limit(Policy::Change, who)
    }

    fn limit(&self, policy: Policy, who: &Principal) -> Result<()> {
        self.unless_embedder(who, |user| self.check(policy, user))
    }

    fn unless_embedder(&self, who: &Principal, check: impl FnOnce(UserId) -> Result<()>) -> Result<()> {
        match who.credential {
            Credential::Session(_) | Credential::Key(_) | Credential::Token(_) => check(who.user_id),
            Credential::Embedder => Ok(()),
        }
    }
}

fn refusal(policy: &'static str, setting: Option<&'static str>, limit: Limit, retry_after: Duration) -> Error {
    let Limit { quota, window } = limit;
    Error::RateLimited(RateLimited { policy, setting, quota, window, retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(execute: &str) -> RateLimiter {
        RateLimiter::new(&RateLimits {
            tool_execute: Some(execute.parse().unwrap()),
            api: None,
            ..RateLimits::default()
        })
    }

    fn accepted_of(limits: &RateLimiter, user: UserId, attempts: usize) -> usize {
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
