//! Work on every core, with results in the order of the work: what is printed does not depend on who was faster.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, available_parallelism, scope};

/// Pieces taken at once: large enough that taking costs nothing, small enough that nobody waits long for the last.
const BLOCK: usize = 16;

/// More threads than this gain nothing on any book that people write.
const MOST: usize = 8;

/// The stack of the main thread: expressions and groups nest as deep here as there.
const STACK: usize = 8 << 20;

/// `work` of `0..count`, in that order, on as many cores as there are and as the work is worth.
pub(super) fn spread<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = available_parallelism().map_or(1, NonZero::get).min(MOST).min(count / BLOCK).max(1);
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let from = next.fetch_add(BLOCK, Ordering::Relaxed);
            if from >= count {
                return done;
            }
            done.extend((from..count.min(from + BLOCK)).map(|index| (index, work(index))));
        }
    };
    let mut done = scope(|scope| {
        let start = |_| Builder::new().stack_size(STACK).spawn_scoped(scope, take).ok();
        let others: Vec<_> = (1..cores).filter_map(start).collect();
        let mut done = take();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_work() {
        for count in [0, 1, 15, 16, 17, 100, 1000] {
            let doubled = spread(count, |index| {
                // Uneven work, so that blocks end out of order.
                (0..(index % 7) * 1000).fold(0usize, usize::wrapping_add);
                index * 2
            });
            assert_eq!(doubled, (0..count).map(|index| index * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "the seventieth")]
    fn a_panic_of_any_thread_is_everybodys() {
        spread(100, |index| assert!(index != 70, "the seventieth"));
    }
}
