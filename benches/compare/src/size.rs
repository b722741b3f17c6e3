//! The size report: what the file consists of, by section, crate, module and function, and what features cost.
//!
//! Reads the symbols of a build that is like the released one but not stripped, with `nm` and `readelf`.

use crate::figures::{Size, root};
use anyhow::{Context as _, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Examines `released` and `symbols`, the same program with symbols.
pub(crate) fn examine(released: &Path, symbols: &Path) -> anyhow::Result<Size> {
    let mut crates = BTreeMap::new();
    let mut modules = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let (mut functions, mut data) = (Vec::new(), Vec::new());
    let listing = output("nm", [OsStr::new("--print-size"), "--radix=d".as_ref(), "--demangle".as_ref()], symbols)?;
    for line in listing.lines() {
        let mut fields = line.splitn(4, ' ');
        let (address, size, kind, name) = (fields.next(), fields.next(), fields.next(), fields.next());
        let (Some(Ok(size)), Some(kind), Some(name)) = (size.map(str::parse::<u64>), kind, name) else { continue };
        // A function may have several names.
        if !seen.insert(address) {
            continue;
        }
        match kind {
            "t" | "T" | "w" | "W" => {}
            "r" | "R" | "d" | "D" => {
                data.push((shortened(without_hash(name)), size));
                continue;
            }
            _ => continue,
        }
        *crates.entry(crate_of(name)).or_insert(0) += size;
        if let Some(module) = module_of(name) {
            *modules.entry(module).or_insert(0) += size;
        }
        functions.push((shortened(without_hash(name)), size));
    }
    Ok(Size {
        file: std::fs::metadata(released)?.len(),
        sections: largest(sections(released)?, 12),
        crates: largest(crates, 20),
        modules: largest(modules, 20),
        functions: largest(functions, 10),
        data: largest(data, 5),
        features: Vec::new(),
    })
}

fn largest(parts: impl IntoIterator<Item = (String, u64)>, count: usize) -> Vec<(String, u64)> {
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(name, size)| (std::cmp::Reverse(*size), name.clone()));
    parts.truncate(count);
    parts
}

/// The sections that take space in the file.
fn sections(file: &Path) -> anyhow::Result<Vec<(String, u64)>> {
    let table = output("readelf", ["--wide", "--section-headers"], file)?;
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_once(']')?.1.split_whitespace().collect();
        let [name, kind, _, _, size, ..] = fields[..] else { return None };
        let size = u64::from_str_radix(size, 16).ok()?;
        (name.starts_with('.') && kind != "NOBITS").then(|| (name.to_owned(), size))
    };
    Ok(table.lines().filter_map(row).collect())
}

fn output(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    file: &Path,
) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).arg(file).output().with_context(|| program.to_owned())?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path that a demangled name starts with, without what wraps it, as in `<a::B as c::D>::e`.
fn path_of(name: &str) -> &str {
    let skipped = ["<", "&", "mut ", "dyn ", "*const ", "*mut ", "[", "(", "bool "];
    let mut path = name;
    while let Some(rest) = skipped.iter().find_map(|prefix| path.strip_prefix(prefix)) {
        path = rest;
    }
    path
}

/// The crate that a function belongs to. A generic function counts for the crate of its definition, and a trait's function for
/// any type, as in `<T as core::fmt::Debug>::fmt`, for the crate of the trait.
fn crate_of(name: &str) -> String {
    let path = path_of(name);
    let path = match path.split_once(" as ") {
        Some((parameter, implemented)) if !parameter.contains("::") => path_of(implemented),
        _ => path,
    };
    let first: String = path.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
    let rest = &path[first.len()..];
    match first.as_str() {
        _ if name.starts_with("ring_core_") => "ring (C and assembly)".to_owned(),
        "std" | "core" | "alloc" => "the standard library".to_owned(),
        "versioner_action" | "versioner" => "versioner itself".to_owned(),
        _ if rest.starts_with("::") || rest.starts_with('[') => first,
        _ => "the C library, and the rest".to_owned(),
    }
}

/// The module of the program's own code.
fn module_of(name: &str) -> Option<String> {
    let rest = path_of(name).strip_prefix("versioner_action")?.trim_start_matches("::");
    Some(rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect())
}

/// The names of generic functions can fill a screen.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 90;
    if name.chars().count() <= LONGEST { name.to_owned() } else { name.chars().take(LONGEST).chain(['…']).collect() }
}

fn without_hash(name: &str) -> &str {
    name.rsplit_once("::h").filter(|(_, hash)| hash.len() == 16).map_or(name, |(path, _)| path)
}

/// Builds the program without each of the features, in a copy, and returns how much smaller the file gets.
pub(crate) fn features(scratch: &Path, full: u64) -> anyhow::Result<Vec<(String, Option<i64>)>> {
    let files = ["Cargo.toml", "Cargo.lock", "build.rs", "link.ld", "src", "tests", "benches"];
    let status = Command::new("cp").arg("-a").args(files.map(|file| root().join(file))).arg(scratch).status()?;
    ensure!(status.success(), "cp ended with {status}");
    let manifest = scratch.join("Cargo.toml");
    let original = std::fs::read_to_string(&manifest)?;
    let mut costs = Vec::new();
    for (name, feature) in optional_features(&original) {
        std::fs::write(&manifest, without_feature(&original, &name, &feature))?;
        let size = build(scratch)?;
        costs.push((format!("{name}: {feature}"), size.map(|size| full as i64 - size as i64)));
    }
    Ok(costs)
}

/// The features of direct dependencies in a manifest, but for `std`, which all need: dependency and feature.
fn optional_features(manifest: &str) -> Vec<(String, String)> {
    let dependencies = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let dependencies = dependencies.take_while(|line| *line != "[dev-dependencies]");
    let features = dependencies.filter_map(|line| {
        let (name, rest) = line.split_once(" = ")?;
        let list = rest.split_once(", features = [")?.1.split(']').next()?;
        let features = list.split(", ").map(|feature| feature.trim_matches('"')).filter(|feature| *feature != "std");
        Some(features.map(|feature| (name.to_owned(), feature.to_owned())).collect::<Vec<_>>())
    });
    features.flatten().collect()
}

fn without_feature(manifest: &str, dependency: &str, feature: &str) -> String {
    let start = format!("{dependency} = ");
    let line = |line: &str| match line.starts_with(&start) {
        true => {
            line.replace(&format!("\"{feature}\""), "").replace("[, ", "[").replace(", , ", ", ").replace(", ]", "]")
        }
        false => line.to_owned(),
    };
    manifest.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The size of the program in `directory`. `None` if it does not build.
fn build(directory: &Path) -> anyhow::Result<Option<u64>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = directory.join("target");
    let arguments = ["build", "--quiet", "--release", "--bin", "versioner", "--target", TARGET];
    let status = Command::new(cargo)
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", &target)
        .stderr(std::process::Stdio::null())
        .status()?;
    let file = target.join(TARGET).join("release/versioner");
    Ok(if status.success() { Some(std::fs::metadata(file)?.len()) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_belong_to_the_crate_of_their_path() {
        for (name, expected) in [
            ("clap_builder::parser::Parser::parse::h0123456789abcdef", "clap_builder"),
            ("<rustls::Error as core::fmt::Display>::fmt::h0123456789abcdef", "rustls"),
            ("<&mut serde_json::Serializer<W,F> as serde::Serializer>::serialize_str", "serde_json"),
            ("core::ptr::drop_in_place<alloc::string::String>", "the standard library"),
            ("<alloc::vec::Vec<T> as core::clone::Clone>::clone", "the standard library"),
            ("versioner_action::gate::decide::decide_wait", "versioner itself"),
            ("ring_core_0_17_14__x25519_sc_mask", "ring (C and assembly)"),
            ("bool libunwind::CFI_Parser<A>::parse<B>(A&)", "libunwind"),
            ("<&T as core::fmt::Debug>::fmt", "the standard library"),
            ("<(A,B) as hyper_util::Service>::call", "hyper_util"),
            ("memcpy", "the C library, and the rest"),
        ] {
            assert_eq!(crate_of(name), expected, "{name}");
        }
    }

    #[test]
    fn own_functions_belong_to_a_module() {
        assert_eq!(module_of("versioner_action::gate::decide::decide_wait").as_deref(), Some("gate"));
        assert_eq!(module_of("<versioner_action::ci::Context as core::fmt::Debug>::fmt").as_deref(), Some("ci"));
        assert_eq!(module_of("rustls::client::connect"), None);
    }

    #[test]
    fn features_are_found_and_removed() {
        let manifest = "[dependencies]\na = \"1\"\nb = { version = \"1\", features = [\"std\", \"x\", \"y\"] }\n\
                        [dev-dependencies]\nc = { version = \"1\", features = [\"z\"] }";
        let features = optional_features(manifest);
        assert_eq!(features, [("b", "x"), ("b", "y")].map(|(name, feature)| (name.to_owned(), feature.to_owned())));
        for (feature, left) in [("x", "[\"std\", \"y\"]"), ("y", "[\"std\", \"x\"]"), ("std", "[\"x\", \"y\"]")] {
            let changed = without_feature(manifest, "b", feature);
            assert!(changed.contains(&format!("features = {left}")), "{changed}");
        }
    }

    #[test]
    fn hash_is_left_out() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hash("a::b::hello"), "a::b::hello");
    }
}
