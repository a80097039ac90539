//! The secrets of servers: sealed in the database, masked in what is recorded and shown.

use std::collections::BTreeMap;

use crate::{
    error::{Error, Result},
    model::{Server, ServerConfig},
    policy::{mask::Mask, reference},
    secrets::Keyring,
    store::servers::StoredServer,
};

/// Place of the client secret among the sealed headers; no header can have this name.
const CLIENT_SECRET: &str = ":client-secret";

type Secrets = BTreeMap<String, String>;

/// A server as it is stored.
pub(crate) fn seal(keyring: &Keyring, server: &Server) -> Result<StoredServer> {
    let mut open = server.clone();
    let env = std::mem::take(&mut open.config.env);
    let headers = open.config.remote.as_mut().map(|remote| {
        let client_secret = remote.oauth.client_secret.take().map(|secret| (CLIENT_SECRET.to_owned(), secret));
        std::mem::take(&mut remote.headers).into_iter().chain(client_secret).collect()
    });
    Ok(StoredServer {
        sealed_env: seal_all(keyring, &server.id.to_string(), &env)?,
        sealed_headers: headers.map(|headers| seal_all(keyring, &for_headers(server), &headers)).transpose()?,
        server: open,
    })
}

/// The server that was stored.
pub(crate) fn open(keyring: &Keyring, stored: StoredServer) -> Result<Server> {
    let StoredServer { mut server, sealed_env, sealed_headers } = stored;
    server.config.env = open_all(keyring, &server.id.to_string(), &sealed_env)?;
    let headers = sealed_headers.map(|sealed| open_all(keyring, &for_headers(&server), &sealed)).transpose()?;
    if let (Some(remote), Some(mut headers)) = (&mut server.config.remote, headers) {
        remote.oauth.client_secret = headers.remove(CLIENT_SECRET);
        remote.headers = headers;
    }
    Ok(server)
}

fn seal_all(keyring: &Keyring, context: &str, secrets: &Secrets) -> Result<String> {
    let json = serde_json::to_string(secrets);
    let json = json.map_err(|_| Error::Internal("secrets cannot be written as JSON".into()))?;
    keyring.seal(context, &json)
}

fn open_all(keyring: &Keyring, context: &str, sealed: &str) -> Result<Secrets> {
    let opened = keyring.open(context, sealed)?;
    serde_json::from_str(&opened).map_err(|_| Error::Internal("stored secrets are no object".into()))
}

/// Context that headers are sealed under; unlike that of the environment, so that one cannot be opened as the other.
fn for_headers(server: &Server) -> String {
    format!("headers:{}", server.id)
}

/// Mask of the secrets of a server with these configurations, present or past.
pub(crate) fn mask<'a>(configs: impl IntoIterator<Item = &'a ServerConfig>) -> Mask {
    Mask::new(configs.into_iter().flat_map(reference::values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Remote;

    #[test]
    fn a_client_secret_is_sealed_with_the_headers() {
        let keyring = Keyring::from_secret("bLAs2pZ3wsNtmMZSYTGpYpXBQlrSQFmp").unwrap();
        let mut config = ServerConfig::remote("far", "https://example.com");
        let secret = |config: &mut ServerConfig| config.remote.as_mut().unwrap().oauth.client_secret.take();
        config.remote.as_mut().unwrap().oauth.client_secret = Some("s3cret".into());
        let server = Server::registered(crate::model::UserId::new(), config);
        let mut stored = seal(&keyring, &server).unwrap();
        assert_eq!(secret(&mut stored.server.config), None);
        let opened = open(&keyring, stored).unwrap();
        assert_eq!(opened, server);
        assert_eq!(mask([&opened.config]).text("the s3cret"), "the ***");
    }

    #[test]
    fn a_token_is_hidden_with_and_without_its_scheme() {
        let mut config = ServerConfig::remote("far", "https://example.com");
        let headers = [("Authorization".to_owned(), "Bearer s3cret-token".to_owned())].into();
        config.remote = config.remote.map(|remote| Remote { headers, ..remote });
        let mask = mask([&config]);
        assert_eq!(mask.text("Bearer s3cret-token, s3cret-token"), "***, ***");
    }
}
