//! What the fake has beside tools where its mode is followed by `offers`: prompts, resources, subscriptions, levels.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use crate::{
    Server, json, malformed,
    wire::{self, notify, text},
};

/// What is offered, and what was asked for.
#[derive(Default)]
pub(crate) struct Offers {
    /// How many more prompts and resources there are than at the start.
    grown: Mutex<BTreeMap<String, usize>>,
    subscribed: Mutex<Vec<String>>,
    /// Open `subscriptions/listen`: id to filter.
    listens: Mutex<BTreeMap<String, String>>,
    levels: Mutex<Vec<String>>,
    /// Whether somebody was sent to a page.
    sent: AtomicBool,
}

/// The capabilities that come with the offers.
pub(crate) const CAPABILITIES: &str =
    r#","prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true}"#;

/// Answers a request about the offers; false where it is about none.
pub(crate) fn request(server: &Server, id: &str, method: &str, line: &str) -> bool {
    let offers = &server.offers;
    let uri = json::string(line, &["params", "uri"]).unwrap_or_default();
    let item = |number| format!(r#"{{"uri":"test://{number}","name":"{number}"}}"#);
    match method {
        "prompts/list" => list(server, id, "prompts", |number| format!(r#"{{"name":"prompt-{number}","x":1e400}}"#)),
        "resources/list" => list(server, id, "resources", item),
        "resources/templates/list" => {
            list(server, id, "resourceTemplates", |_| r#"{"uriTemplate":"test://{n}","name":"any"}"#.into());
        }
        "resources/subscribe" if uri == "test://refused" => wire::refuse(id, -32602, "there is no such resource"),
        "resources/subscribe" => {
            offers.subscribed.lock().unwrap().push(uri.to_owned());
            if !server.mode.is("subscribe-silent") {
                wire::answer(id, "{}");
            }
        }
        "resources/unsubscribe" => {
            offers.subscribed.lock().unwrap().retain(|one| one != uri);
            wire::answer(id, "{}");
        }
        // Says which process it is.
        "resources/read" => {
            let contents = format!(r#"[{{"uri":"{uri}","text":"{}"}}]"#, std::process::id());
            let about = r#""resultType":"complete","ttlMs":0,"cacheScope":"private""#;
            wire::answer(id, &format!(r#"{{{about},"contents":{contents}}}"#));
        }
        "completion/complete" => {
            let values = format!(r#"["{}"]"#, std::process::id());
            wire::answer(id, &format!(r#"{{"resultType":"complete","completion":{{"values":{values}}}}}"#));
        }
        "subscriptions/listen" => listen(server, id, line),
        "logging/setLevel" => {
            let level = json::string(line, &["params", "level"]).unwrap_or_default();
            offers.levels.lock().unwrap().push(level.to_owned());
            wire::answer(id, "{}");
        }
        "received/back" => wire::answer(id, &format!(r#"{{"line":{line}}}"#)),
        _ => return false,
    }
    true
}

/// Ends a stream of changes; the other cancellations are not about offers.
pub(crate) fn cancelled(server: &Server, id: &str) {
    server.offers.listens.lock().unwrap().remove(id);
}

/// Runs a tool that is about the offers.
pub(crate) fn run(server: &Server, name: &str, line: &str) -> Option<String> {
    let argument = |key| json::at(line, &["params", "arguments", key]);
    let words = |key| json::string(line, &["params", "arguments", key]).unwrap_or_default();
    match name {
        "told" => Some(text(&told(server))),
        "notify" => {
            notify(words("method"), argument("params").unwrap_or("{}"));
            Some(text("told"))
        }
        "question" => Some(text(&question(server, words("method"), argument("params").unwrap_or("{}")))),
        // Refuses until its client has been somewhere, which it takes to be so the second time.
        "pages-first" => Some(text("visited")),
        "grow-list" => {
            let list = words("list");
            *server.offers.grown.lock().unwrap().entry(list.to_owned()).or_default() += 1;
            announce(server, &format!("notifications/{list}/list_changed"), "");
            Some(text("grown"))
        }
        "end-listens" => {
            let ended = std::mem::take(&mut *server.offers.listens.lock().unwrap());
            ended.keys().for_each(|id| wire::refuse(id, -32603, "cut off"));
            Some(text("ended"))
        }
        "update" => {
            announce(server, "notifications/resources/updated", &format!(r#""uri":"{}","new":[1 ]"#, words("uri")));
            Some(text("updated"))
        }
        _ => None,
    }
}

fn list(server: &Server, id: &str, name: &str, item: impl Fn(usize) -> String) {
    let more = server.offers.grown.lock().unwrap().get(name).copied().unwrap_or(0);
    let mut items: Vec<_> = (0..=more).map(item).collect();
    if server.mode.is("malformed") {
        items.push(malformed::items(name).to_owned());
    }
    wire::answer(
        id,
        &format!(r#"{{"resultType":"complete","ttlMs":0,"cacheScope":"private","{name}":[{}]}}"#, items.join(",")),
    );
}

/// Agrees to everything but one resource, and says so first.
fn listen(server: &Server, id: &str, line: &str) {
    let filter = json::at(line, &["params", "notifications"]).unwrap_or("{}");
    server.offers.listens.lock().unwrap().insert(id.to_owned(), filter.to_owned());
    let honoured = filter.replace("\"test://refused\"", "\"test://another\"");
    let meta = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
    notify("notifications/subscriptions/acknowledged", &format!(r#"{{"notifications":{honoured},{meta}}}"#));
}

/// Tells of a change: once in the older era, by every open stream in the newer one.
fn announce(server: &Server, method: &str, members: &str) {
    let listens = server.offers.listens.lock().unwrap();
    if !server.era_modern.load(Ordering::SeqCst) {
        return notify(method, &format!("{{{members}}}"));
    }
    let comma = if members.is_empty() { "" } else { "," };
    for id in listens.keys() {
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
        notify(method, &format!("{{{members}{comma}{meta}}}"));
    }
}

/// What the client subscribed to, listens to, and wants to have logged.
fn told(server: &Server) -> String {
    let Offers { subscribed, listens, levels, .. } = &server.offers;
    let listens: Vec<_> = listens.lock().unwrap().values().cloned().collect();
    let (subscribed, levels) = (subscribed.lock().unwrap().join(" "), levels.lock().unwrap().join(" "));
    format!("subscribed: {subscribed}; listens: {}; levels: {levels}", listens.join(" "))
}

/// Whether the user has yet to visit a page; once only.
pub(crate) fn must_visit(server: &Server) -> bool {
    !server.offers.sent.swap(true, Ordering::SeqCst)
}

/// Refuses a request until the user has visited these pages (2025-11-25).
pub(crate) fn send_to(id: &str, pages: &str) {
    let error = format!(r#"{{"code":-32042,"message":"visit first","data":{{"elicitations":{pages}}}}}"#);
    wire::line(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#));
}

/// Asks the client one thing and gives its whole answer.
fn question(server: &Server, method: &str, params: &str) -> String {
    let id = format!("question-{method}");
    let (sender, receiver) = mpsc::channel();
    server.asked.lock().unwrap().insert(id.clone(), sender);
    wire::line(&format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{params}}}"#));
    receiver.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| "silence".into())
}
