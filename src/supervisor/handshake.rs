//! From a process that has just started to one that is ready: its era, the greeting, and every tool.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{
    mcp::{self, Discovered, Era, Initialized, RpcError, ToolsPage},
    supervisor::{
        Exit,
        instance::{InFlight, Instance},
        messages::{Answer, Greeting},
    },
};

/// How long a server may be silent about `server/discover` before `initialize` goes out as well.
const PROBE: Duration = Duration::from_secs(10);

/// More tools, or more pages, than this is a fault of the server.
const MOST_TOOLS: usize = 10_000;

/// Finds out how to speak to the server; the caller sets the deadline.
pub(super) async fn greet(instance: &Arc<Instance>, probe: Probe) -> Result<Greeting, Exit> {
    let (version, has_tools) = match probe {
        Probe::Discover | Probe::DiscoverAgain => discover(instance).await?,
        Probe::Skip => initialize(initialize_request(instance), instance).await?,
    };
    let tools = if has_tools { list_tools(instance).await? } else { Arc::default() };
    Ok(Greeting { version, tools })
}

/// Whether to ask `server/discover` first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Probe {
    /// Ask; any other answer than a discovery means legacy (versioning, "dual-era clients").
    #[default]
    Discover,
    /// Don't: the server ended when it was asked.
    Skip,
    /// Ask again: it ended without being asked, too.
    DiscoverAgain,
}

impl Probe {
    /// The way to try next after the server ended before it said a word; some older ones end when asked.
    pub fn after_silent_end(self) -> Self {
        match self {
            Self::Discover => Self::Skip,
            Self::Skip | Self::DiscoverAgain => Self::DiscoverAgain,
        }
    }
}

/// The revision, and whether there are tools.
type Greeted = (String, bool);

/// A slow server may answer the probe after `initialize` went out; the first discovery or greeting decides.
async fn discover(instance: &Arc<Instance>) -> Result<Greeted, Exit> {
    let mut probe = instance.request(|id, _| mcp::request(id, "server/discover", "", Era::Modern));
    if let Ok(answer) = tokio::time::timeout(PROBE, probe.answer()).await {
        return match modern(answer, instance)? {
            Some(greeted) => Ok(greeted),
            None => initialize(initialize_request(instance), instance).await,
        };
    }
    let handshake = std::pin::pin!(initialize(initialize_request(instance), instance));
    let probed = std::pin::pin!(probe.answer());
    match select(probed, handshake).await {
        Either::Left((answer, handshake)) => match modern(answer, instance)? {
            Some(greeted) => Ok(greeted),
            None => handshake.await,
        },
        Either::Right((greeted, _)) => greeted,
    }
}

fn modern(answer: Answer, instance: &Instance) -> Result<Option<Greeted>, Exit> {
    match answer {
        Answer::Result(result) => {
            let found: Option<Discovered> = serde_json::from_str(result.get()).ok();
            let found = found.filter(Discovered::speaks_modern);
            Ok(found.map(|found| {
                instance.set_era(Era::Modern);
                (mcp::MODERN.into(), found.has_tools())
            }))
        }
        Answer::Error(_) | Answer::TooLong => Ok(None),
        Answer::NotSent | Answer::Unread | Answer::Died(_) => Err(Exit::ClosedOutput),
    }
}

fn initialize_request(instance: &Arc<Instance>) -> InFlight {
    instance.request(|id, _| mcp::initialize(id))
}

async fn initialize(mut request: InFlight, instance: &Arc<Instance>) -> Result<Greeted, Exit> {
    let greeting: Initialized = read("initialize", request.answer().await)?;
    if !mcp::is_legacy(&greeting.protocol_version) {
        return Err(Exit::WrongRevision(greeting.protocol_version));
    }
    instance.set_era(Era::Legacy);
    instance.notify(mcp::notification("notifications/initialized", ""));
    let has_tools = greeting.has_tools();
    Ok((greeting.protocol_version, has_tools))
}

/// Every tool, over all pages.
pub(super) async fn list_tools(instance: &Arc<Instance>) -> Result<Arc<Vec<Arc<RawValue>>>, Exit> {
    let mut tools = Vec::new();
    let mut cursors = HashSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut request = instance.request(|id, era| mcp::list_tools(id, cursor.as_deref(), era));
        let page: ToolsPage = read("tools/list", request.answer().await)?;
        tools.extend(page.tools.into_iter().map(Arc::from));
        if tools.len() > MOST_TOOLS {
            return Err(Exit::NotReady(format!("tools/list names more than {MOST_TOOLS} tools")));
        }
        let Some(next) = page.next_cursor else { return Ok(Arc::new(tools)) };
        if !cursors.insert(next.clone()) || cursors.len() > MOST_TOOLS {
            return Err(Exit::NotReady("tools/list does not end".into()));
        }
        cursor = Some(next);
    }
}

fn read<T: DeserializeOwned>(method: &str, answer: Answer) -> Result<T, Exit> {
    let refused = |why: String| Exit::NotReady(format!("{method} {why}"));
    match answer {
        Answer::Result(result) => serde_json::from_str(result.get())
            .map_err(|error| refused(format!("got a result that cannot be read: {error}"))),
        Answer::Error(error) => {
            let error: Option<RpcError> = serde_json::from_str(error.get()).ok();
            let (code, message) = error.map_or((0, String::new()), |error| (error.code, error.message));
            Err(refused(format!("was refused with {code}: {message}")))
        }
        Answer::TooLong => Err(refused("got an answer over 16 MiB".into())),
        Answer::NotSent | Answer::Unread | Answer::Died(_) => Err(Exit::ClosedOutput),
    }
}
