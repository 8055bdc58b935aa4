//! The memory that all sketches share.

/// How much memory sketches may take and have taken, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub limit: usize,
    pub used: usize,
}

impl Budget {
    /// False if there is not so much left.
    pub fn take(&mut self, bytes: usize) -> bool {
        let fits = self.used.saturating_add(bytes) <= self.limit;
        if fits {
            self.used += bytes;
        }
        fits
    }

    pub fn give_back(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }
}
