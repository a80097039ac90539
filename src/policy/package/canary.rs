//! Recorded calls that another version of a server has to answer as well, before it may serve.

use std::{collections::HashSet, sync::Arc};

use serde_json::value::RawValue;

use crate::{model::ToolCall, policy::mask::MASKED};

/// Most calls that a version has to answer.
const CALLS_MAX: usize = 5;

/// The newest of these calls for each of these tools, with its arguments, newest first; at most five. Left out are
/// failed calls, and those whose arguments are on record with a secret masked, or not whole.
///
/// `calls` are newest first.
pub fn canary_calls(tools: &HashSet<String>, calls: Vec<ToolCall>) -> Vec<(String, Arc<RawValue>)> {
    let mut taken = HashSet::new();
    let mut take = |call: ToolCall| {
        let arguments = call.parameters.filter(|json| call.success && !json.get().contains(MASKED))?;
        let is_wanted = tools.contains(&call.tool_name) && taken.insert(call.tool_name.clone());
        is_wanted.then_some((call.tool_name, arguments))
    };
    calls.into_iter().filter_map(&mut take).take(CALLS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallId, ServerId, Timestamp, UserId};

    fn call(tool: &str, arguments: Option<&str>, success: bool) -> ToolCall {
        ToolCall {
            id: CallId::new(),
            server_id: ServerId::new(),
            user_id: UserId::new(),
            tool_name: tool.into(),
            parameters: arguments.map(|json| Arc::from(RawValue::from_string(json.into()).unwrap())),
            parameters_excerpt: None,
            response: None,
            response_excerpt: None,
            success,
            error_message: None,
            execution_time: 1,
            created_at: Timestamp::now(),
            waited: 0,
            trace_id: None,
        }
    }

    fn chosen(calls: Vec<ToolCall>) -> Vec<String> {
        let tools = ["a", "b", "c", "d", "e", "f"].into_iter().map(str::to_owned).collect();
        canary_calls(&tools, calls).into_iter().map(|(tool, arguments)| format!("{tool}{arguments}")).collect()
    }

    #[test]
    fn each_tool_is_called_as_it_was_last_called_with_success() {
        let calls = vec![
            call("b", Some("{}"), false),
            call("a", Some(r#"{"n":2}"#), true),
            call("other", Some("{}"), true),
            call("a", Some(r#"{"n":1}"#), true),
            call("b", Some(r#"{"n":0}"#), true),
        ];
        assert_eq!(chosen(calls), [r#"a{"n":2}"#, r#"b{"n":0}"#]);
    }

    #[test]
    fn what_is_not_on_record_whole_is_not_called() {
        let calls = vec![
            call("a", None, true),
            call("b", Some(r#"{"key":"***"}"#), true),
            call("a", Some("{}"), true),
            call("b", Some(r#"{"x":"Bearer ***"}"#), true),
        ];
        assert_eq!(chosen(calls), ["a{}"]);
    }

    #[test]
    fn there_are_never_many() {
        let calls = ["a", "b", "c", "d", "e", "f"].map(|tool| call(tool, Some("{}"), true)).into();
        assert_eq!(chosen(calls).len(), CALLS_MAX);
    }
}
