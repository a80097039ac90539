//! Messages of either side, read as far as it takes to relay them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A message, one level deep.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads a line; `None` where it is no JSON object.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    /// The request that a `notifications/cancelled` is about.
    pub(super) fn cancelled(&self) -> Option<&'a str> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params<'a> {
            #[serde(borrow)]
            request_id: &'a RawValue,
        }
        let is_one = self.method.as_deref() == Some("notifications/cancelled");
        let params = self.params.filter(|_| is_one)?;
        Some(serde_json::from_str::<Params<'_>>(params.get()).ok()?.request_id.get())
    }

    /// True for an error of an Ostler that starts or stops: it has done nothing.
    pub(super) fn is_not_ready(&self) -> bool {
        #[derive(Deserialize)]
        struct Error<'a> {
            #[serde(borrow)]
            data: Data<'a>,
        }
        #[derive(Deserialize)]
        struct Data<'a> {
            code: Cow<'a, str>,
        }
        let error = self.error.and_then(|error| serde_json::from_str::<Error<'_>>(error.get()).ok());
        error.is_some_and(|error| error.data.code == "not_ready")
    }
}
