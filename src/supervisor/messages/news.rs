//! [`News`] of a server.

use std::sync::Arc;

use serde_json::value::RawValue;

/// What a server says that is about no request in particular.
#[derive(Clone, Debug)]
pub enum News {
    /// One of its lists changed, and the listing with it: `tools`, `prompts` or `resources`.
    ListChanged(&'static str),
    /// A resource that somebody subscribed to changed.
    ResourceUpdated {
        /// Which.
        uri: String,
        /// The `params` of the notification, without `subscriptionId`.
        params: Arc<RawValue>,
    },
    /// `notifications/message` of an exclusive process that belongs to no request; its `params`.
    Logged(Arc<RawValue>),
    /// Another notification of an exclusive process that belongs to no request.
    Told {
        /// Its method.
        method: Arc<str>,
        /// Its parameters, byte for byte.
        params: Option<Arc<RawValue>>,
    },
}
