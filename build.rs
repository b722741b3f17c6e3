//! Makes the static binary smaller, whatever links it: this holds also where RUSTFLAGS is set.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link.ld");
    if !is("CARGO_CFG_TARGET_ENV", "musl") {
        return;
    }
    // Neither argument has a `-Wl,`, so that compilers and bare linkers take them alike.
    let directory = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-T{directory}/link.ld");
    // Relocations, a twentieth of the file, are packed (`DT_RELR`, which musl reads since 1.2.4). Rust makes static
    // programs for aarch64 without any, and Zig's linker knows no such option.
    let zig = var("RUSTC_LINKER").is_ok_and(|linker| linker.contains("zig"));
    if is("CARGO_CFG_TARGET_ARCH", "x86_64") && !zig {
        println!("cargo::rustc-link-arg-bins=-zpack-relative-relocs");
    }
}

fn is(name: &str, value: &str) -> bool {
    var(name).is_ok_and(|found| found == value)
}
