//! How much is asked of an endpoint at a time: starts fast, halves when it is told to slow down, and grows again by
//! small steps.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Requests in flight at the start.
const FIRST_IN_FLIGHT: u32 = 32;
/// And at most.
const MAX_IN_FLIGHT: u32 = 64;
/// Calls of a batch at the start.
const FIRST_BATCH: u32 = 100;
/// And at most.
const MAX_BATCH: u32 = 200;

/// The pace of one endpoint.
#[derive(Debug)]
pub(super) struct Pace {
    permits: Semaphore,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// Requests that may be in flight.
    in_flight: u32,
    /// Permits that there are, those of requests in flight included: more than `in_flight` until they come back.
    n_permits: u32,
    /// Calls of a batch.
    batch: u32,
    /// How often it was told to slow down.
    n_halvings: u64,
}

/// Leave to have one request in flight.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
    /// Halvings before the request.
    n_halvings: u64,
}

impl Pace {
    pub(super) fn new() -> Self {
        let state = State { in_flight: FIRST_IN_FLIGHT, n_permits: FIRST_IN_FLIGHT, batch: FIRST_BATCH, n_halvings: 0 };
        Self { permits: Semaphore::new(places(FIRST_IN_FLIGHT)), state: Mutex::new(state) }
    }

    /// Calls of the next batch.
    pub(super) fn batch(&self) -> u32 {
        self.state().batch
    }

    /// Waits until one more request may be in flight.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        Turn { pace: self, permit: Some(permit), n_halvings: self.state().n_halvings }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with the lock")
    }
}

impl Turn<'_> {
    /// The endpoint took a request of `n_calls` calls.
    pub(super) fn went_well(&self, n_calls: u32) {
        let mut state = self.pace.state();
        state.in_flight = (state.in_flight + 1).min(MAX_IN_FLIGHT);
        if n_calls >= state.batch {
            state.batch = (state.batch + 1).min(MAX_BATCH);
        }
        if state.n_permits < state.in_flight {
            state.n_permits += 1;
            self.pace.permits.add_permits(1);
        }
    }

    /// The endpoint asks for less. Many requests that were in flight together are told so together: that counts once.
    pub(super) fn is_told_to_slow_down(&self) {
        let mut state = self.pace.state();
        if state.n_halvings != self.n_halvings {
            return;
        }
        state.n_halvings += 1;
        state.in_flight = (state.in_flight / 2).max(1);
        state.batch = (state.batch / 2).max(1);
        let surplus = state.n_permits.saturating_sub(state.in_flight);
        let n_forgotten = self.pace.permits.forget_permits(places(surplus));
        state.n_permits -= u32::try_from(n_forgotten).expect("no more are forgotten than there are");
    }

    /// The endpoint does not take batches of so many calls.
    pub(super) fn batch_is_too_large(&self, n_calls: u32) {
        let mut state = self.pace.state();
        state.batch = state.batch.min((n_calls / 2).max(1));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut state = self.pace.state();
        if state.n_permits > state.in_flight {
            state.n_permits -= 1;
            permit.forget();
        }
    }
}

fn places(n_permits: u32) -> usize {
    usize::try_from(n_permits).expect("a word has 32 bits or more")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests in flight, calls of a batch, and permits that are free.
    fn now(pace: &Pace) -> (u32, u32, usize) {
        let State { in_flight, batch, .. } = *pace.state();
        (in_flight, batch, pace.permits.available_permits())
    }

    async fn turns(pace: &Pace, n_turns: u32) -> Vec<Turn<'_>> {
        let mut turns = Vec::new();
        for _ in 0..n_turns {
            turns.push(pace.turn().await);
        }
        turns
    }

    #[tokio::test]
    async fn begins_fast_and_halves_once_for_all_that_were_in_flight() {
        let pace = Pace::new();
        let turns = turns(&pace, FIRST_IN_FLIGHT).await;
        assert_eq!(now(&pace), (32, 100, 0));
        turns.iter().for_each(Turn::is_told_to_slow_down);
        assert_eq!(now(&pace), (16, 50, 0));
        drop(turns);
        assert_eq!(now(&pace), (16, 50, 16));
        let turn = pace.turn().await;
        turn.is_told_to_slow_down();
        assert_eq!(now(&pace), (8, 25, 7));
        drop(turn);
        assert_eq!(now(&pace), (8, 25, 8));
    }

    #[tokio::test]
    async fn never_stops_altogether_and_grows_to_its_bounds() {
        let pace = Pace::new();
        for _ in 0..20 {
            pace.turn().await.is_told_to_slow_down();
        }
        assert_eq!(now(&pace), (1, 1, 1));
        for _ in 0..500 {
            let turn = pace.turn().await;
            turn.went_well(pace.batch());
        }
        assert_eq!(now(&pace), (MAX_IN_FLIGHT, MAX_BATCH, places(MAX_IN_FLIGHT)));
    }

    #[tokio::test]
    async fn a_batch_grows_by_full_batches_only() {
        let pace = Pace::new();
        pace.turn().await.went_well(FIRST_BATCH - 1);
        assert_eq!(pace.batch(), FIRST_BATCH);
        pace.turn().await.batch_is_too_large(30);
        assert_eq!(pace.batch(), 15);
        pace.turn().await.batch_is_too_large(1);
        assert_eq!(pace.batch(), 1);
    }
}
