//! Both cores for work on large tables; none of it for small ones, where starting a thread costs more.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, ScopedJoinHandle, available_parallelism};

/// From this size on, in bytes, a table is worth a thread.
const LARGE: u64 = 4 << 20;

/// Does the same to all parts of something, on as many cores as that pays for: each has at least so many items as are `worth`
/// a thread. Results are in the order of the parts.
pub fn in_parts<T: Sync, R: Send>(
    items: &[T],
    worth: usize,
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    // Asking the system for its cores costs more than a small pass has to do.
    let cores = match items.len() / worth {
        0 | 1 => 1,
        _ => available_parallelism().map_or(1, usize::from),
    };
    let threads = cores.min(items.len() / worth);
    if threads < 2 {
        return vec![work(items)];
    }
    // Several parts for each, so that none waits long for the last one.
    let parts: Vec<&[T]> = items.chunks(items.len().div_ceil(8 * threads)).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((at, part)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            parts.get(at).map(|part| (at, part))
        } {
            done.push((at, work(part)));
        }
        done
    };
    by_workers(threads, take)
}

/// Does the same to several things of the given sizes, side by side where that pays; results are in their order.
pub fn side_by_side<T: Send, R: Send>(
    items: Vec<(u64, T)>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let large = items.iter().filter(|(size, _)| *size >= LARGE).count();
    if large < 2 {
        return items.into_iter().map(|(_, item)| work(item)).collect();
    }
    // The largest first, so that the last ones, which somebody waits for, are small.
    let mut waiting: Vec<(u64, usize, T)> = items
        .into_iter()
        .enumerate()
        .map(|(at, (size, item))| (size, at, item))
        .collect();
    waiting.sort_by_key(|(size, at, _)| (*size, Reverse(*at)));
    let cores = available_parallelism().map_or(1, usize::from);
    let workers = cores.min(waiting.len());
    let waiting = Mutex::new(waiting);
    let take = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop()
    };
    let work_off = || {
        let mut done = Vec::new();
        while let Some((_, at, item)) = take() {
            done.push((at, work(item)));
        }
        done
    };
    by_workers(workers, work_off)
}

/// Works off what waits, on this thread and on others; what each item became stands in its place.
fn by_workers<R: Send>(workers: usize, work_off: impl Fn() -> Vec<(usize, R)> + Sync) -> Vec<R> {
    let mut results = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(&work_off)).collect();
        let mut results = work_off();
        for thread in others {
            results.extend(joined_thread(thread));
        }
        results
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What a thread made; its panic is ours.
fn joined_thread<R>(thread: ScopedJoinHandle<'_, R>) -> R {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What was made of parts, as one.
pub fn joined<T>(parts: Vec<Vec<T>>) -> Vec<T> {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap_or_default();
    for part in parts {
        whole.extend(part);
    }
    whole
}

/// Does two things at once, the first of them on this thread, where the size of the work, in bytes, pays for that, and otherwise the
/// second one first.
pub fn together<A, B: Send>(
    size: u64,
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if size < LARGE {
        let other = other();
        return (one(), other);
    }
    std::thread::scope(|scope| {
        let thread = scope.spawn(other);
        (one(), joined_thread(thread))
    })
}

/// Lets go of something of the given size, in bytes, and does not wait for the end of that where it takes a while.
pub fn let_go(size: u64, what: impl Send + 'static) {
    if size >= LARGE {
        // Without a thread it goes at once.
        let _ = Builder::new().spawn(move || drop(what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_list_are_the_list_in_its_order() {
        for length in [0, 1, 7, 8, 100, 1000] {
            let items: Vec<usize> = (0..length).collect();
            for worth in [1, 4, 300, 2000] {
                let parts = in_parts(&items, worth, <[usize]>::to_vec);
                assert_eq!(joined(parts), items);
            }
        }
    }

    #[test]
    fn results_keep_their_order_whichever_way_the_work_is_done() {
        for sizes in [[1, 2, 3], [LARGE, 1, LARGE], [1, LARGE, LARGE * 2]] {
            let items = sizes.iter().copied().zip(0..).collect();
            assert_eq!(side_by_side(items, |at| at * 10), [0, 10, 20]);
        }
    }
}
