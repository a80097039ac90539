//! The values behind the variables of a configuration that was written, to read it again.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::ServerConfig;

/// The variables in a configuration of these servers, with the values that they stand for.
pub(crate) fn values_of(file: &Value, servers: &[ServerConfig]) -> BTreeMap<String, String> {
    let entries = file.as_object().and_then(|sections| sections.values().next());
    let mut values = BTreeMap::new();
    for server in servers {
        let (member, secrets) = match &server.remote {
            Some(remote) => ("headers", &remote.headers),
            None => ("env", &server.env),
        };
        let written = entries.and_then(|entries| entries.get(&server.name)?.get(member));
        for (name, value) in secrets {
            let spelled = written.and_then(|written| written.get(name)?.as_str()).unwrap_or_default();
            // A reference to a secret is written as it is.
            if spelled != value {
                let variable = spelled.trim_start_matches("${").trim_start_matches("env:").trim_end_matches('}');
                assert_eq!(values.insert(variable.to_owned(), value.clone()), None, "{variable} stands for two values");
            }
        }
    }
    values
}
