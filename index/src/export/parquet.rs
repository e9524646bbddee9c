//! Parquet: a row group a page, all columns optional.

use std::{fs::File, io::BufWriter, sync::Arc};

use ::parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical},
    data_type::{BoolType, ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::{Type, TypePtr},
};

use super::{Column, Form, cell};
use crate::{
    Error, Result,
    abi::Meaning,
    rows::{Row, Rows},
};

pub(super) struct Parquet {
    writer: SerializedFileWriter<BufWriter<File>>,
    columns: Vec<Column>,
    /// Rows of the row group that is not full yet.
    pending: Rows,
}

impl Parquet {
    pub(super) fn new(file: BufWriter<File>, columns: Vec<Column>) -> Result<Self> {
        let fields = columns.iter().map(field).collect::<Result<_, _>>().map_err(failed)?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(failed)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let pending = Rows::new(columns.len());
        Ok(Self { writer, columns, pending })
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = std::mem::replace(&mut self.pending, Rows::new(self.columns.len()));
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for (i, column) in self.columns.iter().enumerate() {
            let levels: Vec<i16> = rows.iter().map(|row| i16::from(!row.is_null(i))).collect();
            let mut writer = group.next_column().map_err(failed)?.expect("the schema has all columns");
            let some = rows.iter().filter(|row| !row.is_null(i));
            match column.meaning {
                Meaning::Flag => {
                    let values = values(some, |row| Ok(row.integer(i)? != 0))?;
                    writer.typed::<BoolType>().write_batch(&values, Some(&levels), None).map_err(failed)?;
                }
                Meaning::Integer => {
                    let values = values(some, |row| row.integer(i))?;
                    writer.typed::<Int64Type>().write_batch(&values, Some(&levels), None).map_err(failed)?;
                }
                Meaning::Time => {
                    let values = values(some, |row| Ok(row.integer(i)?.saturating_mul(1_000)))?;
                    writer.typed::<Int64Type>().write_batch(&values, Some(&levels), None).map_err(failed)?;
                }
                meaning => {
                    let text = |row: Row<'_>| Ok(ByteArray::from(cell::text(row, i, meaning)?.into_bytes()));
                    let values = values(some, text)?;
                    writer.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).map_err(failed)?;
                }
            }
            writer.close().map_err(failed)?;
        }
        group.close().map(drop).map_err(failed)
    }
}

impl Form for Parquet {
    fn write(&mut self, rows: &Rows) -> Result<()> {
        self.pending.append(rows);
        if self.pending.len() >= super::N_PAGE { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.pending.is_empty() {
            self.write_group()?;
        }
        let mut file = self.writer.into_inner().map_err(failed)?;
        std::io::Write::flush(&mut file).map_err(|error| failed(error.into()))
    }
}

fn values<'a, T>(rows: impl Iterator<Item = Row<'a>>, value: impl Fn(Row<'a>) -> Result<T>) -> Result<Vec<T>> {
    rows.map(value).collect()
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column.meaning {
        Meaning::Flag => (Physical::BOOLEAN, None),
        Meaning::Integer => (Physical::INT64, None),
        Meaning::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let field = Type::primitive_type_builder(&column.name, physical);
    field.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
}

fn failed(error: ParquetError) -> Error {
    Error::Config(format!("the export cannot be written: {error}; name a file where there is room"))
}
