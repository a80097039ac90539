//! Parsers of the texts of settings. Every message says what is expected and quotes no secret.

pub(crate) mod telemetry;

use std::{net::IpAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use ipnet::IpNet;
use log::LevelFilter;
use ostler::policy::{account, issuer, package, rate::Limit, secret};
use secrecy::SecretString;

use crate::cli::logging::LogFormat;

/// The names of the log's formats.
pub(crate) const LOG_FORMAT: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

/// The longest time that can be set: a week.
const DURATION_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

/// The longest time for which records can be kept: a hundred years.
const AGE_HOURS_MAX: u64 = 36_500 * 24;

/// An IP address.
pub(crate) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("{} is no IP address, such as 127.0.0.1 or ::1", quoted(text)))
}

/// An IP address or a network of them.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse().map(|address: IpAddr| IpNet::from(address.to_canonical()));
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("{} is no IP address or network, such as 127.0.0.1 or 172.16.0.0/12", quoted(text)))
}

/// A whole number within `range`.
pub(crate) fn whole<T>(text: &str, range: RangeInclusive<u64>) -> Result<T, String>
where
    T: TryFrom<u64>,
{
    let (low, high) = (range.start(), range.end());
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("{} is no whole number from {low} to {high}", quoted(text)))
}

/// A duration in milliseconds, never zero.
pub(crate) fn milliseconds(text: &str) -> Result<Duration, String> {
    whole(text, 1..=DURATION_MS_MAX).map(Duration::from_millis).map_err(|message| format!("{message}, in milliseconds"))
}

/// Limits of the bytes kept of a record or of logs: enough for some of everybody.
pub(crate) const RECORD_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 50;

/// A retention time, in hours or days; `None` for `off`.
pub(crate) fn age(text: &str) -> Result<Option<Duration>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => days.parse().ok().and_then(|days: u64| days.checked_mul(24)),
        (None, Some(hours)) => hours.parse().ok(),
        (None, None) => None,
    };
    let seconds = hours.filter(|hours| (1..=AGE_HOURS_MAX).contains(hours)).map(|hours| hours * 3600);
    let fault = || format!("{} is no time from 1h to 36500d, such as 30d or 12h, nor off", quoted(text));
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(fault)
}

/// Bytes of logs, which may also be none.
pub(crate) fn log_bytes(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { whole(text, RECORD_BYTES).map_err(|message| format!("{message}, and not 0")) }
}

/// A limit within `range`; `None` for 0.
pub(crate) fn bound(text: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, String> {
    if text == "0" { Ok(None) } else { whole(text, range).map(Some).map_err(|message| format!("{message}, and not 0")) }
}

/// `true` or `false`, or 1 or 0.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{} is neither true nor false", quoted(text))),
    }
}

/// One of a few names.
pub(crate) fn one_of<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, String> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        format!("{} is none of {}", quoted(text), known.join(", "))
    })
}

/// The name of one of a few values.
pub(crate) fn name_of<T: PartialEq>(value: T, names: &[(&str, T)]) -> String {
    names.iter().find(|(_, named)| *named == value).map(|(name, _)| (*name).to_owned()).unwrap_or_default()
}

/// Text that says something.
pub(crate) fn text(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(char::is_control) {
        return Err(format!("{} is no text; leave it out to get the default", quoted(text)));
    }
    Ok(text.to_owned())
}

/// The URL of an OAuth issuer.
pub(crate) fn issuer(text: &str) -> Result<String, String> {
    issuer::fault(text).map_or_else(|| Ok(text.to_owned()), |fault| Err(format!("{} {fault}", quoted(text))))
}

/// The URL of a webhook, which is not repeated, as it may hold a token.
pub(crate) fn webhook(text: &str) -> Result<SecretString, String> {
    if issuer::is_safe(text) { Ok(text.into()) } else { Err("must be an https URL; http only on this machine".into()) }
}

/// A path.
pub(crate) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err(format!("{} is no path; leave it out to get the default", quoted(text)));
    }
    Ok(PathBuf::from(text))
}

/// An account's address.
pub(crate) fn email(text: &str) -> Result<String, String> {
    account::email(text).map_err(|fault| format!("{} {fault}", quoted(text)))
}

/// An account's password.
pub(crate) fn password(text: &str) -> Result<SecretString, String> {
    account::password_fault(text, "").map_or_else(|| Ok(text.into()), |fault| Err(fault.to_owned()))
}

/// A key good enough to sign with.
pub(crate) fn secret_key(text: &str) -> Result<SecretString, String> {
    secret::fault(text).map_or_else(|| Ok(text.into()), |fault| Err(fault.to_owned()))
}

/// Items separated by commas; blanks around them do not count, an empty text is an empty list.
pub(crate) fn list<T>(text: &str, item: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(item).collect()
}

/// A host name or IP address without a port.
pub(crate) fn host_name(text: &str) -> Result<String, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let named = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if named || bare.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(bare.to_ascii_lowercase());
    }
    Err(format!("{} is no host name without scheme and port, such as ostler.example", quoted(text)))
}

/// The name of a package of npm.
pub(crate) fn npm_package(text: &str) -> Result<String, String> {
    package::npm_name(text)
        .ok_or_else(|| format!("{} is no name of a package such as sqlite3 or @scope/name", quoted(text)))
}

/// An origin as browsers send it.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let fault = || format!("{} is no origin such as https://team.example or http://10.0.0.5:8080", quoted(text));
    let place = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(fault)?;
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (place, None),
    };
    let sound = !host.is_empty() && host_name(host).is_ok() && port.is_none_or(|port| port.parse::<u16>().is_ok());
    if sound { Ok(text.to_ascii_lowercase()) } else { Err(fault()) }
}

/// A rate limit, or `off`.
pub(crate) fn limit(text: &str) -> Result<Option<Limit>, String> {
    if text.eq_ignore_ascii_case("off") { Ok(None) } else { text.parse().map(Some) }
}

/// A filter as `RUST_LOG` has it: levels and modules, `module=level`, and after a slash a text to look for.
pub(crate) fn log_filter(text: &str) -> Result<String, String> {
    let directives = text.split_once('/').map_or(text, |(directives, _)| directives);
    for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        if let Some((_, level)) = directive.split_once('=') {
            let fault = |_| format!("{} is no level: off, error, warn, info, debug or trace", quoted(level));
            level.trim().parse::<LevelFilter>().map_err(fault)?;
        }
    }
    Ok(text.to_owned())
}

/// The text in quotes, in a length that fits a line.
pub(crate) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_within_their_range() {
        assert_eq!(whole::<u16>("0", 0..=65_535), Ok(0));
        for wrong in ["", "-1", "65536", "3.5", "0x10", "1e3", "eighty"] {
            let message = whole::<u16>(wrong, 0..=65_535).unwrap_err();
            assert!(message.contains("0 to 65535"), "{message}");
        }
        assert_eq!((log_bytes("0"), log_bytes("1048576")), (Ok(0), Ok(1 << 20)));
        assert!(log_bytes("1048575").unwrap_err().contains("from 1048576"));
        let days = |days: u64| Ok(Some(Duration::from_secs(days * 24 * 60 * 60)));
        assert_eq!((age("30d"), age("48h"), age("off")), (days(30), days(2), Ok(None)));
        for wrong in ["", "0d", "30", "d", "1.5d", "-1d", "36501d", "1w"] {
            assert!(age(wrong).unwrap_err().contains("such as 30d"), "{wrong}");
        }
        assert!(milliseconds("0").unwrap_err().ends_with("in milliseconds"));
    }

    #[test]
    fn a_weak_secret_is_refused_without_being_repeated() {
        for message in [secret_key("changeme").unwrap_err(), password("hunter2").unwrap_err()] {
            assert!(message.contains("at least") && !message.contains("changeme") && !message.contains("hunter2"));
        }
    }

    #[test]
    fn hosts_have_no_port_and_origins_have_no_path() {
        assert_eq!(host_name("Ostler.Example"), Ok("ostler.example".to_owned()));
        assert_eq!(host_name("[::1]"), Ok("::1".to_owned()));
        for wrong in ["*", "a:80", "http://a", "a b", "a/"] {
            assert!(host_name(wrong).is_err(), "{wrong}");
        }
        for right in ["https://team.example", "http://10.0.0.5:8080", "http://[::1]:3000", "http://[::1]"] {
            assert_eq!(origin(right), Ok(right.to_owned()));
        }
        for wrong in ["*", "null", "team.example", "https://", "https://a/", "https://a:x", "https://a/b"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_is_an_address_or_a_prefix() {
        let shown = |text| network(text).map(|network| network.to_string());
        for (text, meant) in [
            ("127.0.0.1", "127.0.0.1/32"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("172.16.0.0/12", "172.16.0.0/12"),
            ("fd00::/8", "fd00::/8"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(meant));
        }
        for wrong in ["10.0.0.0/33", "10.0.0/8", "proxy.example", "10.0.0.0/", "/8"] {
            assert!(network(wrong).unwrap_err().contains("172.16.0.0/12"), "{wrong}");
        }
    }

    #[test]
    fn log_filters_with_an_unknown_level_are_refused() {
        for right in ["info", "", "warn,ostler::store=debug", "ostler=TRACE/needle", "my_module"] {
            assert!(log_filter(right).is_ok(), "{right}");
        }
        assert!(log_filter("info,ostler=loud").unwrap_err().contains("\"loud\""));
    }
}
