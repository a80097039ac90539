//! What the fake writes: one line per message, each in one piece.

use std::io::Write;

use crate::json::quote;

/// Writes `text` as a line on standard output; a broken pipe ends the process as it would end any server.
pub(crate) fn line(text: &str) {
    raw(format!("{text}\n").as_bytes());
}

/// Writes bytes on standard output as they are.
pub(crate) fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(141);
    }
}

/// Answers request `id` with `result`.
pub(crate) fn answer(id: &str, result: &str) {
    line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#));
}

/// Answers request `id` with an error.
pub(crate) fn refuse(id: &str, code: i32, message: &str) {
    let message = quote(message);
    line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#));
}

/// Sends a notification.
pub(crate) fn notify(method: &str, params: &str) {
    line(&format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#));
}

/// Sends a request of the server's own.
pub(crate) fn ask(id: &str, method: &str) {
    line(&format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{{}}}}"#));
}

/// A tool result that holds one text.
pub(crate) fn text(text: &str) -> String {
    format!(r#"{{"content":[{{"type":"text","text":{}}}]}}"#, quote(text))
}

/// A tool result that says the tool failed.
pub(crate) fn failure(text: &str) -> String {
    format!(r#"{{"content":[{{"type":"text","text":{}}}],"isError":true}}"#, quote(text))
}
