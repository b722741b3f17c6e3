//! Reading files that others wrote.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

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
    const LARGEST: usize = 1024 * 1024;
    let mut file = File::open(path).ok()?;
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

/// The content of a file that the user named, of any kind. What is not a regular file must end within `timeout`: a pipe may
/// have a writer that never writes.
///
/// # Errors
/// If it cannot be read, is larger than `largest` bytes, or takes too long.
pub fn read_named(path: &Path, largest: u64, timeout: Duration) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        return read_at_most(path, largest);
    }
    let (sender, receiver) = mpsc::channel();
    let path = path.to_owned();
    // The thread ends with the process if the file does not end.
    thread::Builder::new().spawn(move || sender.send(read_at_most(&path, largest)))?;
    receiver.recv_timeout(timeout).map_err(|_| {
        io::Error::new(io::ErrorKind::TimedOut, format!("it did not end within {} seconds", timeout.as_secs()))
    })?
}

fn read_at_most(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > largest {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} KiB", largest.div_ceil(1024)),
        )),
        false => Ok(bytes),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn pipe_without_a_writer_ends_with_the_time_limit() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = read_named(&pipe, 10, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn size_is_limited_for_every_kind_of_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "0123456789").unwrap();
        assert_eq!(read_named(&file, 10, Duration::ZERO).unwrap(), b"0123456789");
        for path in [file.as_path(), Path::new("/dev/zero")] {
            let error = read_named(path, 9, Duration::from_secs(60)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{}", path.display());
        }
    }

    #[cfg(target_os = "linux")]
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
