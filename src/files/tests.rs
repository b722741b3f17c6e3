//! Folders in a real directory: what is written, who can read it, and what is not touched.

use super::*;
use crate::model::api_key::ApiKey;
use serde_json::{Value, json};

const KEY: &str = "sk_acme_k1_verysecret";
const API: &str = "https://api.example";

fn signer(key: &str, api: &str) -> Signer {
    Signer::new(&ApiKey::parse(key).unwrap(), api)
}

fn folder(root: &Path) -> Folder {
    Folder::new(root, "spool", signer(KEY, API))
}

#[test]
fn record_is_read_as_it_was_written() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(&root.path().join("deep/er"));
    assert_eq!(folder.names(), Ok(Vec::new()));
    let record = json!({"a": [1, 1.50, null], "ö": "\n"});
    folder.write("2.json", &record, Durability::Machine).unwrap();
    folder.write("1.json", &json!(1), Durability::Machine).unwrap();
    assert_eq!(folder.names().unwrap(), ["1.json", "2.json"]);
    assert_eq!(folder.read("2.json"), Some(RecordState::Ours(record)));
    assert_eq!(folder.read::<Value>("3.json"), None);
    folder.remove("2.json").unwrap();
    folder.remove("2.json").unwrap();
    folder.remove("1.json").unwrap();
    assert_eq!(folder.names(), Ok(Vec::new()));
}

#[test]
fn file_does_not_contain_the_key() {
    let content = String::from_utf8(signer(KEY, API).sign("spool", &json!({"x": 1}))).unwrap();
    assert!(!content.contains("verysecret") && content.contains("sk_acme_k1_…"), "{content}");
    let value: Value = serde_json::from_str(&content).unwrap();
    assert_eq!((&value["format"], &value["record"]["x"]), (&json!(1), &json!(1)));
}

#[test]
fn any_change_invalidates_the_signature() {
    let signer = signer(KEY, API);
    let content = signer.sign("spool", &json!({"status": "completed"}));
    assert_eq!(signer.open("spool", &content), RecordState::Ours(json!({"status": "completed"})));
    assert!(matches!(signer.open::<Value>("open", &content), RecordState::Unusable(_)), "another kind of record");
    let value: Value = serde_json::from_slice(&content).unwrap();
    for (pointer, other) in [
        ("/record/status", json!("failed")),
        ("/api_url", json!("https://evil.example")),
        ("/key", json!("sk_evil_k1_…")),
        ("/hmac_sha256", json!("00")),
        ("/hmac_sha256", json!("zz€")),
        ("/format", json!(0)),
    ] {
        let mut changed = value.clone();
        *changed.pointer_mut(pointer).unwrap() = other;
        let opened = signer.open::<Value>("spool", changed.to_string().as_bytes());
        assert!(matches!(opened, RecordState::Unusable(_)), "{pointer}: {opened:?}");
    }
}

#[test]
fn records_of_other_keys_addresses_and_formats_are_recognised() {
    let content = signer(KEY, API).sign("spool", &json!(1));
    for (key, api) in [("sk_acme_k2_other-secret", API), (KEY, "https://other.example"), ("sk_acme_k1_another", API)] {
        let opened = signer(key, api).open::<Value>("spool", &content);
        assert_eq!(opened, RecordState::OfAnotherKey("sk_acme_k1_… at https://api.example".into()), "{key} {api}");
    }
    // A slash at the end of the address changes nothing.
    assert_eq!(signer(KEY, "https://api.example/").open("spool", &content), RecordState::Ours(json!(1)));
    assert_eq!(signer(KEY, API).open::<Value>("spool", br#"{"format": 2, "anything": true}"#), RecordState::Newer);
    for torn in [&content[..content.len() / 2], b"", b"\xff", b"[]", b"{}"] {
        assert!(matches!(signer(KEY, API).open::<Value>("spool", torn), RecordState::Unusable(_)));
    }
}

#[test]
fn set_aside_record_has_its_reason_next_to_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path());
    folder.write("1.json", &json!(1), Durability::Machine).unwrap();
    let moved = folder.set_aside("1.json", "rejected: no such environment").unwrap();
    assert_eq!(moved, root.path().join("set-aside/1.json"));
    assert!(moved.is_file() && folder.names().unwrap().is_empty());
    let reason = fs::read_to_string(root.path().join("set-aside/1.json.reason")).unwrap();
    assert_eq!(reason, "rejected: no such environment\n");
}

#[test]
fn lock_is_held_once_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (folder(root.path()), folder(root.path()));
    let held = one.try_lock("lock").unwrap();
    assert!(held.is_some() && other.try_lock("lock").unwrap().is_none());
    drop(held);
    assert!(other.try_lock("lock").unwrap().is_some());
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn other_users_have_no_access() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(&root.path().join("state"));
        folder.write("1.json", &json!(1), Durability::Machine).unwrap();
        let _lock = folder.try_lock("lock").unwrap();
        assert_eq!((mode(&root.path().join("state")), mode(&folder.path())), (0o700, 0o700));
        assert_eq!((mode(&folder.path().join("1.json")), mode(&folder.path().join("lock"))), (0o600, 0o600));
        let script = write_private(root.path(), b"echo\n").unwrap();
        assert_eq!(mode(&script), 0o600);
    }

    #[test]
    fn links_directories_and_large_files_are_not_opened() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        folder.write("1.json", &json!(1), Durability::Machine).unwrap();
        symlink(folder.path().join("1.json"), folder.path().join("2.json")).unwrap();
        fs::create_dir(folder.path().join("3.json")).unwrap();
        fs::write(folder.path().join("4.json"), vec![b' '; 300 * 1024]).unwrap();
        let reasons = [UnusableRecord::NotAFile, UnusableRecord::NotAFile, UnusableRecord::TooLarge];
        for (name, reason) in ["2.json", "3.json", "4.json"].into_iter().zip(reasons) {
            assert_eq!(folder.read::<Value>(name), Some(RecordState::Unusable(reason)), "{name}");
        }
    }

    #[test]
    fn directory_is_made_private_and_a_file_in_its_place_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        fs::create_dir(folder.path()).unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        folder.write("1.json", &json!(1), Durability::Machine).unwrap();
        assert_eq!(mode(&folder.path()), 0o700);
        fs::remove_dir_all(folder.path()).unwrap();
        fs::write(folder.path(), b"").unwrap();
        let error = folder.write("1.json", &json!(1), Durability::Machine).unwrap_err();
        assert_eq!(error, FileError::NotADirectory(folder.path().to_string_lossy().into()));
    }
}
