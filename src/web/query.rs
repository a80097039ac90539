//! Query strings and path segments: read strictly, refused by name.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    error::{Error, Noun},
    model::{CallId, KeyId, PageRequest, ServerId, UserId},
    web::problem::Problem,
};

/// The query read into a `T`, which refuses unknown parameters.
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = web::Query::<T>::from_query(request.query_string());
        ready(match read {
            Ok(query) => Ok(Self(query.into_inner())),
            Err(actix_web::error::QueryPayloadError::Deserialize(error)) => {
                Err(Problem::malformed(format!("the query cannot be read: {error}")))
            }
            Err(_) => Err(Problem::malformed("the query cannot be read")),
        })
    }
}

/// The part of a list to return.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// At most this many items.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: PageLimit,
    /// `nextCursor` of the page before; left out for the first page.
    cursor: Option<String>,
}

impl From<PageQuery> for PageRequest {
    fn from(query: PageQuery) -> Self {
        page(query.limit, query.cursor)
    }
}

/// The page that `limit` and `cursor` ask for.
pub(crate) fn page(limit: PageLimit, cursor: Option<String>) -> PageRequest {
    PageRequest { limit: limit.0, cursor }
}

/// The number of items of a page: 1 to 100, 50 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageLimit(u32);

impl Default for PageLimit {
    fn default() -> Self {
        Self(PageRequest::default().limit)
    }
}

impl<'de> Deserialize<'de> for PageLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let limit = text.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.map(Self).ok_or_else(|| serde::de::Error::custom("limit must be a whole number from 1 to 100"))
    }
}

/// The id in the path; one that cannot be an id is one that nothing has (404).
pub(crate) struct PathId<T>(pub T);

impl<T: PathSegment> FromRequest for PathId<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let segment = request.match_info().get(T::SEGMENT).and_then(|text| text.parse().ok());
        ready(segment.map(Self).ok_or_else(|| Error::NotFound(T::NOUN).into()))
    }
}

/// An id that paths have.
pub(crate) trait PathSegment: std::str::FromStr {
    /// The name of the segment in the URL table.
    const SEGMENT: &str;
    /// The noun of the 404 where there is none.
    const NOUN: Noun;
}

impl PathSegment for ServerId {
    const SEGMENT: &str = "id";
    const NOUN: Noun = Noun::Server;
}

impl PathSegment for CallId {
    const SEGMENT: &str = "id";
    const NOUN: Noun = Noun::Call;
}

impl PathSegment for KeyId {
    const SEGMENT: &str = "id";
    const NOUN: Noun = Noun::Key;
}

impl PathSegment for UserId {
    const SEGMENT: &str = "userId";
    const NOUN: Noun = Noun::User;
}

/// The name of a service behind the gateway; any text may be one.
pub(crate) struct ServiceName(pub String);

impl std::str::FromStr for ServiceName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl PathSegment for ServiceName {
    const SEGMENT: &str = "name";
    const NOUN: Noun = Noun::Service;
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    async fn read(query: &str) -> Result<PageRequest, String> {
        let request = TestRequest::with_uri(&format!("/?{query}")).to_http_request();
        let query = Query::<PageQuery>::from_request(&request, &mut Payload::None).await;
        query.map(|query| query.0.into()).map_err(|problem| problem.to_string())
    }

    #[actix_web::test]
    async fn a_list_has_fifty_items_unless_asked() {
        assert_eq!(read("").await, Ok(PageRequest::default()));
        assert_eq!(read("limit=100&cursor=a%20b").await, Ok(PageRequest { limit: 100, cursor: Some("a b".into()) }));
    }

    #[actix_web::test]
    async fn a_query_that_is_not_understood_is_refused_by_name() {
        for (query, says) in [
            ("limit=0", "1 to 100"),
            ("limit=101", "1 to 100"),
            ("limit=-1", "1 to 100"),
            ("limit=1e9", "1 to 100"),
            ("sort=name", "unknown field `sort`"),
            ("limit=1&limit=2", "duplicate field `limit`"),
        ] {
            assert!(read(query).await.unwrap_err().contains(says), "{query}");
        }
    }
}
