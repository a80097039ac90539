//! The two eras of the protocol: with a handshake (to 2025-11-25), and with the revision in every request (2026-07-28).

use crate::demo_server::{
    message::{DemoError, DemoParams, SERVER},
    style::Style,
};

/// The revisions to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DemoEra {
    /// Whichever the first message speaks.
    #[default]
    Auto,
    /// Those with a handshake.
    Legacy,
    /// The one without.
    Modern,
}

impl DemoEra {
    /// A conversation that has not begun.
    pub(crate) fn begin(self) -> DemoPhase {
        match self {
            Self::Auto => DemoPhase::Open,
            Self::Legacy => DemoPhase::BeforeHandshake,
            Self::Modern => DemoPhase::Modern,
        }
    }
}

/// State of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DemoPhase {
    /// Its era is not decided.
    Open,
    /// The handshake is to come.
    BeforeHandshake,
    /// The handshake is done.
    Legacy,
    /// There is none.
    Modern,
}

/// The revisions with a handshake, the newest last.
const HANDSHAKES: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", NEWEST_HANDSHAKE];
const NEWEST_HANDSHAKE: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

/// The members of an answer to `server/discover`.
pub(crate) const DISCOVERY: &str = concat!(
    r#""supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"prompts":{},"resources":{}},"#,
    r#""instructions":"Tools to try Ostler with: they echo, add, wait, fail and crash.""#
);

/// The members of an answer to `initialize`.
pub(crate) fn handshake(asked: Option<&str>) -> String {
    let known = HANDSHAKES.into_iter().find(|version| Some(*version) == asked);
    let version = known.unwrap_or(NEWEST_HANDSHAKE);
    let capabilities = r#"{"tools":{},"prompts":{},"resources":{}}"#;
    format!(r#""protocolVersion":"{version}","capabilities":{capabilities},"serverInfo":{SERVER}"#)
}

impl DemoPhase {
    /// Form of its results.
    pub(crate) fn style(self) -> Style {
        match self {
            Self::Modern => Style::Modern,
            Self::Open | Self::BeforeHandshake | Self::Legacy => Style::Legacy,
        }
    }

    /// Refuses a request that may not be answered now; the first one decides the era.
    pub(crate) fn admit(&mut self, method: &str, params: &DemoParams<'_>) -> Result<(), DemoError> {
        if *self == Self::Open {
            *self = match (method, params.version()) {
                ("initialize", _) => Self::BeforeHandshake,
                (_, Some(_)) => Self::Modern,
                (_, None) => return Err(DemoError::params("initialize first, or name the protocol version in _meta")),
            };
        }
        match (*self, method) {
            (Self::Modern, method) => modern(method, params),
            (_, "server/discover") => Err(DemoError::unknown_method(method)),
            (_, "initialize") => {
                *self = Self::Legacy;
                Ok(())
            }
            (Self::Legacy, _) | (_, "ping") => Ok(()),
            (Self::Open | Self::BeforeHandshake, _) => Err(DemoError::request("initialize first")),
        }
    }
}

/// Refuses a request that lacks what every modern one must have: the revision and the client's capabilities.
fn modern(method: &str, params: &DemoParams<'_>) -> Result<(), DemoError> {
    match (method, params.version()) {
        ("initialize", _) => Err(DemoError::version(params.protocol_version.as_deref(), MODERN)),
        ("ping", _) => Err(DemoError::unknown_method(method)),
        (_, Some(MODERN)) if params.names_capabilities() => Ok(()),
        (_, Some(MODERN)) => Err(DemoError::params("_meta must have io.modelcontextprotocol/clientCapabilities")),
        (_, Some(unknown)) => Err(DemoError::version(Some(unknown), MODERN)),
        (_, None) => Err(DemoError::params("_meta must have io.modelcontextprotocol/protocolVersion")),
    }
}
