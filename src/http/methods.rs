//! [`Methods`]: a path, what it takes, and the 405 that names it.

use actix_web::{FromRequest, Handler, Resource, Responder, Route, http::Method, web};

use crate::web::{HandlerResult, problem::Problem};

/// A path and the methods it takes, in the order in which the table names them.
pub(super) struct Methods {
    resource: Resource,
    allowed: Vec<Method>,
}

impl Methods {
    /// A path that takes nothing yet.
    pub(super) fn at(path: &str) -> Self {
        Self { resource: web::resource(path), allowed: Vec::new() }
    }

    /// Takes GET, and HEAD, which is GET without the body.
    pub(super) fn get<F: Handler<A>, A: FromRequest + 'static>(self, handler: F) -> Self
    where
        F::Output: Responder + 'static,
    {
        self.takes(Method::GET, handler.clone()).takes(Method::HEAD, handler)
    }

    /// Takes POST.
    pub(super) fn post<F: Handler<A>, A: FromRequest + 'static>(self, handler: F) -> Self
    where
        F::Output: Responder + 'static,
    {
        self.takes(Method::POST, handler)
    }

    /// Takes PUT.
    pub(super) fn put<F: Handler<A>, A: FromRequest + 'static>(self, handler: F) -> Self
    where
        F::Output: Responder + 'static,
    {
        self.takes(Method::PUT, handler)
    }

    /// Takes DELETE.
    pub(super) fn delete<F: Handler<A>, A: FromRequest + 'static>(self, handler: F) -> Self
    where
        F::Output: Responder + 'static,
    {
        self.takes(Method::DELETE, handler)
    }

    fn takes<F: Handler<A>, A: FromRequest + 'static>(mut self, method: Method, handler: F) -> Self
    where
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(Route::new().method(method.clone()).to(handler));
        self.allowed.push(method);
        self
    }
}

impl From<Methods> for Resource {
    fn from(methods: Methods) -> Self {
        let allow = methods.allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let refuse = move || {
            let problem = Problem::MethodNotAllowed(allow.clone());
            async move { HandlerResult::Err(problem) }
        };
        methods.resource.default_service(web::to(refuse))
    }
}
