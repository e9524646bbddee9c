//! FLASH V3 timesteps a second: exact decimals, doubles, and as a script; every row kept or only the last; two threads
//! against one; and what a call of a script costs.

use std::{
    env,
    hint::black_box,
    io::{self, Write},
    thread,
    time::{Duration, Instant},
};

use sim::{
    blocks::{Blocks, Number, Recording, Scripted},
    decimal::Decimal,
    draws::Draws,
    flash_v3::{FlashV3, Luck, Settings},
    model::{Model, Point, Progress, Run},
    rows::Rows,
    script::{self, Limits, Sandbox},
};

/// Each figure is the best of so many measurements.
const N_MEASUREMENTS: usize = 5;

fn flash<N: Number>(n: u64, recording: Recording) -> Blocks<FlashV3<N>> {
    Blocks(FlashV3::new(Settings::default(), Luck::Drawn, (n, recording), false).expect("it records something"))
}

fn scripted(n: u64, recording: &str) -> Blocks<Scripted> {
    let definition = include_str!("../tests/reference/models/flash_v3.toml")
        .replace("timesteps = 100\n", &format!("timesteps = {n}\nrecord = {recording:?}\n"));
    let source = include_str!("../tests/reference/models/flash_v3.rhai");
    let model = Scripted::read(("flash_v3.toml", &definition), ("flash_v3.rhai", source), Limits::default());
    Blocks(model.expect("the model is sound"))
}

fn run(model: &dyn Model, number: u64) -> usize {
    let point = Point::default();
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&Run { seed: 1, subset: 0, number, point: &point }).expect("the run starts");
    while world.step(&mut rows).expect("the step works out") == Progress::More {}
    rows.len()
}

fn best(mut work: impl FnMut()) -> Duration {
    let measure = |()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    std::iter::repeat_n((), N_MEASUREMENTS).map(measure).min().expect("there are measurements")
}

/// Whether the figure's name has the text that the command line asks for.
fn is_wanted(name: &str) -> bool {
    env::args().skip(1).filter(|argument| !argument.starts_with("--")).all(|text| name.contains(&text))
}

fn report(out: &mut impl Write, name: &str, n: u64, time: Duration) -> io::Result<()> {
    writeln!(out, "{name:<44} {:>12.0} a second", n as f64 / time.as_secs_f64())
}

fn steps(out: &mut impl Write, name: &str, n: u64, model: &dyn Model) -> io::Result<()> {
    if !is_wanted(name) {
        return Ok(());
    }
    let time = best(|| {
        black_box(run(model, 1));
    });
    report(out, name, n, time)
}

fn main() -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let n = 100_000;
    steps(out, "decimals, last row, timesteps", n, &flash::<Decimal>(n, Recording::Last))?;
    steps(out, "decimals, every row, timesteps", n, &flash::<Decimal>(n, Recording::EverySubstep))?;
    let n = 2_000_000;
    steps(out, "doubles, last row, timesteps", n, &flash::<f64>(n, Recording::Last))?;
    steps(out, "doubles, every row, timesteps", n, &flash::<f64>(n, Recording::EverySubstep))?;
    let n = 5_000;
    steps(out, "script in decimals, last row, timesteps", n, &scripted(n, "last"))?;
    steps(out, "script in decimals, every row, timesteps", n, &scripted(n, "substeps"))?;
    two_threads(out)?;
    calls(out)
}

fn two_threads(out: &mut impl Write) -> io::Result<()> {
    let name = "decimals, last row, two threads, timesteps";
    if !is_wanted(name) {
        return Ok(());
    }
    let n = 100_000;
    let model = flash::<Decimal>(n, Recording::Last);
    let two = best(|| {
        thread::scope(|scope| {
            for number in 1..=2 {
                let model = &model;
                scope.spawn(move || black_box(run(model, number)));
            }
        });
    });
    report(out, name, 2 * n, two)
}

fn calls(out: &mut impl Write) -> io::Result<()> {
    let n = 100_000;
    let script = Sandbox::new(Limits::default(), |_| {})
        .compile("call.rhai", "fn empty() { 0 } fn drawn() { unit() }")
        .expect("the script is sound");
    let luck = script::Luck::new(Draws::keyed(1, 1, "bench", "calls"));
    for function in ["empty", "drawn"] {
        let name = format!("calls of a script's function, {function}");
        if !is_wanted(&name) {
            continue;
        }
        let calls = best(|| {
            for _ in 0..n {
                let _ = black_box(script.call(function, (), &luck).expect("the call works out"));
            }
        });
        report(out, &name, n, calls)?;
    }
    Ok(())
}
