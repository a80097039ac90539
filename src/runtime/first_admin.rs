//! The first admin, made while no account exists.

use crate::{
    error::{Error, Result},
    model::{AuditEntry, Outcome, Role},
    policy::account,
    runtime::{Runtime, users::user},
    secrets::{private_file, random},
    store::{Connection, users},
    tasks::blocking,
};

/// The file in the data folder that keeps a made-up password.
const FILE: &str = "first-admin.txt";

impl Runtime {
    /// Makes the first admin where no account exists; returns the password if one had to be made up.
    ///
    /// A made-up one is also kept in `first-admin.txt` in the data folder (mode 0600), since it is printed only once.
    pub(super) async fn ensure_admin(&self) -> Result<Option<String>> {
        if self.inner.store.read(users::count).await? > 0 {
            return Ok(None);
        }
        let settings = &self.inner.settings;
        let email =
            account::email(&settings.admin_email).map_err(|fault| Error::invalid("OSTLER_ADMIN_EMAIL", fault))?;
        let (password, made_up) = match &settings.admin_password {
            Some(password) => (password.clone(), None),
            None => random::password().map(|password| (password.clone(), Some(password)))?,
        };
        if let Some(fault) = account::password_fault(&password, &email) {
            return Err(Error::invalid("OSTLER_ADMIN_PASSWORD", fault));
        }
        if let Some(password) = &made_up {
            self.keep(Some(format!("email: {email}\npassword: {password}"))).await?;
        }
        let admin = user(email, "Admin".into(), Role::Admin, self.hash(&password).await?);
        let entry = AuditEntry::by_ostler("user.create", admin.id, Outcome::Success).with_detail(admin.email.clone());
        let insert = move |db: &mut Connection| match users::count(db)? {
            0 => users::insert(db, &admin),
            _ => Err(Error::Conflict("there is an account already".into())),
        };
        match self.inner.recorder.commit(Some(entry), insert).await {
            Ok(()) => Ok(made_up),
            // Another Ostler that shares the database was faster; its password is the one that counts.
            Err(Error::Conflict(_)) if made_up.is_some() => self.keep(None).await.map(|()| None),
            Err(Error::Conflict(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file, before the account, so that no crash leaves an admin whose password nobody saw; or removes it.
    async fn keep(&self, text: Option<String>) -> Result<()> {
        let path = self.inner.settings.data_dir.join(FILE);
        let write = move || {
            let kept = match text {
                Some(text) => private_file::replace(&path, &text),
                None => std::fs::remove_file(&path),
            };
            kept.map_err(|cause| Error::invalid("OSTLER_DATA_DIR", format!("{}: {cause}", path.display())))
        };
        blocking(write).await
    }
}
