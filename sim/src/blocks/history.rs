//! The finished timesteps that a model looks back at. Memory is bounded by how many the model declares.

use std::collections::VecDeque;

/// A state, and when it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<S> {
    /// The timestep whose block made it; 0 for the initial state.
    pub timestep: u64,
    /// The block that made it.
    pub substep: u32,
    /// The variables.
    pub state: S,
}

/// The last finished timesteps. The one under way is not among them.
#[derive(Clone, Debug)]
pub struct History<S> {
    n_most: usize,
    finished: VecDeque<Vec<Record<S>>>,
    open: Vec<Record<S>>,
}

impl<S: Clone> History<S> {
    pub(super) fn new(n_most: usize) -> Self {
        Self { n_most, finished: VecDeque::new(), open: Vec::new() }
    }

    /// Adds a substep to the timestep under way.
    pub(super) fn push(&mut self, record: &Record<S>) {
        if self.n_most > 0 {
            self.open.push(record.clone());
        }
    }

    /// Ends the timestep under way.
    pub(super) fn close(&mut self) {
        if self.n_most > 0 {
            // The oldest one's memory serves the next.
            let mut next =
                if self.finished.len() == self.n_most { self.finished.pop_front() } else { None }.unwrap_or_default();
            next.clear();
            self.finished.push_back(std::mem::replace(&mut self.open, next));
        }
    }

    /// The substeps of the timestep that was `n` timesteps before the one under way: 1 is the last finished one. Nothing
    /// if that was before the start, or is further back than the model declares.
    #[must_use]
    pub fn ago(&self, n: usize) -> Option<&[Record<S>]> {
        let index = self.finished.len().checked_sub(n).filter(|_| n > 0)?;
        self.finished.get(index).map(Vec::as_slice)
    }

    /// The timesteps, oldest first.
    pub fn timesteps(&self) -> impl Iterator<Item = &[Record<S>]> {
        self.finished.iter().map(Vec::as_slice)
    }
}
