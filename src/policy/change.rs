//! Changes of a server's configuration by its owner.

use std::collections::BTreeMap;

use crate::{
    error::{Faults, Result, below},
    model::{Remote, RemoteOAuth, ServerChange, ServerConfig},
    policy::{mask::MASKED, reference, remote::origin},
};

/// Pointer to the client secret of a remote server.
const CLIENT_SECRET: &str = "/oauth/clientSecret";

/// Applies a change; a masked value keeps the one it masks. Writing a `url` makes a server remote, writing a `command`
/// makes it local; fields that only the other kind has are dropped.
///
/// Headers are kept for the same origin only: callers who may write an address need not know the secrets, and must not
/// have them sent to a place of their choice. [`check_masked_values`] applies the same rule to callers who do not own
/// the server.
pub fn merged(before: &ServerConfig, change: ServerChange) -> Result<ServerConfig> {
    let mut faults = Faults::default();
    let remote = remote(&mut faults, before, (change.url, change.headers, change.oauth), change.command.is_some());
    let left = ServerConfig { remote: None, ..ServerConfig::new("", "") };
    let previous = if remote.is_some() && before.remote.is_none() { &left } else { before };
    let env = change.env.map(|env| unmasked(&mut faults, "/env", env, Some(&before.env)));
    faults.into_result()?;
    Ok(ServerConfig {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        description: change.description.unwrap_or_else(|| before.description.clone()),
        command: change.command.unwrap_or_else(|| previous.command.clone()),
        args: change.args.unwrap_or_else(|| previous.args.clone()),
        env: env.unwrap_or_else(|| previous.env.clone()),
        cwd: change.cwd.unwrap_or_else(|| previous.cwd.clone()),
        enabled: change.enabled.unwrap_or(before.enabled),
        remote,
        isolation: change.isolation.unwrap_or(before.isolation),
        tools: change.tools.unwrap_or_else(|| before.tools.clone()),
        protocol: change.protocol.unwrap_or(before.protocol),
        launcher: change.launcher.unwrap_or(previous.launcher),
        start_timeout: change.start_timeout.unwrap_or(before.start_timeout),
        sandbox: change.sandbox.unwrap_or_else(|| previous.sandbox.clone()),
        limits: change.limits.unwrap_or(previous.limits),
        grants_paths: before.grants_paths,
    })
}

/// True when both name the same paths, and grant the same.
pub(crate) fn is_named_alike(before: &ServerConfig, after: &ServerConfig) -> bool {
    let naming = |ServerConfig { command, args, env, cwd, .. }: &ServerConfig| {
        (command.clone(), args.clone(), env.clone(), cwd.clone())
    };
    naming(before) == naming(after)
}

/// Refuses to keep secrets that are not the caller's own, and to refer to any of the owner's, where the change could
/// carry them elsewhere: another command line, address, variable or header may send any secret of the server to a place
/// of the caller's choice.
///
/// For those who may change a server without owning it; `after` is what [`merged`] made of `change`.
pub fn check_masked_values(before: &ServerConfig, change: &ServerChange, after: &ServerConfig) -> Result<()> {
    if is_routed_alike(before, after) {
        return Ok(());
    }
    let mut faults = Faults::default();
    let why = "would be kept, but only the owner and mcp:manage may keep it while the command, args, url, env, \
        cwd, headers or oauth change: write every value anew, or leave these unchanged";
    let kept = after.remote.as_ref().is_some_and(|remote| remote.oauth.client_secret.is_some());
    let is_masked = |oauth: &RemoteOAuth| oauth.client_secret.as_deref() == Some(MASKED);
    faults.check(!kept || change.oauth.as_ref().is_some_and(|oauth| !is_masked(oauth)), CLIENT_SECRET, why);
    let headers = after.remote.as_ref().map(|remote| &remote.headers);
    for (place, written, values) in [("/env", &change.env, Some(&after.env)), ("/headers", &change.headers, headers)] {
        for pointer in masked_pointers(place, written.as_ref(), values) {
            faults.check(false, pointer, why);
        }
    }
    reference::check_foreign(&mut faults, after);
    faults.into_result()
}

/// True when both have their secrets go the same way.
pub(crate) fn is_routed_alike(before: &ServerConfig, after: &ServerConfig) -> bool {
    route(before) == route(after)
}

/// The fields that decide where secrets go.
fn route(config: &ServerConfig) -> impl PartialEq {
    let ServerConfig { command, args, env, cwd, remote, .. } = config;
    (command, args, env, cwd, remote)
}

/// Pointers to the secrets that a change, which writes `written`, would keep from before.
fn masked_pointers(
    place: &str,
    written: Option<&BTreeMap<String, String>>,
    values: Option<&BTreeMap<String, String>>,
) -> Vec<String> {
    let Some(written) = written else {
        let has_values = values.is_some_and(|values| !values.is_empty());
        return has_values.then(|| place.to_owned()).into_iter().collect();
    };
    written.iter().filter(|(_, value)| *value == MASKED).map(|(name, _)| below(place, name)).collect()
}

fn remote(
    faults: &mut Faults,
    before: &ServerConfig,
    (url, headers, oauth): (Option<String>, Option<BTreeMap<String, String>>, Option<RemoteOAuth>),
    is_program: bool,
) -> Option<Remote> {
    let far = before.remote.as_ref().filter(|_| url.is_some() || !is_program);
    let Some(url) = url.or_else(|| far.map(|far| far.url.clone())) else {
        faults.check(headers.is_none(), "/headers", "must not be given for a server without a url");
        faults.check(oauth.is_none(), "/oauth", "must not be given for a server without a url");
        return None;
    };
    let known = far.filter(|far| origin(&far.url) == origin(&url));
    let headers = headers.map(|headers| unmasked(faults, "/headers", headers, known.map(|far| &far.headers)));
    let oauth = oauth.map(|oauth| unmasked_oauth(faults, oauth, known.map(|far| &far.oauth)));
    Some(Remote {
        url,
        headers: headers.or_else(|| known.map(|far| far.headers.clone())).unwrap_or_default(),
        oauth: oauth.or_else(|| known.map(|far| far.oauth.clone())).unwrap_or_default(),
    })
}

fn unmasked_oauth(faults: &mut Faults, mut oauth: RemoteOAuth, known: Option<&RemoteOAuth>) -> RemoteOAuth {
    if oauth.client_secret.as_deref() == Some(MASKED) {
        oauth.client_secret = known.and_then(|known| known.client_secret.clone());
        let why = "is masked, but there is no earlier value to keep";
        faults.check(oauth.client_secret.is_some(), CLIENT_SECRET, why);
    }
    oauth
}

fn unmasked(
    faults: &mut Faults,
    place: &str,
    mut values: BTreeMap<String, String>,
    known: Option<&BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    for (name, value) in values.iter_mut().filter(|(_, value)| *value == MASKED) {
        match known.and_then(|known| known.get(name)) {
            Some(previous) => value.clone_from(previous),
            None => faults.check(false, below(place, name), "is masked, but there is no earlier value to keep"),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn far() -> ServerConfig {
        let remote = Remote { headers: map(&[("X-Key", "secret")]), ..Remote::new("https://example.com/mcp") };
        ServerConfig { remote: Some(remote), ..ServerConfig::remote("far", "") }
    }

    fn to(url: &str) -> ServerChange {
        ServerChange { url: Some(url.into()), ..ServerChange::default() }
    }

    fn pointers(before: &ServerConfig, change: ServerChange) -> Vec<String> {
        let Err(Error::Invalid(faults)) = merged(before, change) else { panic!("it was accepted") };
        faults.0.into_iter().map(|fault| fault.pointer).collect()
    }

    /// The pointers that `check_masked_values` refuses.
    fn refused(before: &ServerConfig, change: ServerChange) -> Vec<String> {
        let after = merged(before, change.clone()).unwrap();
        match check_masked_values(before, &change, &after) {
            Ok(()) => Vec::new(),
            Err(Error::Invalid(faults)) => faults.0.into_iter().map(|fault| fault.pointer).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let near = ServerConfig::new("near", "node").args(["a"]).env("KEY", "secret");
        assert_eq!(merged(&near, ServerChange::default()).unwrap(), near);
        assert_eq!(merged(&far(), ServerChange::default()).unwrap(), far());
    }

    #[test]
    fn a_masked_value_keeps_the_one_it_masks_and_any_other_is_refused() {
        let near = ServerConfig::new("near", "node").env("KEY", "secret");
        let with = |env| ServerChange { env: Some(env), ..ServerChange::default() };
        let previous = merged(&near, with(map(&[("KEY", MASKED), ("NEW", "new")]))).unwrap();
        assert_eq!(previous.env, map(&[("KEY", "secret"), ("NEW", "new")]));
        assert_eq!(pointers(&near, with(map(&[("A/B", MASKED)]))), ["/env/A~1B"]);
        let with = |headers| ServerChange { headers: Some(headers), ..ServerChange::default() };
        assert_eq!(merged(&far(), with(map(&[("X-Key", MASKED)]))).unwrap(), far());
        assert_eq!(pointers(&far(), with(map(&[("X-Other", MASKED)]))), ["/headers/X-Other"]);
        assert_eq!(pointers(&near, with(map(&[]))), ["/headers"]);
    }

    #[test]
    fn a_new_address_makes_a_server_remote_and_a_new_command_makes_it_local() {
        let near = ServerConfig::new("near", "node").args(["a"]).env("KEY", "secret");
        let near = ServerConfig { cwd: Some("/srv".into()), ..near };
        let moved = merged(&near, to("https://example.com/mcp")).unwrap();
        assert_eq!(moved, ServerConfig::remote("near", "https://example.com/mcp"));
        let change = ServerChange { command: Some("node".into()), ..ServerChange::default() };
        assert_eq!(merged(&far(), change).unwrap(), ServerConfig::new("far", "node"));
    }

    #[test]
    fn headers_are_never_sent_to_another_place_than_they_were_written_for() {
        let headers = |url: &str| merged(&far(), to(url)).unwrap().remote.unwrap().headers;
        assert_eq!(headers("https://Example.com:443/other"), map(&[("X-Key", "secret")]));
        for url in [
            "http://example.com/mcp",
            "https://example.org/mcp",
            "https://example.com:444/mcp",
            "https://example.com.evil/",
        ] {
            assert_eq!(headers(url), map(&[]), "{url}");
        }
        let masked = ServerChange { headers: Some(map(&[("X-Key", MASKED)])), ..to("https://example.org/mcp") };
        assert_eq!(pointers(&far(), masked), ["/headers/X-Key"]);
    }
    #[test]
    fn masked_secrets_need_an_unchanged_command_line_and_variables() {
        let near = ServerConfig::new("near", "node").args(["a"]).env("KEY", "secret").env("URL", "http://api");
        let with = |env: &[(&str, &str)]| ServerChange { env: Some(map(env)), ..ServerChange::default() };
        for env in [
            &[("KEY", MASKED), ("URL", "http://elsewhere")][..],
            &[("KEY", MASKED), ("URL", "http://api"), ("HTTPS_PROXY", "http://elsewhere")],
            &[("KEY", MASKED)],
        ] {
            assert_eq!(refused(&near, with(env)), ["/env/KEY"], "{env:?}");
        }
        let args = ServerChange { args: Some(vec!["b".into()]), ..ServerChange::default() };
        let command = ServerChange { command: Some("env".into()), ..ServerChange::default() };
        let cwd = ServerChange { cwd: Some(Some("/elsewhere".into())), ..ServerChange::default() };
        for moved in [args, command, cwd] {
            assert_eq!(refused(&near, moved.clone()), ["/env"]);
            let masked = ServerChange { env: Some(map(&[("KEY", MASKED), ("URL", MASKED)])), ..moved.clone() };
            assert_eq!(refused(&near, masked), ["/env/KEY", "/env/URL"]);
            let rewritten = ServerChange { env: Some(map(&[("KEY", "own"), ("URL", "http://own")])), ..moved };
            assert!(refused(&near, rewritten).is_empty());
        }
        assert!(refused(&near, with(&[("KEY", MASKED), ("URL", MASKED)])).is_empty(), "the same as before");
        assert!(refused(&near, with(&[("URL", "http://elsewhere")])).is_empty(), "the secret is gone");
        let named = ServerChange { name: Some("new".into()), enabled: Some(false), ..ServerChange::default() };
        assert!(refused(&near, named).is_empty());
        assert!(refused(&near, to("https://example.com/mcp")).is_empty(), "the environment is left behind");
    }

    #[test]
    fn a_masked_client_secret_is_kept_for_the_same_place_and_by_its_owner_only() {
        let oauth = |client_secret: &str, token_endpoint: Option<&str>| RemoteOAuth {
            client_id: Some("id".into()),
            client_secret: Some(client_secret.into()),
            token_endpoint: token_endpoint.map(str::to_owned),
            ..RemoteOAuth::default()
        };
        let with = |oauth: RemoteOAuth| ServerChange { oauth: Some(oauth), ..ServerChange::default() };
        let far = merged(&ServerConfig::remote("far", "https://a.example/"), with(oauth("secret", None))).unwrap();
        assert_eq!(merged(&far, with(oauth(MASKED, None))).unwrap(), far);
        let elsewhere = oauth(MASKED, Some("https://elsewhere.example"));
        assert_eq!(refused(&far, with(elsewhere)), [CLIENT_SECRET]);
        assert_eq!(refused(&far, to("https://a.example/other")), [CLIENT_SECRET]);
        assert!(refused(&far, with(oauth("own", Some("https://elsewhere.example")))).is_empty());
        assert_eq!(merged(&far, to("https://b.example/")).unwrap().remote.unwrap().oauth, RemoteOAuth::default());
        assert_eq!(
            pointers(&ServerConfig::remote("far", "https://a.example/"), with(oauth(MASKED, None))),
            [CLIENT_SECRET]
        );
    }

    #[test]
    fn masked_headers_need_an_unchanged_address_and_headers() {
        let with = |headers: &[(&str, &str)]| ServerChange { headers: Some(map(headers)), ..ServerChange::default() };
        assert_eq!(refused(&far(), to("https://example.com/other")), ["/headers"]);
        assert_eq!(refused(&far(), with(&[("X-Key", MASKED), ("X-Target", "elsewhere")])), ["/headers/X-Key"]);
        assert!(refused(&far(), to("https://elsewhere.example/mcp")).is_empty(), "headers are left behind");
        assert!(refused(&far(), with(&[("X-Key", "own")])).is_empty());
        assert!(refused(&far(), with(&[("X-Key", MASKED)])).is_empty());
    }
}
