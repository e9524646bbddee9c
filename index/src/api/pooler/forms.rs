//! The forms of what Pooler answers with.

use std::collections::BTreeMap;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr, Schema,
        schema::{OneOfBuilder, SchemaType, Type},
    },
};

use super::{TokenItself, TokenLine};
use crate::{
    api::answer::{Schemas, schema},
    kind::uniswap_v2::query::LiquidityProcessed,
};

pub(in crate::api) fn pairs_schema(schemas: &mut Schemas) -> RefOr<Schema> {
    Schema::Array(ArrayBuilder::new().items(RefOr::T(line_schema(schemas))).build()).into()
}

pub(in crate::api) fn pair_schema(schemas: &mut Schemas) -> RefOr<Schema> {
    let line = line_schema(schemas);
    in_data(line)
}

pub(in crate::api) fn tokens_schema(schemas: &mut Schemas) -> RefOr<Schema> {
    let line = schema::<TokenLine>(schemas);
    Schema::Array(ArrayBuilder::new().items(line).build()).into()
}

pub(in crate::api) fn token_schema(schemas: &mut Schemas) -> RefOr<Schema> {
    let token = schema::<TokenItself>(schemas);
    in_data(token)
}

pub(in crate::api) fn logs_schema(_: &mut Schemas) -> RefOr<Schema> {
    let (text, number) = (|| of_type(Type::String), || of_type(Type::Number));
    let count = || of_type(Type::Integer);
    let log = object([
        ("args", of_type(Type::Object)),
        ("event", text()),
        ("logIndex", count()),
        ("transactionHash", text()),
        ("address", text()),
        ("blockNumber", count()),
        ("token0_amount", number()),
        ("token1_amount", number()),
        ("timestamp", count()),
        ("trade_amount_usd", number()),
    ]);
    Schema::Array(ArrayBuilder::new().items(RefOr::T(log)).build()).into()
}

pub(in crate::api) fn snapshots_schema(_: &mut Schemas) -> RefOr<Schema> {
    let optional = |kind| Schema::Object(ObjectBuilder::new().schema_type(or_null(kind)).build());
    let block = object([
        ("dagCid", of_type(Type::String)),
        ("height", of_type(Type::Integer)),
        ("prevCid", optional(Type::Object)),
        ("data", of_type(Type::Object)),
        ("txHash", of_type(Type::String)),
        ("timestamp", optional(Type::Integer)),
    ]);
    Schema::Array(ArrayBuilder::new().items(RefOr::T(block)).build()).into()
}

/// As the exact form, but for what [`pair_line`](super::pair_line) makes numbers of.
fn line_schema(schemas: &mut Schemas) -> Schema {
    LiquidityProcessed::schemas(schemas);
    let RefOr::T(Schema::Object(mut exact)) = LiquidityProcessed::schema() else {
        unreachable!("a pair is an object");
    };
    let properties: BTreeMap<_, _> =
        exact.properties.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect();
    for (name, exactly) in properties {
        let shown = if name.starts_with("token") { of_type(Type::Number).into() } else { exactly };
        exact.properties.insert(name, shown);
    }
    Schema::Object(exact)
}

fn in_data(item: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    let nothing = of_type(Type::Null);
    let either = OneOfBuilder::new().item(nothing).item(item).build();
    object([("data", Schema::OneOf(either))]).into()
}

fn object<const N: usize>(properties: [(&str, Schema); N]) -> Schema {
    let object = properties
        .into_iter()
        .fold(ObjectBuilder::new(), |object, (name, schema)| object.property(name, schema).required(name));
    Schema::Object(object.build())
}

fn of_type(kind: Type) -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(kind).build())
}

fn or_null(kind: Type) -> SchemaType {
    SchemaType::from_iter([kind, Type::Null])
}
