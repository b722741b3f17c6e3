//! Appending to a file that other programs append to as well.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Appends `text` to the file at `path` in one write. If the last line is incomplete, it ends it first.
///
/// # Errors
/// If the file cannot be opened, read or written.
pub fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut whole = String::new();
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(-1)).is_ok() {
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            whole.push('\n');
        }
    }
    whole.push_str(text);
    file.write_all(whole.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_text_starts_on_a_new_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        append(&path, "a=1\n").unwrap();
        std::fs::write(&path, "a=1\nb=2").unwrap();
        append(&path, "c=3\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a=1\nb=2\nc=3\n");
        assert!(append(&dir.path().join("no/such/dir"), "x").is_err());
    }
}
