//! The HTTP interface: the URL table on one page, and the assembly of the doors.
//!
//! A request meets the rooms in this order: `edge` (is it HTTP, and in time), `web::trace` (name, shape, log),
//! `web::host_check` (is it for this Ostler, from one of its pages), `web::authenticate` (from which caller, not too
//! often), then a handler of a door. `web::problem` is every other answer.

use std::sync::Arc;

use actix_web::{
    Resource,
    dev::{AppService, HttpServiceFactory},
    middleware::from_fn,
    web,
};

use crate::{
    Runtime,
    api::{
        audit, calls, catalogue, consent, events, execute, gateway, history, import, keys, login, output, packages,
        processes, protected_resource, published, secrets, servers, shares, system, templates, timeline, tools, usage,
        users,
    },
    mcp_endpoint,
    model::Serve,
    policy::remote,
    web::{HandlerResult, authenticate, mount::TablePath, problem, trace},
};

mod app_state;
mod dashboard;
mod docs;
mod methods;
mod openapi;
mod probes;
mod serve;

pub use crate::web::{HostCheck, HttpSettings};
pub use serve::{HttpServer, Listener, serve_until};

use app_state::AppState;
use methods::Methods;

/// Path of protected resource metadata for a whole host (RFC 9728, section 3).
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

macro_rules! urls {
    (open { $($open:literal => $($open_method:ident $open_handler:path),+;)+ }
     $(private $prefix:literal { $($path:literal => $($method:ident $handler:path),+;)+ })+) => {
        /// Paths that need no authentication.
        fn open() -> Vec<(&'static str, Resource)> {
            vec![$(($open, Methods::at($open)$(.$open_method($open_handler))+.into())),+]
        }

        /// Paths that do, by what they begin with.
        fn private() -> Vec<(&'static str, Vec<Resource>)> {
            vec![$(($prefix, vec![$(Methods::at($path)$(.$method($handler))+.into()),+])),+]
        }

        /// Every path and method there is, for the tests that compare them with the documentation.
        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[
            $($(($open, stringify!($open_method)),)+)+
            $($($((concat!($prefix, $path), stringify!($method)),)+)+)+
        ];
    };
}

urls! {
    open {
        "/" => get dashboard::page;
        "/dashboard/{file}" => get dashboard::file;
        "/livez" => get probes::live;
        "/readyz" => get probes::ready;
        "/health" => get probes::health;
        "/openapi.json" => get openapi::serve;
        "/docs" => get docs::page;
        "/docs.css" => get docs::style;
        "/api/auth/login" => post login::login;
        "/.well-known/oauth-protected-resource" => get protected_resource::metadata_of_host;
        "/.well-known/oauth-protected-resource/mcp" => get protected_resource::metadata;
        "/oauth/consent" => get consent::page, post consent::go_on;
        "/oauth/callback" => get consent::callback;
        "/oauth/client.json" => get consent::document;
    }
    private "/metrics" {
        "" => get probes::metrics;
    }
    private "/api/auth" {
        "/logout" => post login::logout;
        "/me" => get login::me;
        "/me/password" => put login::change_password;
        "/keys" => get keys::list, post keys::create;
        "/keys/{id}" => put keys::rename, delete keys::delete;
        "/keys/{id}/rotate" => post keys::rotate;
        "/users" => get users::list, post users::create;
        "/users/{userId}" => get users::get, put users::update, delete users::delete;
    }
    // Routes are tried in this order, so the one that must be fast comes first.
    private "/api/mcp" {
        "/{id}/execute" => post execute::execute;
        "" => get servers::list, post servers::create;
        "/import" => post import::import;
        "/export" => get import::export;
        "/health/check" => get servers::check_health;
        "/admin/all" => get servers::list_all;
        "/admin/statistics" => get servers::statistics;
        "/{id}" => get servers::get, put servers::update, delete servers::delete;
        "/{id}/start" => post processes::start;
        "/{id}/stop" => post processes::stop;
        "/{id}/restart" => post processes::restart;
        "/{id}/authorize" => post consent::authorize, delete consent::forget;
        "/{id}/tools" => get processes::tools;
        "/{id}/tools/changes" => get tools::changes;
        "/{id}/tools/accept" => post tools::accept;
        "/{id}/package/available" => get packages::available;
        "/{id}/package/update" => post packages::update;
        "/{id}/package/rollback" => post packages::roll_back;
        "/{id}/output" => get output::read;
        "/{id}/timeline" => get timeline::timeline;
        "/{id}/usage" => get usage::usage;
        "/{id}/logs" => get calls::list;
        "/{id}/shares" => get shares::list, post shares::create;
        "/{id}/shares/{userId}" => delete shares::delete;
    }
    private "/api/secrets" {
        "" => get secrets::list;
        "/{name}" => put secrets::set, delete secrets::remove;
    }
    private "/api/catalogue" {
        "" => get catalogue::list;
        "/{name}" => get catalogue::get;
        "/{name}/install" => post catalogue::install;
    }
    private "/api/templates" {
        "" => get templates::list, post templates::create;
        "/{id}" => get templates::get, put templates::update, delete templates::delete;
        "/{id}/servers" => post templates::add_server;
        "/{id}/roll" => post templates::roll;
    }
    private "/api/packages" {
        "" => get packages::list;
    }
    private "/v0.1/servers" {
        "" => get published::list;
        "/{serverName}/versions" => get published::versions;
        "/{serverName}/versions/{version}" => get published::version;
    }
    private "/mcp" {
        "/{id}" => post mcp_endpoint::post_one, get mcp_endpoint::get_one, delete mcp_endpoint::delete_one;
        "" => post mcp_endpoint::post_all, get mcp_endpoint::get_all, delete mcp_endpoint::delete_all;
    }
    private "/api/gateway" {
        "/services" => get gateway::list, post gateway::register;
        "/services/{name}" => get gateway::get, delete gateway::unregister;
        "/services/{name}/instances" => put gateway::update_instance;
        "/stats" => get gateway::stats;
        "/config" => get gateway::config;
        "/health" => get gateway::health;
        "/health/{name}" => get gateway::health_of;
        "/health/{name}/check" => post gateway::check;
    }
    private "/api/events" {
        "" => get events::watch;
    }
    private "/api/overview" {
        "" => get history::overview;
    }
    private "/api/history" {
        "/calls" => get history::calls;
        "/health" => get history::health;
    }
    private "/api/calls" {
        "" => get calls::list_all;
        "/{id}" => get calls::get;
    }
    private "/api/system" {
        "" => get system::read;
        "/isolation" => get system::isolation;
    }
    private "/api/audit" {
        "" => get audit::list;
        "/verify" => get audit::verify;
    }
}

/// Every route of `runtime`, to mount in another program's `App` or scope with `configure`: authentication, rate limits
/// and documentation come with it. The checks of `Host` and `Origin` do not: they need to know the names the host
/// program is called by; wrap the scope in a [`HostCheck`]. All other paths are left to the host program.
///
/// In a scope, links, cookies and problems name paths of that. Where an OAuth issuer is trusted, mount
/// [`protected_resource_metadata`] as well, outside the scope.
///
/// May be called once for all workers or once in each: all routes of one runtime share the sessions of MCP clients.
/// These end when the last route and the last result of this function are dropped; a program that mounts routes again,
/// as on another address, keeps them by holding a result meanwhile.
///
/// ```no_run
/// # async fn serve(runtime: ostler::Runtime) -> std::io::Result<()> {
/// use ostler::actix_web::{App, HttpServer, web};
///
/// let routes = ostler::http::routes(runtime.clone());
/// let app = move || App::new().service(web::scope("/tools").configure(routes.clone()));
/// HttpServer::new(app).bind(("127.0.0.1", 8080))?.run().await
/// # }
/// ```
pub fn routes(runtime: Runtime) -> impl FnOnce(&mut web::ServiceConfig) + Clone {
    let state = AppState::of(runtime);
    move |config| mount(config, state.runtime.serves(), Some(&state))
}

/// The protected resource metadata of `/mcp` at the path of the whole host that belongs to its URL (RFC 9728, section
/// 3.1), to mount in another program's `App` with `configure`. A client finds those of `https://team.example/tools/mcp`
/// at `/.well-known/oauth-protected-resource/tools/mcp`, which is no path in a scope `/tools`. Clients that read the
/// challenge of a 401 do without. Mounts nothing where no OAuth issuer is trusted.
pub fn protected_resource_metadata(runtime: Runtime) -> impl FnOnce(&mut web::ServiceConfig) + Clone {
    let resource = runtime.accounts().protected_resource();
    let path = resource.map(|metadata| format!("{METADATA_PATH}{}", remote::path(metadata.resource)));
    move |config| {
        // In a path of actix-web, braces are a pattern.
        if let Some(path) = path.filter(|path| !path.contains(['{', '}'])) {
            let resource: Resource = Methods::at(path.trim_end_matches('/')).get(protected_resource::metadata).into();
            config.service(resource.app_data(runtime).wrap(from_fn(trace::layer)));
        }
    }
}

/// Adds an app's data to a resource or a scope, which have no trait in common.
macro_rules! with_state {
    ($service:expr, $state:expr) => {
        match $state {
            None => $service,
            Some(state) => $service
                .app_data(state.runtime.clone())
                .app_data(state.clients.clone())
                .app_data(state.bodies.clone())
                // Keeps it for apps to come as long as there is this one.
                .app_data(Arc::clone(state)),
        }
    };
}

/// Mounts every route of the parts that are on; without a state, they answer as far as they need none.
fn mount(config: &mut web::ServiceConfig, serve: Serve, state: Option<&Arc<AppState>>) {
    for (path, resource) in open() {
        config.service(with_state!(resource, state).app_data(TablePath(path)).wrap(from_fn(trace::layer)));
    }
    // At the root of an app this is `/`, which the page has already.
    let scope_itself: Resource = Methods::at("").get(dashboard::to_page).into();
    config.service(scope_itself.app_data(TablePath("")).wrap(from_fn(trace::layer)));
    for (prefix, resources) in private() {
        if let Some(part) = switched_off(prefix, serve) {
            let answer = move || async move { HandlerResult::Err(problem::Problem::SwitchedOff(part)) };
            let scope = web::scope(prefix).app_data(TablePath(prefix)).default_service(web::to(answer));
            config.service(scope.wrap(from_fn(trace::layer)));
            continue;
        }
        let scope = with_state!(web::scope(prefix), state).app_data(TablePath(prefix)).service(Several(resources));
        // The last wrap is the first to see a request. Whatever is in the scope stands behind both.
        let scope = scope.default_service(web::to(no_page));
        if prefix == "/metrics" {
            config.service(scope.wrap(from_fn(authenticate::scraper_layer)).wrap(from_fn(trace::layer)));
        } else if prefix == "/v0.1/servers" {
            config.service(scope.wrap(from_fn(authenticate::registry_layer)).wrap(from_fn(trace::layer)));
        } else {
            config.service(scope.wrap(from_fn(authenticate::layer)).wrap(from_fn(trace::layer)));
        }
    }
}

/// Name of the part of Ostler that `prefix` belongs to, where that part is off.
fn switched_off(prefix: &str, serve: Serve) -> Option<&'static str> {
    match prefix {
        "/api/mcp" | "/api/secrets" | "/api/catalogue" | "/api/templates" | "/api/packages" | "/v0.1/servers"
        | "/mcp"
            if !serve.mcp() =>
        {
            Some("MCP servers")
        }
        "/api/gateway" if !serve.gateway() => Some("the gateway"),
        _ => None,
    }
}

/// Answers a path that is no route of Ostler.
async fn no_page() -> HandlerResult {
    Err(problem::Problem::no_page())
}

/// Resources registered one after the other.
struct Several(Vec<Resource>);

impl HttpServiceFactory for Several {
    fn register(self, config: &mut AppService) {
        self.0.into_iter().for_each(|resource| resource.register(config));
    }
}

#[cfg(test)]
mod tests;
