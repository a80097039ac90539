//! [`ServerEvent`] of a server.

use std::sync::Arc;

use serde_json::value::RawValue;

/// An event of a server that belongs to no request in particular.
#[derive(Clone, Debug)]
pub enum ServerEvent {
    /// One of its lists changed, and the listing with it: `tools`, `prompts` or `resources`.
    ListChanged(&'static str),
    /// A resource with a subscription changed.
    ResourceUpdated {
        /// Its URI.
        uri: String,
        /// The `params` of the notification, without `subscriptionId`.
        params: Arc<RawValue>,
    },
    /// `notifications/message` of an exclusive process that belongs to no request; its `params`.
    Logged(Arc<RawValue>),
    /// Another notification of an exclusive process that belongs to no request.
    Notification {
        /// Its method.
        method: Arc<str>,
        /// Its parameters, byte for byte.
        params: Option<Arc<RawValue>>,
    },
}
