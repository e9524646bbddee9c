//! Text tables and numbers for people.

use std::fmt;

/// The digits that a number shows.
const DIGITS: i32 = 6;

/// Columns under their heads: the first few to the left, the others, numbers, to the right.
pub(crate) struct Table {
    n_left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(n_left: usize, head: &[&str]) -> Self {
        Self { n_left, rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..n_columns).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column < self.n_left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A number in six digits, without zeros at its end; whole numbers up to 10^15 in full.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || value == 0.0 {
        // No minus before a zero.
        return if value == 0.0 { "0".to_owned() } else { format!("{value}") };
    }
    let scientific = format!("{value:.*e}", usize::try_from(DIGITS - 1).expect("a few digits"));
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if !(1e-4..1e15).contains(&size) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let decimals = usize::try_from(DIGITS - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// A share in percent, with one decimal.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { "-".to_owned() }
}

/// "3 runs", "1 run".
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_sensible_digits() {
        let table = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (-12.5, "-12.5"),
            (1e18, "1e18"),
            (-2.5e-9, "-2.5e-9"),
            (123_456_789.0, "123456789"),
            (1_234.567_89, "1234.57"),
            (999_999.96, "1000000"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
            (0.000_123_456_78, "0.000123457"),
            (f64::MAX, "1.79769e308"),
        ];
        for (value, expected) in table {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(1, &["kpi", "value"]);
        table.row(vec!["geld".to_owned(), "5".to_owned()]);
        table.row(vec!["größe".to_owned(), "-12.25".to_owned()]);
        assert_eq!(table.to_string(), "kpi     value\ngeld        5\ngröße  -12.25\n");
    }
}
