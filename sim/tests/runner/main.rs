//! Runs into folders: equal files whatever the threads, shards and interruptions, and damage that is noticed.

#![allow(clippy::unwrap_used, reason = "clippy takes functions that tests call for none of the tests")]

mod folder;
mod hostile;
mod random;
mod walk;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use eyre::Result;
use sim::{
    model::{Point, Value},
    results::{self, Format, Results, ResultsError},
    runner::{self, Control, Outcome, RunError, Settings, Shard},
};

use folder::Folder;
use walk::{Fault, Walk};

#[test]
fn threads_and_reruns_make_the_same_bytes() -> Result<()> {
    let (walk, plan, kpis) = (Walk::default(), walk::plan(), walk::kpis());
    let mut first = None;
    for threads in [1, 2, 5, 1] {
        let folder = Folder::new();
        let settings = Settings { format: Format::Both, ..folder.settings() };
        let summary = runner::execute(&walk, &plan, &kpis, &settings, &Control::quiet(threads))?;
        let manifest = summary.manifest.expect("all parts are there");
        assert_eq!((manifest.n_runs, manifest.n_failed, summary.n_missing), (12, 2, 0));
        let made = (manifest.fingerprint, folder.contents());
        assert_eq!(&made, first.get_or_insert_with(|| made.clone()), "{threads} threads");
    }
    Ok(())
}

#[test]
fn the_fingerprint_is_this_one_on_every_machine() -> Result<()> {
    let folder = Folder::new();
    let manifest = folder.run(&Walk::default())?;
    assert_eq!(manifest.fingerprint.to_string(), "0x6eddd3271612b1613863b2f81d3b43b6ce51092463c247160bbed6c3a3f931ec");
    Ok(())
}

#[test]
fn evaluating_and_executing_say_the_same() -> Result<()> {
    let (walk, plan, kpis) = (Walk::default(), walk::plan(), walk::kpis());
    let folder = Folder::new();
    folder.run(&walk)?;
    let outcomes = Results::open(folder.path())?.outcomes()?;
    for threads in [0, 1, 2, 7] {
        assert_eq!(runner::evaluate(&walk, &plan, &kpis, &Control::quiet(threads))?, outcomes, "{threads} threads");
    }
    let ids: Vec<_> = outcomes.iter().map(|outcome| (outcome.subset, outcome.number)).collect();
    let expected: Vec<_> = (0..3).flat_map(|subset| (1..=4).map(move |number| (subset, number))).collect();
    assert_eq!(ids, expected);
    Ok(())
}

#[test]
fn shards_in_one_folder_and_in_several_make_the_whole() -> Result<()> {
    let whole = Folder::new();
    whole.run(&Walk::default())?;
    let shared = Folder::new();
    let apart = [Folder::new(), Folder::new(), Folder::new()];
    // The last comes twice, as a machine that is started again.
    for index in [2, 3, 1, 1] {
        for folder in [&shared, &apart[usize::try_from(index - 1)?]] {
            let settings = Settings { shard: Shard::of(index, 3)?, ..folder.settings() };
            runner::execute(&Walk::default(), &walk::plan(), &walk::kpis(), &settings, &Control::quiet(2))?;
        }
    }
    assert_eq!(shared.contents(), whole.contents());

    let target = Folder::new();
    let merged = results::merge(&[apart[0].path(), apart[2].path()], target.path())?;
    assert_eq!((merged.n_parts, merged.missing, merged.manifest), (12, vec![1, 4, 7, 10], None));
    let merged = results::merge(&[apart[0].path(), apart[1].path(), apart[1].path()], target.path())?;
    assert!(merged.missing.is_empty() && merged.manifest.is_some());
    assert_eq!(target.contents(), whole.contents());
    Ok(())
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bytes() -> Result<()> {
    let (walk, plan, kpis) = (Walk::default(), walk::plan(), walk::kpis());
    let whole = Folder::new();
    whole.run(&walk)?;
    for threads in [1, 2] {
        let mut n_stops = 0;
        for n_heard in 1..=24 {
            let folder = Folder::new();
            let (stop, heard) = (AtomicBool::new(false), AtomicU64::new(0));
            let observer = |_| stop.store(heard.fetch_add(1, Ordering::SeqCst) + 1 >= n_heard, Ordering::SeqCst);
            let control = Control { threads, observer: &observer, stop: &stop };
            let summary = runner::execute(&walk, &plan, &kpis, &folder.settings(), &control)?;
            assert!(folder.contents().keys().all(|name| !name.ends_with(".tmp")), "what was under way is dropped");
            n_stops += u64::from(summary.was_stopped);
            let settings = Settings { is_resumed: true, ..folder.settings() };
            let resumed = runner::execute(&walk, &plan, &kpis, &settings, &Control::quiet(threads))?;
            assert_eq!(summary.n_done + resumed.n_done, 12, "nothing finished is done again");
            assert_eq!(folder.contents(), whole.contents(), "{threads} threads, stopped after {n_heard}");
        }
        assert!(n_stops > 15, "{n_stops}");
    }
    let stop = AtomicBool::new(true);
    let stopped = runner::evaluate(&walk, &plan, &kpis, &Control { stop: &stop, ..Control::quiet(1) });
    assert_eq!(stopped, Err(RunError::Stopped));
    Ok(())
}

#[test]
fn what_a_killed_run_left_is_removed() -> Result<()> {
    let folder = Folder::new();
    folder.run(&Walk::default())?;
    let whole = folder.contents();
    folder.remove("manifest.json");
    folder.remove("part-00003.runs.parquet");
    folder.write("part-00003.parquet.77-0123.tmp", b"PAR1");
    folder.write("runs.csv.77-0123.tmp", b"simul");
    folder.resume(&Walk::default())?;
    assert_eq!(folder.contents(), whole);
    Ok(())
}

#[test]
fn failures_keep_their_rows_and_have_a_table() -> Result<()> {
    let folder = Folder::new();
    folder.run(&Walk::default())?;
    let text = folder.text("failures.csv");
    let expected = "subset,run,timestep,reason\n\
                    0,2,7,\"InsufficientBalance(7, \"\"alice\"\")\"\n\
                    1,3,0,no start with step 2 and run 3\n";
    assert_eq!(text, expected);
    let outcomes = Results::open(folder.path())?.outcomes()?;
    assert_eq!((outcomes[1].n_rows, outcomes[6].n_rows, outcomes[0].n_rows), (7, 0, 40));
    assert!(outcomes[6].kpis.iter().all(|kpi| kpi.is_nan()), "there is no row to take them from");
    assert!(outcomes[1].kpis.iter().all(|kpi| kpi.is_finite()));

    let sound = Folder::new();
    sound.run(&Walk { fault: Fault::None, ..Walk::default() })?;
    assert!(!sound.path().join("failures.csv").exists());
    Ok(())
}

#[test]
fn a_panic_is_a_failure_of_its_own_run() -> Result<()> {
    let sound = Walk { fault: Fault::None, ..Walk::default() };
    let (plan, kpis) = (walk::plan(), walk::kpis());
    let expected = runner::evaluate(&sound, &plan, &kpis, &Control::quiet(1))?;
    let check = |fault: Fault, n_rows: u64, timestep: u64, reason: &str| -> Result<()> {
        let walk = Walk { fault, ..Walk::default() };
        let folder = Folder::new();
        let manifest = folder.run(&walk)?;
        assert_eq!(manifest.n_failed, 1, "{fault:?}");
        let outcomes = Results::open(folder.path())?.outcomes()?;
        let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
        let failure = failed[0].failure.as_ref().expect("it failed");
        assert_eq!((failure.timestep, failure.reason.as_str()), (timestep, reason), "{fault:?}");
        assert_eq!((failed[0].subset, failed[0].number, failed[0].n_rows), (0, 2, n_rows), "{fault:?}");
        let others = |all: &[Outcome]| all.iter().filter(|run| (run.subset, run.number) != (0, 2)).cloned().collect();
        let (found, sound): (Vec<Outcome>, Vec<Outcome>) = (others(&outcomes), others(&expected));
        assert_eq!(found, sound, "{fault:?}");
        assert!(results::verify(folder.path())?.is_sound());
        Ok(())
    };
    check(Fault::Panic, 7, 6, "a bug of the model: index 9 is out of the market")?;
    check(Fault::PanicInRow, 7, 6, "a bug of the model: no price")?;
    check(Fault::PanicAtStart, 0, 0, "a bug of the model: no start")?;
    check(Fault::PanicInDrop, 7, 7, "balance 3 is less than 5")?;
    check(Fault::LacksCells, 7, 7, "a bug of the model: the row of timestep 7 lacks cells")?;
    check(Fault::FailsInRow, 7, 7, "division by zero")?;
    check(
        Fault::HugeTimestep,
        7,
        u64::MAX >> 1,
        "a bug of the model: the row of timestep 18446744073709551615 is beyond 2^63 - 1",
    )?;
    Ok(())
}

#[test]
fn rows_stream_in_groups_of_bounded_size() -> Result<()> {
    let walk = Walk { n_steps: 70_000, fault: Fault::None };
    let mut plan = runner::Plan { n_runs: 1, ..walk::plan() };
    plan.points.truncate(1);
    let folder = Folder::new();
    runner::execute(&walk, &plan, &walk::kpis(), &folder.settings(), &Control::quiet(1))?;
    let file = parquet::file::serialized_reader::SerializedFileReader::new(folder.open("part-00000.parquet"))?;
    let groups = parquet::file::reader::FileReader::metadata(&file).row_groups();
    let n_rows: Vec<i64> = groups.iter().map(|group| group.num_rows()).collect();
    assert_eq!(n_rows, [1 << 16, 70_000 - (1 << 16)]);
    let rows = folder::rows(&Results::open(folder.path())?, &["n"])?;
    assert!((0..).zip(&rows).all(|(n, (id, _))| id[2] == n) && rows.len() == 70_000);
    Ok(())
}

#[test]
fn csv_holds_what_parquet_holds() -> Result<()> {
    let folders = [Format::Parquet, Format::Csv, Format::Both].map(|format| (format, Folder::new()));
    let columns = ["price", "n", "note", "step", "param.price"];
    let mut first = None;
    for (format, folder) in &folders {
        let settings = Settings { format: *format, ..folder.settings() };
        runner::execute(&Walk::default(), &walk::plan(), &walk::kpis(), &settings, &Control::quiet(2))?;
        let results = Results::open(folder.path())?;
        // Debug is equal for NaN and tells zeros apart.
        let read = format!("{:?}", (results.outcomes()?, folder::rows(&results, &columns)?));
        assert_eq!(&read, first.get_or_insert_with(|| read.clone()), "{format:?}");
        let verdict = results::verify(folder.path())?;
        assert!(verdict.is_sound() && verdict.n_sound == 12, "{verdict:?}");
        let n_formats = if *format == Format::Both { 2 } else { 1 };
        assert_eq!(verdict.n_rows, (40 * 10 + 7) * n_formats);
    }
    let text = folders[1].1.text("part-00001.csv");
    let mut lines = text.lines();
    let header = "simulation,subset,run,substep,timestep,price,n,note,step,param.price,mode,is_bold";
    assert_eq!(lines.next(), Some(header));
    assert_eq!(lines.next(), Some("0,0,2,0,0,100,0,\"tick 0, \"\"up\"\"\",1,1.5,a,true"));
    Ok(())
}

#[test]
fn runs_have_a_table_with_points_and_kpis() -> Result<()> {
    let folder = Folder::new();
    folder.run(&Walk::default())?;
    let text = folder.text("runs.csv");
    let mut lines = text.lines();
    let header = "simulation,subset,run,step,param.price,mode,is_bold,n_rows,hash,is_failed,failure_timestep,failure,\
                  first,last,least,most,mean,kpi.hash,change,note";
    assert_eq!(lines.next(), Some(header));
    let failed = lines.nth(6).expect("there are 12 runs");
    assert!(failed.starts_with("0,1,3,2,2.5,b,false,0,"), "{failed}");
    assert!(failed.ends_with(",true,0,no start with step 2 and run 3,NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN"), "{failed}");
    assert_eq!(text.lines().count(), 13);
    Ok(())
}

#[test]
fn plans_that_do_not_work_out_are_refused() -> Result<()> {
    let (walk, plan, kpis) = (Walk::default(), walk::plan(), walk::kpis());
    let check = |plan: &runner::Plan, kpis: &[sim::kpi::Kpi], expected: &str| {
        let folder = Folder::new();
        let refused = runner::execute(&walk, plan, kpis, &folder.settings(), &Control::quiet(1));
        assert_eq!(refused.expect_err(expected).to_string(), expected);
        assert!(folder.contents().is_empty(), "{expected}");
    };
    let with = |change: &dyn Fn(&mut runner::Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        plan
    };
    let mut unknown = kpis.clone();
    unknown[0].column = "prize".to_owned();
    check(
        &plan,
        &unknown,
        "KPI first is taken from column prize, which the model does not record; it records price, n, note",
    );
    unknown[1] = kpis[0].clone();
    unknown[0] = kpis[0].clone();
    check(&plan, &unknown, "there are two KPIs named first; rename one of them");
    check(&with(&|plan| plan.n_runs = 0), &kpis, "the plan has no runs: 3 points with 0 runs each");
    check(&with(&|plan| plan.points.clear()), &kpis, "the plan has no runs: 0 points with 4 runs each");
    let n = u64::MAX / 4;
    let expected = format!("3 points with {n} runs each are more runs than can be numbered");
    check(&with(&|plan| plan.n_runs = n), &kpis, &expected);
    let unlike = with(&|plan| plan.points[2].values[2].1 = Value::Integer(1));
    let point = |subset: &str, mode: &str| {
        format!("{subset} sets step (a whole number), price (a number), mode ({mode}), is_bold (yes or no)")
    };
    let expected = format!(
        "point 2 of the sweep{}, and{}; every point sets the same",
        point("", "a whole number"),
        point(" point 0", "text")
    );
    check(&unlike, &kpis, &expected);
    let fewer = with(&|plan| plan.points[1] = Point::default());
    let expected =
        format!("point 1 of the sweep sets nothing, and{}; every point sets the same", point(" point 0", "text"));
    check(&fewer, &kpis, &expected);
    Ok(())
}

#[test]
fn whole_numbers_and_numbers_of_a_parameter_share_a_column() -> Result<()> {
    let mut plan = walk::plan();
    plan.points[1].values[0].1 = Value::Float(0.5);
    let folder = Folder::new();
    runner::execute(&Walk::default(), &plan, &walk::kpis(), &folder.settings(), &Control::quiet(1))?;
    let results = Results::open(folder.path())?;
    assert_eq!(results.plan(), &plan);
    let rows = folder::rows(&results, &["step"])?;
    assert_eq!(rows.iter().filter(|row| row.1 == [0.5]).count(), 40 * 3);
    assert!(results::verify(folder.path())?.is_sound());
    Ok(())
}

#[test]
fn folders_with_something_in_them_are_refused() -> Result<()> {
    let (walk, plan, kpis) = (Walk::default(), walk::plan(), walk::kpis());
    let folder = Folder::new();
    folder.run(&walk)?;
    let full = folder.contents();
    let again = runner::execute(&walk, &plan, &kpis, &folder.settings(), &Control::quiet(1));
    assert!(matches!(again, Err(ResultsError::NotEmpty(_))), "{again:?}");
    let foreign = Folder::new();
    foreign.write("thesis.tex", b"\\begin");
    for shard in [Shard::default(), Shard::of(1, 2)?] {
        let settings = Settings { is_resumed: true, shard, ..foreign.settings() };
        let refused = runner::execute(&walk, &plan, &kpis, &settings, &Control::quiet(1));
        assert!(matches!(refused, Err(ResultsError::Foreign(_))), "{refused:?}");
    }
    assert!(matches!(results::merge(&[folder.path()], foreign.path()), Err(ResultsError::Foreign(_))));
    assert!(matches!(results::merge(&[], folder.path()), Err(ResultsError::NoSources)));
    assert_eq!((foreign.contents().len(), folder.contents()), (1, full));
    Ok(())
}

#[test]
fn another_plan_is_refused_by_its_first_difference() -> Result<()> {
    let folder = Folder::new();
    folder.run(&Walk::default())?;
    let check = |change: &dyn Fn(&mut runner::Plan, &mut Walk, &mut Settings), expected: &str| {
        let (mut plan, mut walk) = (walk::plan(), Walk::default());
        let mut settings = Settings { is_resumed: true, ..folder.settings() };
        change(&mut plan, &mut walk, &mut settings);
        let refused = runner::execute(&walk, &plan, &walk::kpis(), &settings, &Control::quiet(1));
        let expected = format!("results of another plan: {expected}; name another folder");
        let refused = refused.expect_err(&expected).to_string();
        assert!(refused.ends_with(&expected), "{refused}\n{expected}");
    };
    check(&|plan, _, _| plan.seed = 9, "the seed there is 1, and here 9");
    check(&|plan, _, _| plan.n_runs = 5, "the number of runs at each point there is 4, and here 5");
    check(&|_, walk, _| walk.n_steps = 41, "the number of steps there is 40, and here 41");
    check(&|plan, _, _| drop(plan.points.pop()), "the number of points there is 3, and here 2");
    let nudged = f64::from_bits(2.5_f64.to_bits() + 1);
    check(
        &|plan, _, _| plan.points[1].values[1].1 = Value::Float(nudged),
        "price of point 1 is 2.5 there, and 2.5000000000000004 here",
    );
    check(&|_, _, settings| settings.format = Format::Csv, "the format there is parquet, and here csv");
    check(&|_, _, settings| settings.simulation = 1, "the simulation's number there is 0, and here 1");
    check(
        &|_, _, settings| settings.netlist = "[walk]\nn = 2\n".to_owned(),
        "line 2 of the netlist there is \"n = 1\", and here \"n = 2\"",
    );
    Ok(())
}

#[test]
fn shards_are_numbered_from_one() {
    let check = |text: &str, expected: &str| {
        assert_eq!(text.parse::<Shard>().expect_err(text).to_string(), expected);
    };
    check("0/3", "there is no shard 0 of 3; shards are 1/n to n/n");
    check("4/3", "there is no shard 4 of 3; shards are 1/n to n/n");
    check("3", "\"3\" is no shard; write it as 3/64");
    check("-1/3", "\"-1/3\" is no shard; write it as 3/64");
    assert_eq!("3/3".parse::<Shard>().ok(), Shard::of(3, 3).ok());
}
