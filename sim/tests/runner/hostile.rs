//! Files that are not as they were written.

use eyre::Result;
use sim::{
    model::Value,
    results::{self, Format, Results, ResultsError},
    runner::{self, Control, Settings},
};

use crate::{
    folder::{self, Folder},
    walk::{self, Fault, Walk},
};

fn written(format: Format) -> Result<Folder> {
    let folder = Folder::new();
    let settings = Settings { format, ..folder.settings() };
    runner::execute(&Walk::default(), &walk::plan(), &walk::kpis(), &settings, &Control::quiet(2))?;
    Ok(folder)
}

/// Checks that a fault contains `expected`, and that all is well once the file is removed and made again.
#[track_caller]
fn check(format: Format, name: &str, change: impl Fn(&mut Vec<u8>), expected: &str) {
    let folder = written(format).unwrap();
    let sound = folder.contents();
    let mut bytes = sound.get(name).cloned().unwrap_or_default();
    change(&mut bytes);
    folder.write(name, &bytes);
    let verdict = results::verify(folder.path()).unwrap();
    assert!(verdict.faults.iter().any(|fault| fault.contains(expected)), "{verdict:?}");
    folder.remove(name);
    if sound.contains_key(name) {
        let settings = Settings { is_resumed: true, format, ..folder.settings() };
        runner::execute(&Walk::default(), &walk::plan(), &walk::kpis(), &settings, &Control::quiet(1)).unwrap();
    }
    assert_eq!(folder.contents(), sound);
    assert!(results::verify(folder.path()).unwrap().is_sound());
}

fn replace(from: &'static str, to: &'static str) -> impl Fn(&mut Vec<u8>) {
    move |bytes| {
        let text = String::from_utf8(std::mem::take(bytes)).unwrap();
        assert!(text.contains(from), "{text}");
        *bytes = text.replacen(from, to, 1).into_bytes();
    }
}

#[test]
fn truncated_parts_are_found() {
    check(
        Format::Parquet,
        "part-00005.parquet",
        |bytes| bytes.truncate(bytes.len() / 2),
        "part-00005.parquet is damaged",
    );
    check(Format::Parquet, "part-00005.parquet", Vec::clear, "part-00005.parquet is damaged");
    check(Format::Parquet, "part-00005.runs.parquet", |bytes| bytes.truncate(9), "part-00005.runs.parquet is damaged");
    check(Format::Csv, "part-00005.csv", |bytes| bytes.truncate(bytes.len() - 1), "is cut off");
    let drop_line =
        |bytes: &mut Vec<u8>| bytes.truncate(bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1);
    check(
        Format::Csv,
        "part-00005.csv",
        drop_line,
        "run 2 of subset 1 in part-00005.csv has 39 rows and not the 40 recorded",
    );
}

#[test]
fn changed_cells_are_found() {
    let check_csv = |from, to, expected| check(Format::Csv, "part-00001.csv", replace(from, to), expected);
    check_csv("tick 3", "tick 4", "run 2 of subset 0 in part-00001.csv has another hash");
    check_csv("\n0,0,2,0,0,100,0", "\n0,0,2,0,0,100.00000000000001,0", "has another hash");
    check_csv("0,0,2,0,0", "0,0,2,0,1", "has another hash");
    check_csv("0,0,2,0,0", "0,0,3,0,0", "it has rows of run 3 of subset 0 where there are none");
    check_csv("0,0,2,0,0", "1,0,2,0,0", "the simulation of run 2 of subset 0 is another than the plan's");
    check_csv("0,0,2,0,0", "0,0,2,-1,0", "-1 is no id");
    check_csv(",1,1.5,a,true", ",1,1.25,a,true", "the param.price of run 2 of subset 0 is another than the plan's");
    check_csv("0,0,2,0,0,100", "0,0,2,0,0,many", "line 2 has \"many\" for price, a number");
    check_csv("0,0,2,0,0,", "0,0,2,0,0,1,", "line 2 has 13 cells, not 12");
    check_csv("\"\"up\"\"\"", "\"\"up\"\"\"x", "line 2 has \"x,1,1.5,a,true\" after a quote");
    check_csv("\"\"up\"\"\"", "\"\"up\"\"", "part-00001.csv is damaged");
    check_csv("timestep,price", "timestep,prize", "its columns are simulation, subset, run, substep, timestep, prize");
    check(
        Format::Both,
        "part-00001.csv",
        replace("tick 3", "tick 4"),
        "run 2 of subset 0 in part-00001.csv has another hash",
    );
    let check_sum = |name, from, to, expected| check(Format::Parquet, name, replace(from, to), expected);
    check_sum("runs.csv", "true", "false", "runs.csv: differs from the parts; remove it");
    check_sum("failures.csv", "alice", "bob", "failures.csv: differs from the parts; remove it");
    check_sum("manifest.json", "\"n_rows\": 407", "\"n_rows\": 408", "manifest.json counts otherwise");
    check_sum("manifest.json", "\"0x", "\"0x00", "manifest.json is damaged");
    check(Format::Parquet, "part-00012.parquet", |bytes| bytes.push(1), "part-00012.parquet is no file of this plan");
    check(Format::Parquet, "part-1.parquet", |bytes| bytes.push(1), "part-1.parquet is no file of this plan");
}

#[test]
fn parts_of_another_plan_are_found() -> Result<()> {
    let other = Folder::new();
    other.run(&Walk { fault: Fault::None, ..Walk::default() })?;
    let take = |name: &str| other.contents()[name].clone();
    let check =
        |from: &str, to: &str, expected: &str| check(Format::Parquet, to, |bytes| *bytes = take(from), expected);
    check(
        "part-00001.parquet",
        "part-00001.parquet",
        "run 2 of subset 0 in part-00001.parquet has 40 rows and not the 7",
    );
    check("part-00002.parquet", "part-00003.parquet", "it has rows of run 3 of subset 0 where there are none");
    check("part-00001.runs.parquet", "part-00001.runs.parquet", "has 7 rows and not the 40 recorded");
    check(
        "part-00002.runs.parquet",
        "part-00003.runs.parquet",
        "the run of run 4 of subset 0 is another than the plan's",
    );
    check("part-00003.runs.parquet", "part-00003.parquet", "its columns are simulation, subset, run, step");
    check("runs.parquet", "part-00000.runs.parquet", "it has more runs than its part");
    Ok(())
}

#[test]
fn missing_parts_are_listed() -> Result<()> {
    let folder = written(Format::Parquet)?;
    folder.remove("part-00004.parquet");
    folder.remove("part-00007.runs.parquet");
    assert_eq!(Results::open(folder.path())?.missing(), [4, 7]);
    let verdict = results::verify(folder.path())?;
    assert_eq!((verdict.n_faults, verdict.n_sound, verdict.fingerprint), (2, 10, None));
    assert_eq!(verdict.faults[0], "part 4 is missing; run with --resume, or merge the folder that has it");
    Ok(())
}

#[test]
fn folders_that_do_not_fit_are_not_merged() -> Result<()> {
    let (folder, other, target) = (written(Format::Parquet)?, Folder::new(), Folder::new());
    let mut plan = walk::plan();
    plan.seed = 2;
    runner::execute(&Walk::default(), &plan, &walk::kpis(), &other.settings(), &Control::quiet(1))?;
    let refused = results::merge(&[folder.path(), other.path()], target.path()).expect_err("seeds differ").to_string();
    assert!(refused.ends_with("another plan: the seed there is 2, and here 1; name another folder"), "{refused}");
    assert!(target.contents().is_empty());

    let same_plan = Folder::new();
    same_plan.run(&Walk { fault: Fault::None, ..Walk::default() })?;
    let conflict = results::merge(&[folder.path(), same_plan.path()], target.path());
    assert!(matches!(conflict, Err(ResultsError::Conflict(..))), "{conflict:?}");
    Ok(())
}

#[test]
fn damaged_plans_are_refused() -> Result<()> {
    let folder = written(Format::Parquet)?;
    let text = folder.text("plan.json");
    let check = |from: &str, to: &str, expected: &str| {
        assert!(text.contains(from), "{text}");
        folder.write("plan.json", text.replacen(from, to, 1).as_bytes());
        let error = Results::open(folder.path()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("n = 1", "n = 3", "the netlist's hash is");
    check("\"seed\": 1,", "", "missing field `seed`");
    check("\"seed\": 1,", "\"seed\": -1,", "plan.json is damaged: invalid value");
    check("\"seed\": 1,", "\"seed\": 1, \"sneed\": 2,", "unknown field `sneed`");
    check("\"2.5\"", "\"two\"", "\"two\" is given for a number");
    check("\"mode\",\n", "", "point 0 has 4 values for 3 parameters");
    check("\"name\": \"price\"", "\"name\": \"n\"", "there are two columns named n");
    check(
        "\"name\": \"price\"",
        "\"name\": \"run\"",
        "column run of the model has the name of a column that every table has",
    );
    check("\"n_runs\": 4", "\"n_runs\": 0", "the plan has no runs: 3 points with 0 runs each");
    check("\"n_runs\": 4", "\"n_runs\": 18446744073709551615", "more runs than can be numbered");
    check("sim 0.", "sim 9.", "it was written by sim 9.");
    check("{", "", "plan.json is damaged");
    folder.remove("plan.json");
    let foreign = Results::open(folder.path());
    assert!(matches!(foreign, Err(ResultsError::Foreign(_))), "{foreign:?}");
    Ok(())
}

/// Whatever bit is flipped, it is noticed, or nothing that is read depends on it.
#[test]
fn flipped_bits_do_no_harm() -> Result<()> {
    let mut plan = walk::plan();
    (plan.n_runs, plan.points[0].values[0].1) = (1, Value::Float(0.5));
    plan.points.truncate(1);
    let folder = Folder::new();
    runner::execute(&Walk::default(), &plan, &walk::kpis(), &folder.settings(), &Control::quiet(1))?;
    let columns = ["price", "n", "note", "step"];
    let read = || -> Result<String, ResultsError> {
        let results = Results::open(folder.path())?;
        Ok(format!("{:?}", (results.outcomes()?, folder::rows(&results, &columns)?)))
    };
    let sound = read()?;
    for name in ["part-00000.parquet", "part-00000.runs.parquet"] {
        let bytes = folder.contents()[name].clone();
        let mut n_found = 0;
        for position in (0..bytes.len()).step_by(3) {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << (position % 8);
            folder.write(name, &changed);
            let is_found = !results::verify(folder.path())?.is_sound();
            let is_same = read().is_ok_and(|found| found == sound);
            assert!(is_found || is_same, "bit {} of byte {position} of {name}", position % 8);
            n_found += usize::from(is_found);
        }
        assert!(n_found * 3 > bytes.len() / 4, "{n_found} of {}", bytes.len() / 3);
        folder.write(name, &bytes);
    }
    Ok(())
}
