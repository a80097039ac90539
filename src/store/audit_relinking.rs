//! Links the audit log with another key.

use diesel::prelude::*;

use crate::{
    error::{Error, Result},
    model::{AuditFault, AuditLink},
    policy::audit_chain::{self as policy, ChainKey, Walk, is_keyed},
    store::{Connection, audit_adoption, audit_chain, connection::on, schema::audit_chain as links},
};

/// Links read at once.
const PAGE: i64 = 1000;

/// Verifies the log, in which the links `noted` must be, with the key `before`, and replaces each link that was made
/// with it; returns how many. `Conflict` where the log does not verify: another key would vouch for it. In a
/// transaction.
pub(crate) fn relink(db: &mut Connection, before: &ChainKey, after: &ChainKey, noted: Vec<AuditLink>) -> Result<u64> {
    audit_chain::lock(db)?;
    let anchors = noted.into_iter().map(|link| (link, AuditFault::Cut));
    let (mut walk, mut last, mut count) = (Walk::new(before.clone(), anchors), policy::origin(), 0);
    loop {
        let page = audit_chain::page(db, walk.last().map_or(0, |link| link.seq), PAGE)?;
        if page.is_empty() {
            break;
        }
        for linked in page {
            walk.take(&linked).map_err(|_| broken(&linked.entry))?;
            last = match &linked.columns {
                Some(columns) if is_keyed(&linked.link) => {
                    let link = after.next(&last, columns);
                    let hash = links::hash.eq(&link.hash);
                    on!(db, conn => diesel::update(links::table.find(link.seq)).set(hash).execute(conn))?;
                    count += 1;
                    link
                }
                // The link of an entry that was removed, or one from before there was a key.
                Some(_) | None => linked.link,
            };
        }
    }
    let unlinked = audit_adoption::first_unlinked(db)?;
    match unlinked.or_else(|| walk.finish().map(|(entry, _)| entry)) {
        Some(entry) => Err(broken(&entry)),
        None => Ok(count),
    }
}

fn broken(entry: &str) -> Error {
    let why = "a new key would vouch for it; see GET /api/audit/verify, and SECURITY.md for how to start the log over";
    Error::Conflict(format!("the audit log does not verify at {entry}, and {why}"))
}
