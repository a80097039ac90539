//! Query strings and path segments: read strictly, refused by name.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use utoipa::IntoParams;

use crate::{
    error::{Error, Noun},
    model::{CallId, KeyId, PageRequest, ServerId, TemplateId, Timestamp, UserId},
    web::problem::Problem,
};

/// The query read into a `T`, which refuses unknown parameters.
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        let read = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
        ready(read.map(Self).map_err(|error| {
            let (name, message) = (error.path().to_string(), error.inner().to_string());
            // Some messages have the name already, as those about the query as a whole (`.`).
            let has_name = name == "." || message.contains(&format!("`{name}`"));
            let named = if has_name { message } else { format!("`{name}` {message}") };
            Problem::malformed(format!("the query cannot be read: {named}"))
        }))
    }
}

/// A time of a query: RFC 3339, or a date, which is its first moment in UTC.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    // A `+` that is not written as %2B is a blank in a query.
    let offset = text.rsplit_once(' ').filter(|(time, offset)| time.contains(':') && offset.contains(':'));
    let text = offset.map_or_else(|| text.clone(), |(time, offset)| format!("{time}+{offset}"));
    let read = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
    read.map(Some)
        .map_err(|_| serde::de::Error::custom("must be a date, or a time with its offset, as 2026-03-29T02:30:00Z"))
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
        limit.map(Self).ok_or_else(|| serde::de::Error::custom("must be a whole number from 1 to 100"))
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

impl PathSegment for TemplateId {
    const SEGMENT: &str = "id";
    const NOUN: Noun = Noun::Template;
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

/// The name of a secret; any text may be one, and only some can be set.
pub(crate) struct SecretName(pub String);

impl std::str::FromStr for SecretName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl PathSegment for SecretName {
    const SEGMENT: &str = "name";
    const NOUN: Noun = Noun::Secret;
}

/// The name of an entry of the catalogue, or the end of it; `/` in it is written as `%2F`.
pub(crate) struct EntryName(pub String);

impl std::str::FromStr for EntryName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.replace("%2F", "/").replace("%2f", "/")))
    }
}

impl PathSegment for EntryName {
    const SEGMENT: &str = "name";
    const NOUN: Noun = Noun::CatalogueEntry;
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
            ("limit=0", "`limit` must be a whole number from 1 to 100"),
            ("limit=101", "1 to 100"),
            ("limit=-1", "1 to 100"),
            ("limit=1e9", "1 to 100"),
            ("sort=name", "unknown field `sort`"),
            ("limit=1&limit=2", "duplicate field `limit`"),
        ] {
            assert!(read(query).await.unwrap_err().contains(says), "{query}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Span {
        #[serde(default, deserialize_with = "time")]
        since: Option<Timestamp>,
    }

    async fn since(text: &str) -> Result<String, String> {
        let request = TestRequest::with_uri(&format!("/?since={text}")).to_http_request();
        let query = Query::<Span>::from_request(&request, &mut Payload::None).await;
        query.map(|query| query.0.since.unwrap().to_string()).map_err(|problem| problem.to_string())
    }

    #[actix_web::test]
    async fn a_time_is_taken_as_people_write_it_and_refused_with_its_name() {
        for (text, expected) in [
            ("2026-03-29T02:30:00Z", "2026-03-29T02:30:00.000Z"),
            ("2026-03-29T02:30:00%2B01:00", "2026-03-29T01:30:00.000Z"),
            ("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00.000Z"),
            ("2026-03-29T02:30:00-01:00", "2026-03-29T03:30:00.000Z"),
            ("2026-03-29", "2026-03-29T00:00:00.000Z"),
        ] {
            assert_eq!(since(text).await.as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "1700000000", "2026-03-29T02:30:00", "yesterday", "2026-02-30"] {
            let refusal = since(text).await.unwrap_err();
            assert!(refusal.contains("`since` must be a date, or a time with its offset"), "{text}: {refusal}");
        }
    }
}
