//! Bodies that register or change a service; `policy::service` checks lengths and counts.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::model::{HealthCheck, InstanceChange, InstanceSpec, LoadBalancing, ServiceLimit, ServiceSpec, Text};

/// A service to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewServiceBody)]
pub struct ServiceBody {
    /// Its name: 1 to 63 letters, digits, `-`, `_` or `.`.
    #[schema(value_type = String, min_length = 1, max_length = 63)]
    name: Text,
    /// Its instances, 1 to 256.
    #[schema(min_items = 1, max_items = 256)]
    instances: Vec<InstanceBody>,
    /// Requests to this path and all below it are its own.
    #[schema(value_type = String, min_length = 1, max_length = 1024)]
    base_path: Text,
    /// Path of the health checks of its instances: an answer of 2xx is good. Without one they only connect.
    #[schema(value_type = Option<String>, max_length = 1024)]
    health_endpoint: Option<Text>,
    /// True when callers must be authenticated, with the tokens and keys of this Ostler.
    #[serde(default = "yes")]
    #[schema(default = true, required = false)]
    authentication: bool,
    /// Rate limit of each caller; no limit without.
    rate_limit: Option<LimitBody>,
    /// Milliseconds that a request may take; `GATEWAY_TIMEOUT_MS` without.
    #[schema(minimum = 1, maximum = 86_400_000)]
    timeout: Option<u64>,
    /// Algorithm that chooses an instance; `GATEWAY_LOAD_BALANCING` without.
    load_balancing: Option<LoadBalancing>,
    /// True when instances get the path without `basePath`.
    #[serde(default)]
    strip_prefix: bool,
    /// Milliseconds for which an idle connection to an instance is kept for the next request, at most: set it below the
    /// time after which the instances close one. An instance that says less (`Keep-Alive: timeout=`) is heeded. 0 keeps
    /// none; 30000 without.
    #[schema(maximum = 86_400_000)]
    keep_alive: Option<u64>,
    /// The longest body taken, in bytes; no limit without.
    max_body_bytes: Option<u64>,
    /// Number of other instances tried where a request may safely be repeated.
    #[serde(default = "two")]
    #[schema(default = 2, required = false, maximum = 10)]
    retries: u32,
    /// Health checks of its instances.
    #[serde(default)]
    #[schema(required = false)]
    health_check: HealthCheckBody,
    /// Requests in flight to one instance; no limit without.
    #[schema(minimum = 1)]
    max_connections: Option<u32>,
    /// True when instances get the `Authorization` and `Cookie` that callers sent.
    #[serde(default)]
    pass_credentials: bool,
}

/// Address and weight of an instance.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewInstanceBody)]
struct InstanceBody {
    /// A name or an IP address, without scheme, port or brackets.
    #[schema(value_type = String, min_length = 1, max_length = 253)]
    host: Text,
    /// Its port.
    #[schema(minimum = 1)]
    port: u16,
    /// Its share, where instances are chosen by weight. 0 drains it, however they are chosen.
    #[serde(default = "one")]
    #[schema(default = 1, required = false, maximum = 1000)]
    weight: u32,
    /// True when it drains: its requests in flight go on to their end, it gets no new request, and it is not checked.
    #[serde(default)]
    #[schema(required = false)]
    draining: bool,
}

/// Change of an instance; fields left out stay as they are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceChangeBody {
    /// Host of the instance to change, as registered …
    #[schema(value_type = String)]
    host: Text,
    /// … and its port.
    port: u16,
    /// Its share, where instances are chosen by weight. 0 drains it, however they are chosen.
    #[schema(maximum = 1000)]
    weight: Option<u32>,
    /// True when it drains: its requests in flight go on to their end, it gets no new request, and it is not checked.
    draining: Option<bool>,
}

/// Rate limit of each caller of a service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewServiceLimitBody)]
struct LimitBody {
    /// In any span of so many milliseconds …
    #[schema(minimum = 1, maximum = 86_400_000)]
    window_ms: u64,
    /// … at most so many requests.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max: u32,
}

/// Health checks of instances; fields left out have a default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewHealthCheckBody)]
struct HealthCheckBody {
    /// Path to request, in place of `healthEndpoint`.
    #[schema(value_type = Option<String>, max_length = 1024)]
    path: Option<Text>,
    /// Milliseconds between checks; `GATEWAY_HEALTH_CHECK_INTERVAL` without. An instance that is not known to be well
    /// is checked each second.
    #[schema(minimum = 1, maximum = 86_400_000)]
    interval: Option<u64>,
    /// Milliseconds that a check may take; 5000 without.
    #[schema(minimum = 1, maximum = 86_400_000)]
    timeout: Option<u64>,
    /// So many good checks in a row make an unhealthy instance healthy; 2 without.
    #[schema(minimum = 1, maximum = 100)]
    healthy_after: Option<u32>,
    /// So many bad ones in a row make a healthy instance unhealthy; 3 without.
    #[schema(minimum = 1, maximum = 100)]
    unhealthy_after: Option<u32>,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

impl From<ServiceBody> for ServiceSpec {
    fn from(body: ServiceBody) -> Self {
        Self {
            name: body.name.0,
            instances: body.instances.into_iter().map(Into::into).collect(),
            base_path: body.base_path.0,
            health_endpoint: body.health_endpoint.map(|path| path.0),
            authentication: body.authentication,
            rate_limit: body.rate_limit.map(Into::into),
            timeout: body.timeout.map(Duration::from_millis),
            load_balancing: body.load_balancing,
            strip_prefix: body.strip_prefix,
            keep_alive: body.keep_alive.map(Duration::from_millis),
            max_body_bytes: body.max_body_bytes,
            retries: body.retries,
            health_check: body.health_check.into(),
            max_connections: body.max_connections,
            pass_credentials: body.pass_credentials,
        }
    }
}

impl From<InstanceBody> for InstanceSpec {
    fn from(body: InstanceBody) -> Self {
        Self { host: body.host.0, port: body.port, weight: body.weight, draining: body.draining }
    }
}

impl From<InstanceChangeBody> for InstanceChange {
    fn from(body: InstanceChangeBody) -> Self {
        Self { host: body.host.0, port: body.port, weight: body.weight, draining: body.draining }
    }
}

impl From<LimitBody> for ServiceLimit {
    fn from(body: LimitBody) -> Self {
        Self { window: Duration::from_millis(body.window_ms), max: body.max }
    }
}

impl From<HealthCheckBody> for HealthCheck {
    fn from(body: HealthCheckBody) -> Self {
        let default = Self::default();
        Self {
            path: body.path.map(|path| path.0),
            interval: body.interval.map(Duration::from_millis),
            timeout: body.timeout.map_or(default.timeout, Duration::from_millis),
            healthy_after: body.healthy_after.unwrap_or(default.healthy_after),
            unhealthy_after: body.unhealthy_after.unwrap_or(default.unhealthy_after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Error, web::body::parse};

    fn read(body: &str) -> Result<ServiceSpec, Error> {
        parse::<ServiceBody>(body.as_bytes()).map(Into::into)
    }

    #[test]
    fn what_is_left_out_is_safe() {
        let spec = read(r#"{"name":"a","instances":[{"host":"b","port":1}],"basePath":"/a"}"#).unwrap();
        assert_eq!(spec, ServiceSpec::new("a", "/a").instance("b", 1));
        assert!(spec.authentication && !spec.pass_credentials);
    }

    #[test]
    fn a_service_is_stored_as_it_was_read() {
        let body = r#"{"name":"a","instances":[{"host":"b","port":1,"weight":2,"draining":true}],"basePath":"/a","healthEndpoint":"/h",
            "authentication":false,"rateLimit":{"windowMs":60000,"max":100},"timeout":30000,
            "loadBalancing":"least-connections","stripPrefix":true,"keepAlive":0,"maxBodyBytes":7,"retries":0,
            "healthCheck":{"path":"/p","interval":1000,"timeout":2000,"healthyAfter":1,"unhealthyAfter":1},
            "maxConnections":9,"passCredentials":true}"#;
        let spec = read(body).unwrap();
        let stored = serde_json::to_value(&spec).unwrap();
        assert_eq!(stored, serde_json::from_str::<serde_json::Value>(body).unwrap());
        assert_eq!(serde_json::from_value::<ServiceSpec>(stored).unwrap(), spec);
    }

    #[test]
    fn a_field_that_is_not_known_is_pointed_at() {
        for (body, pointer) in [
            (r#"{"name":"a","instances":[],"basePath":"/a","colour":1}"#, "/colour"),
            (r#"{"name":"a","instances":[{"host":"b","port":1,"up":true}],"basePath":"/a"}"#, "/instances/0/up"),
            (r#"{"name":"a","instances":[{"host":"b","port":70000}],"basePath":"/a"}"#, "/instances/0/port"),
            (r#"{"name":"a","instances":[],"basePath":"/a","rateLimit":{"windowMs":1}}"#, "/rateLimit/max"),
            (r#"{"name":"a","instances":[],"basePath":"/a","loadBalancing":"random"}"#, "/loadBalancing"),
        ] {
            let Err(Error::Invalid(faults)) = read(body) else { panic!("{body}") };
            assert_eq!(faults.0[0].pointer, pointer);
        }
    }
}
