//! [`HostCheck`] as a layer around the routes of another program.

use std::{
    future::{Ready, ready},
    rc::Rc,
};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    web,
};
use futures_util::future::LocalBoxFuture;

use crate::web::{host_check::HostCheck, mount, trace};

impl<S, B> Transform<S, ServiceRequest> for HostCheck
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = CheckedService<S>;
    type InitError = ();
    type Future = Ready<Result<CheckedService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(CheckedService { service: Rc::new(service), check: web::Data::new(self.clone()) }))
    }
}

/// A service behind a [`HostCheck`].
#[derive(Debug)]
pub struct CheckedService<S> {
    service: Rc<S>,
    check: web::Data<HostCheck>,
}

impl<S, B> Service<ServiceRequest> for CheckedService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (service, check) = (Rc::clone(&self.service), web::Data::clone(&self.check));
        Box::pin(async move {
            mount::note(&request, "");
            let admitted = match check.admit(&request) {
                Ok(admitted) => admitted,
                Err(problem) => return Ok(trace::refuse(request, problem).await),
            };
            let mut response = if let Some(answer) = admitted.answer(request.headers()) {
                request.into_response(answer)
            } else {
                // For Ostler's routes below: it knows the trusted proxies as well.
                request.extensions_mut().insert(check);
                service.call(request).await?.map_into_boxed_body()
            };
            admitted.add_headers(response.headers_mut());
            Ok(response)
        })
    }
}
