//! Services behind the gateway: registering, changing, removing, figures and health.

mod draft;

use actix_web::{HttpRequest, HttpResponse, http::header};

use crate::{
    api::server_view::List,
    gateway::{
        GatewayConfig, GatewayHealth, GatewayStats, InstanceStats, Registration, ServiceDetails, ServiceHealth,
        ServiceItem,
    },
    web::{
        HandlerResult,
        authenticate::Caller,
        body::Json,
        query::{PathId, ServiceName},
    },
};

use draft::{InstanceChangeBody, ServiceBody};

/// Register a service
///
/// Requests under its `basePath` reach its instances from now on; the longest `basePath` wins. The same name again
/// replaces the service without dropping a request: instances that both have keep their health and figures.
#[utoipa::path(post, path = "/api/gateway/services", tag = "gateway",
    request_body(content = ServiceBody, example = json!({
        "name": "chat-service",
        "instances": [{"host": "localhost", "port": 3007}, {"host": "localhost", "port": 3008, "weight": 2}],
        "basePath": "/api/chat", "healthEndpoint": "/health", "authentication": true,
        "rateLimit": {"windowMs": 60000, "max": 200}, "timeout": 15000
    })),
    responses(
        (status = 201, description = "The service", body = ServiceDetails, headers(
            ("Location" = String, description = "Where it is"))),
        (status = 200, description = "The service, in place of the one of its name", body = ServiceDetails, headers(
            ("Location" = String, description = "Where it is"))),
        (status = 409, description = "Code `conflict`: this Ostler or another service has the `basePath`"),
    ),
    security(("bearer" = ["gateway:manage"])))]
pub(crate) async fn register(request: HttpRequest, caller: Caller, Json(body): Json<ServiceBody>) -> HandlerResult {
    let (service, made) = caller.runtime.services().register(&caller.who, body.into()).await?;
    let mut answer = match made {
        Registration::New => HttpResponse::Created(),
        Registration::Replaced => HttpResponse::Ok(),
    };
    let location = format!("{}/{}", request.path(), service.spec.name);
    Ok(answer.insert_header((header::LOCATION, location)).json(service))
}

/// List services
///
/// Every service as registered, with the figures of its instances, their circuit breakers and their last checks.
#[utoipa::path(get, path = "/api/gateway/services", tag = "gateway",
    responses((status = 200, description = "All of them, by name", body = List<ServiceItem>)),
    security(("bearer" = ["gateway:read"])))]
pub(crate) async fn list(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(List::from(caller.runtime.services().list(&caller.who)?)))
}

/// Read a service
#[utoipa::path(get, path = "/api/gateway/services/{name}", tag = "gateway",
    params(("name" = String, Path, description = "The service")),
    responses((status = 200, description = "The service as registered", body = ServiceDetails)),
    security(("bearer" = ["gateway:read"])))]
pub(crate) async fn get(caller: Caller, PathId(ServiceName(name)): PathId<ServiceName>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.services().get(&caller.who, &name)?))
}

/// Remove a service
///
/// No new request reaches it. The answer comes once its requests in flight have ended, at the latest after 30 s.
#[utoipa::path(delete, path = "/api/gateway/services/{name}", tag = "gateway",
    params(("name" = String, Path, description = "The service")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = ["gateway:manage"])))]
pub(crate) async fn unregister(caller: Caller, PathId(ServiceName(name)): PathId<ServiceName>) -> HandlerResult {
    caller.runtime.services().unregister(&caller.who, &name).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Change an instance
///
/// One that is `draining` gets no new request, and its requests in flight go on to their end: once `inFlight` is 0 it
/// may be stopped. It is not checked meanwhile; one that is taken back is checked at once, and gets its share slowly.
#[utoipa::path(put, path = "/api/gateway/services/{name}/instances", tag = "gateway",
    params(("name" = String, Path, description = "The service")),
    request_body(content = InstanceChangeBody, example = json!({"host": "localhost", "port": 3008, "draining": true})),
    responses(
        (status = 200, description = "The instance", body = InstanceStats),
        (status = 404, description = "Code `instance_not_found`: the service has none at this host and port"),
    ),
    security(("bearer" = ["gateway:manage"])))]
pub(crate) async fn update_instance(
    caller: Caller,
    PathId(ServiceName(name)): PathId<ServiceName>,
    Json(body): Json<InstanceChangeBody>,
) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.services().update_instance(&caller.who, &name, body.into()).await?))
}

/// Count requests
///
/// Requests, failures by kind, requests in flight and latencies, of every service and instance.
#[utoipa::path(get, path = "/api/gateway/stats", tag = "gateway",
    responses((status = 200, description = "The figures", body = GatewayStats)),
    security(("bearer" = ["gateway:read"])))]
pub(crate) async fn stats(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.services().stats(&caller.who)?))
}

/// Read the configuration
///
/// The gateway's settings, and every service as registered.
#[utoipa::path(get, path = "/api/gateway/config", tag = "gateway",
    responses((status = 200, description = "The configuration", body = GatewayConfig)),
    security(("bearer" = ["gateway:read"])))]
pub(crate) async fn config(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.services().config(&caller.who)?))
}

/// Read the health of all services
///
/// As last checked, with the last checks of every instance and its circuit breaker.
#[utoipa::path(get, path = "/api/gateway/health", tag = "gateway",
    responses((status = 200, description = "How they are", body = GatewayHealth)),
    security(("bearer" = ["gateway:read"])))]
pub(crate) async fn health(caller: Caller) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.services().health(&caller.who)?))
}

/// Read the health of a service
#[utoipa::path(get, path = "/api/gateway/health/{name}", tag = "gateway",
    params(("name" = String, Path, description = "The service")),
    responses((status = 200, description = "How it is", body = ServiceHealth)),
    security(("bearer" = ["gateway:read"])))]
pub(crate) async fn health_of(caller: Caller, PathId(ServiceName(name)): PathId<ServiceName>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.services().service_health(&caller.who, &name)?))
}

/// Check a service
///
/// Checks every instance now, and answers how they are after that.
#[utoipa::path(post, path = "/api/gateway/health/{name}/check", tag = "gateway",
    params(("name" = String, Path, description = "The service")),
    responses((status = 200, description = "How it is", body = ServiceHealth)),
    security(("bearer" = ["gateway:manage"])))]
pub(crate) async fn check(caller: Caller, PathId(ServiceName(name)): PathId<ServiceName>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(caller.runtime.services().check(&caller.who, &name).await?))
}
