//! What each tool does.

use serde_json::{Value, json};

use crate::{
    call::{Call, Failure, Outcome, work},
    content::{audio, embedded, image, text},
    listening,
    questions::{confirm, form, page, roots, sampling, user_name, with_choices, with_defaults},
    server::Era,
};

/// Runs the tool that `call` names.
pub(crate) fn run(call: &Call) -> Outcome {
    match asking(call).or_else(|| plain(call)) {
        Some(Err(Failure::Refused(why))) => Ok(json!({"content": [text(why)], "isError": true})),
        Some(outcome) => outcome,
        None => Err(Failure::Error(-32602, format!("Unknown tool: {}", name(call)), json!({}))),
    }
}

fn name(call: &Call) -> &str {
    call.params["name"].as_str().unwrap_or_default()
}

fn says(words: impl Into<String>) -> Value {
    json!({"content": [text(words)]})
}

/// Tools that need nothing of the client.
fn plain(call: &Call) -> Option<Outcome> {
    Some(Ok(match name(call) {
        "test_simple_text" => says("This is a simple text response for testing."),
        "test_image_content" => json!({"content": [image()]}),
        "test_audio_content" => json!({"content": [audio()]}),
        "test_embedded_resource" => {
            let words = "This is an embedded resource content.";
            json!({"content": [embedded("test://embedded-resource", "text/plain", words)]})
        }
        "test_multiple_content_types" => {
            let data = r#"{"test":"data","value":123}"#;
            let resource = embedded("test://mixed-content-resource", "application/json", data);
            json!({"content": [text("Multiple content types test:"), image(), resource]})
        }
        "test_tool_with_logging" => log(call),
        "test_logging_tool" => {
            call.log("info", "Called");
            says("Logged, if that was wanted")
        }
        "test_error_handling" => {
            json!({"content": [text("This tool intentionally returns an error for testing")], "isError": true})
        }
        "test_tool_with_progress" => progress(call),
        "test_reconnection" => {
            work(200);
            says("Still here")
        }
        "test_trigger_tool_change" => changed(call, listening::tools_changed),
        "test_trigger_prompt_change" => changed(call, listening::prompts_changed),
        "test_trigger_resource_update" => {
            changed(call, |server| listening::resource_updated(server, "test://watched-resource"))
        }
        "json_schema_2020_12_tool" => says(call.params["arguments"].to_string()),
        "test_x_mcp_header" => says(format!("Region: {}", call.argument("region"))),
        "test_dynamic_tool" => says("Here now"),
        _ => return None,
    }))
}

fn changed(call: &Call, change: impl Fn(&crate::server::Server)) -> Value {
    change(&call.server);
    says("Changed")
}

fn log(call: &Call) -> Value {
    call.log("info", "Tool execution started");
    work(50);
    call.log("info", "Tool processing data");
    work(50);
    call.log("info", "Tool execution completed");
    says("Tool with logging executed successfully")
}

fn progress(call: &Call) -> Value {
    call.progress(0, 100);
    work(50);
    call.progress(50, 100);
    work(50);
    call.progress(100, 100);
    says("Tool with progress executed successfully")
}

/// Tools that ask.
fn asking(call: &Call) -> Option<Outcome> {
    let ask = |questions: &[_], tell: fn(&[Value]) -> String| call.ask(questions).map(|said| says(tell(&said)));
    let whole = |said: &[Value]| {
        let (action, content) = (said[0]["action"].as_str().unwrap_or_default(), &said[0]["content"]);
        format!("Elicitation completed: action={action}, content={content}")
    };
    Some(match name(call) {
        "test_sampling" => {
            ask(&[sampling("sampling", call.argument("prompt"), 100)], |said| format!("LLM response: {}", model(said)))
        }
        "test_elicitation" => {
            let of = |what: &str| json!({"type": "string", "description": what});
            let properties = json!({"username": of("User's response"), "email": of("User's email address")});
            ask(&[form("elicitation", call.argument("message"), properties)], |said| {
                format!("User response: action={}, content={}", said[0]["action"], said[0]["content"])
            })
        }
        "test_elicitation_sep1034_defaults" => ask(&[with_defaults()], whole),
        "test_elicitation_sep1330_enums" => ask(&[with_choices()], whole),
        "test_streaming_elicitation" => ask(&[user_name()], greet),
        "test_missing_capability" => ask(&[sampling("sampling", "Say something", 10)], model),
        "test_input_required_result_elicitation" => ask(&[user_name()], greet),
        "test_input_required_result_sampling" => {
            ask(&[sampling("capital_question", "What is the capital of France?", 100)], model)
        }
        "test_input_required_result_list_roots" => ask(&[roots("client_roots")], |said| said[0]["roots"].to_string()),
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            ask(&[confirm()], |said| format!("state-ok: {}", said[0]["content"]))
        }
        "test_input_required_result_multiple_inputs" => {
            let questions = [user_name(), sampling("greeting", "Generate a greeting", 50), roots("client_roots")];
            ask(&questions, |said| format!("{} {} {}", greet(said), said[1], said[2]["roots"]))
        }
        "page_to_visit" => {
            ask(&[page()], |said| format!("The user said {}", said[0]["action"].as_str().unwrap_or_default()))
        }
        "test_input_required_result_multi_round" => two_rounds(call),
        "test_input_required_result_capabilities" => what_can_be_asked(call),
        _ => return None,
    })
}

fn greet(said: &[Value]) -> String {
    format!("Hello, {}!", said[0]["content"]["name"].as_str().unwrap_or("stranger"))
}

fn model(said: &[Value]) -> String {
    said[0]["content"]["text"].as_str().unwrap_or_default().to_owned()
}

fn two_rounds(call: &Call) -> Outcome {
    let text = json!({"type": "string"});
    let one = call.ask(&[form("step1", "Step 1: What is your name?", json!({"name": text}))])?;
    let two = call.ask(&[form("step2", "Step 2: What is your favorite color?", json!({"color": text}))])?;
    let color = two[0]["content"]["color"].as_str().unwrap_or("none");
    Ok(says(format!("{} Your color is {color}.", greet(&one))))
}

/// Asks for whatever the client can be asked for. What it then refuses is not missed, as long as it answers something.
fn what_can_be_asked(call: &Call) -> Outcome {
    let questions = [user_name(), sampling("capital_question", "What is the capital of France?", 100)];
    let asked: Vec<_> = questions.into_iter().filter(|one| call.can(one.method.split('/').next().unwrap())).collect();
    if asked.is_empty() {
        return Ok(says("The client can be asked nothing."));
    }
    let answers = match call.server.era {
        Era::Modern => call.ask(&asked)?,
        Era::Legacy => call.ask_directly(&asked).into_iter().filter_map(Result::ok).collect(),
    };
    if answers.is_empty() {
        return Err(Failure::Refused("the client refused everything it can be asked".into()));
    }
    Ok(says(format!("Answered: {}", answers.len())))
}
