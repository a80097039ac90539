//! The documentation as a page: made once from the OpenAPI description, without scripts, readable offline.

use std::sync::OnceLock;

use actix_web::{HttpResponse, http::header};
use bytes::Bytes;

use crate::{http::openapi, web::HandlerResult};

mod operation;
mod page;
mod schema;

/// Answers with the page.
pub(super) async fn page() -> HandlerResult {
    static PAGE: OnceLock<Bytes> = OnceLock::new();
    let page = PAGE.get_or_init(|| page::render(openapi::document(), &openapi::order().collect::<Vec<_>>()).into());
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8")).body(page.clone()))
}

/// Answers with its style sheet.
pub(super) async fn style() -> HandlerResult {
    const STYLE: &str = include_str!("docs/docs.css");
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/css; charset=utf-8")).body(STYLE))
}
