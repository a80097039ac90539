//! The lists: tools, prompts, resources, templates.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::server::{Era, Server};

/// Tools that take no arguments, with what they are for.
const PLAIN: [(&str, &str); 26] = [
    ("test_simple_text", "Returns a text"),
    ("test_image_content", "Returns a picture"),
    ("test_audio_content", "Returns a sound"),
    ("test_embedded_resource", "Returns an embedded resource"),
    ("test_multiple_content_types", "Returns a text, a picture and a resource"),
    ("test_tool_with_logging", "Logs while it works"),
    ("test_logging_tool", "Logs once"),
    ("test_error_handling", "Fails, as it should"),
    ("test_tool_with_progress", "Reports progress while it works"),
    ("test_reconnection", "Works for a while, so that a client may come back for the answer"),
    ("test_elicitation_sep1034_defaults", "Asks with defaults for all primitive types"),
    ("test_elicitation_sep1330_enums", "Asks with all kinds of choices"),
    ("test_streaming_elicitation", "Asks while it works"),
    ("test_missing_capability", "Needs a client with sampling"),
    ("test_trigger_tool_change", "Adds or removes a tool"),
    ("test_trigger_prompt_change", "Adds or removes a prompt"),
    ("test_trigger_resource_update", "Changes test://watched-resource"),
    ("test_input_required_result_elicitation", "Asks for a name"),
    ("test_input_required_result_sampling", "Asks the client's model"),
    ("test_input_required_result_list_roots", "Asks for the client's roots"),
    ("test_input_required_result_request_state", "Asks for confirmation"),
    ("test_input_required_result_multiple_inputs", "Asks three things at once"),
    ("test_input_required_result_multi_round", "Asks one thing after another"),
    ("test_input_required_result_tampered_state", "Asks for confirmation, and trusts no one"),
    ("test_input_required_result_capabilities", "Asks what the client can be asked"),
    ("page_to_visit", "Sends the user to a page"),
];

/// Answers `tools/list`.
pub(crate) fn tools(server: &Server) -> Value {
    let plain = |name: &str, what: &str| json!({"name": name, "description": what, "inputSchema": {"type": "object"}});
    let mut tools: Vec<_> = PLAIN.iter().map(|(name, what)| plain(name, what)).collect();
    tools.push(with_text("test_sampling", "Asks the client's model what it was told to", "prompt"));
    tools.push(with_text("test_elicitation", "Asks the user what it was told to", "message"));
    tools.push(with_a_schema());
    if server.era == Era::Modern {
        tools.push(with_a_header());
    }
    if server.extra_tool.load(Ordering::SeqCst) {
        tools.push(plain("test_dynamic_tool", "Comes and goes"));
    }
    json!({"tools": tools})
}

fn with_text(name: &str, what: &str, argument: &str) -> Value {
    let schema = json!({"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]});
    json!({"name": name, "description": what, "inputSchema": schema})
}

/// A tool with an argument that is also a header over HTTP (SEP-2243).
fn with_a_header() -> Value {
    let properties = json!({"region": {"type": "string", "x-mcp-header": "Region"}});
    let schema = json!({"type": "object", "properties": properties, "required": ["region"]});
    json!({"name": "test_x_mcp_header", "description": "Says which region it was told", "inputSchema": schema})
}

/// A tool whose schema uses much of JSON Schema 2020-12 (SEP-1613, SEP-2106).
fn with_a_schema() -> Value {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {
            "$anchor": "addressDef", "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    });
    json!({"name": "json_schema_2020_12_tool", "description": "Has a schema of 2020-12", "inputSchema": schema})
}

/// Answers `prompts/list`.
pub(crate) fn prompts(server: &Server) -> Value {
    let argument = |name: &str| json!({"name": name, "description": "Goes into the prompt", "required": true});
    let prompt = |name: &str, what: &str, arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(|name| argument(name)).collect();
        json!({"name": name, "description": what, "arguments": arguments})
    };
    let mut prompts = vec![
        prompt("test_simple_prompt", "Says one thing", &[]),
        prompt("test_prompt_with_arguments", "Says what it was told", &["arg1", "arg2"]),
        prompt("test_prompt_with_embedded_resource", "Holds a resource", &["resourceUri"]),
        prompt("test_prompt_with_image", "Holds a picture", &[]),
        prompt("test_input_required_result_prompt", "Asks for a context first", &[]),
    ];
    if server.extra_prompt.load(Ordering::SeqCst) {
        prompts.push(prompt("test_dynamic_prompt", "Comes and goes", &[]));
    }
    json!({"prompts": prompts})
}

/// Answers `resources/list`.
pub(crate) fn resources() -> Value {
    let resource = |uri: &str, name: &str, what: &str, mime_type: &str| json!({"uri": uri, "name": name, "description": what, "mimeType": mime_type});
    json!({"resources": [
        resource("test://static-text", "static-text", "A text that never changes", "text/plain"),
        resource("test://static-binary", "static-binary", "A picture that never changes", "image/png"),
        resource("test://watched-resource", "watched-resource", "A text that may change", "text/plain"),
    ]})
}

/// Answers `resources/templates/list`.
pub(crate) fn templates() -> Value {
    json!({"resourceTemplates": [{
        "uriTemplate": "test://template/{id}/data", "name": "template", "description": "Data of an id",
        "mimeType": "application/json",
    }]})
}
