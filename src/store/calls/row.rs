//! Rows of calls, as they are written and as they are read.

use std::borrow::Cow;

use diesel::prelude::*;

use crate::{
    error::Result,
    model::ToolCall,
    store::{schema::mcp_tool_calls, text},
};

use super::payload::{PayloadColumns, StoredPayload};

#[derive(Insertable)]
#[diesel(table_name = mcp_tool_calls, treat_none_as_default_value = false)]
pub(super) struct NewRow<'a> {
    pub(super) id: String,
    pub(super) server_id: String,
    pub(super) user_id: String,
    pub(super) tool_name: Cow<'a, str>,
    pub(super) parameters: &'a str,
    pub(super) response: Option<&'a str>,
    pub(super) success: bool,
    pub(super) error_message: Option<Cow<'a, str>>,
    pub(super) execution_time: i64,
    pub(super) created_at: chrono::NaiveDateTime,
    pub(super) waited: i64,
    pub(super) trace_id: Option<Cow<'a, str>>,
    pub(super) parameters_length: Option<i64>,
    pub(super) parameters_sha256: Option<&'a str>,
    pub(super) response_length: Option<i64>,
    pub(super) response_sha256: Option<&'a str>,
}

/// A row as [`super::payload::Extent`] has it read.
#[derive(Queryable)]
pub(super) struct Row {
    pub(super) id: String,
    server_id: String,
    user_id: String,
    tool_name: String,
    parameters: StoredPayload,
    response: StoredPayload,
    success: bool,
    error_message: Option<String>,
    execution_time: i64,
    created_at: chrono::NaiveDateTime,
    waited: i64,
    trace_id: Option<String>,
}

pub(super) fn write(call: &ToolCall) -> NewRow<'_> {
    let parameters = PayloadColumns::of(call.parameters.as_deref(), call.parameters_excerpt.as_ref());
    let response = PayloadColumns::of(call.response.as_deref(), call.response_excerpt.as_ref());
    NewRow {
        id: call.id.to_string(),
        server_id: call.server_id.to_string(),
        user_id: call.user_id.to_string(),
        tool_name: text::clean(&call.tool_name),
        parameters: parameters.text.unwrap_or("{}"),
        response: response.text,
        success: call.success,
        error_message: call.error_message.as_deref().map(text::clean),
        execution_time: call.execution_time,
        created_at: call.created_at.naive(),
        waited: call.waited,
        trace_id: call.trace_id.as_deref().map(text::clean),
        parameters_length: parameters.length,
        parameters_sha256: parameters.sha256,
        response_length: response.length,
        response_sha256: response.sha256,
    }
}

pub(super) fn read(row: Row) -> Result<ToolCall> {
    let (parameters, parameters_excerpt) = row.parameters.read()?;
    let (response, response_excerpt) = row.response.read()?;
    Ok(ToolCall {
        id: text::id(&row.id)?,
        server_id: text::id(&row.server_id)?,
        user_id: text::id(&row.user_id)?,
        tool_name: row.tool_name,
        parameters,
        parameters_excerpt,
        response,
        response_excerpt,
        success: row.success,
        error_message: row.error_message,
        execution_time: row.execution_time,
        created_at: row.created_at.into(),
        waited: row.waited,
        trace_id: row.trace_id,
    })
}
