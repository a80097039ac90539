//! Values of settings for people; secrets only as set or not.

use std::{fmt::Display, path::Path, time::Duration};

use ipnet::IpNet;
use ostler::policy::rate::Limit;
use secrecy::SecretString;

/// A secret as `set` or `not set`.
pub(crate) fn secret(value: Option<&SecretString>) -> String {
    if value.is_some() { "set" } else { "not set" }.to_owned()
}

/// A text, or `none` where it is not set.
pub(crate) fn text(value: Option<&str>) -> String {
    value.unwrap_or("none").to_owned()
}

/// A list, or `none` in words.
pub(crate) fn list(items: &[impl Display], none: &str) -> String {
    if items.is_empty() {
        return none.to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Networks; one of a single address as that.
pub(crate) fn networks(networks: &[IpNet]) -> String {
    let is_address = |network: &IpNet| network.prefix_len() == network.max_prefix_len();
    let shown = |network: &IpNet| {
        if is_address(network) { network.addr().to_string() } else { network.to_string() }
    };
    list(&networks.iter().map(shown).collect::<Vec<_>>(), "none")
}

/// A path.
pub(crate) fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A rate limit as it would be written.
pub(crate) fn limit(limit: Option<Limit>) -> String {
    limit.map_or_else(|| "off".to_owned(), |limit| limit.to_string())
}

/// A limit as it would be written.
pub(crate) fn bound(bound: Option<u64>) -> String {
    bound.unwrap_or_default().to_string()
}

/// A retention time as it would be written.
pub(crate) fn age(age: Option<Duration>) -> String {
    let hours = age.map(|age| age.as_secs() / 3600);
    hours.map_or_else(
        || "off".to_owned(),
        |hours| if hours % 24 == 0 { format!("{}d", hours / 24) } else { format!("{hours}h") },
    )
}

/// A duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}
