//! The first admin, made while no account exists.

use std::path::Path;

use crate::{
    accounts::Accounts,
    error::{Error, Result},
    model::{AuditEntry, Outcome, Role, User},
    policy::account,
    secrets::private_file,
    store::{Connection, users},
    tasks::blocking,
};

/// The file in the data folder that keeps a generated password.
const FILE: &str = "first-admin.txt";

/// The admin to make while no account exists.
pub(crate) struct FirstAdmin<'a> {
    /// Its address.
    pub email: &'a str,
    /// Its password; one is generated where there is none.
    pub password: Option<&'a str>,
    /// The folder that keeps a generated password.
    pub data_dir: &'a Path,
}

impl Accounts {
    /// Makes the first admin where no account exists; returns the password if one had to be generated.
    ///
    /// A generated one is also kept in `first-admin.txt` in the data folder (mode 0600), since it is printed only once.
    pub(crate) async fn ensure_admin(&self, first: FirstAdmin<'_>) -> Result<Option<String>> {
        if self.store.read(users::count).await? > 0 {
            return Ok(None);
        }
        let email = account::email(first.email).map_err(|fault| Error::invalid("OSTLER_ADMIN_EMAIL", fault))?;
        let (hash, generated) = self.passwords.of_first_admin(first.password, &email).await?;
        if let Some(password) = &generated {
            write_file(first.data_dir, Some(format!("email: {email}\npassword: {password}"))).await?;
        }
        let admin = User::new(email, "Admin".into(), Role::Admin, hash);
        let entry = AuditEntry::by_ostler("user.create", admin.id, Outcome::Success).with_detail(admin.email.clone());
        let insert = move |db: &mut Connection| match users::count(db)? {
            0 => users::insert(db, &admin),
            _ => Err(Error::Conflict("there is an account already".into())),
        };
        match self.recorder.commit(Some(entry), insert).await {
            Ok(()) => Ok(generated),
            // Another Ostler that shares the database was faster; its password is the one that counts.
            Err(Error::Conflict(_)) if generated.is_some() => write_file(first.data_dir, None).await.map(|()| None),
            Err(Error::Conflict(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Writes the file, before the account, so that no crash leaves an admin whose password is lost; or removes it.
async fn write_file(data_dir: &Path, text: Option<String>) -> Result<()> {
    let path = data_dir.join(FILE);
    let write = move || {
        let written = match text {
            Some(text) => private_file::replace(&path, &text),
            None => std::fs::remove_file(&path),
        };
        written.map_err(|cause| Error::invalid("OSTLER_DATA_DIR", format!("{}: {cause}", path.display())))
    };
    blocking(write).await
}
