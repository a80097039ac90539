//! What is exported where, in the words of OpenTelemetry's specification.

use std::{fmt, time::Duration};

use crate::{model::Hidden, policy::sampling::Sampler};

/// Where spans may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// To a collector, if one is named.
    Otlp,
    /// Nowhere.
    Nowhere,
}

/// What the environment variables of the specification say, each with the default it has there. `Debug` shows no secret.
#[derive(Clone)]
pub struct Settings {
    /// Whether nothing is exported, whatever else is said.
    pub disabled: bool,
    /// Where spans go.
    pub exporter: Export,
    /// Where collectors take all signals; traces go to `v1/traces` below it.
    pub endpoint: Option<String>,
    /// Where traces go, exactly; counts more than `endpoint`.
    pub traces_endpoint: Option<String>,
    /// Sent along with all signals.
    pub headers: Vec<(String, String)>,
    /// Sent along with traces; where there are any, the others are not.
    pub traces_headers: Vec<(String, String)>,
    /// How long the collector may take to answer.
    pub timeout: Duration,
    /// How long a span may wait for others to be sent with.
    pub delay: Duration,
    /// How many spans may wait; what comes beyond that is left out.
    pub queue: usize,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// What this program is called.
    pub service_name: Option<String>,
    /// What else is said of it.
    pub resource: Vec<(String, String)>,
}

impl Settings {
    /// Where traces go, if anywhere.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let below = |endpoint: &String| format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let url = self.traces_endpoint.clone().or_else(|| self.endpoint.as_ref().map(below));
        url.filter(|_| !self.disabled && self.exporter == Export::Otlp)
    }

    /// What is sent along with traces.
    pub(super) fn headers(&self) -> &[(String, String)] {
        if self.traces_headers.is_empty() { &self.headers } else { &self.traces_headers }
    }

    /// What is said of this program, most telling first; a name is said once.
    pub(super) fn resource(&self) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let named = self.service_name.iter().map(|name| own("service.name", name));
        let defaults = [
            own("service.name", "ostler"),
            own("service.version", env!("CARGO_PKG_VERSION")),
            own("service.instance.id", &uuid::Uuid::new_v4().to_string()),
        ];
        let mut said: Vec<(String, String)> = Vec::new();
        for (name, value) in named.chain(self.resource.iter().cloned()).chain(defaults) {
            if said.iter().all(|(known, _)| *known != name) {
                said.push((name, value));
            }
        }
        said
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            disabled: false,
            exporter: Export::Otlp,
            endpoint: None,
            traces_endpoint: None,
            headers: Vec::new(),
            traces_headers: Vec::new(),
            timeout: Duration::from_secs(10),
            delay: Duration::from_secs(5),
            queue: 2048,
            sampler: Sampler::default(),
            service_name: None,
            resource: Vec::new(),
        }
    }
}

impl fmt::Debug for Settings {
    // What collectors are sent along may be a key to them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
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
        let settings = Settings { endpoint: Some("http://c:4318/otlp/".into()), ..Settings::default() };
        assert_eq!(settings.url().as_deref(), Some("http://c:4318/otlp/v1/traces"));
        let exactly = Settings { traces_endpoint: Some("http://c/".into()), ..settings.clone() };
        assert_eq!(exactly.url().as_deref(), Some("http://c/"));
        assert_eq!(Settings { disabled: true, ..settings.clone() }.url(), None);
        assert_eq!(Settings { exporter: Export::Nowhere, ..settings }.url(), None);
        assert_eq!(Settings::default().url(), None);
    }

    #[test]
    fn the_service_is_called_what_it_is_told_first() {
        let resource = vec![("service.name".into(), "b".into()), ("a".into(), "1".into())];
        let named = |service_name: Option<&str>, resource| {
            let settings = Settings { service_name: service_name.map(Into::into), resource, ..Settings::default() };
            settings.resource().into_iter().find(|(name, _)| name == "service.name").map(|(_, value)| value)
        };
        assert_eq!(named(Some("a"), resource.clone()).as_deref(), Some("a"));
        assert_eq!(named(None, resource).as_deref(), Some("b"));
        assert_eq!(named(None, Vec::new()).as_deref(), Some("ostler"));
    }

    #[test]
    fn keys_of_collectors_are_not_shown() {
        let settings = Settings { headers: vec![("api-key".into(), "s3cret".into())], ..Settings::default() };
        let shown = format!("{settings:?}");
        assert!(shown.contains("api-key") && !shown.contains("s3cret"), "{shown}");
    }
}
