//! The OpenAPI description: collected from the handlers, completed with what is true of all of them.

use std::sync::OnceLock;

use actix_web::{HttpRequest, HttpResponse, http::header};
use bytes::Bytes;
use utoipa::{OpenApi, openapi};

use crate::{
    api::{
        audit, calls, catalogue, consent, events, execute, gateway, history, import, keys, login, output, packages,
        processes, protected_resource, published, secrets, servers, shares, system, templates, timeline, tools, usage,
        users,
    },
    http::probes,
    mcp_endpoint,
    web::{HandlerResult, mount, problem},
};

use common::Common;

mod common;
mod schemas;

/// Introduction before the list of calls.
const INTRODUCTION: &str = include_str!("openapi/introduction.md");

/// The description of every route.
#[derive(OpenApi)]
#[openapi(
    info(title = "Ostler", description = INTRODUCTION),
    paths(
        login::login, login::logout, login::me, login::change_password,
        servers::list, servers::create, servers::get, servers::update, servers::delete,
        consent::authorize, consent::forget, consent::page, consent::go_on, consent::callback, consent::document,
        catalogue::list, catalogue::get, catalogue::install,
        templates::list, templates::create, templates::get, templates::update, templates::delete,
        templates::add_server, templates::roll,
        servers::check_health, servers::list_all, servers::statistics, import::import, import::export,
        processes::tools, tools::changes, tools::accept, processes::start, processes::stop, processes::restart,
        output::read, timeline::timeline, usage::usage,
        execute::execute, calls::list, calls::list_all, calls::get,
        mcp_endpoint::post_all, mcp_endpoint::get_all, mcp_endpoint::delete_all, mcp_endpoint::post_one,
        mcp_endpoint::get_one, mcp_endpoint::delete_one,
        published::list, published::versions, published::version,
        protected_resource::metadata, protected_resource::metadata_of_host,
        shares::list, shares::create, shares::delete,
        packages::list, packages::available, packages::update, packages::roll_back,
        secrets::list, secrets::set, secrets::remove,
        keys::list, keys::create, keys::rename, keys::rotate, keys::delete,
        users::list, users::create, users::get, users::update, users::delete,
        gateway::list, gateway::register, gateway::get, gateway::unregister, gateway::update_instance,
        gateway::stats, gateway::config, gateway::health,
        gateway::health_of, gateway::check,
        events::watch, history::overview, history::calls, history::health,
        audit::list, audit::verify,
        probes::live, probes::ready, probes::health, probes::metrics, system::read,
        system::isolation,
    ),
    components(schemas(problem::ProblemBody, crate::error::Fault)),
    tags(
        (name = "account", description = "Logging in, and your own account"),
        (name = "servers", description = "MCP servers: registering, reading, changing"),
        (name = "catalogue", description = "Servers that can be added by name"),
        (name = "templates", description = "Servers with questions in them, to make servers of"),
        (name = "packages", description = "Packages that servers are started from, and other versions of them"),
        (name = "processes", description = "What runs: tools, starting, stopping, output"),
        (name = "calls", description = "Calling tools, and the calls on record"),
        (name = "mcp", description = "Speaking MCP itself, with all servers or with one"),
        (name = "registry", description = "Your servers as a registry of MCP servers (API v0.1), for programs that read one"),
        (name = "shares", description = "Who else may use a server"),
        (name = "secrets", description = "Secrets that servers refer to by name"),
        (name = "keys", description = "API keys, for programs"),
        (name = "users", description = "Everybody's accounts"),
        (name = "gateway", description = "Services behind the gateway, and how they are"),
        (name = "live", description = "What happens, and what happened"),
        (name = "audit", description = "Who did what"),
        (name = "state", description = "How Ostler itself is"),
    ),
    modifiers(&Common)
)]
struct Description;

/// The description, made once.
pub(super) fn description() -> &'static openapi::OpenApi {
    static DESCRIPTION: OnceLock<openapi::OpenApi> = OnceLock::new();
    DESCRIPTION.get_or_init(Description::openapi)
}

/// The paths in the order in which a new reader needs them, which is that of the list above.
pub(super) fn order() -> impl Iterator<Item = &'static str> {
    description().paths.paths.keys().map(String::as_str)
}

/// The description as JSON, made once; its paths are in no order.
pub(super) fn document() -> &'static serde_json::Value {
    static DOCUMENT: OnceLock<serde_json::Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::to_value(description()).unwrap_or_default())
}

/// Answers with the description.
pub(super) async fn serve(request: HttpRequest) -> HandlerResult {
    let mount_path = mount::path(&request);
    if !mount_path.is_empty() {
        let mut description = description().clone();
        description.servers = Some(vec![openapi::Server::new(mount_path)]);
        return Ok(HttpResponse::Ok().json(description));
    }
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| serde_json::to_vec(description()).unwrap_or_default().into());
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(text.clone()))
}
