//! Columns of calls that may hold megabytes, and how much of them is read: never more than a list or an answer can
//! bear.

use std::sync::Arc;

use diesel::{
    dsl::sql,
    expression::SqlLiteral,
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};
use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    model::Excerpt,
    policy::{nesting, payload},
};

/// Values for the columns of a payload.
#[derive(Default)]
pub(super) struct PayloadColumns<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) length: Option<i64>,
    pub(super) sha256: Option<&'a str>,
}

impl<'a> PayloadColumns<'a> {
    pub(super) fn of(whole: Option<&'a RawValue>, excerpt: Option<&'a Excerpt>) -> Self {
        let Some(Excerpt { text, length, sha256, .. }) = excerpt else {
            return Self { text: whole.map(RawValue::get), ..Self::default() };
        };
        Self { text: Some(text), length: Some(*length), sha256: sha256.as_deref() }
    }
}

/// Part of a text that is read.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Up to so many bytes it is read whole.
    whole: usize,
    /// Of a longer one so many characters, …
    beginning: usize,
    /// … and nothing of what is longer still: SQLite loads the whole of a text to cut it.
    longest: usize,
}

/// No longer text is recorded; earlier versions did.
const RECORDED_BYTES_MAX: usize = 1 << 20;

impl Extent {
    /// In a list, where the call read by itself tells more.
    pub(super) const LISTED: Self = Self { whole: 1 << 10, beginning: 256, longest: RECORDED_BYTES_MAX };

    /// Of a call by itself.
    pub(super) const ALONE: Self = Self { whole: RECORDED_BYTES_MAX, beginning: 64 << 10, longest: 4 << 20 };

    /// Of the text that says why a call failed.
    pub(super) const REASON: Self = Self { whole: 8 << 10, beginning: 4 << 10, longest: RECORDED_BYTES_MAX };

    /// So much of a column.
    pub(super) fn of(self, column: &str) -> SqlLiteral<Nullable<Text>> {
        let Self { whole, beginning, longest } = self;
        sql(&format!(
            "CASE WHEN octet_length({column}) <= {whole} THEN {column} \
             WHEN octet_length({column}) <= {longest} THEN substr({column}, 1, {beginning}) \
             WHEN {column} IS NOT NULL THEN '' END"
        ))
    }
}

/// Bytes that a column holds.
pub(super) fn octets(column: &str) -> SqlLiteral<Nullable<BigInt>> {
    sql(&format!("CAST(octet_length({column}) AS BIGINT)"))
}

/// Bytes of arguments and answer together.
pub(super) fn octets_of_both() -> SqlLiteral<BigInt> {
    sql("CAST(octet_length(parameters) + COALESCE(octet_length(response), 0) AS BIGINT)")
}

/// The columns of a [`super::row::Row`]; a macro, since their type has no name.
macro_rules! columns {
    ($extent:ident) => {{
        use $crate::store::{
            calls::payload::{Extent, octets},
            schema::mcp_tool_calls as calls,
        };
        (
            calls::id,
            calls::server_id,
            calls::user_id,
            calls::tool_name,
            (
                Extent::$extent.of("parameters"),
                octets("parameters"),
                calls::parameters_length,
                calls::parameters_sha256,
            ),
            (Extent::$extent.of("response"), octets("response"), calls::response_length, calls::response_sha256),
            calls::success,
            Extent::REASON.of("error_message"),
            calls::execution_time,
            calls::created_at,
            calls::waited,
            calls::trace_id,
        )
    }};
}
pub(super) use columns;

/// A payload as it is stored, or as much of it as was read.
#[derive(Queryable)]
pub(super) struct StoredPayload {
    text: Option<String>,
    octets: Option<i64>,
    length: Option<i64>,
    sha256: Option<String>,
}

impl StoredPayload {
    pub(super) fn read(self) -> Result<(Option<Arc<RawValue>>, Option<Excerpt>)> {
        let Self { text: Some(mut text), octets: Some(octets), length, sha256 } = self else { return Ok((None, None)) };
        let is_whole = length.is_none() && i64::try_from(text.len()) == Ok(octets);
        // Deeper than readers of JSON take, it would hide the page it is on; so it is shown as text.
        if is_whole && !nesting::exceeds(&text, nesting::SHOWN_MAX) {
            let json = RawValue::from_string(text);
            let json = json.map_err(|_| Error::Internal("a stored call holds no JSON".into()))?;
            return Ok((Some(json.into()), None));
        }
        if length.is_none() && !is_whole {
            // Payloads that earlier versions recorded whole are shown like those recorded now.
            text.truncate(payload::beginning(&text, Extent::ALONE.beginning).len());
        }
        let truncated = length.is_some() || octets > i64::try_from(RECORDED_BYTES_MAX).unwrap_or(i64::MAX);
        Ok((None, Some(Excerpt { text, length: length.unwrap_or(octets), truncated, sha256 })))
    }
}
