//! Reading files that others wrote.

use std::fs;
use std::path::Path;

/// The content of the file at `path`. `None` if it cannot be read, is larger than `largest` bytes or is not a regular file:
/// reading anything else, such as a pipe without a writer, could block forever.
pub fn read_limited(path: &Path, largest: u64) -> Option<Vec<u8>> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > largest {
        return None;
    }
    fs::read(path).ok()
}
