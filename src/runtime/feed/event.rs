//! The events, as they are sent.

use serde::Serialize;

use crate::{
    model::{CallId, ExitReport, HealthStatus, Permission, RuntimeStatus, ServerId, Timestamp, UserId},
    policy::permission,
    registry::Registered,
};

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum LiveEvent {
    /// A server is new, another one, or in another state.
    Server {
        /// Which.
        id: ServerId,
        /// Its name.
        name: String,
        /// What happened to it.
        change: Change,
        /// Its health in one word.
        health_status: HealthStatus,
        /// What its process is doing; `None` where it is gone.
        runtime_status: Option<RuntimeStatus>,
    },
    /// A process ended without being told to.
    Exit {
        /// Of which server.
        server_id: ServerId,
        /// How.
        report: ExitReport,
    },
    /// A server is started again after a failure.
    Restart {
        /// Which.
        server_id: ServerId,
        /// The how-manieth failure in a row this answers.
        attempt: u32,
    },
    /// A server is left down.
    GaveUp {
        /// Which.
        server_id: ServerId,
        /// Why.
        reason: String,
    },
    /// A tool was called, and the call is on record.
    Call {
        /// The call.
        id: CallId,
        /// Of which server.
        server_id: ServerId,
        /// Which tool.
        tool_name: String,
        /// Who called.
        user_id: UserId,
        /// Whether the tool said it succeeded.
        success: bool,
        /// What went wrong, cut short.
        error_message: Option<String>,
        /// Milliseconds from dispatch to answer.
        execution_time: i64,
        /// When the call came in.
        created_at: Timestamp,
    },
    /// Calls that were too many to be told one by one.
    Calls {
        /// Of which server.
        server_id: ServerId,
        /// How many.
        count: u64,
        /// Of those, failed.
        errors: u64,
        /// Over how many milliseconds they were counted.
        since_ms: u64,
    },
    /// A service behind the gateway came, changed or went, or one of its instances did.
    Gateway {
        /// Which service.
        service: String,
        /// What happened.
        change: GatewayChange,
        /// The host and port of the instance that turned or was changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// Whether one that turned is well now.
        #[serde(skip_serializing_if = "Option::is_none")]
        healthy: Option<bool>,
    },
    /// Events are missing here: what is known by other means may be out of date.
    Gap {
        /// How many, where that is known and may be said.
        missed: Option<u64>,
    },
}

/// What happened to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new, or new to the reader.
    Created,
    /// Its configuration is another.
    Updated,
    /// It is gone, or not the reader's to see any more.
    Deleted,
    /// Its health or its process is in another state.
    State,
}

/// What happened to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayChange {
    /// It was registered, or replaced.
    Registered,
    /// It was removed.
    Removed,
    /// The health of an instance turned.
    Health,
    /// The weight of an instance was changed, or whether it is drained.
    Instance,
}

/// An event for one reader.
#[derive(Clone, Debug)]
pub struct LiveItem {
    /// Where to resume after it; `None` where that is still after the one before.
    pub id: Option<String>,
    /// What happened.
    pub event: LiveEvent,
}

impl LiveEvent {
    /// The name it is sent under.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Server { .. } => "server",
            Self::Exit { .. } => "exit",
            Self::Restart { .. } => "restart",
            Self::GaveUp { .. } => "gave-up",
            Self::Call { .. } => "call",
            Self::Calls { .. } => "calls",
            Self::Gateway { .. } => "gateway",
            Self::Gap { .. } => "gap",
        }
    }

    /// The permissions on its server one of which its reader needs: a state is there for all who see the server, a call
    /// for whoever made it.
    pub(super) fn wants(&self, reader: UserId) -> &'static [Permission] {
        match self {
            Self::Server { .. } => permission::SEES,
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

    /// The event without what a process wrote on standard error.
    pub(in crate::runtime) fn without_output(&self) -> Self {
        let mut event = self.clone();
        match &mut event {
            Self::Server { runtime_status: Some(status), .. } => status.hide_output(),
            Self::Exit { report, .. } => report.stderr.clear(),
            Self::Server { runtime_status: None, .. }
            | Self::Call { .. }
            | Self::Calls { .. }
            | Self::Restart { .. }
            | Self::GaveUp { .. }
            | Self::Gateway { .. }
            | Self::Gap { .. } => {}
        }
        event
    }

    /// Whether there may be so many of it that it is summed up and gives way to others.
    pub(super) fn is_of_calls(&self) -> bool {
        match self {
            Self::Call { .. } | Self::Calls { .. } => true,
            Self::Server { .. }
            | Self::Exit { .. }
            | Self::Restart { .. }
            | Self::GaveUp { .. }
            | Self::Gateway { .. }
            | Self::Gap { .. } => false,
        }
    }

    pub(super) fn of_server(server: &Registered, change: Change) -> Self {
        let view = server.link.view.borrow();
        Self::Server {
            id: server.id,
            name: server.server.load().config.name.clone(),
            change,
            health_status: view.health,
            runtime_status: (change != Change::Deleted).then(|| view.runtime_status()),
        }
    }

    /// About how many bytes it takes to keep.
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
            Self::Restart { .. } | Self::Calls { .. } | Self::Gap { .. } => 0,
        };
        text.saturating_add(size_of::<Self>())
    }
}

fn report_weight(report: &ExitReport) -> usize {
    let lines = report.stderr.iter().map(|line| line.len().saturating_add(size_of::<String>()));
    lines.fold(report.reason.len(), usize::saturating_add)
}
