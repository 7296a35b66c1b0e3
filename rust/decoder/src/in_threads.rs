//! Work on the rows of a batch, which several threads take in parts.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::sequence_state::MAX_THREADS;

/// The rows of a part. Starting a thread takes about as long as the grammar takes for one of them.
pub const ROWS: usize = 32;

/// Does the work on all parts, in threads that end with it: a pool would be without its threads in a forked process.
///
/// Up to `threads` threads work, this one among them; gives an error, if there is any.
///
/// # Errors
///
/// Those of the work: of a thread its first, with which it stops.
pub fn in_threads<P, E: Send>(
    parts: impl ExactSizeIterator<Item = P> + Send,
    threads: usize,
    work: impl Fn(P) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let helpers = threads.min(parts.len()).clamp(1, MAX_THREADS) - 1;
    let parts = Mutex::new(parts);
    let take = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while let Some(part) = take() {
            work(part)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        // Where no more threads are to be had, those that are there do the work.
        let spawn = |_| thread::Builder::new().name("batch".into()).spawn_scoped(scope, run).ok();
        let helpers: Vec<_> = (0..helpers).filter_map(spawn).collect();
        let own = run();
        let results = helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results.fold(own, Result::and)
    })
}

#[cfg(test)]
mod tests {
    use super::{ROWS, in_threads};

    #[test]
    fn every_part_is_worked_on_once_whatever_the_number_of_threads() {
        for threads in [0, 1, 3, 100] {
            let mut numbers = vec![1; 5 * ROWS + 7];
            let doubled = in_threads(numbers.chunks_mut(ROWS), threads, |part| {
                for number in part {
                    *number *= 2;
                }
                Ok::<(), ()>(())
            });
            assert_eq!(doubled, Ok(()));
            assert!(numbers.iter().all(|&number| number == 2), "{threads} threads");
        }
    }

    #[test]
    fn an_error_of_any_part_is_given() {
        let parts: Vec<usize> = (0..10).collect();
        let work = |part| if part == 7 { Err(part) } else { Ok(()) };
        assert_eq!(in_threads(parts.into_iter(), 3, work), Err(7));
    }
}
