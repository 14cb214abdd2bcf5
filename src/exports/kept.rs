//! Bytes of records that are kept from the one look at their file. What is new or changed is asked for several times in a pass, and
//! is then read from nowhere.

/// The bytes of some records, in the order of their file.
#[derive(Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// Of each: its position among the records, and where it ends in the bytes.
    records: Vec<(u32, u32)>,
}

impl Kept {
    /// So many bytes are kept at most; what comes after them is read again.
    const ROOM: usize = 16 << 20;

    /// Keeps a record that comes after those that are kept already, if there is room.
    pub(super) fn keep(&mut self, at: usize, record: &[u8]) {
        let end = self.bytes.len() + record.len();
        if end > Kept::ROOM {
            return;
        }
        if let (Ok(at), Ok(end)) = (u32::try_from(at), u32::try_from(end)) {
            self.bytes.extend_from_slice(record);
            self.records.push((at, end));
        }
    }

    /// The bytes of the record at a position.
    pub(super) fn get(&self, at: usize) -> Option<&[u8]> {
        let found = self
            .records
            .binary_search_by_key(&at, |(known, _)| *known as usize);
        let found = found.ok()?;
        let start = match found.checked_sub(1) {
            Some(before) => self.records[before].1,
            None => 0,
        };
        self.bytes
            .get(start as usize..self.records[found].1 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_by_its_position_and_nothing_else_is() {
        let mut kept = Kept::default();
        kept.keep(2, b"two");
        kept.keep(3, b"");
        kept.keep(7, b"seven");
        let found: Vec<Option<&[u8]>> = (0..9).map(|at| kept.get(at)).collect();
        let mut expected: Vec<Option<&[u8]>> = vec![None; 9];
        expected[2] = Some(b"two");
        expected[3] = Some(b"");
        expected[7] = Some(b"seven");
        assert_eq!(found, expected);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut kept = Kept::default();
        let large = vec![b'x'; Kept::ROOM - 1];
        kept.keep(0, &large);
        kept.keep(1, b"yz");
        kept.keep(2, b"y");
        assert_eq!(kept.get(0), Some(&large[..]));
        assert_eq!(kept.get(1), None);
        assert_eq!(kept.get(2), Some(&b"y"[..]));
    }
}
