//! Source of tokens for a remote server. Its implementation got them by a user's consent, and keeps them.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

use crate::policy::consent::Challenge;

/// Advice to the owner of a server that wants tokens.
pub const ADVICE: &str = "ask POST /api/mcp/{id}/authorize where to consent, or set a header for it";

/// Tokens for one server at one address.
pub trait TokenProvider: Send + Sync {
    /// The one to send, renewed where it ends soon; `None` where there is none.
    fn current(&self) -> BoxFuture<'_, Option<Arc<str>>>;
    /// Another one in place of one that was refused, where that can be had without anybody's consent.
    fn renewed<'a>(&'a self, spent: &'a str) -> BoxFuture<'a, Renewal>;
    /// Takes note of what the server wants consent to.
    fn challenged(&self, challenge: Challenge);
}

/// Outcome of renewing a token that was refused.
#[derive(Debug)]
pub enum Renewal {
    /// This one is to be sent in its place.
    Token(Arc<str>),
    /// Nothing: a user has to consent again.
    Refused,
    /// Nothing now, for this reason; later it may be renewed.
    Later(String),
}

/// The tokens that a server is sent, if any. They are no part of how it is started: all are equal.
#[derive(Clone, Default)]
pub struct Authority(Option<Arc<dyn TokenProvider>>);

impl Authority {
    /// These tokens.
    pub fn of(tokens: impl TokenProvider + 'static) -> Self {
        Self(Some(Arc::new(tokens)))
    }

    pub(super) fn tokens(&self) -> Option<Arc<dyn TokenProvider>> {
        self.0.clone()
    }
}

impl PartialEq for Authority {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Authority {}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Authority" } else { "no authority" })
    }
}
