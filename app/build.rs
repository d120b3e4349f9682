//! Where `MMEDKIT_LATE_MODULE` is set, the linker leaves what `cargo xtask` needs to cut the late module out (see `src/late.rs`).

fn main() {
    println!("cargo:rerun-if-env-changed=MMEDKIT_LATE_MODULE");
    println!("cargo:rustc-check-cfg=cfg(late_module)");
    if std::env::var_os("MMEDKIT_LATE_MODULE").is_some() {
        println!("cargo:rustc-cfg=late_module");
        println!("cargo:rustc-link-arg-bins=--emit-relocs");
    }
}
