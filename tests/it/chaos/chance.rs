//! Numbers that look random and can be had again (SplitMix64).

pub struct Chance(u64);

impl Chance {
    /// The numbers of one caller.
    pub fn new(seed: u64, caller: u64) -> Self {
        Self(seed.wrapping_add(caller.wrapping_mul(0xA076_1D64_78BD_642F)))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
