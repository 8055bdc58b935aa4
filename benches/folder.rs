//! A folder for the files of a benchmark.

use std::fs;
use std::path::{Path, PathBuf};

/// It is there until it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A new one in this folder, of a name that no other process uses.
    pub fn under(parent: &Path) -> Folder {
        let path = parent.join(format!("highwater-bench-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder can be written");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
