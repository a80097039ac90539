//! Replaces the secret key of an installation that is not running.
//!
//! The new key is written beside the old one, then everything that is sealed, and every link of the audit log, changes
//! in one transaction, then the file takes the old one's place. However it is cut short, the newest link of the audit
//! log bears the id of the key that counts, and the next start goes on from there ([`settle`]).

use std::{io, path::Path};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    access,
    error::{Error, Result},
    model::{AuditEntry, AuditLink, Outcome, Timestamp},
    policy::audit_chain::is_keyed,
    registry,
    runtime::{Settings, data_dir},
    secrets::{Keyring, NEXT_KEY_FILE, context, private_file},
    store::{self, Connection, Store, audit_chain, audit_relinking, user_secrets::StoredSecret},
};

/// Result of the replacement of a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyRotation {
    /// Servers, secrets, tokens and listings that were sealed again.
    pub sealed: usize,
    /// Entries of the audit log that were linked again.
    pub linked: u64,
    /// The newest link of the audit log: note it elsewhere, as links noted earlier are found no more.
    pub head: AuditLink,
}

/// Replaces the secret key, in the data folder by one made here, otherwise (`secret_key` of the settings) by `given`.
/// `Conflict` where an Ostler runs, or the audit log does not verify. Blocks.
///
/// API keys stay valid; sessions end, as their tokens were signed with the former key.
pub fn rotate_key(settings: &Settings, given: Option<&SecretString>) -> Result<KeyRotation> {
    let data_dir = &settings.data_dir;
    if settings.database.is_missing() {
        return Err(Error::Conflict("there is no database yet, and so nothing that was sealed".into()));
    }
    let dir = data_dir::occupy(data_dir)?;
    let store = Store::open(&settings.database)?;
    let mut occupied = store.occupy(&dir.mark)?;
    store.migrate()?;
    let db = &mut occupied.db;
    let before = keyring(settings, db)?;
    let after = match (&settings.secret_key, given) {
        (None, _) => Keyring::make_next(data_dir)?,
        (Some(_), Some(given)) => Keyring::from_secret(given.expose_secret())?,
        (Some(_), None) => return Err(Error::invalid("OSTLER_SECRET_KEY", "is configured: give the new key")),
    };
    let noted = of_this_key(
        access::heads_of_last_run(data_dir, settings.audit_head_file.as_deref()),
        &before,
        &audit_chain::head(db)?,
    );
    let replaced = db.transaction(|db| replace(db, (&before, &after), noted));
    // Refused, and so not committed. Of any other failure the next start finds out.
    if let (Err(Error::Conflict(_) | Error::Invalid(_)), None) = (&replaced, &settings.secret_key) {
        private_file::remove(&data_dir.join(NEXT_KEY_FILE)).map_err(|cause| unsettled(data_dir, &cause))?;
    }
    let rotation = replaced?;
    store.fold_log(&mut occupied.db);
    if let Err(cause) = access::write_head(data_dir, &rotation.head) {
        log::warn!(cause:%; "where the audit log ends cannot be written down");
    }
    // Otherwise it is the operator who has both keys.
    if settings.secret_key.is_none() {
        settle(data_dir, &rotation.head)?;
    }
    Ok(rotation)
}

/// The keys of an installation whose database is open. Blocks.
pub(super) fn keyring(settings: &Settings, db: &mut Connection) -> Result<Keyring> {
    if let Some(secret) = &settings.secret_key {
        return Keyring::from_secret(secret.expose_secret());
    }
    settle(&settings.data_dir, &audit_chain::head(db)?)?;
    let is_sealed = !store::servers::all(db)?.is_empty() || !store::user_secrets::all(db)?.is_empty();
    Keyring::from_data_dir(&settings.data_dir, is_sealed)
}

/// Completes the replacement of a key that was committed, as the newest link `head` of the audit log tells, and takes
/// back one that was not. Blocks.
fn settle(data_dir: &Path, head: &AuditLink) -> Result<()> {
    let Some(next) = Keyring::next_in(data_dir)? else { return Ok(()) };
    let path = data_dir.join(NEXT_KEY_FILE);
    let made_head = |keyring: &Keyring| is_keyed(head) && !keyring.audit.is_foreign(head);
    let settled = if made_head(&next) {
        log::info!("the secret key was replaced");
        Keyring::adopt_next(data_dir)
    } else if made_head(&Keyring::from_data_dir(data_dir, true)?) {
        log::info!(path:% = path.display(); "a replacement of the secret key was not carried out; the former one counts");
        private_file::remove(&path)
    } else {
        let why = "is left of a replacement of the key, and neither it nor secret.key made the newest entry of the audit \
                   log; put the database back that goes with one of them";
        return Err(Error::Conflict(format!("{} {why}", path.display())));
    };
    settled.map_err(|cause| unsettled(data_dir, &cause))
}

fn unsettled(data_dir: &Path, cause: &io::Error) -> Error {
    Error::Conflict(format!("cannot settle {}: {cause}", data_dir.join(NEXT_KEY_FILE).display()))
}

/// The heads of the audit log that an earlier run noted, without those from before the key was replaced: the log was
/// linked again since, as its newest link says.
pub(super) fn of_this_key(noted: Vec<AuditLink>, keyring: &Keyring, head: &AuditLink) -> Vec<AuditLink> {
    let is_replaced = !keyring.audit.is_foreign(head);
    noted.into_iter().filter(|link| !(is_replaced && keyring.audit.is_foreign(link))).collect()
}

/// Seals and links everything with the other key. In a transaction.
fn replace(db: &mut Connection, keys: (&Keyring, &Keyring), noted: Vec<AuditLink>) -> Result<KeyRotation> {
    let (before, after) = keys;
    let sealed = reseal_servers(db, keys)? + reseal_secrets(db, keys)? + reseal_tables(db, keys)?;
    let linked = audit_relinking::relink(db, &before.audit, &after.audit, noted)?;
    let entry = AuditEntry::by_ostler("secrets.rotate", "secret key", Outcome::Success);
    store::audit::insert(db, &after.audit, &[entry.with_detail(format!("{sealed} sealed again"))])?;
    Ok(KeyRotation { sealed, linked, head: audit_chain::head(db)? })
}

fn reseal_servers(db: &mut Connection, (before, after): (&Keyring, &Keyring)) -> Result<usize> {
    let servers = store::servers::all(db)?;
    let count = servers.len();
    for stored in servers {
        let server = registry::secrets::open(before, stored)?;
        store::servers::update_config(db, &registry::secrets::seal(after, &server)?)?;
    }
    // Nothing reads those of deleted servers any more, but who has the former key.
    store::servers::drop_secrets_of_deleted(db)?;
    Ok(count)
}

fn reseal_secrets(db: &mut Connection, (before, after): (&Keyring, &Keyring)) -> Result<usize> {
    let secrets = store::user_secrets::all(db)?;
    let count = secrets.len();
    for secret in secrets {
        let context = context::named_secret(secret.user_id, &secret.name);
        let sealed = after.seal(&context, &before.open(&context, &secret.sealed)?)?;
        store::user_secrets::put(db, &StoredSecret { sealed, ..secret })?;
    }
    Ok(count)
}

/// Tokens, listings and pins. Those that cannot be opened stay as they are: no start could read them either, and each
/// server lists and is authorized again.
fn reseal_tables(db: &mut Connection, (before, after): (&Keyring, &Keyring)) -> Result<usize> {
    let (mut count, now) = (0, Timestamp::now());
    let mut reseal = |context: &str, sealed: &str| match before.open(context, sealed) {
        Ok(text) => {
            count += 1;
            after.seal(context, &text).map(Some)
        }
        Err(_) => Ok(None),
    };
    for (id, sealed) in store::listings::all(db)? {
        if let Some(sealed) = reseal(&context::listing(id), &sealed)? {
            store::listings::put(db, id, &sealed, now)?;
        }
    }
    for (id, sealed) in store::pins::all(db)? {
        if let Some(sealed) = reseal(&context::pins(id), &sealed)? {
            store::pins::put(db, id, &sealed, now)?;
        }
    }
    for (id, sealed) in store::package_pins::all(db)? {
        if let Some(sealed) = reseal(&context::package(id), &sealed)? {
            store::package_pins::put(db, id, &sealed, now)?;
        }
    }
    for (id, sealed) in store::consents::all(db)? {
        if let Some(sealed) = reseal(&context::consent(id), &sealed)? {
            store::consents::put(db, id, &sealed, now)?;
        }
    }
    Ok(count)
}
