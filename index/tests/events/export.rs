//! Files of rows.

use alloy::primitives::{I256, U256};
use index::abi::EventTable;
use index::block::Blocks;
use index::database::Database;
use index::export::{EpochIds, Format, events, snapshots, sums};
use index::kind::Kind as _;
use index::rows::Value;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

use crate::{Folder, Moved, add, hash, on_both};

const ALL: EpochIds = EpochIds { first: 0, last: u64::MAX };

fn moved(events: &index::kind::events::Events) -> EventTable {
    events.watch().events[1].table.clone()
}

fn read_parquet(path: &std::path::Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap()).collect()
}

fn files(folder: &Folder) -> Vec<String> {
    let names = std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "abi.json").collect()
}

#[test]
fn events_are_lines_that_a_person_can_read() {
    on_both(|database, kind, folder| {
        let odd = Moved { amount: U256::MAX, change: I256::MIN, note: "a \"note\",\nof two lines" };
        let even = Moved { amount: U256::from(7), change: I256::try_from(-7).unwrap(), note: "" };
        add(database, kind, 12, 4, 1, &even);
        add(database, kind, 2, 0, 1, &odd);
        add(database, kind, 13, 0, 1, &even);
        let path = folder.0.join("moved.csv");
        let n_rows = events(database, &moved(kind), Blocks { first: 2, last: 12 }, Format::Csv, &path).unwrap();
        assert_eq!(n_rows, 2);
        let tx = "7".repeat(64);
        let expected = format!(
            "block,timestamp,idx,tx,contract,from_,amount,change,is_last,timestamp_,note\n\
             2,2020-05-04T13:22:37Z,0,0x{tx},0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed,\
             0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa,{},{},true,2,\"a \"\"note\"\",\nof two lines\"\n\
             12,2020-05-04T13:24:37Z,4,0x{tx},0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed,\
             0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa,7,-7,true,12,\n",
            U256::MAX,
            I256::MIN
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(files(folder), ["moved.csv"], "nothing else is left");
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn events_are_columns_with_types() {
    on_both(|database, kind, folder| {
        let odd = Moved { amount: U256::MAX, change: I256::MINUS_ONE, note: "x" };
        add(database, kind, 2, 0, 1, &odd);
        let path = folder.0.join("moved.parquet");
        assert_eq!(
            events(database, &moved(kind), Blocks { first: 0, last: u64::MAX }, Format::Parquet, &path).unwrap(),
            1
        );
        let rows = read_parquet(&path);
        let found: Vec<_> = rows[0].get_column_iter().map(|(name, field)| (name.as_str(), field.clone())).collect();
        let text = |text: &str| Field::Str(text.to_owned());
        let expected = [
            ("block", Field::Long(2)),
            ("timestamp", Field::TimestampMillis(1_588_598_557_000)),
            ("idx", Field::Long(0)),
            ("tx", text(&format!("0x{}", "7".repeat(64)))),
            ("contract", text("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")),
            ("from_", text("0xaAaAaAaaAaAaAaaAaAAAAAAAAaaaAaAaAaaAaaAa")),
            ("amount", text(&U256::MAX.to_string())),
            ("change", text("-1")),
            ("is_last", Field::Bool(true)),
            ("timestamp_", Field::Long(2)),
            ("note", text("x")),
        ];
        assert_eq!(found, expected);
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn many_rows_go_page_by_page() {
    on_both(|database, kind, folder| {
        let one = Moved { amount: U256::ONE, change: I256::ONE, note: "" };
        add(database, kind, 1, 0, 9_000, &one);
        add(database, kind, 2, 0, 1_001, &one);
        for (name, format) in [("many.csv", Format::Csv), ("many.parquet", Format::Parquet)] {
            let path = folder.0.join(name);
            let n_rows = events(database, &moved(kind), Blocks { first: 1, last: 2 }, format, &path).unwrap();
            assert_eq!(n_rows, 10_001);
            let places: Vec<(u64, u64)> = if format == Format::Csv {
                let text = std::fs::read_to_string(&path).unwrap();
                let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
                let place = |cells: Vec<String>| (cells[0].parse().unwrap(), cells[2].parse().unwrap());
                text.lines().skip(1).map(|line| place(cells(line))).collect()
            } else {
                let number = |field: &Field| if let Field::Long(number) = field { number.cast_unsigned() } else { 99 };
                let place = |row: Row| {
                    let fields: Vec<_> = row.get_column_iter().map(|(_, field)| number(field)).collect();
                    (fields[0], fields[2])
                };
                read_parquet(&path).into_iter().map(place).collect()
            };
            let expected: Vec<_> = (0..9_000).map(|idx| (1, idx)).chain((0..1_001).map(|idx| (2, idx))).collect();
            assert!(places == expected, "in order, and each once");
            std::fs::remove_file(path).unwrap();
        }
        let empty = folder.0.join("none.csv");
        assert_eq!(events(database, &moved(kind), Blocks { first: 3, last: 3 }, Format::Csv, &empty).unwrap(), 0);
        assert_eq!(std::fs::read_to_string(&empty).unwrap().lines().count(), 1, "the names are there");
        std::fs::remove_file(empty).unwrap();
    });
}

fn fill(database: &mut dyn Database) {
    for (epoch, state) in [(0, 2), (1, 1)] {
        let (first, last) = (10 * epoch, 10 * epoch + 9);
        let hash = hash(last);
        let time = Value::count(1_588_598_533 + 12 * last);
        let (id, first, last, hash) =
            (Value::count(epoch), Value::count(first), Value::count(last), Value::Blob(hash.as_slice()));
        let values = [id, first, last, hash, time, Value::Integer(state)];
        database.run("INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)", &values).unwrap();
        for project in ["b", "a"] {
            let values = [Value::Text(project), id, hash];
            database.run("INSERT INTO snapshot VALUES (?1, ?2, ?3, 'bafy', X'00')", &values).unwrap();
            let total = U256::from(100 * (epoch + 1)).to_be_bytes::<32>();
            let values = [Value::Text(project), id, Value::Blob(&total)];
            database.run("INSERT INTO prefix_sum VALUES (?1, 'Moved', ?2, ?3)", &values).unwrap();
        }
    }
}

#[test]
fn snapshots_and_sums_are_lines() {
    on_both(|database, _, folder| {
        fill(database);
        let path = folder.0.join("out.csv");
        let read = |path| std::fs::read_to_string(path).unwrap();
        let (one, two) = (hash(9), hash(19));
        assert_eq!(snapshots(database, None, ALL, Format::Csv, &path).unwrap(), 4);
        let names = "epoch,project,first_block,last_block,end_timestamp,end_hash,is_final,cid\n";
        let first = format!("0,9,2020-05-04T13:24:01Z,{one},true,bafy");
        let second = format!("10,19,2020-05-04T13:26:01Z,{two},false,bafy");
        assert_eq!(read(&path), format!("{names}0,a,{first}\n0,b,{first}\n1,a,{second}\n1,b,{second}\n"));
        let epochs = EpochIds { first: 1, last: 1 };
        assert_eq!(snapshots(database, Some("b"), epochs, Format::Csv, &path).unwrap(), 1);
        assert_eq!(read(&path), format!("{names}1,b,{second}\n"), "the file is replaced");

        assert_eq!(sums(database, Some("a"), ALL, Format::Csv, &path).unwrap(), 2);
        let expected = "epoch,project,name,end_timestamp,sum,total\n\
                        0,a,Moved,2020-05-04T13:24:01Z,100,100\n\
                        1,a,Moved,2020-05-04T13:26:01Z,100,200\n";
        assert_eq!(read(&path), expected);
        assert_eq!(sums(database, None, EpochIds { first: 7, last: 9 }, Format::Csv, &path).unwrap(), 0);
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_not_made() {
    on_both(|database, kind, folder| {
        let path = folder.0.join("none/moved.csv");
        let error = events(database, &moved(kind), Blocks { first: 0, last: 9 }, Format::Csv, &path).unwrap_err();
        assert!(error.to_string().contains("cannot be written: No such file or directory"), "{error}");
        database.run("DROP TABLE my_app_moved", &[]).unwrap();
        let path = folder.0.join("moved.csv");
        std::fs::write(&path, "old").unwrap();
        events(database, &moved(kind), Blocks { first: 0, last: 9 }, Format::Csv, &path).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old", "what was there stays");
        assert_eq!(files(folder), ["moved.csv"]);
        std::fs::remove_file(path).unwrap();
    });
}
