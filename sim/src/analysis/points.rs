//! Which points a sweep visits: a grid, lists side by side, a Latin hypercube, the Sobol sequence, random draws.

use super::{
    Error,
    sobol::{MAX_DIMENSIONS, Sequence, scramble},
    space::Space,
};
use crate::{
    draws::{Draws, mix},
    model::{Point, Value},
    parameter::{Parameter, Spread},
};

/// The most points that a sweep may have.
pub const MAX_POINTS: usize = 10_000_000;

/// Every combination of the levels that [`Space::levels`] gives; the last parameter changes fastest.
///
/// # Errors
/// If `n_levels` is 0 or the combinations are more than [`MAX_POINTS`].
pub fn grid(space: &Space, n_levels: usize) -> Result<Vec<Point>, Error> {
    bounded("levels of a grid", n_levels)?;
    let levels: Vec<_> = (0..space.n_dimensions()).map(|dimension| space.levels(dimension, n_levels)).collect();
    combinations(space, &levels, MAX_POINTS)
}

/// Every combination of `values`, one list a parameter of `space`.
pub(crate) fn combinations(space: &Space, values: &[Vec<Value>], max: usize) -> Result<Vec<Point>, Error> {
    let n = values.iter().try_fold(1_usize, |n, values| n.checked_mul(values.len()).filter(|n| *n <= max));
    let n = n.ok_or_else(|| {
        let n = values.iter().fold(1.0, |n, values| n * values.len() as f64);
        Error::TooMany { what: "combinations of values", n: format!("{n}"), max }
    })?;
    let nth = |mut i: usize| {
        let mut chosen: Vec<_> = values
            .iter()
            .rev()
            .zip(space.parameters().iter().rev())
            .map(|(values, parameter)| {
                let value = values[i % values.len()].clone();
                i /= values.len();
                (parameter.name.clone(), value)
            })
            .collect();
        chosen.reverse();
        Point { values: chosen }
    };
    Ok((0..n).map(nth).collect())
}

/// The lists of `parameters` side by side, as cadCAD does: the first items, the second, and so on. Lists of one item, and
/// parameters without a spread, keep their one value.
///
/// # Errors
/// If two lists have different lengths, neither of them 1, or a spread is not a list.
pub fn zip(parameters: &[Parameter]) -> Result<Vec<Point>, Error> {
    let mut longest: Option<(&str, usize)> = None;
    for parameter in parameters {
        let n = match &parameter.spread {
            Some(Spread::List(items)) if !items.is_empty() => items.len(),
            None => 1,
            Some(_) => {
                let reason = "points side by side need lists of at least one value: give it `list`".to_owned();
                return Err(Error::Spread { parameter: parameter.name.clone(), reason });
            }
        };
        match longest {
            Some((first, n_first)) if n > 1 && n != n_first => {
                let second = parameter.name.clone();
                return Err(Error::Lengths { first: first.to_owned(), n_first, second, n_second: n });
            }
            None if n > 1 => longest = Some((&parameter.name, n)),
            _ => (),
        }
    }
    let at = |i: usize| {
        let value = |parameter: &Parameter| match &parameter.spread {
            Some(Spread::List(items)) => items[i % items.len()].clone(),
            _ => parameter.value.clone(),
        };
        Point { values: parameters.iter().map(|parameter| (parameter.name.clone(), value(parameter))).collect() }
    };
    Ok((0..longest.map_or(1, |(_, n)| n)).map(at).collect())
}

/// `n` random points.
///
/// # Errors
/// If `n` is 0 or more than [`MAX_POINTS`].
pub fn random(space: &Space, n: usize, seed: u64) -> Result<Vec<Point>, Error> {
    bounded("random points", n)?;
    let mut draws: Vec<_> = purposes(space, seed, "random points");
    Ok((0..n).map(|_| space.at(&draws.iter_mut().map(Draws::unit).collect::<Vec<_>>())).collect())
}

/// `n` points of a Latin hypercube: each parameter has exactly one value in each of `n` equally likely parts.
///
/// # Errors
/// If `n` is 0 or more than [`MAX_POINTS`].
pub fn latin_hypercube(space: &Space, n: usize, seed: u64) -> Result<Vec<Point>, Error> {
    bounded("points of a Latin hypercube", n)?;
    Ok(latin_units(space, n, seed).iter().map(|unit| space.at(unit)).collect())
}

/// The same in coordinates of the cube.
pub(crate) fn latin_units(space: &Space, n: usize, seed: u64) -> Vec<Vec<f64>> {
    let columns: Vec<Vec<f64>> = purposes(space, seed, "latin hypercube")
        .iter_mut()
        .map(|draws| {
            let mut column: Vec<f64> = (0..n).map(|i| (i as f64 + draws.unit()) / n as f64).collect();
            draws.shuffle(&mut column);
            column
        })
        .collect();
    (0..n).map(|i| columns.iter().map(|column| column[i]).collect()).collect()
}

/// `n` points of the Sobol sequence, scrambled by `seed`. A power of two is most even.
///
/// # Errors
/// If `n` is 0 or more than [`MAX_POINTS`], or there are more than [`MAX_DIMENSIONS`] parameters.
pub fn sobol(space: &Space, n: usize, seed: u64) -> Result<Vec<Point>, Error> {
    bounded("points of the Sobol sequence", n)?;
    Ok(sobol_units(space.n_dimensions(), n, seed)?.iter().map(|unit| space.at(unit)).collect())
}

/// The same in coordinates of the cube. The first point, zero everywhere, is among them: without it the points are less even,
/// and the scrambling moves it into the open cube.
pub(crate) fn sobol_units(n_dimensions: usize, n: usize, seed: u64) -> Result<Vec<Vec<f64>>, Error> {
    if n_dimensions > MAX_DIMENSIONS {
        let what = "dimensions of the Sobol sequence";
        return Err(Error::TooMany { what, n: n_dimensions.to_string(), max: MAX_DIMENSIONS });
    }
    let keys: Vec<_> = (0..n_dimensions as u64).map(|dimension| mix(mix(seed) ^ dimension)).collect();
    let unit = |point: &[u32]| -> Vec<f64> {
        let scrambled = point.iter().zip(&keys).map(|(fraction, key)| scramble(*fraction, *key));
        scrambled.map(|fraction| (f64::from(fraction) + 0.5) / 4_294_967_296.0).collect()
    };
    let mut sequence = Sequence::new(n_dimensions);
    let mut units = vec![unit(&vec![0; n_dimensions])];
    while units.len() < n {
        units.push(unit(sequence.next_point().expect("a sweep has fewer points than the sequence")));
    }
    Ok(units)
}

fn bounded(what: &'static str, n: usize) -> Result<(), Error> {
    match n {
        0 => Err(Error::Setting { name: what, value: "0".to_owned(), allowed: "at least 1" }),
        n if n > MAX_POINTS => Err(Error::TooMany { what, n: n.to_string(), max: MAX_POINTS }),
        _ => Ok(()),
    }
}

/// A stream of draws for each parameter, by its name: another parameter changes nothing for it.
fn purposes(space: &Space, seed: u64, purpose: &str) -> Vec<Draws> {
    space.parameters().iter().map(|parameter| Draws::keyed(seed, 0, &parameter.name, purpose)).collect()
}
