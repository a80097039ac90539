//! Routes notifications of a server.
//!
//! Over pipes a notification does not name the request it is about. Progress goes to the request of its token. List
//! changes and updates of resources go to all subscribers of the link. `notifications/message` goes to the oldest
//! request that wants messages, if all that do have one owner, else to the debug log alone; from a process of one
//! caller alone ([`Sharing::Exclusive`]) to the oldest request with a subscriber, else to the link's. Other
//! notifications are dropped by a shared process, and handled like messages by an exclusive one.

use std::sync::Arc;

use actix::Context;
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Era, Level, Members},
    supervisor::{
        launch::Sharing,
        list_kind::ListKind,
        messages::{RequestEvent, ServerEvent},
        server::ServerActor,
    },
};

/// Many of these may wait for a slow listener.
const EVENT_BYTES_MAX: usize = 256 << 10;

impl ServerActor {
    /// Deals with a notification.
    pub(super) fn on_notification(&mut self, method: &str, params: Option<&RawValue>, ctx: &mut Context<Self>) {
        match (method, params) {
            ("notifications/progress", Some(params)) => self.requests.forward_progress(params),
            ("notifications/message", Some(params)) => self.on_log_message(params),
            ("notifications/tools/list_changed", _) => self.schedule_relist(&[ListKind::Tools], ctx),
            ("notifications/prompts/list_changed", _) => self.schedule_relist(&[ListKind::Prompts], ctx),
            ("notifications/resources/list_changed", _) => {
                self.schedule_relist(&[ListKind::Resources, ListKind::Templates], ctx);
            }
            ("notifications/resources/updated", Some(params)) => self.on_resource_updated(params),
            ("notifications/subscriptions/acknowledged", Some(params)) => self.on_acknowledged(params, ctx),
            ("notifications/cancelled", Some(params)) => self.on_cancelled(params, ctx),
            _ => self.forward_other_notification(method, params),
        }
    }

    /// Routes a message of the log to the clients it can be meant for: over pipes, a message names no request.
    fn on_log_message(&self, params: &RawValue) {
        let level = mcp::message_level(params);
        let event = || RequestEvent::Notification {
            method: "notifications/message".into(),
            params: Some(Arc::from(params.to_owned())),
        };
        if self.is_exclusive() {
            if !self.requests.notify_oldest_of_level(level, event) {
                self.broadcast(params.get().len(), || ServerEvent::Logged(Arc::from(params.to_owned())));
            }
        } else if !self.requests.notify_only_owner(level, event) {
            let level = level.map_or("unknown", Level::name);
            log::debug!(server:% = self.id, level; "a message of a shared server is shown to nobody");
        }
    }

    fn forward_other_notification(&self, method: &str, params: Option<&RawValue>) {
        if !self.is_exclusive() {
            return;
        }
        let (method, params) = (Arc::<str>::from(method), params.map(|params| Arc::from(params.to_owned())));
        let event = || RequestEvent::Notification { method: method.clone(), params: params.clone() };
        if !self.requests.notify_oldest(event) {
            let length = params.as_deref().map_or(0, |params: &RawValue| params.get().len());
            self.broadcast(length, || ServerEvent::Notification { method, params });
        }
    }

    fn on_resource_updated(&self, params: &RawValue) {
        let Ok(mut members) = Members::parse(params) else { return };
        let Some(uri) = members.text("uri") else { return };
        let subscription = mcp::take_subscription(&mut members);
        let passed_on = match (self.instance.era(), subscription) {
            (Era::Modern, Some(subscription)) => self.subscriptions.is_current(&subscription),
            (Era::Modern, None) | (Era::Legacy, _) => true,
        };
        if passed_on {
            self.broadcast(params.get().len(), || ServerEvent::ResourceUpdated {
                uri,
                params: Arc::from(members.to_raw()),
            });
        }
    }

    /// Broadcasts an event to all receivers; drops it if there are none.
    fn broadcast(&self, length: usize, event: impl FnOnce() -> ServerEvent) {
        if length > EVENT_BYTES_MAX {
            self.warn("a notification is too long for those who may be slow to hear it");
        } else {
            let _ = self.link.server_events.send(event());
        }
    }

    fn on_cancelled(&mut self, params: &RawValue, ctx: &mut Context<Self>) {
        let Ok(members) = Members::parse(params) else { return };
        let Some(id) = members.get("requestId") else { return };
        self.on_server_request_cancelled(id);
        if let Ok(id) = id.get().parse() {
            self.on_listen_ended(id, None, ctx);
        }
    }

    /// Has a process of the legacy era log from the least severe level that a request in flight, or one to be sent,
    /// wants.
    pub(super) fn lower_log_level(&mut self, wanted: Level) {
        let least = self.requests.least_level().map_or(wanted, |least| least.min(wanted));
        let known = self.log_level == Some(least) || self.setting_level.is_some();
        if known || self.instance.era() == Era::Modern || !self.instance.capabilities().has("logging") {
            return;
        }
        let id = self.instance.next_id();
        let members = format!(r#""level":"{}""#, least.name());
        if self.write(mcp::request(id, "logging/setLevel", &members, Era::Legacy)).is_ok() {
            (self.log_level, self.setting_level) = (Some(least), Some(id));
        }
    }

    /// True when it works for one caller alone.
    pub(super) fn is_exclusive(&self) -> bool {
        match self.launch.sharing {
            Sharing::Shared | Sharing::Listing { .. } => false,
            Sharing::Exclusive { .. } => true,
        }
    }
}
