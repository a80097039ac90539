//! The tools: one row each in the table, one function each below it.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write as _},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Number, value::RawValue};

use crate::demo_server::{
    call::Call,
    message::{self, DemoError},
    slow::SlowCalls,
};

/// Result of a tool that did not fail.
pub(crate) enum Done<'a> {
    /// A JSON string.
    Text(Cow<'a, str>),
    /// A JSON string, and any JSON.
    Both {
        /// The string.
        text: Cow<'a, str>,
        /// The JSON.
        structured: Cow<'a, str>,
    },
    /// It answers by itself.
    Later,
    /// The process ends.
    Exit(u8),
}

/// A tool's end: `Err` is what went wrong, in words.
type ToolOutcome<'a> = Result<Done<'a>, String>;

struct DemoTool {
    name: &'static str,
    description: &'static str,
    /// The schema's `properties` and `required`.
    input: &'static str,
    run: for<'a> fn(&Call<'a>, &SlowCalls) -> ToolOutcome<'a>,
}

const TOOLS: &[DemoTool] = &[
    DemoTool {
        name: "echo",
        description: "Gives back `text`; with `raw`, also all arguments exactly as they arrived.",
        input: r#""properties":{"text":{"type":"string","description":"What to give back"},"raw":{"type":"boolean","description":"Whether to add the arguments as structured content"}},"required":["text"]"#,
        run: echo,
    },
    DemoTool {
        name: "add",
        description: "Adds two numbers.",
        input: r#""properties":{"a":{"type":"number"},"b":{"type":"number"}},"required":["a","b"]"#,
        run: add,
    },
    DemoTool {
        name: "sleep",
        description: "Answers after a while, and reports progress to clients that ask for it. Other calls go on meanwhile.",
        input: r#""properties":{"ms":{"type":"integer","minimum":0,"description":"How long, in milliseconds"}},"required":["ms"]"#,
        run: sleep,
    },
    DemoTool {
        name: "fail",
        description: "Fails with the given message.",
        input: r#""properties":{"message":{"type":"string","description":"What to say"}},"required":["message"]"#,
        run: fail,
    },
    DemoTool {
        name: "crash",
        description: "Ends the server's process at once, without an answer.",
        input: r#""properties":{"code":{"type":"integer","minimum":0,"maximum":255,"default":1,"description":"Its exit code"}}"#,
        run: crash,
    },
    DemoTool {
        name: "env",
        description: "Reads one environment variable of the server's process.",
        input: r#""properties":{"name":{"type":"string","description":"Which"}},"required":["name"]"#,
        run: env,
    },
    DemoTool { name: "pid", description: "Gives the process id of the server.", input: r#""properties":{}"#, run: pid },
    DemoTool {
        name: "stderr",
        description: "Writes a line on the server's standard error.",
        input: r#""properties":{"text":{"type":"string","description":"What to write"}},"required":["text"]"#,
        run: stderr,
    },
];

/// The member `tools` of an answer to `tools/list`.
pub(crate) fn list() -> String {
    let mut json = r#""tools":["#.to_owned();
    for (index, DemoTool { name, description, input, .. }) in TOOLS.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let description = message::string(description);
        // Writing to a string cannot fail.
        let _ = write!(
            json,
            r#"{comma}{{"name":"{name}","description":{description},"inputSchema":{{"type":"object",{input}}}}}"#
        );
    }
    json.push(']');
    json
}

/// Calls the tool of this name.
pub(crate) fn call<'a>(name: &str, call: &Call<'a>, slow: &SlowCalls) -> Result<ToolOutcome<'a>, DemoError> {
    match TOOLS.iter().find(|tool| tool.name == name) {
        Some(tool) => Ok((tool.run)(call, slow)),
        None => Err(DemoError::params(&format!("Unknown tool: {name}"))),
    }
}

fn arguments<'a, T: Deserialize<'a>>(call: &Call<'a>) -> Result<T, String> {
    serde_json::from_str(call.arguments).map_err(|error| format!("invalid arguments: {error}"))
}

fn text<'a>(text: &str) -> ToolOutcome<'a> {
    Ok(Done::Text(message::string(text).into()))
}

fn echo<'a>(call: &Call<'a>, _: &SlowCalls) -> ToolOutcome<'a> {
    #[derive(Deserialize)]
    struct Arguments<'a> {
        // Well-known test servers call it `message`.
        #[serde(borrow, alias = "message")]
        text: &'a RawValue,
        // Some clients send `null` for what is left out.
        raw: Option<bool>,
    }
    let Arguments { text, raw } = arguments(call)?;
    // The string goes back as it was written: no need to know what it says.
    let text = text.get();
    match (text.starts_with('"'), raw.unwrap_or_default()) {
        (false, _) => Err("invalid arguments: `text` must be a string".to_owned()),
        (true, true) => Ok(Done::Both { text: text.into(), structured: call.arguments.into() }),
        (true, false) => Ok(Done::Text(text.into())),
    }
}

fn add<'a>(call: &Call<'a>, _: &SlowCalls) -> ToolOutcome<'a> {
    #[derive(Deserialize)]
    struct Arguments {
        a: Number,
        b: Number,
    }
    let Arguments { a, b } = arguments(call)?;
    let whole = a.as_i64().zip(b.as_i64()).and_then(|(a, b)| a.checked_add(b)).map(Number::from);
    let real = || Number::from_f64(a.as_f64()? + b.as_f64()?);
    let sum = whole.or_else(real).ok_or("the sum is too large")?;
    let text = message::string(&sum.to_string()).into();
    Ok(Done::Both { text, structured: format!(r#"{{"sum":{sum}}}"#).into() })
}

fn sleep<'a>(call: &Call<'a>, slow: &SlowCalls) -> ToolOutcome<'a> {
    #[derive(Deserialize)]
    struct Arguments {
        ms: u64,
    }
    let Arguments { ms } = arguments(call)?;
    slow.sleep(call, Duration::from_millis(ms)).map_err(|error| format!("cannot wait: {error}"))?;
    Ok(Done::Later)
}

fn fail<'a>(call: &Call<'a>, _: &SlowCalls) -> ToolOutcome<'a> {
    #[derive(Deserialize)]
    struct Arguments {
        message: String,
    }
    let Arguments { message } = arguments(call)?;
    Err(message)
}

fn crash<'a>(call: &Call<'a>, _: &SlowCalls) -> ToolOutcome<'a> {
    #[derive(Deserialize)]
    struct Arguments {
        code: Option<u8>,
    }
    let Arguments { code } = arguments(call)?;
    Ok(Done::Exit(code.unwrap_or(1)))
}

fn env<'a>(call: &Call<'a>, _: &SlowCalls) -> ToolOutcome<'a> {
    #[derive(Deserialize)]
    struct Arguments {
        name: String,
    }
    let Arguments { name } = arguments(call)?;
    match std::env::var_os(&name) {
        Some(value) => text(&value.to_string_lossy()),
        None => Err(format!("{name} is not set")),
    }
}

fn pid<'a>(_: &Call<'a>, _: &SlowCalls) -> ToolOutcome<'a> {
    text(&std::process::id().to_string())
}

fn stderr<'a>(call: &Call<'a>, _: &SlowCalls) -> ToolOutcome<'a> {
    #[derive(Deserialize)]
    struct Arguments {
        text: String,
    }
    let Arguments { text: line } = arguments(call)?;
    writeln!(io::stderr(), "{line}").map_err(|error| error.to_string())?;
    text("written")
}
