//! Secrets of a server are found in what is stored however they are written.

use crate::support::*;

const URL: &str = "postgres://u:p&w<x>ü🐴/\"q\"@db.example/main?a=1&b=2";

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQDZzX0123456789\n-----END PRIVATE KEY-----\n";

/// JSON of the text as Go, Python and PHP write it.
fn spellings(text: &str) -> [String; 3] {
    let serde = Value::from(text).to_string();
    let escaped = |json: &str, which: &dyn Fn(char) -> bool| {
        let unit = |unit: &u16| format!("\\u{unit:04x}");
        let one = |character: char| match which(character) {
            true => character.encode_utf16(&mut [0; 2]).iter().map(unit).collect(),
            false => character.to_string(),
        };
        json.chars().map(one).collect::<String>()
    };
    [
        escaped(&serde, &|character| "&<>".contains(character)),
        escaped(&serde, &|character| !character.is_ascii()),
        escaped(&serde, &|character| !character.is_ascii()).replace('/', "\\/"),
    ]
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let inner = serde_json::from_str(text).map(|inner| strings(&inner)).unwrap_or_default();
            std::iter::once(text.clone()).chain(inner).collect()
        }
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => {
            members.iter().flat_map(|(key, value)| std::iter::once(key.clone()).chain(strings(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[test]
fn a_secret_is_masked_however_the_servers_library_writes_it() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake("ok").env("DATABASE_URL", URL).env("TLS_KEY", KEY));
    for secret in [URL, KEY.trim()] {
        for written in spellings(secret) {
            let inside = Value::from(format!("{{\"value\": {written}, \"n\": 1.50}}")).to_string();
            for text in [written, inside] {
                let result = format!(r#"{{"content" : [{{"type":"text","text":{text}}}],"n":9007199254740993}}"#);
                let body = format!(r#"{{"toolName":"raw","parameters":{{"result":{result}}}}}"#);
                let ask = server.caller.ask("POST", &server.path("/execute"));
                let answer = ask.body("application/json", body).send().is(200);
                assert!(answer.text().contains(&result), "the caller gets what came");
                let call = ostler.admin().get(&format!("/api/calls/{}", answer.string("/callId"))).is(200);
                assert!(!strings(&call.json).iter().any(|text| text.contains(secret)), "{call:?}");
                assert!(call.text().contains(r#"{"content" : [{"type":"text","text":""#), "the rest is as it came");
                assert!(call.text().contains("9007199254740993") && call.text().contains("***"));
            }
        }
    }
    let file = std::fs::read(ostler.setup.database_file()).unwrap();
    for part in ["p&w<x>", "p\\u0026w", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"] {
        assert!(memchr::memmem::find(&file, part.as_bytes()).is_none(), "{part} is in the database");
    }
}

#[test]
fn each_line_of_a_key_is_masked_on_standard_error() {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake_with("banner", &[KEY]).env("TLS_KEY", KEY));
    let seen = eventually("the key was written", || {
        let output = server.output();
        output.contains("END PRIVATE KEY").then_some(output)
    });
    let timeline = eventually("the timeline is written", || {
        let timeline = ostler.admin().get(&server.path("/timeline")).is(200).text();
        timeline.contains("END PRIVATE KEY").then_some(timeline)
    });
    for line in KEY.lines().filter(|line| !line.starts_with('-')) {
        assert!(!seen.contains(line) && !timeline.contains(line), "{line}");
    }
}

/// Refuses every request with its token in the message.
const TALKATIVE: &str = r#"while read -r line; do
    id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
    printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"no good token: %s"}}\n' "$id" "$API_TOKEN"
done"#;

#[test]
fn what_a_server_says_in_its_handshake_is_masked() {
    let secret = "sk-live-0123456789abcdef";
    let ostler = Ostler::spawn();
    let server = ostler.admin().register(Spec::new("sh", json!(["-c", TALKATIVE])).env("API_TOKEN", secret));
    let refusal = server.start();
    assert!(refusal.status >= 400 && !refusal.text().contains(secret), "{refusal:?}");
    let details = server.details();
    assert!(details.text().contains("no good token: ***"), "{details:?}");
    let paths = [server.path(""), server.path("/timeline"), server.path("/output"), "/api/audit".into()];
    for path in paths {
        let answer = ostler.admin().get(&path).is(200);
        assert!(!answer.text().contains(secret), "{answer:?}");
    }
    assert!(!ostler.errors().contains(secret), "a secret in the log");
}

#[test]
fn a_secret_that_was_changed_is_still_one_for_who_ran_with_it() {
    let ostler = Ostler::spawn();
    let (old, new) = ("sk-live-old-0123456789", "sk-live-new-0123456789");
    let server = ostler.admin().running(fake("ok").env("API_TOKEN", old));
    let env = json!({"API_TOKEN": new, "TEST_TAG": ostler.admin().tag});
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("sleep", json!({"ms": 1500, "note": format!("{old} {new}")})).is(200));
        eventually("the call is with the server", || {
            (server.details().number("/runtimeStatus/inFlight") > 0).then_some(())
        });
        server.change(json!({"env": env})).is(200);
        call.join().unwrap();
    });
    let call = server.logs();
    assert!(!call.text().contains(old) && !call.text().contains(new), "{call:?}");
}
