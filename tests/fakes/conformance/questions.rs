//! What the fixture asks of clients.

use serde_json::{Value, json};

use crate::call::Question;

/// An elicitation for these properties, all of them required.
pub(crate) fn form(key: &'static str, message: &str, properties: Value) -> Question {
    let required: Vec<_> = properties.as_object().unwrap().keys().cloned().collect();
    let schema = json!({"type": "object", "properties": properties, "required": required});
    Question { key, method: "elicitation/create", params: json!({"message": message, "requestedSchema": schema}) }
}

/// A question for the client's model.
pub(crate) fn sampling(key: &'static str, prompt: &str, tokens: u32) -> Question {
    let messages = json!([{"role": "user", "content": {"type": "text", "text": prompt}}]);
    Question { key, method: "sampling/createMessage", params: json!({"messages": messages, "maxTokens": tokens}) }
}

/// A question for the client's roots.
pub(crate) fn roots(key: &'static str) -> Question {
    Question { key, method: "roots/list", params: json!({}) }
}

pub(crate) fn user_name() -> Question {
    form("user_name", "What is your name?", json!({"name": {"type": "string"}}))
}

/// A page to visit.
pub(crate) fn page() -> Question {
    let params = json!({"mode": "url", "url": "https://pages.example/consent", "message": "Please agree"});
    Question { key: "page", method: "elicitation/create", params }
}

pub(crate) fn confirm() -> Question {
    form("confirm", "Please confirm", json!({"ok": {"type": "boolean"}}))
}

/// Every kind of a primitive with a default (SEP-1034).
pub(crate) fn with_defaults() -> Question {
    let properties = json!({
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {
            "type": "string", "description": "User status", "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "description": "Verification status", "default": true},
    });
    form("defaults", "Please review the form, which is filled in", properties)
}

/// Every kind of a choice (SEP-1330).
pub(crate) fn with_choices() -> Question {
    let options = json!(["option1", "option2", "option3"]);
    let titled = |noun: &str| {
        let title = |(value, nth): (&str, &str)| json!({"const": value, "title": format!("{nth} {noun}")});
        Value::from_iter([("value1", "First"), ("value2", "Second"), ("value3", "Third")].map(title))
    };
    let properties = json!({
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled("Option")},
        "legacyEnum": {
            "type": "string", "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled("Choice")}},
    });
    form("choices", "Please choose", properties)
}
