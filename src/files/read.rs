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

/// The text of a file that the kernel makes up, as in `/proc`, in as few reads as possible: it has no size that `fs::read` could
/// use, which therefore begins with 32 bytes.
#[cfg(unix)]
pub fn read_kernel_file(path: &Path) -> Option<String> {
    const USUAL: usize = 4096;
    const LARGEST: u64 = 1024 * 1024;
    use std::io::Read as _;
    let mut content = Vec::with_capacity(USUAL);
    fs::File::open(path).ok()?.take(LARGEST).read_to_end(&mut content).ok()?;
    Some(String::from_utf8_lossy(&content).into_owned())
}
