//! Which slot of a map's values belongs to which key: open addressing over one block of keys.
//!
//! Slots are handed out in the order in which keys come and are used again after they were freed, so walking them is
//! the same in every run.

/// The keys of one map.
pub(super) struct Keys {
    size: usize,
    /// The key of each slot, used or not.
    bytes: Vec<u8>,
    used: Vec<bool>,
    free: Vec<u32>,
    /// Slot + 1 at the place that the key's hash asks for or behind it, 0 where nothing is. A power of two long, and at
    /// most half full.
    table: Vec<u32>,
    len: usize,
}

impl Keys {
    pub(super) fn new(size: usize) -> Keys {
        Keys { size, bytes: Vec::new(), used: Vec::new(), free: Vec::new(), table: vec![0; 16], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many slots were ever used.
    pub(super) fn slots(&self) -> usize {
        self.used.len()
    }

    /// The key in a slot, if there is one.
    pub(super) fn key(&self, slot: usize) -> Option<&[u8]> {
        self.used.get(slot)?.then(|| &self.bytes[slot * self.size..][..self.size])
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        let place = self.place(key);
        (self.table[place] as usize).checked_sub(1)
    }

    /// The place in the table where the key is or would be.
    fn place(&self, key: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash(key) as usize & mask;
        while let Some(slot) = (self.table[place] as usize).checked_sub(1) {
            if &self.bytes[slot * self.size..][..self.size] == key {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    /// Adds a key that is not there, and says which slot it has.
    pub(super) fn insert(&mut self, key: &[u8]) -> usize {
        if self.len * 2 >= self.table.len() {
            self.grow();
        }
        let slot = self.free.pop().map_or_else(|| self.append(), |slot| slot as usize);
        self.bytes[slot * self.size..][..self.size].copy_from_slice(key);
        self.used[slot] = true;
        self.len += 1;
        let place = self.vacancy(hash(key));
        self.table[place] = slot as u32 + 1;
        slot
    }

    fn append(&mut self) -> usize {
        self.bytes.resize(self.bytes.len() + self.size, 0);
        self.used.push(false);
        self.used.len() - 1
    }

    fn vacancy(&self, hash: u64) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        while self.table[place] != 0 {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.table = vec![0; self.table.len() * 2];
        for slot in 0..self.used.len() {
            if let Some(key) = self.key(slot) {
                let place = self.vacancy(hash(key));
                self.table[place] = slot as u32 + 1;
            }
        }
    }

    /// Takes a key out, and says which slot it had.
    pub(super) fn remove(&mut self, key: &[u8]) -> Option<usize> {
        let place = self.place(key);
        let slot = (self.table[place] as usize).checked_sub(1)?;
        self.close_gap(place);
        self.used[slot] = false;
        self.free.push(slot as u32);
        self.len -= 1;
        Some(slot)
    }

    /// Moves those behind the gap up that would not be found otherwise.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.table.len() - 1;
        self.table[gap] = 0;
        let mut place = (gap + 1) & mask;
        while let Some(slot) = (self.table[place] as usize).checked_sub(1) {
            let wanted = hash(&self.bytes[slot * self.size..][..self.size]) as usize & mask;
            if place.wrapping_sub(wanted) & mask >= place.wrapping_sub(gap) & mask {
                self.table.swap(gap, place);
                gap = place;
            }
            place = (place + 1) & mask;
        }
    }
}

fn hash(key: &[u8]) -> u64 {
    let mix = |h: u64, word: u64| {
        let h = (h ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^ h >> 32
    };
    let (words, rest) = key.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let h = words.iter().fold(key.len() as u64, |h, &word| mix(h, u64::from_le_bytes(word)));
    mix(h, u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn keys_come_and_go_as_in_a_map_of_the_standard_library() {
        let (mut keys, mut model) = (Keys::new(2), HashMap::new());
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = [(seed >> 33) as u8 % 40, (seed >> 43) as u8 % 5];
            assert_eq!(keys.find(&key), model.get(&key).copied());
            match model.remove(&key) {
                Some(slot) => assert_eq!(keys.remove(&key), Some(slot)),
                None => {
                    model.insert(key, keys.insert(&key));
                }
            }
            assert_eq!(keys.len(), model.len());
        }
        assert!(keys.slots() <= 200);
    }
}
