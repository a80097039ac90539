//! Authentication by tokens: those of logins, and those of an issuer.

use crate::{
    access::credentials::{UNKNOWN, holder_of_session, principal},
    accounts::{
        Accounts, ProtectedResource,
        token_issuer::{TokenHolder, TokenIssuer},
    },
    error::{Error, Result},
    model::{AuditEntry, Credential, Outcome, Principal, User},
    policy::{name, permission::of_role},
};

impl Accounts {
    /// Metadata that clients need to get a token of the OAuth issuer; `None` where there is none.
    #[must_use]
    pub(crate) fn protected_resource(&self) -> Option<ProtectedResource<'_>> {
        self.issuer.as_ref().map(TokenIssuer::protected_resource)
    }

    /// The holder of a bearer token; `None` for that of a session which has ended.
    pub(super) async fn find_token_holder(&self, token: &str) -> Result<Option<Principal>> {
        match self.keyring.tokens.check(token) {
            Some((session, user)) => self.store.read(move |db| holder_of_session(db, session, user)).await,
            None => self.find_issued_token_holder(token).await.map(Some),
        }
    }

    /// The account of a token of the issuer. Accounts are found by verified addresses; one that is missing is made
    /// where the token, or the configuration, names its role.
    async fn find_issued_token_holder(&self, token: &str) -> Result<Principal> {
        let issuer = self.issuer.as_ref().ok_or(UNKNOWN)?;
        let holder = issuer.verify(token, &self.arbiters).await?;
        let user = match self.directory.find_by_email(holder.email.clone()).await? {
            Some(user) => user,
            None => self.create_for_token(&holder, issuer).await?,
        };
        if user.disabled {
            return Err(UNKNOWN);
        }
        let narrowed = holder.narrowed(&of_role(user.role));
        Ok(principal(&user, Some(&narrowed), Credential::Token(holder.subject), Some(holder.expires_at)))
    }

    /// Makes the account of a holder whom the issuer knows and Ostler does not. It has no password.
    async fn create_for_token(&self, holder: &TokenHolder, issuer: &TokenIssuer) -> Result<User> {
        let Some(role) = holder.role.or(issuer.default_role()) else {
            let text = "there is no account for the address in the token, and the token names no role to make one with";
            return Err(Error::Forbidden(text.into()));
        };
        let name = name::validated(&holder.name).unwrap_or_else(|_| holder.email.clone());
        let user = User::new(holder.email.clone(), name, role, String::new());
        let entry = AuditEntry::by_ostler("user.create", user.id, Outcome::Success);
        let entry = entry.with_detail(format!("{}: first seen with a token of the OAuth issuer", user.email));
        self.directory.insert_or_find(user, entry).await?.ok_or(UNKNOWN)
    }
}
