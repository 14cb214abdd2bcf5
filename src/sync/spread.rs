//! Both cores for work on large tables; none of it for small ones, where starting a thread costs more.

/// From this size on, in bytes, a table is worth a thread.
const LARGE: u64 = 4 << 20;

/// Does the same to several things of the given sizes, side by side where that pays; results are in their order.
pub fn side_by_side<T: Send, R: Send>(
    items: Vec<(u64, T)>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let large = items.iter().filter(|(size, _)| *size >= LARGE).count();
    if large < 2 {
        return items.into_iter().map(|(_, item)| work(item)).collect();
    }
    // The largest has a core of its own, and the others share the second.
    let largest = items
        .iter()
        .enumerate()
        .max_by_key(|(at, (size, _))| (*size, std::cmp::Reverse(*at)));
    let largest = largest.map_or(0, |(at, _)| at);
    let mut others: Vec<(usize, T)> = items
        .into_iter()
        .map(|(_, item)| item)
        .enumerate()
        .collect();
    let (at, alone) = others.remove(largest);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            others
                .into_iter()
                .map(|(at, item)| (at, work(item)))
                .collect::<Vec<_>>()
        });
        let result = work(alone);
        let mut results = match thread.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        results.push((at, result));
        results
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_whichever_way_the_work_is_done() {
        for sizes in [[1, 2, 3], [LARGE, 1, LARGE], [1, LARGE, LARGE * 2]] {
            let items = sizes.iter().copied().zip(0..).collect();
            assert_eq!(side_by_side(items, |at| at * 10), [0, 10, 20]);
        }
    }
}
