//! The forms of answers: one thing or a page of things, with the block that they are of.

use axum::{
    Json,
    http::{HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema,
        schema::{AllOfBuilder, OneOfBuilder, Type},
    },
};

use super::{Reading, failure::Failure};
use crate::{
    epoch::EpochState,
    read::{self, AsOf},
};

/// Says whether what an answer tells is final.
pub(super) const X_STATE: HeaderName = HeaderName::from_static("x-index-state");

/// Says which block an answer is of.
pub(super) const X_BLOCK: HeaderName = HeaderName::from_static("x-index-block");

/// Schemas by name, to which others refer.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A page of a list.
#[derive(Debug, Serialize)]
struct Listed<T> {
    as_of: Option<AsOf>,
    items: Vec<T>,
    next: Option<String>,
}

/// One thing.
#[derive(Debug, Serialize)]
struct One<T> {
    as_of: Option<AsOf>,
    #[serde(flatten)]
    item: T,
}

impl Reading<'_> {
    /// A page of items as of the newest block. One more than were asked for says that there is a next page, and is cut
    /// off; `key` gives the cursor of the last one.
    pub(super) fn listed<T: Serialize>(
        &mut self,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Response, Failure> {
        let as_of = read::as_of(self.database)?;
        self.listed_of(as_of, items, key)
    }

    /// The same as of a block.
    pub(super) fn listed_of<T: Serialize>(
        &self,
        as_of: Option<AsOf>,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Response, Failure> {
        let limit = self.asked.limit()?;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(key);
        Ok(self.page_of(as_of, items, next))
    }

    /// A page of items, with the cursor of the next.
    pub(super) fn page_of<T: Serialize>(&self, as_of: Option<AsOf>, items: Vec<T>, next: Option<String>) -> Response {
        marked(as_of, Json(Listed { as_of, items, next }))
    }

    /// The only page of a list of which there is nothing yet.
    pub(super) fn nothing(&mut self) -> Result<Response, Failure> {
        let as_of = read::as_of(self.database)?;
        Ok(self.page_of::<()>(as_of, Vec::new(), None))
    }

    /// One thing as of the newest block; `missing` says what is not there.
    pub(super) fn one<T: Serialize>(
        &mut self,
        item: Option<T>,
        missing: impl FnOnce() -> String,
    ) -> Result<Response, Failure> {
        let item = item.ok_or_else(|| Failure::not_found(missing()))?;
        let as_of = read::as_of(self.database)?;
        Ok(self.one_of(as_of, item))
    }

    /// One thing as of a block.
    pub(super) fn one_of<T: Serialize>(&self, as_of: Option<AsOf>, item: T) -> Response {
        marked(as_of, Json(One { as_of, item }))
    }
}

/// The response, with the block that it is of in its headers too.
pub(super) fn marked(as_of: Option<AsOf>, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    if let Some(AsOf { block, state, .. }) = as_of {
        mark(&mut response, block, state);
    }
    response
}

/// Says of which block a response is, and whether that is final.
pub(super) fn mark(response: &mut Response, block: u64, state: EpochState) {
    let headers = response.headers_mut();
    headers.insert(X_BLOCK, HeaderValue::from(block));
    headers.insert(X_STATE, HeaderValue::from_static(state_name(state)));
}

pub(super) fn state_name(state: EpochState) -> &'static str {
    match state {
        EpochState::Planned => "planned",
        EpochState::Tentative => "tentative",
        EpochState::Final => "final",
    }
}

/// Refers to the schema of `T`, and adds it to those that are referred to.
pub(super) fn schema<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    Ref::from_schema_name(T::name()).into()
}

/// Of one thing, as [`Reading::one`] answers.
pub(super) fn one_schema<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let around = ObjectBuilder::new().property("as_of", as_of_schema(schemas)).required("as_of");
    Schema::AllOf(AllOfBuilder::new().item(around).item(schema::<T>(schemas)).build()).into()
}

/// Of a page of things, as [`Reading::listed`] answers.
pub(super) fn listed_schema<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let item = schema::<T>(schemas);
    listed_schema_of(item, schemas)
}

/// Of a page of things of this schema.
pub(super) fn listed_schema_of(item: RefOr<Schema>, schemas: &mut Schemas) -> RefOr<Schema> {
    let next = <Option<String> as PartialSchema>::schema();
    let listed = ObjectBuilder::new()
        .property("as_of", as_of_schema(schemas))
        .property("items", ArrayBuilder::new().items(item))
        .property("next", next)
        .required("as_of")
        .required("items")
        .required("next");
    Schema::Object(listed.build()).into()
}

/// Nothing only in an empty store.
fn as_of_schema(schemas: &mut Schemas) -> Schema {
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    Schema::OneOf(OneOfBuilder::new().item(nothing).item(schema::<AsOf>(schemas)).build())
}
