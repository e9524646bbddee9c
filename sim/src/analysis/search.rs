//! Optimisers over the unit cube that only compare: which of two points is better, never by how much. So infeasible points
//! take part, ranked by how much they violate.

use super::{Error, at_least_one};
use crate::draws::Draws;

/// A simplex or population narrower than this in every coordinate has converged.
const NARROW: f64 = 1e-10;

/// How often the simplex is set up again around the best point.
const MAX_RESTARTS: usize = 12;

/// Generations without a better point that end a population.
const MAX_IDLE: usize = 60;

/// How good a point is: feasible ones by their value, which is minimised, before infeasible ones by their violation (Deb's
/// rules, 2000).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score {
    /// 0 if all bounds are kept; infinite where the model fails, and below 0 where that is what is sought.
    pub(crate) violation: f64,
    /// What is minimised.
    pub(crate) value: f64,
}

impl Score {
    pub(crate) fn is_better(&self, other: &Self) -> bool {
        if self.violation == other.violation { self.value < other.value } else { self.violation < other.violation }
    }
}

/// The best point after so many evaluations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) n_evaluated: usize,
    pub(crate) score: Score,
}

/// Gives each point of the cube its score.
pub(crate) type Evaluate<'a> = dyn FnMut(&[Vec<f64>]) -> Result<Vec<Score>, Error> + 'a;

/// A search under way, that counts what it evaluates.
pub(crate) struct Search<'a> {
    evaluate: &'a mut Evaluate<'a>,
    max_evaluations: usize,
    n_kept: usize,
    pub(crate) n_evaluated: usize,
    pub(crate) best: Option<(Vec<f64>, Score)>,
    pub(crate) marks: Vec<Mark>,
}

/// Why an optimiser came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Converged,
    Exhausted,
}

impl<'a> Search<'a> {
    pub(crate) fn new(max_evaluations: usize, evaluate: &'a mut Evaluate<'a>) -> Result<Self, Error> {
        at_least_one("evaluations at most", max_evaluations as u64)?;
        Ok(Self { evaluate, max_evaluations, n_kept: 0, n_evaluated: 0, best: None, marks: Vec::new() })
    }

    /// Keeps the last `n` evaluations for later, unless nothing has been evaluated yet.
    pub(crate) fn keep(&mut self, n: usize) {
        self.n_kept = n;
    }

    /// Evaluates as many of these as may be, and nothing else.
    pub(crate) fn only(&mut self, units: &[Vec<f64>]) -> Result<End, Error> {
        let n = units.len().min(self.max_evaluations - self.n_evaluated);
        self.ask(&units[..n])?;
        Ok(End::Exhausted)
    }

    /// The scores of a batch; `None` if it is larger than what is left.
    fn ask(&mut self, units: &[Vec<f64>]) -> Result<Option<Vec<Score>>, Error> {
        let n_kept = if self.best.is_none() { 0 } else { self.n_kept };
        if self.n_evaluated + units.len() + n_kept > self.max_evaluations || self.is_over() {
            return Ok(None);
        }
        let scores = (self.evaluate)(units)?;
        self.n_evaluated += units.len();
        for (unit, score) in units.iter().zip(&scores) {
            if self.best.as_ref().is_none_or(|(_, best)| score.is_better(best)) {
                self.best = Some((unit.clone(), *score));
            }
        }
        if let Some((_, score)) = self.best {
            self.marks.push(Mark { n_evaluated: self.n_evaluated, score });
        }
        Ok(Some(scores))
    }

    /// Whether nothing can be better: the adversary found a failure.
    fn is_over(&self) -> bool {
        self.best_score().is_some_and(|score| score.violation < 0.0)
    }

    fn best_score(&self) -> Option<Score> {
        self.best.as_ref().map(|(_, score)| *score)
    }

    /// Nelder and Mead's simplex from `start`, kept in the cube, and set up again around the best point until that brings
    /// nothing: a simplex may collapse, above all along a bound or where whole numbers make terraces. All four moves are
    /// evaluated in one batch, so that threads have something to share.
    pub(crate) fn nelder_mead(&mut self, start: &[f64]) -> Result<End, Error> {
        let mut center = start.to_vec();
        let mut n_idle = 0;
        for restart in 0..MAX_RESTARTS {
            let before = self.best_score();
            let size = [0.25, 0.05, 0.125, 0.01][restart % 4];
            if self.simplex(&center, size)? == End::Exhausted {
                return Ok(End::Exhausted);
            }
            let (best, score) = self.best.clone().expect("a simplex has been evaluated");
            center = best;
            n_idle = if before.is_none_or(|before| score.is_better(&before)) { 0 } else { n_idle + 1 };
            if n_idle == 3 {
                break;
            }
        }
        Ok(End::Converged)
    }

    fn simplex(&mut self, center: &[f64], size: f64) -> Result<End, Error> {
        let mut corners = vec![center.to_vec()];
        for dimension in 0..center.len() {
            let mut corner = center.to_vec();
            // Towards the far side, where there is room.
            corner[dimension] += if corner[dimension] > 0.5 { -size } else { size };
            corners.push(corner);
        }
        let Some(scores) = self.ask(&corners)? else { return Ok(End::Exhausted) };
        let mut simplex: Vec<(Vec<f64>, Score)> = corners.into_iter().zip(scores).collect();
        loop {
            sort(&mut simplex);
            if width(&simplex) < NARROW {
                return Ok(End::Converged);
            }
            let (worst, others) = simplex.split_last().expect("a simplex has corners");
            let n = others.len() as f64;
            let middle: Vec<f64> =
                (0..center.len()).map(|i| others.iter().map(|(corner, _)| corner[i]).sum::<f64>() / n).collect();
            let along = |step: f64| -> Vec<f64> {
                middle.iter().zip(&worst.0).map(|(m, w)| (m + step * (m - w)).clamp(0.0, 1.0)).collect()
            };
            let moves = [1.0, 2.0, 0.5, -0.5].map(along);
            let Some(scores) = self.ask(&moves)? else { return Ok(End::Exhausted) };
            let second_worst = others.last().expect("a simplex has two corners").1;
            let chosen = choose(&scores, [others[0].1, second_worst, worst.1]);
            if let Some(chosen) = chosen {
                *simplex.last_mut().expect("a simplex has corners") = (moves[chosen].clone(), scores[chosen]);
                continue;
            }
            let best = simplex[0].0.clone();
            let shrunk: Vec<Vec<f64>> = simplex[1..]
                .iter()
                .map(|(corner, _)| corner.iter().zip(&best).map(|(x, b)| b + 0.5 * (x - b)).collect())
                .collect();
            let Some(scores) = self.ask(&shrunk)? else { return Ok(End::Exhausted) };
            simplex.truncate(1);
            simplex.extend(shrunk.into_iter().zip(scores));
        }
    }

    /// Differential evolution (Storn and Price 1997) from `population`. Each candidate mixes the difference of two others into
    /// a third, or leans towards the best; how much is drawn for each. A generation is one batch, and its candidates are
    /// drawn before any of it is evaluated.
    pub(crate) fn differential_evolution(&mut self, population: Vec<Vec<f64>>, seed: u64) -> Result<End, Error> {
        let mut draws = Draws::keyed(seed, 0, "optimize", "differential evolution");
        let Some(scores) = self.ask(&population)? else { return Ok(End::Exhausted) };
        let mut population: Vec<(Vec<f64>, Score)> = population.into_iter().zip(scores).collect();
        let mut n_idle = 0;
        while n_idle < MAX_IDLE && width(&population) >= NARROW {
            let best = best_of(&population);
            let candidates: Vec<Vec<f64>> =
                (0..population.len()).map(|i| mutant(&population, i, best, &mut draws)).collect();
            let before = self.best_score();
            let Some(scores) = self.ask(&candidates)? else { return Ok(End::Exhausted) };
            for ((own, candidate), score) in population.iter_mut().zip(candidates).zip(scores) {
                // Equals move too, so that a population can cross a terrace.
                if !own.1.is_better(&score) {
                    *own = (candidate, score);
                }
            }
            n_idle = if self.best_score() == before { n_idle + 1 } else { 0 };
        }
        Ok(End::Converged)
    }
}

/// Which of reflection, expansion, outer and inner contraction replaces the worst corner; `None` to shrink.
fn choose(moves: &[Score], [best, second_worst, worst]: [Score; 3]) -> Option<usize> {
    let [reflected, expanded, outer, inner] = moves else { return None };
    if reflected.is_better(&best) {
        return Some(usize::from(expanded.is_better(reflected)));
    }
    if reflected.is_better(&second_worst) {
        return Some(0);
    }
    if reflected.is_better(&worst) {
        return if reflected.is_better(outer) { None } else { Some(2) };
    }
    inner.is_better(&worst).then_some(3)
}

fn mutant(population: &[(Vec<f64>, Score)], own: usize, best: usize, draws: &mut Draws) -> Vec<f64> {
    let [a, b, c] = three_others(population.len(), own, draws);
    let (weight, crossing) = (draws.between(0.4, 1.0), [0.1, 0.5, 0.9][draws.below(3)]);
    let leans = draws.chance(0.25);
    let n = population[own].0.len();
    let always = draws.below(n);
    let at = |member: usize, i: usize| population[member].0[i];
    let mix = |i: usize| {
        let old = at(own, i);
        if i != always && !draws.chance(crossing) {
            return old;
        }
        let start = if leans { old + weight * (at(best, i) - old) } else { at(a, i) };
        let place = start + weight * (at(b, i) - at(c, i));
        // What leaves the cube comes to rest at random between where it was and the wall.
        match place {
            place if place < 0.0 => old * draws.unit(),
            place if place > 1.0 => 1.0 - (1.0 - old) * draws.unit(),
            place => place,
        }
    };
    (0..n).map(mix).collect()
}

fn three_others(n: usize, own: usize, draws: &mut Draws) -> [usize; 3] {
    let mut taken = vec![own];
    [(); 3].map(|()| {
        // The drawn one among those that are not taken.
        let mut member = draws.below(n - taken.len());
        taken.sort_unstable();
        for other in &taken {
            if member >= *other {
                member += 1;
            }
        }
        taken.push(member);
        member
    })
}

fn best_of(population: &[(Vec<f64>, Score)]) -> usize {
    (1..population.len()).fold(0, |best, i| if population[i].1.is_better(&population[best].1) { i } else { best })
}

/// Best first; equals stay in their order.
fn sort(simplex: &mut [(Vec<f64>, Score)]) {
    simplex.sort_by(|(_, a), (_, b)| a.violation.total_cmp(&b.violation).then(a.value.total_cmp(&b.value)));
}

/// The widest coordinate.
fn width(points: &[(Vec<f64>, Score)]) -> f64 {
    let n = points.first().map_or(0, |(point, _)| point.len());
    let range = |i: usize| {
        let values = || points.iter().map(|(point, _)| point[i]);
        values().fold(f64::NEG_INFINITY, f64::max) - values().fold(f64::INFINITY, f64::min)
    };
    (0..n).map(range).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unconstrained(f: impl Fn(&[f64]) -> f64) -> impl FnMut(&[Vec<f64>]) -> Result<Vec<Score>, Error> {
        move |units| Ok(units.iter().map(|unit| Score { violation: 0.0, value: f(unit) }).collect())
    }

    fn spread(n: usize, n_dimensions: usize) -> Vec<Vec<f64>> {
        let mut draws = Draws::keyed(3, 0, "test", "start");
        (0..n).map(|_| (0..n_dimensions).map(|_| draws.unit()).collect()).collect()
    }

    #[track_caller]
    fn near(point: &[f64], expected: &[f64], error: f64) {
        assert!(point.iter().zip(expected).all(|(x, y)| (x - y).abs() <= error), "{point:?} for {expected:?}");
    }

    /// Rosenbrock's valley over [-2, 2], its least 0 at (1, 1).
    fn rosenbrock(unit: &[f64]) -> f64 {
        let (x, y) = (4.0 * unit[0] - 2.0, 4.0 * unit[1] - 2.0);
        (1.0 - x) * (1.0 - x) + 100.0 * (y - x * x) * (y - x * x)
    }

    /// Rastrigin's egg box over [-5.12, 5.12], its least 0 at the origin.
    fn rastrigin(unit: &[f64]) -> f64 {
        let at = |u: &f64| 10.24 * u - 5.12;
        unit.iter().map(at).map(|x| 10.0 + x * x - 10.0 * libm::cos(std::f64::consts::TAU * x)).sum()
    }

    #[test]
    fn simplex_finds_the_middle_of_a_bowl_and_the_end_of_a_valley() {
        let bowl = |unit: &[f64]| unit.iter().map(|u| (u - 0.3) * (u - 0.3)).sum();
        let mut evaluate = unconstrained(bowl);
        let mut search = Search::new(5_000, &mut evaluate).unwrap();
        assert_eq!(search.nelder_mead(&[0.9, 0.1, 0.5]).unwrap(), End::Converged);
        near(&search.best.unwrap().0, &[0.3; 3], 1e-7);

        let mut evaluate = unconstrained(rosenbrock);
        let mut search = Search::new(5_000, &mut evaluate).unwrap();
        search.nelder_mead(&[0.2, 0.8]).unwrap();
        near(&search.best.unwrap().0, &[0.75; 2], 1e-6);
    }

    #[test]
    fn evolution_finds_the_lowest_of_many_hollows() {
        for n_dimensions in [2, 5] {
            let mut evaluate = unconstrained(rastrigin);
            let mut search = Search::new(60_000, &mut evaluate).unwrap();
            search.differential_evolution(spread(50, n_dimensions), 1).unwrap();
            let (best, score) = search.best.unwrap();
            assert!(score.value < 1e-6, "{n_dimensions}: {score:?} at {best:?}");
        }
    }

    #[test]
    fn a_bound_that_is_active_at_the_optimum_holds() {
        // Least (x - 2)^2 + (y - 2)^2 with x + y <= 1 over [0, 1]: 4.5 at (0.5, 0.5).
        let evaluate = |units: &[Vec<f64>]| {
            let score = |unit: &Vec<f64>| Score {
                violation: (unit[0] + unit[1] - 1.0).max(0.0),
                value: (unit[0] - 2.0) * (unit[0] - 2.0) + (unit[1] - 2.0) * (unit[1] - 2.0),
            };
            Ok(units.iter().map(score).collect())
        };
        let mut for_evolution = evaluate;
        let mut search = Search::new(20_000, &mut for_evolution).unwrap();
        search.differential_evolution(spread(30, 2), 5).unwrap();
        let (best, score) = search.best.unwrap();
        assert_eq!(score.violation, 0.0);
        near(&best, &[0.5; 2], 1e-4);

        let mut for_simplex = evaluate;
        let mut search = Search::new(20_000, &mut for_simplex).unwrap();
        search.nelder_mead(&[0.9, 0.8]).unwrap();
        let (best, score) = search.best.unwrap();
        assert_eq!(score.violation, 0.0);
        near(&best, &[0.5; 2], 2e-2);
        assert!(score.value < 4.501, "{score:?}");
    }

    #[test]
    fn no_search_evaluates_more_than_it_may() {
        for max in [1, 2, 3, 7, 50, 51] {
            let mut n_seen = 0;
            let mut evaluate = |units: &[Vec<f64>]| {
                n_seen += units.len();
                Ok(units.iter().map(|unit| Score { violation: 0.0, value: rastrigin(unit) }).collect())
            };
            let mut search = Search::new(max, &mut evaluate).unwrap();
            assert_eq!(search.differential_evolution(spread(10, 2), 1).unwrap(), End::Exhausted);
            assert_eq!(search.nelder_mead(&[0.5, 0.5]).unwrap(), End::Exhausted);
            let n_evaluated = search.n_evaluated;
            assert!(n_evaluated <= max && n_seen == n_evaluated, "{n_seen} of {max}");
        }
    }

    #[test]
    fn feasible_comes_before_less_infeasible_before_more() {
        let score = |violation, value| Score { violation, value };
        let order = [score(0.0, 1.0), score(0.0, 2.0), score(0.1, -9.0), score(0.2, -99.0), score(f64::INFINITY, 0.0)];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(a.is_better(b), i < j);
            }
        }
    }

    #[test]
    fn others_are_three_and_differ() {
        let mut draws = Draws::keyed(1, 0, "test", "others");
        let mut seen = [0; 5];
        for _ in 0..2_000 {
            let [a, b, c] = three_others(5, 2, &mut draws);
            assert!(a != b && b != c && a != c && ![a, b, c].contains(&2));
            seen[a] += 1;
        }
        assert!(seen.iter().enumerate().all(|(i, n)| (i == 2) == (*n == 0) && (*n == 0 || (400..600).contains(n))));
    }
}
