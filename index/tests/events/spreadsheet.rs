//! Text of a stranger's choice in files for spreadsheets.

use alloy::primitives::{I256, U256};
use index::block::Blocks;
use index::export::{Format, events};
use index::kind::Kind as _;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use crate::{Moved, add, on_both};

/// A note, and its cell in CSV.
const NOTES: [(&str, &str); 12] = [
    ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
    ("=1,\"2\"", "\"'=1,\"\"2\"\"\""),
    ("+1", "'+1"),
    ("-1", "'-1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t=1"),
    ("\r=1", "\"'\r=1\""),
    ("\n=1", "\"'\n=1\""),
    ("'=1", "''=1"),
    ("", ""),
    ("1=1", "1=1"),
    ("a-b", "a-b"),
];

#[test]
fn no_text_is_a_formula() {
    on_both(|database, kind, folder| {
        for (idx, (note, _)) in (0..).zip(NOTES) {
            // Numbers with a sign are numbers.
            let moved = Moved { amount: U256::ONE, change: I256::MINUS_ONE, note };
            add(database, kind, 2, idx, 1, &moved);
        }
        let table = kind.watch().events[1].table.clone();
        let blocks = Blocks { first: 0, last: 9 };
        let path = folder.0.join("notes.csv");
        events(database, &table, blocks, Format::Csv, &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let cells = text.split(",1,-1,true,2,").skip(1).map(|rest| rest.split("\n2,2020-").next().unwrap());
        let cells: Vec<_> = cells.map(|cell| cell.strip_suffix('\n').unwrap_or(cell)).collect();
        assert_eq!(cells, NOTES.map(|(_, cell)| cell));
        let path = folder.0.join("notes.parquet");
        events(database, &table, blocks, Format::Parquet, &path).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(|row| row.unwrap());
        let notes: Vec<_> = rows.map(|row| row.get_column_iter().last().unwrap().1.clone()).collect();
        assert_eq!(notes, NOTES.map(|(note, _)| Field::Str(note.to_owned())), "Parquet has the text itself");
        std::fs::remove_file(folder.0.join("notes.csv")).unwrap();
        std::fs::remove_file(path).unwrap();
    });
}
