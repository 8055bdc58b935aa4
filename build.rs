//! Leaves out of the `dist` binary what nothing in it reads.

use std::path::Path;
use std::process::Command;

/// Tables of how to unwind the stack: 7 % of the binary. A panic aborts there, so nothing unwinds, and a backtrace, with
/// symbols stripped, has no line that it could show. Both GNU ld and LLD know how to leave them out.
const DISCARD: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) } } INSERT AFTER .text;\n";

/// From this version on, glibc reads addresses that are to be relocated as a list of bits: 5 % less.
const PACKS_RELOCATIONS: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let out = variable("OUT_DIR");
    // target/PROFILE/build/PACKAGE/out
    let is_dist = Path::new(&out).ancestors().nth(3).is_some_and(|folder| folder.ends_with("dist"));
    // Who chose a linker may have one that takes no script.
    let has_usual_linker = variable("RUSTC_LINKER").is_empty() && !variable("CARGO_ENCODED_RUSTFLAGS").contains("link");
    if !is_dist || !has_usual_linker || variable("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    let script = Path::new(&out).join("discard.ld");
    std::fs::write(&script, DISCARD).expect("a build script writes into its folder");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    // For another machine nothing is known of its libc; an older linker leaves the option out, with a warning.
    if variable("HOST") == variable("TARGET") && glibc().is_some_and(|version| version >= PACKS_RELOCATIONS) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's glibc; None if it has none.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?.stdout;
    let said = String::from_utf8(said).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
