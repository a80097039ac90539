//! The environment as a source of settings.

use std::ffi::OsString;

use ostler::supervisor::{INSTALLATION_VARIABLE, SERVER_VARIABLE};

use crate::cli::{
    fault::{Origin, SettingFault},
    place::{KEY_VARIABLE, URL_VARIABLE},
    raw_setting::RawSetting,
    settings,
    suggest::{did_you_mean, is_slip_of},
};

/// Prefix of Ostler's own variables: an unknown one is a typo, not another program's variable.
const OURS: &str = "OSTLER_";

/// Prefixes that other programs use, too: an unknown variable is a typo only where each of its words is near one of a
/// setting's, or it lacks the last one.
const SHARED: [&str; 3] = ["MCP_", "GATEWAY_", "RATE_LIMIT_"];

/// Names of OpenTelemetry's specification. Those that are no setting are for others, and empty is the same as not set.
const OF_TELEMETRY: &str = "OTEL_";

/// Prefixes and names of variables that are no settings: switches of the test suite, key and URL for the commands that
/// connect, and the marks on the servers of an Ostler, one of which may be an Ostler itself.
const OF_OTHERS: [&str; 7] = [
    "OSTLER_TEST_",
    "OSTLER_REQUIRE_",
    KEY_VARIABLE,
    URL_VARIABLE,
    INSTALLATION_VARIABLE,
    "OSTLER_INSTANCE",
    SERVER_VARIABLE,
];

/// Picks the settings out of `variables`, in the order of the table.
pub(crate) fn read(variables: Vec<(OsString, OsString)>, faults: &mut Vec<SettingFault>) -> Vec<RawSetting> {
    let mut variables: Vec<(String, OsString)> =
        variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
    variables.sort();
    let mut written = Vec::new();
    for (name, value) in variables {
        let origin = Origin::Environment(name.clone());
        match (settings::by_variable(&name), value.into_string()) {
            (Some(_), Ok(text)) if text.is_empty() && name.starts_with(OF_TELEMETRY) => {}
            (Some(setting), Ok(text)) => written.push(RawSetting { setting, text, origin }),
            (Some(setting), Err(_)) => faults.push(SettingFault {
                key: Some(setting.key.to_owned()),
                origin,
                message: "is not valid UTF-8".to_owned(),
            }),
            (None, _) => faults.extend(unknown(&name).map(|message| SettingFault { key: None, origin, message })),
        }
    }
    written
}

/// Message about a variable that is no setting; `None` where it belongs to another program.
fn unknown(name: &str) -> Option<String> {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let variables = || settings::all().map(|setting| setting.variable);
    let meant = did_you_mean(name, variables());
    let is_ours = name.starts_with(OURS) && !begins(&OF_OTHERS);
    (is_ours || (begins(&SHARED) && variables().any(|known| is_slip_of(name, known))))
        .then(|| format!("is no setting of Ostler{meant}; `ostler serve --help` lists them all"))
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn a_typo_is_a_fault_and_the_variables_of_other_programs_are_none() {
        assert!(unknown("OSTLER_COLOUR").is_some());
        assert!(unknown("MCP_MAX_RETRY").is_some_and(|message| message.contains("MCP_MAX_RETRIES")));
        for (typo, meant) in [
            ("MCP_SERVER_DIR", "MCP_SERVERS_DIR"),
            ("MCP_CALL_TIMEOUT", "MCP_CALL_TIMEOUT_MS"),
            ("RATE_LIMIT_TOOLS_EXECUTE", "RATE_LIMIT_TOOL_EXECUTE"),
        ] {
            assert!(unknown(typo).is_some_and(|message| message.contains(meant)), "{typo}");
        }
        for name in ["MCP_SERVER_URL", "MCP_SERVERS_FILE", "MCP_SERVERS_PATH", "MCP_LOG_LEVEL", "MCP_LOG_FILE"] {
            assert_eq!(unknown(name), None, "{name}");
        }
        for name in ["MCP_TIMEOUT", "MCP_TOOL_TIMEOUT", "MCP_PORT", "MCP_DATABASE_URL", "GATEWAY_HOST", "OSTLER_URL"] {
            assert_eq!(unknown(name), None, "{name}");
        }
        for name in ["MCP_CONFORMANCE_SCENARIO", "GATEWAY_INTERFACE", "OSTLER_REQUIRE_ALL_TESTS", "PATH"] {
            assert_eq!(unknown(name), None, "{name}");
        }
    }
}
