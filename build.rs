//! Makes the static Linux binaries smaller. In a build script, this also works for builds that set RUSTFLAGS.
//!
//! Without it, the x86-64 binary exceeds the limit of 3 MiB (3,145,728 bytes). Sizes of version 1.0.0 in bytes:
//!
//! | linker arguments | x86-64 | aarch64 |
//! | --- | --- | --- |
//! | none | 3,348,184 | 2,772,928 |
//! | packed relocations | 3,221,208 | 2,772,928 |
//! | no unwind tables (`link.ld`) | 2,942,592 | 2,382,560 |
//! | both | 2,815,616 | 2,382,560 |

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link.ld");
    if !var_is("CARGO_CFG_TARGET_ENV", "musl") {
        return;
    }
    // Neither argument has the prefix `-Wl,`: compilers accept them without it, and linkers know only this form.
    let directory = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-T{directory}/link.ld");
    // musl reads packed relocations (`DT_RELR`) since 1.2.4. Static binaries for aarch64 have no relocations, and Zig's
    // linker does not know the option.
    let zig = var("RUSTC_LINKER").is_ok_and(|linker| linker.contains("zig"));
    if var_is("CARGO_CFG_TARGET_ARCH", "x86_64") && !zig {
        println!("cargo::rustc-link-arg-bins=-zpack-relative-relocs");
    }
}

fn var_is(name: &str, value: &str) -> bool {
    var(name).is_ok_and(|found| found == value)
}
