//! PostgreSQL as operators run it: encrypted, behind pools, with few rights; what cannot work is refused in plain
//! words.

#![cfg(feature = "postgres")]

mod encryption;
mod language;
mod place;
mod refusals;

use diesel::{Connection, PgConnection, connection::SimpleConnection};
use ostler::store::{DatabaseUrl, Store};

/// Connects as Ostler does at its start; `Err` is what the operator reads.
fn open(url: &str) -> Result<Store, String> {
    Store::open(&url.parse::<DatabaseUrl>().unwrap()).map_err(|error| error.to_string())
}

/// Runs statements as whoever `url` names.
#[track_caller]
fn run(url: &str, sql: &str) {
    PgConnection::establish(url).unwrap().batch_execute(sql).unwrap();
}

/// The same address as another user.
fn as_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let place = rest.split_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{user}@{place}")
}
