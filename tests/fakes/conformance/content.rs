//! Pictures, sounds, resources and prompts.

use serde_json::{Value, json};

use crate::{
    call::{Call, Failure, Outcome},
    questions::form,
};

/// A red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/// A sound of no length.
pub(crate) const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

pub(crate) fn text(text: impl Into<String>) -> Value {
    json!({"type": "text", "text": text.into()})
}

pub(crate) fn image() -> Value {
    json!({"type": "image", "data": PNG, "mimeType": "image/png"})
}

pub(crate) fn audio() -> Value {
    json!({"type": "audio", "data": WAV, "mimeType": "audio/wav"})
}

pub(crate) fn embedded(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}})
}

/// What `resources/read` gives.
pub(crate) fn read(uri: &str) -> Outcome {
    let of = |mime_type: &str, key: &str, value: &str| {
        Ok(json!({"contents": [{"uri": uri, "mimeType": mime_type, key: value}]}))
    };
    match uri {
        "test://static-text" => of("text/plain", "text", "This is the content of the static text resource."),
        "test://static-binary" => of("image/png", "blob", PNG),
        "test://watched-resource" => of("text/plain", "text", "This resource may change."),
        _ => match uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data")) {
            Some(id) if !id.is_empty() && !id.contains('/') => {
                let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
                of("application/json", "text", &data.to_string())
            }
            _ => Err(Failure::Error(-32002, "Resource not found".into(), json!({"uri": uri}))),
        },
    }
}

/// What `prompts/get` gives.
pub(crate) fn prompt(call: &Call) -> Outcome {
    let says = |content: Value| json!({"role": "user", "content": content});
    let messages = match call.params["name"].as_str().unwrap_or_default() {
        "test_simple_prompt" => vec![says(text("This is a simple prompt for testing."))],
        "test_prompt_with_arguments" => {
            let (one, two) = (call.argument("arg1"), call.argument("arg2"));
            vec![says(text(format!("Prompt with arguments: arg1='{one}', arg2='{two}'")))]
        }
        "test_prompt_with_embedded_resource" => vec![
            says(embedded(call.argument("resourceUri"), "text/plain", "Embedded resource content for testing.")),
            says(text("Please process the embedded resource above.")),
        ],
        "test_prompt_with_image" => vec![says(image()), says(text("Please analyze the image above."))],
        "test_input_required_result_prompt" => {
            let question = "What context should the prompt use?";
            let said = call.ask(&[form("user_context", question, json!({"context": {"type": "string"}}))])?;
            let context = said.iter().find_map(|one| one["content"]["context"].as_str()).unwrap_or("nothing");
            vec![says(text(format!("Use this context: {context}")))]
        }
        unknown => return Err(Failure::Error(-32602, format!("Unknown prompt: {unknown}"), json!({}))),
    };
    Ok(json!({"messages": messages}))
}
