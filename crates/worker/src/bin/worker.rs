//! The program of the dedicated Web Worker: everything is in the library's `host`.

#[cfg(target_arch = "wasm32")]
fn main() {
    mmedkit_worker::host::start();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("this is the engine of the web page and runs only in a browser; natively use the program `mmedkit`");
    std::process::exit(2);
}
