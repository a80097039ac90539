//! [`Resolved`]: a configuration with secrets in the place of references.

use std::collections::BTreeSet;

use crate::{
    model::{Server, ServerConfig, UserId},
    named_secrets::values::Values,
    policy::{reference, value_template::Templates},
};

/// A server's configuration as a process of it is started. No `Debug`: it holds secrets in clear.
pub(crate) struct Resolved {
    /// The configuration, with secrets in place of references to Ostler's own.
    pub config: ServerConfig,
    /// The reason why no process can be started by it, where a secret is missing.
    pub missing: Option<String>,
    /// Values in which secrets outside of Ostler are still to be put.
    pub templates: Templates,
}

impl Resolved {
    /// The configuration for a process that is for `caller` alone, or for all callers.
    pub(super) fn of(server: &Server, caller: Option<UserId>, values: &Values) -> Self {
        let missing: BTreeSet<_> = reference::values(&server.config)
            .flat_map(|value| reference::names(value))
            .filter(|name| values.find(server, caller, name).is_none())
            .collect();
        let caller_too = caller.is_some_and(|caller| caller != server.user_id);
        let missing = missing.into_iter().map(|name| reason(name, caller_too)).collect::<Vec<_>>();
        let templates = Templates::of(&server.config, |name| values.find(server, caller, name));
        let mut config = server.config.clone();
        for value in config.secrets_mut() {
            *value = reference::resolved(value, |name| values.find(server, caller, name));
        }
        Self { config, missing: (!missing.is_empty()).then(|| missing.join("; ")), templates }
    }
}

/// Names the secret that is missing, whose it is, and how it is set.
fn reason(name: &str, caller_too: bool) -> String {
    let fix = format!("PUT /api/secrets/{name}");
    if caller_too {
        format!("secret {name} is missing: neither the caller, for this server, nor its owner has set it ({fix})")
    } else {
        format!("secret {name} of its owner is missing: {fix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{ServerId, Timestamp},
        named_secrets::values::{KeptSecret, SecretValue},
    };

    fn kept(value: &str, servers: &[ServerId]) -> KeptSecret {
        let content = SecretValue { value: value.into(), servers: servers.iter().copied().collect() };
        KeptSecret { content, changed_at: Timestamp::now() }
    }

    fn token(server: &Server, caller: Option<UserId>, values: &Values) -> String {
        Resolved::of(server, caller, values).config.env["TOKEN"].clone()
    }

    #[test]
    fn a_callers_own_secret_goes_only_to_servers_that_they_allowed() {
        let (owner, ada, bob) = (UserId::new(), UserId::new(), UserId::new());
        let config = ServerConfig::new("a", "b").env("TOKEN", "Bearer ${secret:T}");
        let (server, other) = (Server::registered(owner, config.clone()), Server::registered(owner, config));
        let mut values = Values::default();
        values.put(owner, "T".into(), kept("owner", &[]));
        values.put(ada, "T".into(), kept("ada", &[server.id]));
        values.put(bob, "T".into(), kept("bob", &[]));
        assert_eq!(token(&server, None, &values), "Bearer owner");
        assert_eq!(token(&server, Some(owner), &values), "Bearer owner");
        assert_eq!(token(&server, Some(ada), &values), "Bearer ada");
        assert_eq!(token(&server, Some(bob), &values), "Bearer owner");
        assert_eq!(token(&other, Some(ada), &values), "Bearer owner");
        assert_eq!(values.users_of(&server), [owner, ada]);
        values.remove_all(ada);
        assert_eq!(token(&server, Some(ada), &values), "Bearer owner");
    }

    #[test]
    fn every_secret_that_is_missing_is_named() {
        let config = ServerConfig::new("a", "b").env("A", "${secret:A}${secret:B}").env("C", "${secret:A}");
        let server = Server::registered(UserId::new(), config);
        let missing = |caller| Resolved::of(&server, caller, &Values::default()).missing.unwrap();
        assert_eq!(
            missing(None),
            "secret A of its owner is missing: PUT /api/secrets/A; secret B of its owner is missing: PUT /api/secrets/B"
        );
        assert!(
            missing(Some(UserId::new())).starts_with("secret A is missing: neither the caller, for this server, nor")
        );
    }
}
