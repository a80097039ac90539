//! One event as one line: bounded, and with no control character in it.

use std::{borrow::Cow, fmt::Write};

use log::{
    Record,
    kv::{Error, Key, Value, VisitSource},
};
use serde_json::Value as Json;

/// The most bytes that a line may have, before its time and level.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// The most bytes of a message, and of one value, so that neither crowds out the rest.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
const VALUE_BYTES_MAX: usize = 1024;

/// The keys of a JSON line that are ours; a field of such a name gets an underscore.
const RESERVED: [&str; 4] = ["timestamp", "level", "target", "message"];

/// The event for people: target, message, then the fields as `key=value`.
pub(crate) fn text(record: &Record<'_>) -> String {
    let mut line = format!("{}: ", record.target());
    push_escaped(&mut line, &record.args().to_string(), MESSAGE_BYTES_MAX);
    let mut fields = TextFields { line };
    // Only a field's own formatting can fail; what came before it stands.
    let _ = record.key_values().visit(&mut fields);
    fields.line
}

/// The event for programs, with `time` as its timestamp.
pub(crate) fn json(record: &Record<'_>, time: &str) -> String {
    let mut line = "{".to_owned();
    push_member(&mut line, "timestamp", time);
    push_member(&mut line, "level", record.level().as_str());
    push_member(&mut line, "target", record.target());
    push_member(&mut line, "message", shortened(&record.args().to_string(), MESSAGE_BYTES_MAX));
    let mut fields = JsonFields { line };
    let _ = record.key_values().visit(&mut fields);
    fields.line.push('}');
    fields.line
}

/// `text` without control characters, for a line of its own.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| !must_be_escaped(character)) {
        return Cow::Borrowed(text);
    }
    let mut line = String::new();
    push_escaped(&mut line, text, usize::MAX);
    Cow::Owned(line)
}

struct TextFields {
    line: String,
}

impl<'kvs> VisitSource<'kvs> for TextFields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = value.to_string();
        if self.line.len() + key.as_str().len() + value.len().min(VALUE_BYTES_MAX) > LINE_BYTES_MAX {
            return Ok(());
        }
        self.line.push(' ');
        push_escaped(&mut self.line, key.as_str(), VALUE_BYTES_MAX);
        self.line.push('=');
        if value.is_empty() || value.contains([' ', '"', '=']) {
            push_escaped(&mut self.line, &format!("{value:?}"), VALUE_BYTES_MAX);
        } else {
            push_escaped(&mut self.line, &value, VALUE_BYTES_MAX);
        }
        Ok(())
    }
}

struct JsonFields {
    line: String,
}

impl<'kvs> VisitSource<'kvs> for JsonFields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut name = key.as_str().to_owned();
        if RESERVED.contains(&name.as_str()) {
            name.insert(0, '_');
        }
        let mut member = String::new();
        push_member(&mut member, &name, json_value(&value));
        if self.line.len() + member.len() < LINE_BYTES_MAX {
            self.line.push(',');
            self.line.push_str(&member);
        }
        Ok(())
    }
}

/// Numbers and booleans as they are, everything else as a string.
fn json_value(value: &Value<'_>) -> Json {
    let number = || {
        let whole = value.to_i64().map(Json::from).or_else(|| value.to_u64().map(Json::from));
        whole.or_else(|| value.to_f64().map(Json::from))
    };
    let plain = value.to_bool().map(Json::from).or_else(number).filter(|json| !json.is_null());
    plain.unwrap_or_else(|| Json::from(shortened(&value.to_string(), VALUE_BYTES_MAX)))
}

/// Appends `"name":value`, with a comma before it where needed.
fn push_member(line: &mut String, name: &str, value: impl Into<Json>) {
    let comma = if line.len() > 1 { "," } else { "" };
    // Writing to a string cannot fail.
    let _ = write!(line, "{comma}{}:{}", Json::from(name), value.into());
}

/// The beginning of `text` that fits into `limit` bytes once it is escaped.
fn shortened(text: &str, limit: usize) -> String {
    let mut used = 0;
    let fits = |character: &char| {
        used += if character.is_control() { 6 } else { character.len_utf8().max(2) };
        used <= limit
    };
    let mut short: String = text.chars().take_while(fits).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Appends `text`, escaped, up to `limit` bytes.
fn push_escaped(line: &mut String, text: &str, limit: usize) {
    let end = line.len().saturating_add(limit);
    for character in text.chars() {
        if line.len() >= end {
            line.push('…');
            return;
        }
        if must_be_escaped(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
}

/// Characters that end a line, move a terminal's cursor, or turn the direction of reading.
fn must_be_escaped(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    fn record(message: &str, fields: &[(&str, Value<'_>)], render: impl Fn(&Record<'_>) -> String) -> String {
        let arguments = format_args!("{message}");
        render(&Record::builder().level(Level::Info).target("here").args(arguments).key_values(&fields).build())
    }

    fn as_json(message: &str, fields: &[(&str, Value<'_>)]) -> Json {
        let line = record(message, fields, |record| json(record, "now"));
        assert!(line.len() < LINE_BYTES_MAX + 16 && !line.contains('\n'), "{} bytes", line.len());
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_message_cannot_forge_a_second_line_or_move_the_cursor() {
        let forged = "ok\n2026-01-01T00:00:00Z ERROR \u{1b}[2Jgone\u{202e}";
        let line = record(forged, &[("who", Value::from("a\r\nb c"))], text);
        assert_eq!(line, r#"here: ok\n2026-01-01T00:00:00Z ERROR \u{1b}[2Jgone\u{202e} who="a\r\nb c""#);
        assert_eq!(as_json(forged, &[])["message"], forged);
    }

    #[test]
    fn fields_keep_their_types_in_json() {
        let fields = [("count", Value::from(7_u64)), ("ok", Value::from(true)), ("level", Value::from("mine"))];
        let line = as_json("m", &fields);
        assert_eq!((&line["count"], &line["ok"]), (&Json::from(7), &Json::from(true)));
        assert_eq!((&line["level"], &line["_level"]), (&Json::from("INFO"), &Json::from("mine")));
        assert_eq!(line["timestamp"], "now");
    }

    #[test]
    fn a_line_is_bounded_and_stays_json() {
        let huge = "\u{0}\"é".repeat(100_000);
        let fields = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|name| (name, Value::from(huge.as_str())));
        assert!(as_json(&huge, &fields)["message"].as_str().unwrap().ends_with('…'));
        assert!(record(&huge, &fields, text).len() < LINE_BYTES_MAX + 16);
    }
}
