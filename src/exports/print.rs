//! Prints: seeded hashes of records and keys, by which they are told apart without being read.

use xxhash_rust::xxh3::{xxh3_64_with_secret, xxh3_64_with_seed};

/// Makes the prints of records. The seed is stretched once, and not for each record.
#[derive(Clone)]
pub struct Printer {
    secret: [u8; Printer::LENGTH],
}

impl Printer {
    const LENGTH: usize = 192;

    /// The printer of a seed.
    pub fn new(seed: u64) -> Printer {
        let mut secret = [0; Printer::LENGTH];
        for (at, word) in secret.chunks_exact_mut(8).enumerate() {
            word.copy_from_slice(&xxh3_64_with_seed(&[at as u8], seed).to_le_bytes());
        }
        Printer { secret }
    }

    /// The print of these bytes; never 0, which says that there is none.
    pub fn print(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_secret(bytes, &self.secret).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_and_other_seeds_have_other_prints() {
        let texts = [&b""[..], b"a", b"b", &[b'x'; 300]];
        let mut prints: Vec<u64> = (0..4)
            .flat_map(|seed| texts.map(|text| Printer::new(seed).print(text)))
            .collect();
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count);
    }
}
