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

/// The text of a file that the kernel makes up as one record, such as `/proc/self/status`, usually in one read. It has no size
/// that `fs::read` could use, which therefore begins with 32 bytes.
#[cfg(unix)]
pub fn read_kernel_file(path: &Path) -> Option<String> {
    use std::io::Read as _;
    const LARGEST: usize = 1024 * 1024;
    let mut file = fs::File::open(path).ok()?;
    let (mut content, mut length) = (vec![0; 4096], 0);
    loop {
        length += file.read(&mut content[length..]).ok()?;
        // A read that does not fill the buffer was the last one.
        if length < content.len() || length >= LARGEST {
            return Some(String::from_utf8_lossy(&content[..length]).into_owned());
        }
        content.resize(2 * length, 0);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn kernel_files_are_read_whole() {
        for path in ["/proc/self/status", "/proc/self/stat"] {
            let lines = |text: String| text.lines().count();
            let whole = lines(fs::read_to_string(path).unwrap());
            assert_eq!(lines(read_kernel_file(Path::new(path)).unwrap()), whole, "{path}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        fs::write(&path, "x".repeat(100_000)).unwrap();
        assert_eq!(read_kernel_file(&path).unwrap().len(), 100_000);
        assert_eq!(read_kernel_file(&dir.path().join("missing")), None);
    }
}
