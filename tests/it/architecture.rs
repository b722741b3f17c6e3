//! The layout that `docs/architecture.md` describes.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src`, from top to bottom, as the page lists them.
fn rooms() -> Vec<String> {
    let page = fs::read_to_string("docs/architecture.md").unwrap();
    page.lines()
        .skip_while(|line| !line.starts_with("| room |"))
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .map(|room| room.trim_end_matches('/').trim_end_matches(".rs").to_owned())
        .collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[test]
fn page_lists_the_rooms_and_imports_only_go_down() {
    let rooms = rooms();
    let level = |room: &str| rooms.iter().position(|other| other == room);
    let mut imports = 0;
    for file in files(Path::new("src")) {
        let path = file.strip_prefix("src").unwrap();
        let room = path.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let own = level(room).unwrap_or_else(|| panic!("docs/architecture.md does not list src/{room}"));
        let text = fs::read_to_string(&file).unwrap();
        // Tests may use what they need.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for import in code.split("crate::").skip(1) {
            let name: String = import.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            let Some(other) = level(&name) else { continue };
            imports += 1;
            assert!(other >= own, "{} imports `{name}`, which is above `{room}`", file.display());
        }
    }
    assert!(imports > 100, "only {imports} imports were found");
}
