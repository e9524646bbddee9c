//! Rows of decoded events, of any source.

use alloy::{
    dyn_abi::DynSolType,
    primitives::{Address, hex},
};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value as Shown, json};
use utoipa::{
    ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{AdditionalProperties, Type},
    },
};

use super::{
    Reading, Shared,
    answer::{Schemas, listed_schema_of},
    asked::{cursor, number},
    failure::{Failure, told},
};
use crate::{
    Result,
    abi::{EventTable, Meaning, N_PLACE, signed},
    read::{self, EventRange, Place},
    rows::{Row, Value},
};

/// All tables.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tables {
    /// Those of the first source, then those of the second, and so on.
    items: Vec<TableEntry>,
}

/// A table of decoded events.
#[derive(Debug, Serialize, ToSchema)]
struct TableEntry {
    /// Its name.
    table: String,
    /// Whose it is.
    source: String,
    /// The columns of the event's arguments, after those of the log's place.
    columns: Vec<ColumnEntry>,
}

/// A column of an argument.
#[derive(Debug, Serialize, ToSchema)]
struct ColumnEntry {
    /// Its name.
    name: String,
    /// The argument's type in Solidity.
    #[serde(rename = "type")]
    kind: String,
}

pub(super) fn tables(api: &Shared) -> Result<Response, Failure> {
    let entries = api.sources.iter().flat_map(|source| {
        source.events.iter().map(|events| {
            let columns = events.table.columns.iter().enumerate().skip(N_PLACE);
            let column = |(i, column): (usize, &crate::rows::Column)| ColumnEntry {
                name: column.name.clone(),
                kind: events.argument(i).map(ToString::to_string).unwrap_or_default(),
            };
            TableEntry {
                table: events.table.name.clone(),
                source: source.name.clone(),
                columns: columns.map(column).collect(),
            }
        })
    });
    Ok(Json(Tables { items: entries.collect() }).into_response())
}

/// The place of a log, and whatever columns the table has.
pub(super) fn rows_schema(schemas: &mut Schemas) -> RefOr<Schema> {
    let number = || ObjectBuilder::new().schema_type(Type::Integer);
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let row = ObjectBuilder::new()
        .property("block", number())
        .property("idx", number())
        .property("tx", text())
        .property("contract", text())
        .required("block")
        .required("idx")
        .required("tx")
        .required("contract")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)));
    listed_schema_of(Schema::Object(row.build()).into(), schemas)
}

pub(super) fn rows(reading: &mut Reading<'_>) -> Result<Response, Failure> {
    let (asked, api) = (reading.asked, reading.api);
    let name = asked.text("table").unwrap_or_default();
    let events = api.sources.iter().flat_map(|source| &source.events).find(|events| events.table.name == name);
    let events = events.ok_or_else(|| {
        Failure::not_found(format!("{} is no table of events; /v1/events lists all of them", told(name)))
    })?;
    let range = EventRange {
        from_block: asked.count("from_block")?.unwrap_or(0),
        to_block: asked.count("to_block")?.unwrap_or(i64::MAX.cast_unsigned()),
        contract: asked.address("contract")?,
        after: asked.after(place)?,
    };
    if range.from_block > range.to_block {
        let expected = format!("at most {}, which is to_block", range.to_block);
        return Err(Failure::bad("from_block", &range.from_block.to_string(), &expected));
    }
    // Rows of later blocks are there before what is derived from them, and are not what the answer says that it is of.
    let Some(newest) = read::as_of(reading.database)? else { return reading.nothing() };
    let range = EventRange { to_block: range.to_block.min(newest.block), ..range };
    let (found, is_cut) = read::event_rows(reading.database, &events.table, range, asked.page()?)?;
    let limit = asked.limit()?;
    let items = found.iter().take(limit).map(|row| shown(events, &row)).collect::<Result<Vec<_>>>()?;
    let has_more = is_cut || found.len() > limit;
    let next = items.last().filter(|_| has_more).map(|row| cursor(&[&row["block"], &row["idx"]]));
    Ok(reading.page_of(Some(newest), items, next))
}

fn place(parts: &[&str]) -> Option<Place> {
    match parts {
        [block, idx] => Some(Place { block: number(block)?, idx: number(idx)? }),
        _ => None,
    }
}

fn shown(events: &EventTable, row: &Row<'_>) -> Result<Map<String, Shown>> {
    let columns = events.table.columns.iter().enumerate();
    columns.map(|(i, column)| Ok((column.name.clone(), cell(events, row, i)?))).collect()
}

/// Integers of the ABI are decimal strings, however small, so that the same column always has the same type.
fn cell(events: &EventTable, row: &Row<'_>, i: usize) -> Result<Shown> {
    let is_argument = events.argument(i).is_some();
    Ok(match (events.meanings[i], row.value(i)) {
        (Meaning::Flag, Value::Integer(value)) => json!(value != 0),
        (_, Value::Integer(value)) if is_argument => json!(value.to_string()),
        (_, Value::Integer(value)) => json!(value),
        (Meaning::Unsigned, _) => json!(row.amount(i)?.to_string()),
        (Meaning::Signed, _) => json!(signed(row.amount(i)?).to_string()),
        (Meaning::Address, _) => json!(Address::to_checksum(&row.address(i)?, None)),
        (_, Value::Blob(bytes)) => json!(hex::encode_prefixed(bytes)),
        (_, Value::Text(text)) if events.argument(i) == Some(&DynSolType::String) => json!(text),
        (_, Value::Text(text)) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        (_, Value::Null) => Shown::Null,
    })
}
