//! [`TelemetrySettings`]: the settings of OpenTelemetry's specification.

use std::{fmt, time::Duration};

use crate::{model::Hidden, policy::trace_sampling::TraceSampler};

/// The exporter of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanExporter {
    /// OTLP, to a collector if one is named.
    Otlp,
    /// None.
    None,
}

/// The environment variables of the specification, with its defaults. `Debug` shows no secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct TelemetrySettings {
    /// Exports nothing, whatever else is set.
    pub disabled: bool,
    /// The exporter of spans.
    pub exporter: SpanExporter,
    /// The collector's URL for all signals; traces go to `v1/traces` below it.
    pub endpoint: Option<String>,
    /// The collector's URL for traces, used as it is; overrides `endpoint`.
    pub traces_endpoint: Option<String>,
    /// Headers for all signals.
    pub headers: Vec<(String, String)>,
    /// Headers for traces; where there are any, `headers` are not sent.
    pub traces_headers: Vec<(String, String)>,
    /// Deadline for the collector's response.
    pub timeout: Duration,
    /// The longest wait of a span for others in its batch.
    pub delay: Duration,
    /// Spans in the queue at most; those beyond are dropped.
    pub queue: usize,
    /// Decides which traces are recorded.
    pub sampler: TraceSampler,
    /// The name of this service.
    pub service_name: Option<String>,
    /// Further attributes of the resource.
    pub resource: Vec<(String, String)>,
}

impl TelemetrySettings {
    /// The URL for traces, if any.
    #[must_use]
    pub(crate) fn url(&self) -> Option<String> {
        let below = |endpoint: &String| format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let url = self.traces_endpoint.clone().or_else(|| self.endpoint.as_ref().map(below));
        url.filter(|_| !self.disabled && self.exporter == SpanExporter::Otlp)
    }

    /// Headers sent with traces.
    pub(super) fn headers(&self) -> &[(String, String)] {
        if self.traces_headers.is_empty() { &self.headers } else { &self.traces_headers }
    }

    /// Attributes of the resource; where a name occurs twice, the more specific one.
    #[cfg(any(feature = "telemetry", test))]
    pub(super) fn resource(&self) -> Vec<(String, String)> {
        let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let named = self.service_name.iter().map(|name| attribute("service.name", name));
        let defaults = [
            attribute("service.name", "ostler"),
            attribute("service.version", env!("CARGO_PKG_VERSION")),
            attribute("service.instance.id", &uuid::Uuid::new_v4().to_string()),
        ];
        let mut resource: Vec<(String, String)> = Vec::new();
        for (name, value) in named.chain(self.resource.iter().cloned()).chain(defaults) {
            if resource.iter().all(|(known, _)| *known != name) {
                resource.push((name, value));
            }
        }
        resource
    }
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            disabled: false,
            exporter: SpanExporter::Otlp,
            endpoint: None,
            traces_endpoint: None,
            headers: Vec::new(),
            traces_headers: Vec::new(),
            timeout: Duration::from_secs(10),
            delay: Duration::from_secs(5),
            queue: 2048,
            sampler: TraceSampler::default(),
            service_name: None,
            resource: Vec::new(),
        }
    }
}

impl fmt::Debug for TelemetrySettings {
    // Headers may hold a key to the collector.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetrySettings")
            .field("url", &self.url())
            .field("headers", &self.headers().iter().map(|(name, _)| (name, Hidden)).collect::<Vec<_>>())
            .field("sampler", &self.sampler)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_below_the_endpoint_of_all_signals_or_exactly_where_told() {
        let settings =
            TelemetrySettings { endpoint: Some("http://c:4318/otlp/".into()), ..TelemetrySettings::default() };
        assert_eq!(settings.url().as_deref(), Some("http://c:4318/otlp/v1/traces"));
        let exactly = TelemetrySettings { traces_endpoint: Some("http://c/".into()), ..settings.clone() };
        assert_eq!(exactly.url().as_deref(), Some("http://c/"));
        assert_eq!(TelemetrySettings { disabled: true, ..settings.clone() }.url(), None);
        assert_eq!(TelemetrySettings { exporter: SpanExporter::None, ..settings }.url(), None);
        assert_eq!(TelemetrySettings::default().url(), None);
    }

    #[test]
    fn the_service_is_called_what_it_is_told_first() {
        let resource = vec![("service.name".into(), "b".into()), ("a".into(), "1".into())];
        let named = |service_name: Option<&str>, resource| {
            let settings = TelemetrySettings {
                service_name: service_name.map(Into::into),
                resource,
                ..TelemetrySettings::default()
            };
            settings.resource().into_iter().find(|(name, _)| name == "service.name").map(|(_, value)| value)
        };
        assert_eq!(named(Some("a"), resource.clone()).as_deref(), Some("a"));
        assert_eq!(named(None, resource).as_deref(), Some("b"));
        assert_eq!(named(None, Vec::new()).as_deref(), Some("ostler"));
    }

    #[test]
    fn keys_of_collectors_are_not_shown() {
        let settings =
            TelemetrySettings { headers: vec![("api-key".into(), "s3cret".into())], ..TelemetrySettings::default() };
        let shown = format!("{settings:?}");
        assert!(shown.contains("api-key") && !shown.contains("s3cret"), "{shown}");
    }
}
