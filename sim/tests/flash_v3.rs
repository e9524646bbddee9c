//! FLASH V3 against the notebook's digits and Python's decimals.

#![allow(clippy::unwrap_used, reason = "a test fails where there is nothing to unwrap")]

use std::fmt::Write;

use sim::{
    blocks::{Blocks, Number, Recording},
    decimal::Decimal,
    flash_v3::{FlashV3, Luck, Settings, Swap, Token, Variant},
    model::{Model, Point, Progress, Run, Value},
    rows::{Cells, Rows},
};

const STATE: [&str; 5] = ["ext_alt", "ext_flash", "int_alt", "int_flash", "staked"];
const SIGNALS: [&str; 6] = [
    "market_apy_draw",
    "ext_swap_amount",
    "ext_swap_input_token",
    "int_swap_amount",
    "int_swap_input_token",
    "flash_to_stake",
];

/// A reference file: rows by the names of the header.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        Self { header: lines.next().unwrap(), rows: lines.collect() }
    }

    fn of(&self, scenario: &str) -> Vec<&[String]> {
        self.rows.iter().filter(|row| row[0] == scenario).map(Vec::as_slice).collect()
    }

    fn cell<'a>(&self, row: &'a [String], column: &str) -> &'a str {
        &row[self.header.iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}"))]
    }
}

fn run(model: &dyn Model, seed: u64, point: &Point) -> Result<Rows, String> {
    let mut rows = Rows::new(model.columns());
    let mut world = model.start(&Run { seed, subset: 0, number: 1, point }).map_err(|failure| failure.to_string())?;
    while world.step(&mut rows).map_err(|failure| failure.to_string())? == Progress::More {}
    Ok(rows)
}

fn text(model: &dyn Model, rows: &Rows, row: usize, column: &str) -> String {
    let index = model.columns().iter().position(|known| known.name == column).unwrap();
    match &rows.cells()[index] {
        Cells::Text(text, ends) => text[if row == 0 { 0 } else { ends[row - 1] }..ends[row]].to_owned(),
        Cells::Float(cells) => cells[row].to_string(),
        Cells::Integer(cells) => cells[row].to_string(),
    }
}

fn flash<N: Number>(variant: Variant, luck: Luck, n: u64, recording: Recording) -> Blocks<FlashV3<N>> {
    let settings = Settings { variant, ..Settings::default() };
    Blocks(FlashV3::new(settings, luck, (n, recording), true).unwrap())
}

/// That every row has every digit of the reference.
#[track_caller]
fn check(model: &dyn Model, table: &Table, expected: &[&[String]], skipped: &[&str]) {
    let rows = run(model, 1, &Point::default()).unwrap();
    assert_eq!(rows.len(), expected.len());
    let mut wrong = String::new();
    for (i, row) in expected.iter().enumerate() {
        assert_eq!(rows.timesteps()[i].to_string(), table.cell(row, "timestep"));
        for column in SIGNALS.iter().chain(&STATE).filter(|column| !skipped.contains(column)) {
            let (is, should) = (text(model, &rows, i, column), table.cell(row, column));
            if is != should {
                writeln!(wrong, "{column} of timestep {}: {is}, not {should}", rows.timesteps()[i]).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn given(table: &Table, rows: &[&[String]]) -> Luck {
    let swap = |row: &&[String]| Swap {
        amount: table.cell(row, "ext_swap_amount").parse().unwrap(),
        token: if table.cell(row, "ext_swap_input_token") == "alt" { Token::Alt } else { Token::Flash },
    };
    Luck::Given(rows[1..].iter().map(swap).collect())
}

fn known() -> Table {
    Table::read(include_str!("reference/flash_v3.csv"))
}

#[test]
fn the_notebooks_last_run_in_all_digits() {
    let table = known();
    let rows = table.of("notebook51");
    assert_eq!(rows.len(), 3);
    let model = flash::<Decimal>(Variant::Notebook, given(&table, &rows), 2, Recording::EverySubstep);
    check(&model, &table, &rows, &["market_apy_draw"]);
}

#[test]
fn the_notebooks_table_of_the_older_model_in_all_digits() {
    let table = known();
    let rows = table.of("notebook39_old_model");
    assert_eq!(rows.len(), 10);
    let model = flash::<Decimal>(Variant::Older, given(&table, &rows), 9, Recording::EverySubstep);
    check(&model, &table, &rows, &["market_apy_draw"]);
}

#[test]
fn a_hundred_timesteps_with_draws_of_its_own_in_all_digits() {
    let table = known();
    let rows = table.of("splitmix64_seed1");
    assert_eq!(rows.len(), 101);
    let model = flash::<Decimal>(Variant::Notebook, Luck::Drawn, 100, Recording::EverySubstep);
    check(&model, &table, &rows, &[]);
}

/// The long run, or as much of it as `SIM_FLASH_STEPS` says.
#[test]
fn thousands_of_timesteps_in_all_digits() {
    let n: u64 = std::env::var("SIM_FLASH_STEPS").map_or(10_000, |n| n.parse().unwrap());
    let table = Table::read(include_str!("reference/flash_v3_long.csv"));
    let n_rows = usize::try_from(n / 1000).unwrap();
    let rows: Vec<_> = table.rows.iter().take(n_rows).map(Vec::as_slice).collect();
    assert_eq!(rows.len(), n_rows);
    let model = flash::<Decimal>(Variant::Notebook, Luck::Drawn, n, Recording::Every(1000));
    let initial: Vec<String> = table
        .header
        .iter()
        .map(|name| {
            match name.as_str() {
                "timestep" | "staked" => "0",
                name if STATE.contains(&name) => "100000",
                _ => "",
            }
            .to_owned()
        })
        .collect();
    let with_initial: Vec<&[String]> = std::iter::once(initial.as_slice()).chain(rows).collect();
    check(&model, &table, &with_initial, &[]);
}

/// A pool that is nearly emptied: the payout is rounded, then subtracted.
#[test]
fn what_is_left_of_a_pool_is_rounded_twice() {
    let swap = Luck::Given(vec![Swap { amount: 3e20, token: Token::Flash }]);
    let model = flash::<Decimal>(Variant::Older, swap, 1, Recording::Last);
    let rows = run(&model, 1, &Point::default()).unwrap();
    assert_eq!(text(&model, &rows, 0, "ext_alt"), "3.333333333333E-11");
}

#[test]
fn doubles_stay_within_a_trillionth() {
    let exact = flash::<Decimal>(Variant::Notebook, Luck::Drawn, 10_000, Recording::Every(100));
    let doubles = flash::<f64>(Variant::Notebook, Luck::Drawn, 10_000, Recording::Every(100));
    let point = Point::default();
    let (exact_rows, rows) = (run(&exact, 1, &point).unwrap(), run(&doubles, 1, &point).unwrap());
    let mut worst = 0.0_f64;
    for i in 1..rows.len() {
        for column in STATE {
            let [is, should] = [text(&doubles, &rows, i, column), text(&exact, &exact_rows, i, column)];
            let (is, should): (f64, f64) = (is.parse().unwrap(), should.parse().unwrap());
            worst = worst.max((is / should - 1.0).abs());
        }
    }
    assert!(rows.len() == 101 && worst > 0.0 && worst < 1e-12, "{worst}");
}

#[test]
fn only_the_last_row_is_the_last_row() {
    let all = flash::<Decimal>(Variant::Notebook, Luck::Drawn, 50, Recording::EverySubstep);
    let last = flash::<Decimal>(Variant::Notebook, Luck::Drawn, 50, Recording::Last);
    let (all_rows, last_rows) = (run(&all, 3, &Point::default()).unwrap(), run(&last, 3, &Point::default()).unwrap());
    assert_eq!((all_rows.len(), last_rows.len(), last_rows.timesteps()[0]), (51, 1, 50));
    assert_eq!(text(&last, &last_rows, 0, "staked"), text(&all, &all_rows, 50, "staked"));
}

fn point(values: &[(&str, Value)]) -> Point {
    Point { values: values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect() }
}

#[test]
fn the_corrected_stake_moves_the_price_by_the_premium() {
    let model = flash::<f64>(Variant::Corrected, Luck::Drawn, 1, Recording::Last);
    let point = point(&[("swap_factor", Value::Float(0.0)), ("ext_alt", Value::Integer(80_000))]);
    let rows = run(&model, 1, &point).unwrap();
    let cell = |column| text(&model, &rows, 0, column).parse::<f64>().unwrap();
    assert!((cell("ext_alt") / cell("ext_flash") - (0.8 - 0.09)).abs() < 1e-12);
    assert!((cell("ext_alt") * cell("ext_flash") / 8e9 - 1.0).abs() < 1e-12);
    // The stake is what leaves the internal pool, whose product stays.
    let before = 1e10 / (1e10_f64 * 0.8).sqrt();
    assert!((before - cell("int_flash") - cell("staked")).abs() < 1e-6);
    assert!((cell("int_alt") * cell("int_flash") / 1e10 - 1.0).abs() < 1e-12);
}

#[test]
fn the_corrected_yield_is_what_was_drawn_and_ends_the_stakes() {
    let model = flash::<Decimal>(Variant::Corrected, Luck::Drawn, 20, Recording::EverySubstep);
    let rows = run(&model, 1, &Point::default()).unwrap();
    for i in 1..=20 {
        assert_eq!(text(&model, &rows, i, "market_apy"), text(&model, &rows, i, "market_apy_draw"));
        let is_at_most_ten = i == 1 || text(&model, &rows, i - 1, "market_apy").parse::<f64>().unwrap() <= 0.1;
        assert_eq!(text(&model, &rows, i, "flash_to_stake") != "0", is_at_most_ten, "timestep {i}");
    }
}

#[track_caller]
fn check_refused(values: &[(&str, Value)], expected: &str) {
    let model = flash::<Decimal>(Variant::Notebook, Luck::Drawn, 5, Recording::Last);
    assert_eq!(run(&model, 1, &point(values)).unwrap_err(), expected);
}

#[test]
fn parameters_without_sense_are_refused() {
    let text = |text: &str| Value::Text(text.into());
    check_refused(
        &[("variant", text("best"))],
        "timestep 0: parameter variant is \"best\": give notebook, corrected or older",
    );
    check_refused(&[("mint_rate", Value::Flag(true))], "timestep 0: parameter mint_rate is true: give a number");
    check_refused(
        &[("swap_factor", Value::Float(f64::NAN))],
        "timestep 0: parameter swap_factor is NaN: give a number",
    );
    check_refused(&[("ext_alt", text("0"))], "timestep 0: parameter ext_alt is \"0\": give an amount above 0");
    check_refused(&[("int_alt", text("many"))], "timestep 0: parameter int_alt is \"many\": give an amount above 0");
    check_refused(
        &[("apy_high", Value::Integer(10))],
        "timestep 0: apy_low is 10 and apy_high 10: give an apy_high above apy_low",
    );
    check_refused(
        &[("fee_rate", Value::Float(0.003))],
        "timestep 0: flash_v3 has no parameter fee_rate: it has variant, market_apy, mint_rate, swap_factor, apy_low, \
         apy_high, ext_flash, ext_alt, int_flash, int_alt",
    );
}

#[test]
fn the_notebooks_defects_are_errors() {
    check_refused(
        &[("mint_rate", Value::Float(0.5)), ("ext_alt", Value::Integer(25_000))],
        "timestep 1: -0.2399999999999999997918331829 has no square root",
    );
    check_refused(
        &[("mint_rate", Value::Float(0.0))],
        "timestep 1: the notebook has no stake where the mint rate, 0, is not above the market's yield, \
         0.01000000000000000020816681711721685132943093776702880859375",
    );
    let model = flash::<Decimal>(Variant::Notebook, Luck::Given(Vec::new()), 5, Recording::Last);
    assert_eq!(
        run(&model, 1, &Point::default()).unwrap_err(),
        "timestep 1: 0 swaps are given: give one for each timestep"
    );
}
