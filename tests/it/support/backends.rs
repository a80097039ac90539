//! The same promise kept on SQLite and on PostgreSQL.

use super::Setup;

impl Setup {
    /// A set-up on a PostgreSQL database of its own; `None` where there is no PostgreSQL to be had.
    #[cfg(feature = "postgres")]
    pub fn postgres() -> Option<Self> {
        super::postgres::database().map(|url| Self::new().database(&url))
    }
}

/// Turns each function of a `Setup` into two tests, `on_sqlite` and `on_postgres`.
macro_rules! on_both_databases {
    ($($(#[$attribute:meta])* fn $name:ident($setup:ident: Setup) $body:block)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            fn keeps_the_promise($setup: Setup) $body

            #[test]
            fn on_sqlite() {
                keeps_the_promise(Setup::new());
            }

            #[test]
            #[cfg(feature = "postgres")]
            fn on_postgres() {
                if let Some(setup) = Setup::postgres() {
                    keeps_the_promise(setup);
                }
            }
        }
    )*};
}

pub(crate) use on_both_databases;
