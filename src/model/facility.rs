//! [`Machine`]: what a machine offers to keep servers apart, item by item.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::LimitSupport;

/// The facilities of a machine, and the levels of containment that they make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Machine {
    /// The level `standard`.
    pub standard: FacilityState,
    /// The level `strict`.
    pub strict: FacilityState,
    /// All facilities that were tried.
    pub facilities: Vec<Facility>,
    /// The keepers of servers' limits.
    pub limits: LimitSupport,
}

/// A facility of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Facility {
    /// Its name.
    pub name: &'static str,
    /// Its state.
    pub state: FacilityState,
    /// True where Ostler cannot do without.
    pub required: bool,
    /// Its version, or what else was found.
    pub found: String,
    /// The reason why it is not as it could be; `null` where it is.
    pub reason: Option<String>,
    /// The step that changes that; `null` where none is needed, or none is known.
    pub fix: Option<String>,
}

/// The state of a facility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FacilityState {
    /// There is none that works.
    Missing,
    /// It does less than it could.
    Degraded,
    /// As it should be.
    Ok,
}

impl Facility {
    /// A facility that is as it should be.
    #[must_use]
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        let (state, found) = (FacilityState::Ok, found.into());
        Self { name, state, required: false, found, reason: None, fix: None }
    }

    /// Puts it in a worse state, for this reason, until this is done.
    #[must_use]
    pub fn but(self, state: FacilityState, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state, reason: Some(reason.into()), fix: Some(fix.into()), ..self }
    }

    /// Marks it as one that Ostler cannot do without.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }
}
