//! The right to change admins.
//!
//! A caller who could make an admin would be one, so that takes every permission an admin has, not `users:manage`
//! alone: an API key narrowed to the latter manages all accounts but those of admins.

use crate::{
    access::Access,
    error::{Error, Result},
    model::{Principal, Role},
    policy::permission::{covers, of_role},
};

/// True when `who` may change admins.
pub(super) fn may_change_admins(who: &Principal) -> bool {
    covers(&who.permissions, &of_role(Role::Admin))
}

/// `Forbidden` where one of `roles` is that of admins, and `may_change_admins` is not set.
pub(super) fn require_for_roles(may_change_admins: bool, roles: &[Role]) -> Result<()> {
    if may_change_admins || !roles.contains(&Role::Admin) {
        return Ok(());
    }
    Err(Error::Forbidden("changing an admin needs every permission that an admin has".into()))
}

/// Returns `result`, with a line in the audit log where it is `Forbidden`.
pub(super) fn record_if_forbidden<T>(
    access: &Access,
    who: &Principal,
    action: &str,
    target: &str,
    result: Result<T>,
) -> Result<T> {
    if matches!(result, Err(Error::Forbidden(_))) {
        access.entries().record_denial(who, action, target);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_that_only_manages_accounts_makes_no_admin() {
        assert!(require_for_roles(false, &[Role::Developer, Role::Executor, Role::Viewer]).is_ok());
        assert!(require_for_roles(false, &[Role::Viewer, Role::Admin]).is_err());
        assert!(require_for_roles(true, &[Role::Admin]).is_ok());
    }
}
