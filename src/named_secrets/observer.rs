//! [`SecretObserver`]: changes of secrets, for the room that runs what has them.

use futures_util::future::BoxFuture;

use crate::model::UserId;

/// Hears of secrets that were changed or removed.
pub(crate) trait SecretObserver: Send + Sync {
    /// A secret of `user` changed; completes once processes with the `former` value have begun to be replaced.
    fn secret_changed(&self, user: UserId, name: String, former: Option<String>) -> BoxFuture<'static, ()>;
}
