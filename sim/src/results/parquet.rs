//! Tables as Parquet: DOUBLE, INT64, UTF8 and BOOLEAN, all required, one row group a call.

use std::{
    fs::File,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use ::parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        reader::{FileReader, SerializedFileReader},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{ColumnPath, Type, TypePtr},
};

use super::table::{Block, Field, Hold};
use crate::rows::{Cells, Kind};

/// A file that is being written.
pub(crate) struct ParquetWriter<W: Write + Send>(SerializedFileWriter<W>);

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a table.
    ///
    /// # Errors
    /// If `to` takes no more.
    pub(crate) fn begin(to: W, fields: &[Field]) -> io::Result<Self> {
        let schema = schema(fields).map_err(io_error)?;
        Ok(Self(SerializedFileWriter::new(to, schema, Arc::new(properties(fields))).map_err(io_error)?))
    }

    /// Adds a row group.
    ///
    /// # Errors
    /// If `to` takes no more.
    pub(crate) fn write(&mut self, blocks: &[Block]) -> io::Result<()> {
        let mut write = || {
            let mut group = self.0.next_row_group()?;
            blocks.iter().try_for_each(|block| write_block(&mut group, block))?;
            group.close().map(drop)
        };
        write().map_err(io_error)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If `to` takes no more.
    pub(crate) fn end(self) -> io::Result<W> {
        self.0.into_inner().map_err(io_error)
    }
}

fn schema(fields: &[Field]) -> Result<TypePtr, ParquetError> {
    let primitive = |field: &Field| {
        let (physical, logical) = physical(field.hold);
        let builder = Type::primitive_type_builder(&field.name, physical).with_repetition(Repetition::REQUIRED);
        builder.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = fields.iter().map(primitive).collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("table").with_fields(fields).build().map(Arc::new)
}

const fn physical(hold: Hold) -> (Physical, Option<LogicalType>) {
    match hold {
        Hold::Kind(Kind::Float) => (Physical::DOUBLE, None),
        Hold::Kind(Kind::Integer) => (Physical::INT64, None),
        Hold::Kind(Kind::Text) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Hold::Flag => (Physical::BOOLEAN, None),
    }
}

/// The page index would stay in memory until the end of the file.
fn properties(fields: &[Field]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None);
    for field in fields.iter().filter(|field| field.hold == Hold::Kind(Kind::Float)) {
        // Numbers seldom repeat, and looking for it takes longer than all else.
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(vec![field.name.clone()]), false);
    }
    properties.build()
}

fn write_block<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    block: &Block,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("there is a column for each field");
    match block {
        Block::Cells(Cells::Float(cells)) => column.typed::<DoubleType>().write_batch(cells, None, None)?,
        Block::Cells(Cells::Integer(cells)) => column.typed::<Int64Type>().write_batch(cells, None, None)?,
        Block::Flags(cells) => column.typed::<BoolType>().write_batch(cells, None, None)?,
        Block::Cells(Cells::Text(text, ends)) => {
            let all = ByteArray::from(text.as_str());
            let starts = [0].iter().chain(ends);
            let cells: Vec<_> = starts.zip(ends).map(|(start, end)| all.slice(*start, end - start)).collect();
            column.typed::<ByteArrayType>().write_batch(&cells, None, None)?
        }
    };
    column.close()
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

/// A file that is being read.
pub(crate) struct ParquetReader {
    file: SerializedFileReader<File>,
    fields: Vec<(usize, Field)>,
    group: usize,
    columns: Vec<ColumnReader>,
}

impl ParquetReader {
    /// Begins to read the columns `wanted` of a table with `fields`. What goes wrong is said in words, for a damaged file
    /// is told by nothing else.
    ///
    /// # Errors
    /// If the file is damaged or has other columns.
    pub(crate) fn open(file: File, fields: &[Field], wanted: &[usize]) -> Result<Self, String> {
        guarded(|| {
            let file = SerializedFileReader::new(file)?;
            let found = file.metadata().file_metadata().schema_descr();
            let expected = schema(fields)?;
            if found.root_schema().get_fields() != expected.get_fields() {
                let names: Vec<_> = found.columns().iter().map(|column| column.path().string()).collect();
                let expected: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                let (names, expected) = (names.join(", "), expected.join(", "));
                return Err(ParquetError::General(format!(
                    "its columns are {names}, and those of the plan are {expected}, or they hold other kinds of values"
                )));
            }
            let fields = wanted.iter().map(|column| (*column, fields[*column].clone())).collect();
            Ok(Self { file, fields, group: 0, columns: Vec::new() })
        })
    }

    /// At most `n` more rows, none after the last.
    ///
    /// # Errors
    /// If the file is damaged.
    pub(crate) fn next(&mut self, n: usize) -> Result<Vec<Block>, String> {
        guarded(|| {
            loop {
                let mut blocks = Vec::with_capacity(self.columns.len());
                for (column, (_, field)) in self.columns.iter_mut().zip(&self.fields) {
                    blocks.push(read_block(column, field, n)?);
                }
                let n_rows = blocks.first().map_or(0, Block::len);
                if blocks.iter().any(|block| block.len() != n_rows) {
                    return Err(ParquetError::General("its columns are of unequal length".to_owned()));
                }
                if n_rows > 0 || self.group == self.file.num_row_groups() {
                    return Ok(blocks);
                }
                let group = self.file.get_row_group(self.group)?;
                let columns = self.fields.iter().map(|(index, _)| group.get_column_reader(*index));
                self.columns = columns.collect::<Result<_, _>>()?;
                self.group += 1;
            }
        })
    }
}

/// The decoder's panics are errors of the file that it decodes.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| match error {
            ParquetError::General(what) => what,
            error => error.to_string(),
        }),
        Err(_) => Err("it cannot be decoded".to_owned()),
    }
}

fn read_block(reader: &mut ColumnReader, field: &Field, n: usize) -> Result<Block, ParquetError> {
    Ok(match (reader, field.hold) {
        (ColumnReader::DoubleColumnReader(reader), _) => Block::Cells(Cells::Float(read(reader, n)?)),
        (ColumnReader::Int64ColumnReader(reader), _) => Block::Cells(Cells::Integer(read(reader, n)?)),
        (ColumnReader::BoolColumnReader(reader), _) => Block::Flags(read(reader, n)?),
        (ColumnReader::ByteArrayColumnReader(reader), _) => {
            let cells = read(reader, n)?;
            let (mut text, mut ends) = (String::new(), Vec::with_capacity(cells.len()));
            for cell in &cells {
                text.push_str(cell.as_utf8()?);
                ends.push(text.len());
            }
            Block::Cells(Cells::Text(text, ends))
        }
        _ => return Err(ParquetError::General(format!("column {} holds another kind of values", field.name))),
    })
}

fn read<T: DataType>(reader: &mut ColumnReaderImpl<T>, n: usize) -> Result<Vec<T::T>, ParquetError> {
    let mut cells = Vec::new();
    reader.read_records(n, None, None, &mut cells)?;
    Ok(cells)
}
