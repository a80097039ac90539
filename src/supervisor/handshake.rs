//! From a process that has just started to one that is ready: its era, the greeting, and every tool.

use std::{sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Capabilities, Discovered, Era, Initialized},
    model::Listing,
    supervisor::{
        exit::Exit,
        launch::Sharing,
        list_kind::ListKind,
        messages::Answer,
        required_result::require_result,
        server_instance::{InFlight, ServerInstance},
    },
};

/// Time without an answer to `server/discover` after which `initialize` goes out as well.
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds out how to speak to the server, and what tools it has; the caller sets the deadline.
pub(super) async fn negotiate(
    instance: &Arc<ServerInstance>,
    probe: Probe,
    sharing: &Sharing,
) -> Result<Listing, Exit> {
    let (version, greeting) = match probe {
        Probe::Discover | Probe::DiscoverAgain => discover(instance, sharing).await?,
        Probe::Skip => initialize(initialize_request(instance, sharing), instance).await?,
    };
    let tools = ListKind::Tools.fetch(instance, &Capabilities::of(&greeting)).await?;
    Ok(Listing { version, greeting, tools, ..Listing::default() })
}

/// Choice to ask `server/discover` first, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Probe {
    /// Ask; any other answer than a discovery means legacy (versioning, "dual-era clients").
    #[default]
    Discover,
    /// Don't: the server ended at that request.
    Skip,
    /// Ask again: it ended without that request, too.
    DiscoverAgain,
}

impl Probe {
    /// The way to try next after the server ended before its first message; some legacy ones end at this request.
    pub(super) fn after_silent_end(self) -> Self {
        match self {
            Self::Discover => Self::Skip,
            Self::Skip | Self::DiscoverAgain => Self::DiscoverAgain,
        }
    }
}

/// The revision, and the whole result.
type Negotiated = (String, Arc<RawValue>);

/// A slow server may answer the probe after `initialize` went out; the first discovery or greeting decides.
async fn discover(instance: &Arc<ServerInstance>, sharing: &Sharing) -> Result<Negotiated, Exit> {
    let mut probe = discovery_request(instance);
    if let Ok(answer) = tokio::time::timeout(DISCOVER_TIMEOUT, probe.answer()).await {
        let again = matches!(&answer, Answer::Error(error) if mcp::speaks_modern_after_all(error));
        let answer = if again { discovery_request(instance).answer().await } else { answer };
        return match read_discovery(answer, instance)? {
            Some(greeted) => Ok(greeted),
            None => initialize(initialize_request(instance, sharing), instance).await,
        };
    }
    let handshake = std::pin::pin!(initialize(initialize_request(instance, sharing), instance));
    let probed = std::pin::pin!(probe.answer());
    match select(probed, handshake).await {
        Either::Left((answer, handshake)) => match read_discovery(answer, instance)? {
            Some(greeted) => Ok(greeted),
            None => handshake.await,
        },
        Either::Right((greeted, _)) => greeted,
    }
}

fn discovery_request(instance: &Arc<ServerInstance>) -> InFlight {
    instance.request(|id, _| mcp::request(id, "server/discover", "", Era::Modern))
}

fn read_discovery(answer: Answer, instance: &ServerInstance) -> Result<Option<Negotiated>, Exit> {
    match answer {
        Answer::Result(result) => {
            let found: Option<Discovered> = serde_json::from_str(result.get()).ok();
            let found = found.filter(Discovered::speaks_modern);
            Ok(found.map(|_| {
                instance.set_era(Era::Modern);
                (mcp::MODERN.into(), result)
            }))
        }
        Answer::Error(_) | Answer::TooLong => Ok(None),
        Answer::NotSent | Answer::Unread | Answer::Died(_) => Err(Exit::ClosedOutput),
    }
}

fn initialize_request(instance: &Arc<ServerInstance>, sharing: &Sharing) -> InFlight {
    let capabilities = match sharing {
        Sharing::Shared => None,
        Sharing::Listing { capabilities } | Sharing::Exclusive { capabilities } => {
            RawValue::from_string(capabilities.clone()).ok()
        }
    };
    let capabilities = capabilities.map_or_else(mcp::empty_object, Arc::from);
    instance.request(|id, _| mcp::initialize(id, &capabilities))
}

async fn initialize(mut request: InFlight, instance: &Arc<ServerInstance>) -> Result<Negotiated, Exit> {
    let result = require_result("initialize", request.answer().await)?;
    let greeting: Initialized = serde_json::from_str(result.get())
        .map_err(|error| Exit::NotReady(format!("initialize got a result that cannot be read: {error}")))?;
    if !mcp::is_legacy(&greeting.protocol_version) {
        return Err(Exit::WrongRevision(greeting.protocol_version));
    }
    instance.set_era(Era::Legacy);
    instance.notify(mcp::notification("notifications/initialized", ""));
    Ok((greeting.protocol_version, result))
}
