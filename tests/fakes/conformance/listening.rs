//! `subscriptions/listen` of the newer era, and the same news in the older one.

use std::sync::{Mutex, atomic::Ordering};

use serde_json::{Value, json};

use crate::server::{Era, Server};

/// The open listen streams: the id of each request, and what it wants to hear of.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<(Value, Value)>>);

const LISTS: [&str; 3] = ["toolsListChanged", "promptsListChanged", "resourcesListChanged"];

/// Begins a stream; it is answered when it ends.
pub(crate) fn listen(server: &Server, id: Value, params: &Value) {
    let wanted = &params["notifications"];
    let mut honoured = json!({});
    for list in LISTS.iter().filter(|list| wanted[**list] == true) {
        honoured[*list] = json!(true);
    }
    if let Some(uris) = wanted["resourceSubscriptions"].as_array() {
        honoured["resourceSubscriptions"] = json!(uris);
    }
    let about = json!({"io.modelcontextprotocol/subscriptionId": id});
    server.notify("notifications/subscriptions/acknowledged", json!({"_meta": about, "notifications": honoured}));
    server.listeners.0.lock().unwrap().push((id, honoured));
}

/// Ends a stream that the client cancelled.
pub(crate) fn cancelled(server: &Server, id: &Value) {
    server.listeners.0.lock().unwrap().retain(|(listener, _)| listener != id);
}

/// A tool comes or goes.
pub(crate) fn tools_changed(server: &Server) {
    server.extra_tool.fetch_xor(true, Ordering::SeqCst);
    list_changed(server, "tools");
}

/// A prompt comes or goes.
pub(crate) fn prompts_changed(server: &Server) {
    server.extra_prompt.fetch_xor(true, Ordering::SeqCst);
    list_changed(server, "prompts");
}

fn list_changed(server: &Server, list: &str) {
    let method = format!("notifications/{list}/list_changed");
    tell(server, &method, &json!({}), |wanted| wanted[format!("{list}ListChanged")] == true);
}

/// A resource has other contents.
pub(crate) fn resource_updated(server: &Server, uri: &str) {
    let subscribed = server.session.lock().unwrap().subscriptions.contains(uri);
    if server.era == Era::Legacy && !subscribed {
        return;
    }
    tell(server, "notifications/resources/updated", &json!({"uri": uri}), |wanted| {
        wanted["resourceSubscriptions"].as_array().is_some_and(|uris| uris.iter().any(|one| one == uri))
    });
}

fn tell(server: &Server, method: &str, params: &Value, wants: impl Fn(&Value) -> bool) {
    if server.era == Era::Legacy {
        return server.notify(method, params.clone());
    }
    for (id, wanted) in server.listeners.0.lock().unwrap().iter() {
        if wants(wanted) {
            let mut params = params.clone();
            params["_meta"] = json!({"io.modelcontextprotocol/subscriptionId": id});
            server.notify(method, params);
        }
    }
}
