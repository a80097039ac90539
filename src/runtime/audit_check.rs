//! Verification of an audit log without a runtime, from a terminal.

use secrecy::ExposeSecret;

use crate::{
    access::{self, AuditVerdict},
    error::{Error, Result},
    model::{AuditFault, AuditLink},
    runtime::{Runtime, Settings},
    secrets::Keyring,
    store::Store,
    tasks::blocking,
};

impl Runtime {
    /// Verifies the audit log in the database of `settings`, which a runtime may serve meanwhile: by the secret key, by
    /// the head that was noted in the data folder, and by `heads` that were published elsewhere. Starts nothing, and
    /// changes nothing.
    pub async fn verify_audit_log(settings: &Settings, heads: Vec<AuditLink>) -> Result<AuditVerdict> {
        let settings = settings.clone();
        let opened = blocking(move || {
            if settings.database.is_missing() {
                return Err(Error::invalid("DATABASE_URL", "there is no such database"));
            }
            let keyring = match &settings.secret_key {
                Some(secret) => Keyring::from_secret(secret.expose_secret())?,
                None => Keyring::from_data_dir(&settings.data_dir, true)?,
            };
            let outside = settings.audit_head_file.as_deref();
            let remembered = access::heads_of_last_run(&settings.data_dir, outside);
            let published = outside.map(access::published_heads).unwrap_or_default();
            Ok((Store::open(&settings.database)?, keyring.audit.clone(), remembered, published))
        });
        let (store, key, remembered, published) = opened.await?;
        // The log was linked again when the key was replaced.
        let of_this_key = |head: &AuditLink| !key.is_foreign(head);
        let (remembered, published) =
            (remembered.into_iter().filter(of_this_key), published.into_iter().filter(of_this_key));
        let remembered = remembered.map(|head| (head, AuditFault::Cut));
        let noted = heads.into_iter().chain(published).map(|head| (head, AuditFault::Anchor));
        access::verify(&store, &key, &remembered.chain(noted).collect::<Vec<_>>()).await
    }
}
