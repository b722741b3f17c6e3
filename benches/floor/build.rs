//! Links the floors as the program is linked: see the build script of the program.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../link.ld");
    if var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "musl") {
        let directory = var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-T{directory}/../../link.ld");
        if var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
            println!("cargo::rustc-link-arg-bins=-zpack-relative-relocs");
        }
    }
}
