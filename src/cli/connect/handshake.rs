//! [`Handshake`] of a client of the older era, kept to be repeated: its client began a session and knows of no other.

use bytes::Bytes;
use ostler::mcp::Members;
use serde_json::value::RawValue;

use super::message::Message;

/// Lists that a server may say have changed.
const LISTS: [&str; 3] = ["tools", "prompts", "resources"];

/// The handshake as the client made it.
#[derive(Default)]
pub(super) struct Handshake {
    /// The request `initialize`, with its id.
    initialize: Option<(String, Bytes)>,
    /// The notification `notifications/initialized`.
    initialized: Option<Bytes>,
    /// True once the session has ended, until there is another.
    is_lost: bool,
    /// True while an answer to the repeated request is awaited.
    is_repeated: bool,
}

impl Handshake {
    /// Notes a message of the client that is part of it.
    pub(super) fn note(&mut self, message: &Message<'_>, line: &Bytes) {
        match (message.method.as_deref(), message.id) {
            (Some("initialize"), Some(id)) => {
                *self = Self { initialize: Some((id.get().to_owned(), line.clone())), ..Self::default() };
            }
            (Some("notifications/initialized"), _) => self.initialized = Some(line.clone()),
            _ => {}
        }
    }

    /// Notes that there is no session any more.
    pub(super) fn lose(&mut self) {
        (self.is_lost, self.is_repeated) = (self.initialized.is_some(), false);
    }

    /// The request to repeat, where there has to be another session first.
    pub(super) fn repeat(&mut self) -> Option<Bytes> {
        let (_, line) = self.initialize.as_ref().filter(|_| self.is_lost)?;
        self.is_repeated = true;
        Some(line.clone())
    }

    /// True where requests need no other session first.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_lost && !self.is_repeated
    }

    /// True while an answer to the repeated request is awaited.
    pub(super) fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    /// True for the id of the repeated request, whose answer the client has had before.
    pub(super) fn is_about(&self, id: &RawValue) -> bool {
        self.is_repeated && self.initialize.as_ref().is_some_and(|(own, _)| own == id.get())
    }

    /// Notes that the repeated request has its answer; the notification to repeat after it, where there is a session.
    pub(super) fn complete(&mut self, is_session: bool) -> Option<Bytes> {
        (self.is_lost, self.is_repeated) = (!is_session, false);
        self.initialized.clone().filter(|_| is_session)
    }
}

/// Notifications that each list may have changed, as far as the server that gave this result sends such.
pub(super) fn list_changes(initialized: &RawValue) -> Vec<Bytes> {
    let capabilities = Members::parse(initialized).ok().and_then(|result| result.get("capabilities").cloned());
    let Some(Ok(capabilities)) = capabilities.map(|capabilities| Members::parse(&capabilities)) else {
        return Vec::new();
    };
    let sends = |list: &&str| {
        let capability = capabilities.get(list).and_then(|capability| Members::parse(capability).ok());
        capability.is_some_and(|capability| capability.get("listChanged").is_some_and(|value| value.get() == "true"))
    };
    let line = |list| format!(r#"{{"jsonrpc":"2.0","method":"notifications/{list}/list_changed"}}"#).into();
    LISTS.into_iter().filter(sends).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_may_change_is_said_to_have_changed() {
        let count = |result: &str| list_changes(&RawValue::from_string(result.to_owned()).unwrap()).len();
        assert_eq!(
            count(r#"{"capabilities":{"tools":{"listChanged":true},"prompts":{},"resources":{"listChanged":true}}}"#),
            2
        );
        assert_eq!(count(r#"{"capabilities":{}}"#), 0);
        assert_eq!(count("7"), 0);
    }
}
