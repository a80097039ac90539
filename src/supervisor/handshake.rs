//! From a process that has just started to one that is ready: its era, the greeting, and every tool.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Capabilities, Discovered, Era, Initialized},
    model::{Protocol, from_json},
    supervisor::{
        exit::Exit,
        launch::{Launch, Sharing},
        list_kind::{Items, ListKind},
        messages::Answer,
        required_result::require_result,
        server_instance::{InFlight, ServerInstance},
    },
};

/// Time without an answer to `server/discover` after which `initialize` goes out as well.
const DISCOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// A process that can be spoken to.
pub(super) struct Greeted {
    /// The revision agreed on.
    pub version: String,
    /// Result of `server/discover` or `initialize`.
    pub greeting: Arc<RawValue>,
    /// Its tools, or the reason why it did not list them.
    pub tools: Result<Items, Exit>,
    /// True when `server/discover` leads nowhere: it stays without an answer, or ends the process.
    pub skips_discovery: bool,
}

/// Finds out how to speak to the server, and what tools it has; the caller sets the deadline.
pub(super) async fn negotiate(instance: &Arc<ServerInstance>, probe: Probe, launch: &Launch) -> Result<Greeted, Exit> {
    let sharing = &launch.sharing;
    let (Negotiated { version, greeting }, skips_discovery) = match (launch.protocol, probe) {
        (Protocol::Auto, Probe::Discover | Probe::DiscoverAgain) => discover(instance, sharing).await?,
        (Protocol::Auto, Probe::Skip) => (initialize(instance, sharing).await?, true),
        (Protocol::Legacy, _) => (initialize(instance, sharing).await?, false),
        (Protocol::Modern, _) => (discover_only(instance).await?, false),
    };
    let tools = match ListKind::Tools.fetch(instance, &Capabilities::of(&greeting)).await {
        Err(Exit::ClosedOutput) => return Err(Exit::ClosedOutput),
        tools => tools,
    };
    Ok(Greeted { version, greeting, tools, skips_discovery })
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
struct Negotiated {
    version: String,
    greeting: Arc<RawValue>,
}

/// Asks `server/discover`, then `initialize` where that leads nowhere; true where only the latter was answered.
///
/// A server that is slow to start reads both. Once `initialize` is out, its answer decides: a server that accepts it
/// speaks a legacy revision from then on, whatever it answered before.
async fn discover(instance: &Arc<ServerInstance>, sharing: &Sharing) -> Result<(Negotiated, bool), Exit> {
    let mut probe = discovery_request(instance);
    if let Ok(answer) = tokio::time::timeout(DISCOVER_TIMEOUT, probe.answer()).await {
        return match read_discovery(asked_twice(answer, instance).await, instance)? {
            Some(discovered) => Ok((discovered, false)),
            None => Ok((initialize(instance, sharing).await?, false)),
        };
    }
    match initialize(instance, sharing).await {
        Ok(initialized) => Ok((initialized, probe.answer().now_or_never().is_none())),
        Err(refused) => match read_discovery(probe.answer().await, instance)? {
            Some(discovered) => Ok((discovered, false)),
            None => Err(refused),
        },
    }
}

/// Asks `server/discover` alone, as long as it takes.
async fn discover_only(instance: &Arc<ServerInstance>) -> Result<Negotiated, Exit> {
    let answer = asked_twice(discovery_request(instance).answer().await, instance).await;
    let refused = require_result("server/discover", answer.clone()).err();
    let unknown = || Exit::NotReady(format!("server/discover does not name {}, as `protocol` demands", mcp::MODERN));
    read_discovery(answer, instance)?.ok_or_else(|| refused.unwrap_or_else(unknown))
}

/// The answer, or a second one where the first refused the revision and named it as supported.
async fn asked_twice(answer: Answer, instance: &Arc<ServerInstance>) -> Answer {
    let again = matches!(&answer, Answer::Error(error) if mcp::speaks_modern_after_all(error));
    if again { discovery_request(instance).answer().await } else { answer }
}

fn discovery_request(instance: &Arc<ServerInstance>) -> InFlight {
    instance.request(|id, _| mcp::request(id, "server/discover", "", Era::Modern))
}

fn read_discovery(answer: Answer, instance: &ServerInstance) -> Result<Option<Negotiated>, Exit> {
    match answer {
        Answer::Result(result) => {
            let found: Option<Discovered> = from_json(result.get()).ok();
            let found = found.filter(Discovered::speaks_modern);
            Ok(found.map(|_| {
                instance.set_era(Era::Modern);
                Negotiated { version: mcp::MODERN.into(), greeting: result }
            }))
        }
        Answer::Error(_) | Answer::TransportFailed { .. } | Answer::TooLong => Ok(None),
        Answer::NotSent | Answer::Unread | Answer::Died(_) => Err(Exit::ClosedOutput),
    }
}

async fn initialize(instance: &Arc<ServerInstance>, sharing: &Sharing) -> Result<Negotiated, Exit> {
    let capabilities = match sharing {
        Sharing::Shared => None,
        Sharing::Listing { capabilities } | Sharing::Exclusive { capabilities } => {
            RawValue::from_string(capabilities.clone()).ok()
        }
    };
    let capabilities = capabilities.map_or_else(mcp::empty_object, Arc::from);
    let mut request = instance.request(|id, _| mcp::initialize(id, &capabilities));
    let greeting = require_result("initialize", request.answer().await)?;
    let Initialized { protocol_version: version } = from_json(greeting.get())
        .map_err(|error| Exit::NotReady(format!("initialize got a result that cannot be read: {error}")))?;
    if !mcp::is_legacy(&version) {
        return Err(Exit::WrongRevision(version));
    }
    instance.set_era(Era::Legacy);
    instance.notify(mcp::notification("notifications/initialized", ""));
    Ok(Negotiated { version, greeting })
}
