//! Address of a running Ostler and of the servers to use there, for commands that connect to it.

use awc::{
    ClientResponse,
    http::{StatusCode, Uri, header},
};
use clap::{Arg, ArgMatches};
use ostler::outbound;
use serde::Deserialize;

use crate::cli::failure::Failure;

/// The variable that holds the key. It is never an argument: those can be read by other users of the machine.
pub(crate) const KEY_VARIABLE: &str = "OSTLER_API_KEY";

/// The variable that says where Ostler is, for commands that connect to it.
pub(crate) const URL_VARIABLE: &str = "OSTLER_URL";

const DEFAULT_URL: &str = "http://127.0.0.1:3010";

/// Servers per page.
const SERVERS_PER_PAGE: u32 = 100;

/// The longest page that is read, in bytes.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// The running Ostler to connect to, and the servers of it, as the command line names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionTarget {
    /// Scheme, host and port, without a slash at the end.
    pub(crate) base: String,
    /// One server, by name or id; all where there is none.
    pub(crate) server: Option<String>,
    /// True when all are shown as three tools that search.
    pub(crate) search: bool,
}

/// The argument that says where Ostler is.
pub(crate) fn url() -> Arg {
    let url = Arg::new("url").long("url").value_name("URL").env(URL_VARIABLE).default_value(DEFAULT_URL);
    url.value_parser(base).help("URL of the running Ostler")
}

/// Reads [`url`].
pub(crate) fn base_of(matches: &ArgMatches) -> String {
    matches.get_one::<String>("url").cloned().unwrap_or_else(|| DEFAULT_URL.to_owned())
}

/// Failure to connect to `base`, with the next step.
pub(crate) fn unreachable(base: &str, error: &impl std::fmt::Display) -> Failure {
    let next = format!("is it running? `ostler serve` starts it, --url or {URL_VARIABLE} says where it is");
    Failure::Failed(format!("cannot reach Ostler at {base}: {error}; {next}"))
}

/// The arguments that a place is read from.
pub(crate) fn arguments() -> [Arg; 3] {
    [
        url(),
        Arg::new("server").long("server").value_name("NAME").help("One server, by name or id, instead of all as one"),
        Arg::new("search")
            .long("search")
            .action(clap::ArgAction::SetTrue)
            .conflicts_with("server")
            .help("Offer three tools that find and call all others, in their place; for many servers"),
    ]
}

/// Scheme, host and port of a URL; a path other than the endpoint's would not be used, so it is refused.
fn base(text: &str) -> Result<String, String> {
    let uri: Uri = text.parse().map_err(|_| "is no URL, such as http://127.0.0.1:3010".to_owned())?;
    let path = uri.path().trim_end_matches('/');
    if !matches!(uri.scheme_str(), Some("http" | "https")) || !["", "/mcp"].contains(&path) || uri.query().is_some() {
        return Err("is not the place of an Ostler: write http:// or https://, host and port".to_owned());
    }
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    if authority.contains('@') {
        return Err(format!("holds a user or a password: the key goes into {KEY_VARIABLE}"));
    }
    Ok(format!("{}://{authority}", uri.scheme_str().unwrap_or("http")))
}

/// A page of `GET /api/mcp`, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServersPage {
    items: Vec<ListedName>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct ListedName {
    id: String,
    name: String,
}

impl ConnectionTarget {
    /// Reads [`arguments`].
    pub(crate) fn read(matches: &ArgMatches) -> Self {
        Self {
            base: base_of(matches),
            server: matches.get_one::<String>("server").cloned(),
            search: matches.get_flag("search"),
        }
    }

    /// The URL of the MCP endpoint. Asks Ostler, and fails where it cannot be reached or refuses the key.
    pub(crate) async fn endpoint(&self, key: &str) -> Result<String, Failure> {
        let Some(wanted) = &self.server else {
            self.page(&self.client()?, key, 1, None).await?;
            let search = if self.search { "?tools=search" } else { "" };
            return Ok(format!("{}/mcp{search}", self.base));
        };
        Ok(format!("{}/mcp/{}", self.base, self.id_of(wanted, key).await?))
    }

    fn client(&self) -> Result<awc::Client, Failure> {
        outbound::client(&self.base, outbound::Reachable::Any).map_err(Failure::Failed)
    }

    /// The id of the server that is called `wanted`, or has that id. Asks Ostler.
    pub(crate) async fn id_of(&self, wanted: &str, key: &str) -> Result<String, Failure> {
        let client = self.client()?;
        let (mut known, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.page(&client, key, SERVERS_PER_PAGE, cursor.as_deref()).await?;
            known.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return choose(wanted, &known);
            }
        }
    }

    async fn page(
        &self,
        client: &awc::Client,
        key: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<ServersPage, Failure> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let request = client.get(format!("{}/api/mcp?limit={limit}{cursor}", self.base));
        let answer = request.insert_header((header::AUTHORIZATION, format!("Bearer {key}"))).send().await;
        let base = &self.base;
        let mut answer = answer.map_err(|error| unreachable(base, &error))?;
        if let Some(why) = refusal(answer.status()) {
            return Err(Failure::Failed(format!("Ostler at {base} {why}")));
        }
        read(&mut answer).await.ok_or_else(|| Failure::Failed(format!("what answers at {base} is no Ostler")))
    }
}

async fn read(
    answer: &mut ClientResponse<
        impl futures_util::Stream<Item = Result<bytes::Bytes, awc::error::PayloadError>> + Unpin,
    >,
) -> Option<ServersPage> {
    let body = answer.body().limit(PAGE_BYTES_MAX).await.ok()?;
    serde_json::from_slice(&body).ok()
}

/// Message for an answer other than a page, with the next step.
fn refusal(status: StatusCode) -> Option<String> {
    Some(match status {
        StatusCode::OK => return None,
        StatusCode::UNAUTHORIZED => {
            format!("does not know the key in {KEY_VARIABLE}; make one with POST /api/auth/keys")
        }
        StatusCode::FORBIDDEN => format!("lets the key in {KEY_VARIABLE} read no servers; it needs mcp:read"),
        StatusCode::NOT_FOUND => "serves no MCP; its setting OSTLER_SERVE may be gateway".to_owned(),
        other => format!("answered {}; try again later", other.as_u16()),
    })
}

/// The id of the server that is meant.
fn choose(wanted: &str, known: &[ListedName]) -> Result<String, Failure> {
    if let Some(one) = known.iter().find(|one| one.id == wanted) {
        return Ok(one.id.clone());
    }
    let named: Vec<_> = known.iter().filter(|one| one.name == wanted).collect();
    match named.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => {
            let names: Vec<_> = known.iter().map(|one| one.name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(Failure::Failed(format!("there is no server {wanted:?} for this key; there are: {known}")))
        }
        several => {
            let ids: Vec<_> = several.iter().map(|one| one.id.as_str()).collect();
            Err(Failure::Failed(format!(
                "several servers are called {wanted:?}; name one by its id: {}",
                ids.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(servers: &[(&str, &str)]) -> Vec<ListedName> {
        servers.iter().map(|(id, name)| ListedName { id: (*id).into(), name: (*name).into() }).collect()
    }

    #[test]
    fn the_place_is_a_scheme_a_host_and_a_port() {
        for text in ["http://127.0.0.1:3010", "http://127.0.0.1:3010/", "http://127.0.0.1:3010/mcp"] {
            assert_eq!(base(text), Ok("http://127.0.0.1:3010".into()));
        }
        for text in ["127.0.0.1:3010", "ftp://a", "http://a/b", "http://a/?b", "http://key@a", ""] {
            assert!(base(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_is_named_or_identified() {
        let known = listed(&[("1", "files"), ("2", "time"), ("3", "time")]);
        assert_eq!(choose("files", &known).ok().as_deref(), Some("1"));
        assert_eq!(choose("3", &known).ok().as_deref(), Some("3"));
        let said = |wanted| format!("{:?}", choose(wanted, &known).err());
        assert!(said("time").contains("2, 3"));
        assert!(said("fils").contains("files, time"));
    }
}
