//! Parsers of the variables of OpenTelemetry's specification. Every message says what is expected and quotes no secret.

use ostler::{
    error::Faults,
    model::Remote,
    policy::{
        remote,
        trace_sampling::{RootSampler, TraceSampler},
    },
    telemetry::SpanExporter,
};

use crate::cli::{show, value};

/// The names of the places that spans may go to.
pub(crate) const EXPORTERS: &[(&str, SpanExporter)] = &[("otlp", SpanExporter::Otlp), ("none", SpanExporter::None)];

/// The one way in which it is done.
pub(crate) const PROTOCOL: &str = "http/protobuf";

/// The names of the samplers, without what is said of parents.
const SAMPLERS: &[(&str, (bool, RootSampler))] = &[
    ("always_on", (false, RootSampler::On)),
    ("always_off", (false, RootSampler::Off)),
    ("traceidratio", (false, RootSampler::Ratio)),
    ("parentbased_always_on", (true, RootSampler::On)),
    ("parentbased_always_off", (true, RootSampler::Off)),
    ("parentbased_traceidratio", (true, RootSampler::Ratio)),
];

/// The URL of a collector.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let url = text.to_owned();
    check_remote(&Remote::new(url)).map(|()| text.to_owned())
}

/// Headers sent with each export.
pub(crate) fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = pairs(text)?;
    check_remote(&Remote { headers: pairs.iter().cloned().collect(), ..Remote::new("http://localhost") })?;
    Ok(pairs)
}

/// Refuses an endpoint, or the headers sent there, with the first fault.
fn check_remote(place: &Remote) -> Result<(), String> {
    let mut faults = Faults::default();
    remote::check(&mut faults, place);
    faults.0.into_iter().next().map_or(Ok(()), |fault| Err(fault.message))
}

/// Names and values, `name=value` with commas between, values percent-encoded (W3C Baggage, without properties).
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=')?;
        let (name, value) = (name.trim(), decoded(value.trim())?);
        (!name.is_empty() && !name.contains(char::is_control)).then(|| (name.to_owned(), value))
    };
    value::list(text, |text| pair(text).ok_or_else(|| "must be name=value, with commas between several".to_owned()))
}

/// Text without percent-encoding; `None` where that cannot be read.
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The one protocol.
pub(crate) fn protocol(text: &str) -> Result<(), String> {
    value::one_of(text, &[(PROTOCOL, ())])
}

/// A sampler, with the share of the one before.
pub(crate) fn sampler(text: &str, before: TraceSampler) -> Result<TraceSampler, String> {
    let (parent_based, root) = value::one_of(text, SAMPLERS)?;
    Ok(TraceSampler { parent_based, root, ..before })
}

/// A share.
pub(crate) fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("{} is no number from 0 to 1", value::quoted(text)))
}

/// A sampler's name.
pub(crate) fn show_sampler(sampler: TraceSampler) -> String {
    value::name_of((sampler.parent_based, sampler.root), SAMPLERS)
}

/// The names of what is sent along.
pub(crate) fn show_headers(headers: &[(String, String)]) -> String {
    let hidden: Vec<_> = headers.iter().map(|(name, _)| format!("{name}=***")).collect();
    show::list(&hidden, "none")
}

/// Names and values.
pub(crate) fn show_pairs(pairs: &[(String, String)]) -> Vec<String> {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_separated_by_commas_and_decoded() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs("a=1, b=x%20y%2C").unwrap(), [pair("a", "1"), pair("b", "x y,")]);
        assert_eq!(pairs("").unwrap(), []);
        for text in ["a", "=1", "a=%2", "a=%zz", "a=%ff"] {
            assert!(pairs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_sent_along_is_checked_and_never_repeated() {
        assert_eq!(show_headers(&headers("Authorization=Bearer%20s3cret").unwrap()), "Authorization=***");
        for text in ["bad name=s3cret", "a=s3cret%0a", "content-type=s3cret", "s3cret"] {
            let fault = headers(text).unwrap_err();
            assert!(!fault.contains("s3cret"), "{fault}");
        }
    }

    #[test]
    fn a_collector_is_somewhere() {
        assert!(url("http://127.0.0.1:4318").is_ok() && url("https://otel.example/x").is_ok());
        for text in ["localhost:4317", "grpc://h", "http://u:s3cret@h", "http://"] {
            let fault = url(text).unwrap_err();
            assert!(!fault.contains("s3cret"), "{fault}");
        }
    }

    #[test]
    fn samplers_are_known_by_their_names() {
        let read = |name| sampler(name, TraceSampler::default()).map(show_sampler);
        assert_eq!(read("parentbased_traceidratio").as_deref(), Ok("parentbased_traceidratio"));
        assert!(read("jaeger_remote").is_err());
        assert_eq!(ratio("0.25"), Ok(0.25));
        assert!(ratio("2").is_err() && ratio("NaN").is_err());
    }
}
