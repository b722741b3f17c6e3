//! The store on a real directory: what is written, whose it is, and what is not touched.

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
fn a_record_comes_back_as_it_was() {
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
    folder.remove_where(|name| name < "2").unwrap();
    assert_eq!(folder.names(), Ok(Vec::new()));
}

#[test]
fn nothing_of_the_key_is_in_a_file() {
    let content = String::from_utf8(signer(KEY, API).sign("spool", &json!({"x": 1}))).unwrap();
    assert!(!content.contains("verysecret") && content.contains("sk_acme_k1_…"), "{content}");
    let value: Value = serde_json::from_str(&content).unwrap();
    assert_eq!((&value["format"], &value["record"]["x"]), (&json!(1), &json!(1)));
}

#[test]
fn whatever_is_changed_breaks_the_seal() {
    let signer = signer(KEY, API);
    let content = signer.sign("spool", &json!({"status": "completed"}));
    assert_eq!(signer.open("spool", &content), Opened::Ours(json!({"status": "completed"})));
    assert!(matches!(signer.open::<Value>("open", &content), Opened::Broken(_)), "another kind of record");
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
        assert!(matches!(opened, Opened::Broken(_)), "{pointer}: {opened:?}");
    }
}

#[test]
fn other_keys_addresses_and_formats_are_told_apart() {
    let content = signer(KEY, API).sign("spool", &json!(1));
    for (key, api) in [("sk_acme_k2_other-secret", API), (KEY, "https://other.example"), ("sk_acme_k1_another", API)] {
        let opened = signer(key, api).open::<Value>("spool", &content);
        assert_eq!(opened, Opened::Another("sk_acme_k1_… at https://api.example".to_owned()), "{key} {api}");
    }
    // A slash at the end of the address changes nothing.
    assert_eq!(signer(KEY, "https://api.example/").open("spool", &content), Opened::Ours(json!(1)));
    assert_eq!(signer(KEY, API).open::<Value>("spool", br#"{"format": 2, "anything": true}"#), Opened::Newer);
    for torn in [&content[..content.len() / 2], b"", b"\xff", b"[]", b"{}"] {
        assert!(matches!(signer(KEY, API).open::<Value>("spool", torn), Opened::Broken(_)));
    }
}

#[test]
fn what_is_set_aside_keeps_its_reason() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path());
    folder.write("1.json", &json!(1), Durability::Machine).unwrap();
    let moved = folder.set_aside("1.json", "refused: no such environment").unwrap();
    assert_eq!(moved, root.path().join("set-aside/1.json"));
    assert!(moved.is_file() && folder.names().unwrap().is_empty());
    let reason = fs::read_to_string(root.path().join("set-aside/1.json.reason")).unwrap();
    assert_eq!(reason, "refused: no such environment\n");
}

#[test]
fn a_lock_belongs_to_one_at_a_time() {
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
    fn nobody_else_can_read_it() {
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
    fn what_somebody_put_there_is_not_opened() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        folder.write("1.json", &json!(1), Durability::Machine).unwrap();
        symlink(folder.path().join("1.json"), folder.path().join("2.json")).unwrap();
        fs::create_dir(folder.path().join("3.json")).unwrap();
        fs::write(folder.path().join("4.json"), vec![b' '; 300 * 1024]).unwrap();
        for name in ["2.json", "3.json", "4.json"] {
            assert!(matches!(folder.read::<Value>(name), Some(RecordState::Unusable(_))), "{name}");
        }
    }

    #[test]
    fn a_directory_of_ours_is_closed_to_others_and_a_file_in_its_place_is_not_used() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        fs::create_dir(folder.path()).unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        folder.write("1.json", &json!(1), Durability::Machine).unwrap();
        assert_eq!(mode(&folder.path()), 0o700);
        fs::remove_dir_all(folder.path()).unwrap();
        fs::write(folder.path(), b"").unwrap();
        assert!(
            folder.write("1.json", &json!(1), Durability::Machine).unwrap_err().contains("spool"),
            "a file in its place"
        );
    }
}
