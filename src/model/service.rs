//! A service behind the gateway, as registered.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The load-balancing strategy of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LoadBalancing {
    /// Each in turn.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight; of more than eight instances, the better of two taken at random.
    LeastConnections,
    /// Each in turn, as often as its weight says.
    Weighted,
}

impl LoadBalancing {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 3] = [
        ("round-robin", Self::RoundRobin),
        ("least-connections", Self::LeastConnections),
        ("weighted", Self::Weighted),
    ];
}

/// The halves of Ostler that a program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serve {
    /// Both.
    #[default]
    All,
    /// The gateway alone: MCP servers are neither started nor served.
    Gateway,
    /// MCP servers alone: no service is loaded, checked or forwarded to.
    Mcp,
}

impl Serve {
    /// All of them, with their names.
    pub const ALL: [(&str, Self); 3] = [("all", Self::All), ("gateway", Self::Gateway), ("mcp", Self::Mcp)];

    /// True when the gateway is on.
    #[must_use]
    pub fn gateway(self) -> bool {
        match self {
            Self::All | Self::Gateway => true,
            Self::Mcp => false,
        }
    }

    /// True when MCP servers are on.
    #[must_use]
    pub fn mcp(self) -> bool {
        match self {
            Self::All | Self::Mcp => true,
            Self::Gateway => false,
        }
    }
}

/// The address of an instance of a service, its weight, and its drain state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSpec {
    /// A name or an IP address; an IPv6 one without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its share, where instances are chosen by weight. 0 drains it, however they are chosen.
    pub weight: u32,
    /// True while the instance drains: requests in flight finish, it gets no new one, and it is not checked.
    #[serde(default)]
    #[schema(required = true)]
    pub draining: bool,
}

/// A change of one instance of a service; a field that is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceChange {
    /// The instance: its host, as registered …
    pub host: String,
    /// … and its port.
    pub port: u16,
    /// Its share.
    pub weight: Option<u32>,
    /// True to drain it: requests in flight finish, and it gets no new one.
    pub draining: Option<bool>,
}

/// A rate limit for each caller of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceLimit {
    /// In any span of so many milliseconds …
    #[serde(rename = "windowMs", with = "millis")]
    #[schema(value_type = u64)]
    pub window: Duration,
    /// … at most so many requests.
    pub max: u32,
}

/// The health check of a service's instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Path to request, in place of `healthEndpoint`.
    pub path: Option<String>,
    /// Milliseconds between checks; `null` is `GATEWAY_HEALTH_CHECK_INTERVAL`.
    #[serde(with = "maybe_millis")]
    #[schema(value_type = Option<u64>)]
    pub interval: Option<Duration>,
    /// Milliseconds that a check may take.
    #[serde(with = "millis")]
    #[schema(value_type = u64)]
    pub timeout: Duration,
    /// So many good checks in a row make an unhealthy instance healthy.
    pub healthy_after: u32,
    /// So many bad ones in a row make a healthy instance unhealthy.
    pub unhealthy_after: u32,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { path: None, interval: None, timeout: Duration::from_secs(5), healthy_after: 2, unhealthy_after: 3 }
    }
}

/// A service as registered; a field that is `None` follows the gateway's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServiceConfig)]
pub struct ServiceSpec {
    /// Unique name; replacing and removing a service refer to it.
    pub name: String,
    /// The instances that requests are forwarded to.
    pub instances: Vec<InstanceSpec>,
    /// Requests to this path and all below it are its own.
    pub base_path: String,
    /// Path that health checks request; without one they only connect.
    pub health_endpoint: Option<String>,
    /// True when callers must be authenticated.
    pub authentication: bool,
    /// Rate limit for each caller; `null` is none.
    pub rate_limit: Option<ServiceLimit>,
    /// Milliseconds that a request may take, from first byte to last; `null` is `GATEWAY_TIMEOUT_MS`.
    #[serde(with = "maybe_millis")]
    #[schema(value_type = Option<u64>)]
    pub timeout: Option<Duration>,
    /// Load-balancing strategy; `null` is `GATEWAY_LOAD_BALANCING`.
    pub load_balancing: Option<LoadBalancing>,
    /// True when instances get the path without `basePath`.
    pub strip_prefix: bool,
    /// Milliseconds for which an idle connection to an instance is kept at most; 0 keeps none, `null` is 30000.
    #[serde(default, with = "maybe_millis")]
    #[schema(value_type = Option<u64>, required = true)]
    pub keep_alive: Option<Duration>,
    /// The longest body taken, in bytes; `null` is no limit.
    pub max_body_bytes: Option<u64>,
    /// Number of other instances that are tried where a request may safely be repeated.
    pub retries: u32,
    /// Health check of its instances.
    pub health_check: HealthCheck,
    /// Requests in flight to one instance at most; `null` is no limit.
    pub max_connections: Option<u32>,
    /// True when the caller's `Authorization` and `Cookie` are forwarded to instances.
    pub pass_credentials: bool,
}

impl ServiceSpec {
    /// A service with the defaults of everything that may be left out.
    #[must_use]
    pub fn new(name: impl Into<String>, base_path: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            instances: Vec::new(),
            base_path: base_path.into(),
            health_endpoint: None,
            authentication: true,
            rate_limit: None,
            timeout: None,
            load_balancing: None,
            strip_prefix: false,
            keep_alive: None,
            max_body_bytes: None,
            retries: 2,
            health_check: HealthCheck::default(),
            max_connections: None,
            pass_credentials: false,
        }
    }

    /// Adds an instance, of weight 1.
    #[must_use]
    pub fn instance(mut self, host: impl Into<String>, port: u16) -> Self {
        self.instances.push(InstanceSpec { host: host.into(), port, weight: 1, draining: false });
        self
    }

    /// Path that health checks request; `None` where they only connect.
    #[must_use]
    pub fn health_path(&self) -> Option<&str> {
        self.health_check.path.as_deref().or(self.health_endpoint.as_deref())
    }
}

/// A duration as a number of milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// Milliseconds in JSON, or `null`.
mod maybe_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::millis::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Option::<u64>::deserialize(deserializer).map(|millis| millis.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_have_the_names_that_json_has() {
        for (name, strategy) in LoadBalancing::ALL {
            assert_eq!(serde_json::to_value(strategy).unwrap(), name);
        }
    }
}
