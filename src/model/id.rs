//! Identifiers: UUIDv7 inside, opaque strings outside.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::Timestamp;

/// Margin around a moment in time, for bounds of ids: an id's time and the recorded time beside it differ by far less.
const CLOCK_MARGIN: Duration = Duration::from_secs(60);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier; later ones sort after earlier ones (RFC 9562, version 7).
            #[must_use]
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// No later than the id of anything made at `moment` or after.
            #[must_use]
            pub fn earliest(moment: Timestamp) -> Self {
                Self::at(moment.minus(CLOCK_MARGIN))
            }

            /// Later than the id of anything made before `moment`.
            #[must_use]
            pub fn latest(moment: Timestamp) -> Self {
                Self::at(moment.plus(CLOCK_MARGIN))
            }

            fn at(moment: Timestamp) -> Self {
                let moment = moment.unix_seconds();
                let milliseconds = u128::try_from(moment).unwrap_or(0).saturating_mul(1000);
                // The first 48 bits are milliseconds since 1970.
                Self(Uuid::from_u128(milliseconds << 80))
            }

            /// The UUID itself, for code that mixes ids of several kinds.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            /// Reads exactly what `Display` writes: 36 characters, lower case.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                (id.to_string() == text).then_some(Self(id)).ok_or(NotAnId)
            }
        }
    };
}

/// The text is not an identifier that Ostler makes, so nothing can have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct NotAnId;

id!(
    /// An MCP server.
    ServerId
);
id!(
    /// A template of servers.
    TemplateId
);
id!(
    /// An account.
    UserId
);
id!(
    /// One tool call.
    CallId
);
id!(
    /// An API key.
    KeyId
);
id!(
    /// A login; the `jti` of its token.
    SessionId
);
id!(
    /// A line of the audit log.
    AuditId
);

/// Milliseconds of an hour.
const HOUR: u128 = 3_600_000;

impl CallId {
    /// The hour it was made in, since 1970.
    #[must_use]
    pub fn hour(self) -> i64 {
        i64::try_from((self.0.as_u128() >> 80) / HOUR).unwrap_or(i64::MAX)
    }

    /// No later than any id made in this hour since 1970, and later than any made before.
    #[must_use]
    pub fn first_of_hour(hour: i64) -> Self {
        Self(Uuid::from_u128(u128::try_from(hour).unwrap_or(0).saturating_mul(HOUR) << 80))
    }
}

impl UserId {
    /// The id that no account has: of a program that embeds Ostler (RFC 9562, the nil UUID).
    #[must_use]
    pub fn nobody() -> Self {
        Self(Uuid::nil())
    }
}
