//! Where a byte stands in a record: a cell has ten bytes or so, and a look-up that begins anew for each costs more than the cell.

/// The places of a byte in others, ascending; eight bytes are looked at together.
pub(super) struct Places<'a> {
    bytes: &'a [u8],
    /// The byte, eight times.
    wanted: u64,
    /// Where the bytes looked at last begin, no more than eight before the next.
    at: usize,
    /// The highest bit of each of these that is the byte, and was not handed over yet.
    hits: u64,
    /// Where the next eight begin.
    next: usize,
}

impl<'a> Places<'a> {
    pub(super) fn of(byte: u8, bytes: &'a [u8]) -> Places<'a> {
        Places {
            bytes,
            wanted: u64::from_ne_bytes([byte; 8]),
            at: 0,
            hits: 0,
            next: 0,
        }
    }

    /// Goes on at a place: what stands before it is not handed over any more.
    pub(super) fn skip_to(&mut self, place: usize) {
        if place >= self.next {
            (self.at, self.hits, self.next) = (place, 0, place);
        } else if place > self.at {
            self.hits &= u64::MAX << (8 * (place - self.at));
        }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.hits == 0 {
            let rest = self
                .bytes
                .get(self.next..)
                .filter(|rest| !rest.is_empty())?;
            let (word, real) = match rest.first_chunk() {
                Some(eight) => (u64::from_le_bytes(*eight), u64::MAX),
                None => {
                    let mut eight = [0; 8];
                    eight[..rest.len()].copy_from_slice(rest);
                    (u64::from_le_bytes(eight), !(u64::MAX << (8 * rest.len())))
                }
            };
            self.hits = zeros(word ^ self.wanted) & real;
            (self.at, self.next) = (self.next, self.next + 8);
        }
        let place = self.at + self.hits.trailing_zeros() as usize / 8;
        self.hits &= self.hits - 1;
        Some(place)
    }
}

/// The highest bit of each byte that is 0. Seven bits of a byte and 127 make its highest bit unless they are 0, and carry nothing over.
fn zeros(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    !(((word & LOW) + LOW) | word | LOW)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_places_are_found_and_no_other(bytes in proptest::collection::vec(prop_oneof![Just(b';'), Just(b';' ^ 0x80), Just(0), any::<u8>()], 0..70)) {
            let found: Vec<usize> = Places::of(b';', &bytes).collect();
            let real: Vec<usize> = memchr::memchr_iter(b';', &bytes).collect();
            prop_assert_eq!(found, real);
        }

        #[test]
        fn what_is_skipped_is_not_handed_over(
            bytes in proptest::collection::vec(prop_oneof![Just(b';'), any::<u8>()], 0..70),
            skips in proptest::collection::vec(0_usize..80, 0..12),
        ) {
            let mut places = Places::of(b';', &bytes);
            let mut from = 0;
            for skip in skips {
                places.skip_to(skip);
                from = from.max(skip);
                let real = memchr::memchr_iter(b';', &bytes).find(|at| *at >= from);
                prop_assert_eq!(places.next(), real);
                from = real.map_or(bytes.len(), |at| at + 1);
            }
        }
    }
}
