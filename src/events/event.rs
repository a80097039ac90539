//! [`LiveEvent`]: the events, as they are sent.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{CallId, ExitReport, HealthStatus, Permission, RuntimeStatus, ServerId, Timestamp, UserId},
    policy::permission,
    registry::Registered,
};

/// A live event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged, rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum LiveEvent {
    /// A server was registered, reconfigured or removed, or is in another state.
    #[schema(title = "ServerEvent", rename_all = "camelCase")]
    Server {
        /// The server.
        #[schema(value_type = String)]
        id: ServerId,
        /// Its name.
        name: String,
        /// Kind of change.
        change: ServerChangeKind,
        /// Its health.
        health_status: HealthStatus,
        /// State of its process; `null` where the server is removed.
        runtime_status: Option<RuntimeStatus>,
    },
    /// A process exited unexpectedly.
    #[schema(title = "ExitEvent", rename_all = "camelCase")]
    Exit {
        /// Its server.
        #[schema(value_type = String)]
        server_id: ServerId,
        /// Exit report.
        report: ExitReport,
    },
    /// A server is restarted after a failure.
    #[schema(title = "RestartEvent", rename_all = "camelCase")]
    Restart {
        /// The server.
        #[schema(value_type = String)]
        server_id: ServerId,
        /// Number of failures in a row.
        attempt: u32,
    },
    /// The supervisor gave up on a server, and leaves it down.
    #[schema(title = "GaveUpEvent", rename_all = "camelCase")]
    GaveUp {
        /// The server.
        #[schema(value_type = String)]
        server_id: ServerId,
        /// Reason of the last failure.
        reason: String,
    },
    /// A tool was called, and the call is on record.
    #[schema(title = "CallEvent", rename_all = "camelCase")]
    Call {
        /// The call.
        #[schema(value_type = String)]
        id: CallId,
        /// Its server.
        #[schema(value_type = String)]
        server_id: ServerId,
        /// Name of the tool.
        tool_name: String,
        /// Caller.
        #[schema(value_type = String)]
        user_id: UserId,
        /// Success, as the tool reported it.
        success: bool,
        /// Error message, cut short.
        error_message: Option<String>,
        /// Milliseconds from dispatch to response.
        execution_time: i64,
        /// Time of the request.
        #[schema(value_type = String, format = DateTime)]
        created_at: Timestamp,
    },
    /// Calls that were too many to be delivered one by one.
    #[schema(title = "CallsEvent", rename_all = "camelCase")]
    Calls {
        /// Its server.
        #[schema(value_type = String)]
        server_id: ServerId,
        /// Number of calls.
        count: u64,
        /// Number of those that failed.
        errors: u64,
        /// Milliseconds over which they were counted.
        since_ms: u64,
    },
    /// Other tools of a server than before wait to be accepted.
    #[schema(title = "ToolsEvent", rename_all = "camelCase")]
    Tools {
        /// The server.
        #[schema(value_type = String)]
        server_id: ServerId,
        /// Number of tools that wait.
        waiting: usize,
    },
    /// A service behind the gateway was registered, changed or removed, or one of its instances changed.
    #[schema(title = "GatewayEvent", rename_all = "camelCase")]
    Gateway {
        /// Name of the service.
        service: String,
        /// Kind of change.
        change: ServiceChangeKind,
        /// Host and port of the instance that changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        instance: Option<String>,
        /// Health of an instance whose health changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        healthy: Option<bool>,
    },
    /// Events are missing here, so that a reader's own state may be out of date.
    #[schema(title = "GapEvent", rename_all = "camelCase")]
    Gap {
        /// Their number, where that is known and the reader may know it.
        missed: Option<u64>,
    },
}

/// Kind of change of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ServerChangeKind {
    /// Registered, or shared with the reader.
    Created,
    /// Reconfigured.
    Updated,
    /// Removed, or not shared with the reader any more.
    Deleted,
    /// Another state of health or process.
    State,
}

/// Kind of change of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ServiceChangeKind {
    /// Registered, or replaced.
    Registered,
    /// Removed.
    Removed,
    /// Another health of an instance.
    Health,
    /// Another weight of an instance, or another state of draining.
    Instance,
}

/// An event for one reader.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LiveItem {
    /// Id to resume after it; `None` where that of the item before still holds.
    pub id: Option<String>,
    /// The event.
    pub event: LiveEvent,
}

impl LiveEvent {
    /// Its name in an event stream.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Server { .. } => "server",
            Self::Exit { .. } => "exit",
            Self::Restart { .. } => "restart",
            Self::GaveUp { .. } => "gave-up",
            Self::Call { .. } => "call",
            Self::Calls { .. } => "calls",
            Self::Tools { .. } => "tools",
            Self::Gateway { .. } => "gateway",
            Self::Gap { .. } => "gap",
        }
    }

    /// Permissions on its server of which a reader needs one: a state is visible to all who see the server, a call to
    /// its caller.
    pub(super) fn required(&self, reader: UserId) -> &'static [Permission] {
        match self {
            Self::Server { .. } => permission::SEES,
            Self::Tools { .. } => permission::USES,
            Self::Call { user_id, .. } if *user_id == reader => permission::USES,
            Self::Call { .. }
            | Self::Calls { .. }
            | Self::Exit { .. }
            | Self::Restart { .. }
            | Self::GaveUp { .. }
            | Self::Gateway { .. }
            | Self::Gap { .. } => permission::READS,
        }
    }

    /// The event without standard error of the process.
    #[must_use]
    pub(crate) fn without_output(&self) -> Self {
        let mut event = self.clone();
        match &mut event {
            Self::Server { runtime_status: Some(status), .. } => status.hide_output(),
            Self::Exit { report, .. } => report.stderr.clear(),
            Self::Server { runtime_status: None, .. }
            | Self::Call { .. }
            | Self::Calls { .. }
            | Self::Restart { .. }
            | Self::GaveUp { .. }
            | Self::Tools { .. }
            | Self::Gateway { .. }
            | Self::Gap { .. } => {}
        }
        event
    }

    /// True for events about calls, which may be so many that they are summed and give way to others.
    pub(super) fn is_of_calls(&self) -> bool {
        match self {
            Self::Call { .. } | Self::Calls { .. } => true,
            Self::Server { .. }
            | Self::Exit { .. }
            | Self::Restart { .. }
            | Self::GaveUp { .. }
            | Self::Tools { .. }
            | Self::Gateway { .. }
            | Self::Gap { .. } => false,
        }
    }

    /// A change of `server`, with its state of this moment.
    pub(super) fn of_server(server: &Registered, change: ServerChangeKind) -> Self {
        let view = server.link.view.borrow();
        Self::Server {
            id: server.id,
            name: server.server.load().config.name.clone(),
            change,
            health_status: view.health,
            runtime_status: (change != ServerChangeKind::Deleted).then(|| view.runtime_status()),
        }
    }

    /// A call of some tool by some user.
    #[cfg(test)]
    pub(super) fn call(server_id: ServerId, success: bool) -> Self {
        Self::Call {
            id: CallId::new(),
            server_id,
            tool_name: "echo".into(),
            user_id: UserId::new(),
            success,
            error_message: None,
            execution_time: 1,
            created_at: Timestamp::now(),
        }
    }

    /// Bytes that it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        let text = match self {
            Self::Server { name, runtime_status, .. } => {
                let exit = runtime_status.as_ref().and_then(|status| status.last_exit.as_ref());
                name.len().saturating_add(exit.map_or(0, report_weight))
            }
            Self::Exit { report, .. } => report_weight(report),
            Self::GaveUp { reason, .. } => reason.len(),
            Self::Call { tool_name, error_message, .. } => {
                tool_name.len().saturating_add(error_message.as_ref().map_or(0, String::len))
            }
            Self::Gateway { service, instance, .. } => {
                service.len().saturating_add(instance.as_ref().map_or(0, String::len))
            }
            Self::Restart { .. } | Self::Calls { .. } | Self::Tools { .. } | Self::Gap { .. } => 0,
        };
        text.saturating_add(size_of::<Self>())
    }
}

fn report_weight(report: &ExitReport) -> usize {
    let lines = report.stderr.iter().map(|line| line.len().saturating_add(size_of::<String>()));
    lines.fold(report.reason.len(), usize::saturating_add)
}
