//! Checks of a server's sandbox and limits, as its owner writes them.

use std::ops::RangeInclusive;

use crate::{
    error::Faults,
    model::{Limits, Network, Sandbox, SandboxLevel, ServerConfig},
};

/// Most granted files and folders in a list, and most hosts.
const ENTRIES_MAX: usize = 64;

/// Most bytes of a granted path (`PATH_MAX`).
pub(super) const PATH_BYTES_MAX: usize = 4095;

/// Most bytes of a host's name (RFC 1035).
const HOST_BYTES_MAX: usize = 253;

/// Everything about the sandbox and the limits of `config` that cannot be accepted.
pub(super) fn check(faults: &mut Faults, config: &ServerConfig) {
    let is_program = config.remote.is_none();
    let why = "must not be given for a server at a url";
    faults.check(is_program || config.sandbox == Sandbox::default(), "/sandbox", why);
    faults.check(is_program || config.limits == Limits::default(), "/limits", why);
    let paths = &config.sandbox.paths;
    check_paths(faults, "/sandbox/paths/read", &paths.read);
    check_paths(faults, "/sandbox/paths/write", &paths.write);
    let is_free = config.sandbox.level == Some(SandboxLevel::None);
    let why = "must be `full` at the level `none`, at which a server can leave any other";
    faults.check(!is_free || config.sandbox.network == Network::Full, "/sandbox/network", why);
    if let Network::Hosts(hosts) = &config.sandbox.network {
        check_entries(faults, "/sandbox/network", hosts, is_host, "must be a host name, or `*.` and one");
    }
    check_limits(faults, &config.limits);
}

/// The member by which `after` opens more than `before`, or lowers a level that was set; `None` where it opens nothing.
pub(crate) fn opened(before: &Sandbox, after: &Sandbox) -> Option<&'static str> {
    let is_new = |before: &[String], after: &[String]| after.iter().any(|entry| !before.contains(entry));
    let opens_network = match (&before.network, &after.network) {
        (Network::Full, _) | (_, Network::None) => false,
        (Network::Hosts(before), Network::Hosts(after)) => is_new(before, after),
        (Network::None | Network::Hosts(_), Network::Full) | (Network::None, Network::Hosts(_)) => true,
    };
    let places = [
        (after.level < before.level, "/sandbox/level"),
        (is_new(&before.paths.read, &after.paths.read), "/sandbox/paths/read"),
        (is_new(&before.paths.write, &after.paths.write), "/sandbox/paths/write"),
        (after.unix_sockets && !before.unix_sockets, "/sandbox/unixSockets"),
        (opens_network, "/sandbox/network"),
    ];
    places.into_iter().find_map(|(is_opened, place)| is_opened.then_some(place))
}

fn check_paths(faults: &mut Faults, place: &str, paths: &[String]) {
    check_entries(faults, place, paths, is_path, "must be an absolute path of at most 4095 bytes");
}

/// True for an absolute path.
pub(super) fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.len() <= PATH_BYTES_MAX && !path.contains('\0')
}

fn check_entries(faults: &mut Faults, place: &str, entries: &[String], fits: impl Fn(&str) -> bool, why: &'static str) {
    faults.check(entries.len() <= ENTRIES_MAX, place, "must be at most 64 entries");
    for (index, entry) in entries.iter().enumerate().take(ENTRIES_MAX) {
        faults.check(fits(entry), format!("{place}/{index}"), why);
    }
}

/// True for a name that a network may be bounded by.
pub(super) fn is_host(pattern: &str) -> bool {
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    pattern.len() <= HOST_BYTES_MAX && name.split('.').all(is_label)
}

/// True when one of `hosts`, names and patterns as an owner writes them, stands for `name`.
#[must_use]
pub(crate) fn admits_host(hosts: &[String], name: &str) -> bool {
    let is_equal = |one: &[u8], other: &str| one.eq_ignore_ascii_case(other.as_bytes());
    hosts.iter().any(|host| match host.strip_prefix('*') {
        Some(domain) => name
            .as_bytes()
            .split_at_checked(name.len().saturating_sub(domain.len()))
            .is_some_and(|(label, rest)| !label.is_empty() && is_equal(rest, domain)),
        None => is_equal(name.as_bytes(), host),
    })
}

fn check_limits(faults: &mut Faults, limits: &Limits) {
    let Limits { memory_mb, processes, cpu_percent, open_files, disk_mb } = *limits;
    let mut bounded = |field: &'static str, value: Option<u64>, bounds: RangeInclusive<u64>, why: &'static str| {
        faults.check(value.is_none_or(|value| bounds.contains(&value)), field, why);
    };
    bounded("/limits/memoryMb", memory_mb, 16..=1 << 20, "must be 16 to 1048576");
    // Below this, Node hangs without a word and Python cannot start threads.
    bounded("/limits/processes", processes, 32..=32768, "must be 32 to 32768");
    bounded("/limits/cpuPercent", cpu_percent, 1..=102_400, "must be 1 to 102400");
    bounded("/limits/openFiles", open_files, 64..=1 << 20, "must be 64 to 1048576");
    bounded("/limits/diskMb", disk_mb, 1..=1 << 24, "must be 1 to 16777216");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SandboxLevel, SandboxPaths};

    fn pointers(config: &ServerConfig) -> Vec<String> {
        let mut faults = Faults::default();
        check(&mut faults, config);
        faults.0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn paths_are_absolute_and_hosts_are_names() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let paths = SandboxPaths { read: texts(&["/srv", "srv", ""]), write: texts(&["~/x", "/a\0", "/b"]) };
        let hosts = ["example.com", "*.example.com", "localhost", "*", "a b", "https://a", "a:443", "*.*.b", ""];
        let sandbox = Sandbox { paths, network: Network::Hosts(texts(&hosts)), ..Sandbox::default() };
        let config = ServerConfig { sandbox, ..ServerConfig::new("a", "b") };
        let expected = ["read/1", "read/2", "write/0", "write/1"].map(|place| format!("/sandbox/paths/{place}"));
        let refused_hosts = (3..hosts.len()).map(|index| format!("/sandbox/network/{index}"));
        assert_eq!(pointers(&config), expected.into_iter().chain(refused_hosts).collect::<Vec<_>>());
        let sandbox = Sandbox { level: Some(SandboxLevel::None), network: Network::None, ..Sandbox::default() };
        assert_eq!(pointers(&ServerConfig { sandbox, ..ServerConfig::new("a", "b") }), ["/sandbox/network"]);
    }

    #[test]
    fn a_pattern_stands_for_all_names_below_one() {
        let hosts = ["example.com", "*.Example.org", "10.0.0.1"].map(String::from);
        for name in ["example.com", "EXAMPLE.com", "a.example.org", "a.b.example.ORG", "10.0.0.1"] {
            assert!(admits_host(&hosts, name), "{name}");
        }
        for name in
            ["a.example.com", "example.org", ".example.org", "badexample.org", "xample.com", "com", "", "10.0.0.10"]
        {
            assert!(!admits_host(&hosts, name), "{name}");
        }
        assert!(!admits_host(&[], "example.com"));
    }

    #[test]
    fn what_opens_more_is_told_from_what_closes() {
        let plain = Sandbox::default();
        let hosts = |hosts: &[&str]| Network::Hosts(hosts.iter().map(ToString::to_string).collect());
        let paths = SandboxPaths { read: vec!["/a".into()], write: Vec::new() };
        let wide = Sandbox { paths, unix_sockets: true, level: Some(SandboxLevel::Strict), ..plain.clone() };
        assert_eq!((opened(&plain, &plain), opened(&plain, &wide)), (None, Some("/sandbox/paths/read")));
        assert_eq!(opened(&wide, &plain), Some("/sandbox/level"));
        assert_eq!(opened(&wide, &Sandbox { unix_sockets: false, ..wide.clone() }), None);
        for (before, after, opens) in [
            (Network::Full, Network::None, false),
            (Network::None, Network::Full, true),
            (hosts(&["a", "b"]), hosts(&["b"]), false),
            (hosts(&["a"]), hosts(&["b"]), true),
            (Network::None, hosts(&["b"]), true),
        ] {
            let of = |network| Sandbox { network, ..plain.clone() };
            assert_eq!(opened(&of(before), &of(after)).is_some(), opens);
        }
    }

    #[test]
    fn limits_have_bounds_and_programs_alone_have_them() {
        let limits = Limits {
            memory_mb: Some(15),
            processes: Some(31),
            cpu_percent: Some(0),
            open_files: Some(63),
            disk_mb: Some(0),
        };
        let fields =
            ["memoryMb", "processes", "cpuPercent", "openFiles", "diskMb"].map(|field| format!("/limits/{field}"));
        assert_eq!(pointers(&ServerConfig { limits, ..ServerConfig::new("a", "b") }), fields);
        let sandbox = Sandbox { unix_sockets: true, ..Sandbox::default() };
        let limits = Limits { memory_mb: Some(64), ..Limits::default() };
        let far = ServerConfig { sandbox, limits, ..ServerConfig::remote("a", "https://example.com/mcp") };
        assert_eq!(pointers(&far), ["/sandbox", "/limits"]);
    }

    #[test]
    fn a_network_is_a_word_or_a_list() {
        for (json, network) in [
            (r#""full""#, Network::Full),
            (r#""none""#, Network::None),
            (r#"["a.b"]"#, Network::Hosts(vec!["a.b".into()])),
        ] {
            assert_eq!(serde_json::from_str::<Network>(json).unwrap(), network);
            assert_eq!(serde_json::to_string(&network).unwrap(), json);
        }
        assert!(serde_json::from_str::<Network>(r#""half""#).is_err());
    }
}
