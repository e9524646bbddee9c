//! Threads that take numbers off a counter, until none is left or one of them has failed.

use std::{
    panic,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

/// Scripts nest deeply; memory that is never touched costs nothing.
const STACK_BYTES: usize = 16 << 20;

/// Calls `work` with each of `0..n` and returns what it said, in order.
///
/// # Errors
/// The error of the least number that failed, of those that were begun.
pub(super) fn run<T: Send, E: Send>(
    threads: usize,
    n: u64,
    work: &(dyn Fn(u64) -> Result<T, E> + Sync),
) -> Result<Vec<T>, E> {
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let take = || {
        let mut done = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= n {
                break;
            }
            let result = work(number);
            is_over.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((number, result));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let wanted = u64::try_from(threads.max(1)).unwrap_or(u64::MAX).min(n);
        // Results do not depend on threads, so those that the system grants suffice.
        let spawn = |_| thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, take).ok();
        let workers: Vec<_> = (0..wanted).map_while(spawn).collect();
        let mut done = if workers.is_empty() { take() } else { Vec::new() };
        for worker in workers {
            done.extend(worker.join().unwrap_or_else(|payload| panic::resume_unwind(payload)));
        }
        done
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_and_the_first_error_wins() {
        for threads in [0, 1, 2, 8] {
            assert_eq!(run(threads, 100, &|n| Ok::<_, u64>(n * n)), Ok((0..100).map(|n| n * n).collect()));
            assert_eq!(run::<u64, u64>(threads, 0, &|_| Err(1)), Ok(vec![]));
        }
        assert_eq!(run(1, 100, &|n| if n < 7 { Ok(n) } else { Err(n) }), Err(7));
        assert_eq!(run::<u64, u64>(1, u64::MAX, &Err), Err(0));
    }
}
