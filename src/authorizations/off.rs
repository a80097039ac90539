//! [`NoAuthorizations`] of a build without the feature `remote`: no server wants one.

use crate::{
    model::{Authorization, ServerId},
    supervisor::remote::Authority,
};

pub use NoAuthorizations as Authorizations;

/// No authorizations of remote servers; those that are stored stay as they are.
#[derive(Debug, Default)]
pub struct NoAuthorizations;

/// The methods of authorizations that are none.
impl NoAuthorizations {
    pub(crate) fn observe<Observer>(&self, _observer: Observer) {}

    pub(crate) fn authority(&self, _id: ServerId, _url: &str) -> Authority {
        Authority::default()
    }

    pub(crate) fn status(&self, _id: ServerId, _url: &str) -> Option<Authorization> {
        None
    }

    pub(crate) fn load(&self, _stored: Vec<(ServerId, String)>) {}

    pub(crate) fn remove(&self, _id: ServerId) {}
}
