//! Numbers from a seed.

/// SplitMix64 (S. Vigna).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Any number up to this one, and it.
    pub fn up_to(&mut self, greatest: usize) -> usize {
        (self.draw() % (greatest as u64 + 1)) as usize
    }

    /// True so many times in a thousand.
    pub fn permille(&mut self, often: u32) -> bool {
        self.draw() % 1000 < u64::from(often)
    }
}
