//! FLASH V3: timesteps.

use std::hint::black_box;

use sim::{
    blocks::{Blocks, Number, Recording, Scripted},
    decimal::Decimal,
    flash_v3::{FlashV3, Luck, Settings},
    model::{Model, Point, Progress, Run},
    rows::Rows,
    script::Limits,
};

use crate::{row, scaling};

const CADCAD: &str = "cadCAD 0.5.3: 10,200; radCAD 0.14: 4,100 to 16,300";

fn flash<N: Number>(n: u64, recording: Recording) -> Blocks<FlashV3<N>> {
    Blocks(FlashV3::new(Settings::default(), Luck::Drawn, (n, recording), false).unwrap())
}

fn scripted(n: u64) -> Blocks<Scripted> {
    let definition = include_str!("../../tests/reference/models/flash_v3.toml")
        .replace("timesteps = 100\n", &format!("timesteps = {n}\nrecord = \"last\"\n"));
    let source = include_str!("../../tests/reference/models/flash_v3.rhai");
    Blocks(Scripted::read(("flash_v3.toml", &definition), ("flash_v3.rhai", source), Limits::default()).unwrap())
}

fn run(model: &dyn Model, number: u64) {
    let point = Point::default();
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&Run { seed: 1, subset: 0, number, point: &point }).unwrap();
    while world.step(&mut rows).unwrap() == Progress::More {}
    black_box(rows.len());
}

pub(crate) fn rows() {
    let steps = |name: &str, n, about, model: &dyn Model| row(name, n, about, || run(model, 1));
    let n = 50_000;
    steps("FLASH V3, exact decimals", n, ("300,000", CADCAD), &flash::<Decimal>(n, Recording::Last));
    steps("the same, every step kept", n, ("", ""), &flash::<Decimal>(n, Recording::EverySubstep));
    let n = 1_000_000;
    steps("FLASH V3, floats", n, ("10,000,000", ""), &flash::<f64>(n, Recording::Last));
    steps("the same, every step kept, floats", n, ("", ""), &flash::<f64>(n, Recording::EverySubstep));
    let n = 2_000;
    steps("FLASH V3 as a script, exact decimals", n, ("", ""), &scripted(n));
}

pub(crate) fn threads() {
    let n = 50_000;
    let model = flash::<Decimal>(n, Recording::Last);
    scaling("FLASH V3, exact decimals, timesteps a second", n, |n_threads| {
        std::thread::scope(|scope| {
            for number in 1..=n_threads as u64 {
                let model = &model;
                scope.spawn(move || run(model, number));
            }
        });
    });
}
