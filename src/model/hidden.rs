//! `Debug` for what holds secrets: that there is one, never which.

use std::{collections::BTreeMap, fmt};

/// Stands for a secret.
pub(crate) struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An environment, shown by the names of its variables.
pub(crate) struct Names<'a>(pub(crate) &'a BTreeMap<String, String>);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, Hidden))).finish()
    }
}

/// `Debug` for a struct of these fields, each as it is or, after `=>`, as it is shown. It takes the struct apart, so
/// that no new field is forgotten.
macro_rules! shown {
    ($struct:ident { $($field:ident $(=> $as:expr)?),+ $(,)? }) => {
        impl std::fmt::Debug for $struct {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $($field),+ } = self;
                f.debug_struct(stringify!($struct))
                    $(.field(stringify!($field), $crate::model::hidden::shown!(@one $field $(=> $as)?)))+
                    .finish()
            }
        }
    };
    (@one $field:ident) => { $field };
    (@one $field:ident => $as:expr) => { &$as };
}

pub(crate) use shown;

#[cfg(test)]
mod tests {
    use crate::model::{
        ApiKey, KeyId, NewUser, PasswordChange, Role, Server, ServerChange, ServerConfig, Timestamp, User, UserChange,
        UserId,
    };

    /// Claims that what is shown has the name of what is hidden, and not the secret.
    #[track_caller]
    fn hides(shown: &str, name: &str) {
        assert!(shown.contains(name) && shown.contains("***") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn no_value_that_crosses_borders_shows_a_secret() {
        let secret = || String::from("s3cret");
        let now = Timestamp::now();
        let config = ServerConfig::new("files", "npx").env("API_KEY", secret());
        hides(&format!("{config:?}"), "API_KEY");
        let change = ServerChange { env: Some(config.env.clone()), ..ServerChange::default() };
        hides(&format!("{change:#?}"), "API_KEY");
        let new = NewUser { email: "a@b".into(), name: "A".into(), password: secret(), role: Role::Viewer };
        hides(&format!("{new:?}"), "password");
        let change = UserChange { password: Some(secret()), ..UserChange::default() };
        hides(&format!("{change:?}"), "password");
        let id = UserId::new();
        let user = User {
            id,
            email: "a@b".into(),
            name: "A".into(),
            role: Role::Viewer,
            disabled: false,
            password_hash: secret(),
            created_at: now,
            updated_at: now,
        };
        hides(&format!("{user:?}"), "password_hash");
        let server = Server::registered(id, config);
        hides(&format!("{server:?}"), "API_KEY");
    }

    #[test]
    fn neither_a_key_nor_a_new_password_shows() {
        let (secret, now) = (|| String::from("s3cret"), Timestamp::now());
        let key = ApiKey {
            id: KeyId::new(),
            user_id: UserId::new(),
            name: "ci".into(),
            prefix: "ostler_AAAAA".into(),
            hash: secret(),
            permissions: None,
            created_at: now,
            expires_at: None,
            last_used_at: None,
            parent_id: None,
        };
        hides(&format!("{key:?}"), "hash");
        let change = PasswordChange { current: secret(), new: secret(), revoke_keys: true };
        hides(&format!("{change:?}"), "current");
    }

    #[test]
    fn what_is_sent_along_to_a_remote_server_is_a_secret() {
        let headers = std::collections::BTreeMap::from([("X-Key".to_owned(), "s3cret".to_owned())]);
        let change = ServerChange { headers: Some(headers.clone()), ..ServerChange::default() };
        hides(&format!("{change:?}"), "X-Key");
        let mut config = ServerConfig::remote("far", "https://example.com/mcp");
        config.remote.as_mut().unwrap().headers = headers;
        hides(&format!("{config:?}"), "X-Key");
    }

    #[test]
    fn what_there_is_none_of_is_not_hidden() {
        assert!(format!("{:?}", UserChange::default()).contains("password: None"));
        assert!(format!("{:?}", ServerChange::default()).contains("env: None"));
    }
}
