//! The forms of what Pooler answers with.

use std::collections::BTreeMap;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr, Schema,
        schema::{OneOfBuilder, SchemaType, Type},
    },
};

use super::{DailyStats, Heights, TokenItself, TokenLine};
use crate::{
    api::answer::{Schemas, schema},
    kind::uniswap_v2::query::LiquidityProcessed,
};

/// What is told of the snapshot that a list is in; nothing here is sent to a chain.
const ANCHORED: [&str; 4] = ["txHash", "cid", "txStatus", "prevTxHash"];

/// Where the windows of a list of pairs begin.
const BEGINS: [&str; 4] =
    ["begin_block_height_24h", "begin_block_timestamp_24h", "begin_block_height_7d", "begin_block_timestamp_7d"];

pub(super) fn pairs(schemas: &mut Schemas) -> RefOr<Schema> {
    let lines = list(line(schemas));
    or_no_data(lines)
}

pub(super) fn pairs_in_full(schemas: &mut Schemas) -> RefOr<Schema> {
    let lines = list(line(schemas));
    or_no_data(in_full(lines, &BEGINS))
}

pub(super) fn pair(schemas: &mut Schemas) -> RefOr<Schema> {
    let line = line(schemas);
    in_data(line)
}

pub(super) fn tokens(schemas: &mut Schemas) -> RefOr<Schema> {
    let lines = list(schema::<TokenLine>(schemas));
    or_no_data(lines)
}

pub(super) fn tokens_in_full(schemas: &mut Schemas) -> RefOr<Schema> {
    let lines = list(schema::<TokenLine>(schemas));
    or_no_data(in_full(lines, &[]))
}

pub(super) fn token(schemas: &mut Schemas) -> RefOr<Schema> {
    let token = schema::<TokenItself>(schemas);
    in_data(token)
}

pub(super) fn daily(schemas: &mut Schemas) -> RefOr<Schema> {
    let stats = schema::<DailyStats>(schemas);
    or_no_data(stats)
}

pub(super) fn daily_in_full(schemas: &mut Schemas) -> RefOr<Schema> {
    let stats = schema::<DailyStats>(schemas);
    or_no_data(in_full(stats, &[]))
}

pub(super) fn heights(schemas: &mut Schemas) -> RefOr<Schema> {
    schema::<Heights>(schemas)
}

pub(super) fn logs(_: &mut Schemas) -> RefOr<Schema> {
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
    or_no_data(list(log))
}

pub(super) fn snapshots(_: &mut Schemas) -> RefOr<Schema> {
    let optional = |kind| Schema::Object(ObjectBuilder::new().schema_type(or_null(kind)).build());
    let block = object([
        ("dagCid", of_type(Type::String)),
        ("height", of_type(Type::Integer)),
        ("prevCid", optional(Type::Object)),
        ("data", of_type(Type::Object)),
        ("txHash", of_type(Type::String)),
        ("timestamp", optional(Type::Integer)),
    ]);
    list(block)
}

/// As the exact form, but for what [`pair_line`](super::pair_line) makes numbers of.
fn line(schemas: &mut Schemas) -> Schema {
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

fn list(item: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    Schema::Array(ArrayBuilder::new().items(item.into()).build()).into()
}

/// What is told under `/v1/api`.
fn in_full(data: RefOr<Schema>, begins: &[&str]) -> RefOr<Schema> {
    let mut full = ObjectBuilder::new().property("data", data).required("data");
    for name in ANCHORED {
        full = full.property(name, of_type(Type::Null)).required(name);
    }
    for name in ["block_height", "block_timestamp"].iter().chain(begins) {
        full = full.property(*name, of_type(Type::Integer)).required(*name);
    }
    Schema::Object(full.build()).into()
}

/// Or what is told where there is nothing.
fn or_no_data(found: RefOr<Schema>) -> RefOr<Schema> {
    let nothing = object([("data", of_type(Type::Null))]);
    Schema::OneOf(OneOfBuilder::new().item(found).item(nothing).build()).into()
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
