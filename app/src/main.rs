//! The app: a quiz on medical questions, beside a language model that runs in this browser.
//!
//! What must hold: the page paints before any model code loads; what a student answered is never lost (every answer is stored at once);
//! text of questions and models is shown as text, whatever is in it. No tensors here: the engine lives in a worker (`engine.rs`).
//!
//! - `shell.rs`, `route.rs`: header, pages by the address's hash
//! - `pages/`: one file per page; `components/`: what they are made of
//! - `engine.rs`: the model's state and what is asked of it; `quiz.rs`: one run from start to result; `session.rs`, `pick.rs`: its plain logic
//! - `late.rs`: pages that are fetched when they are opened, as a module of their own: the benchmark's
//! - `benchmark/`: runs of the whole benchmark; `rating/`: people judging rationales; `charts/`: their charts
//! - `library.rs`, `data_files.rs`, `archive/`: sample questions, a student's own files; `storage/`: what stays in this browser

mod archive;
mod benchmark;
mod catalogue;
mod charts;
mod components;
mod data_files;
mod download;
mod engine;
mod files;
mod late;
mod library;
mod notices;
mod pages;
mod pick;
mod quiz;
mod rating;
mod route;
mod session;
mod shell;
mod storage;
mod text;

fn main() {
    console_error_panic_hook::set_once();
    if let Some(boot) = web_sys::window()
        .and_then(|w| w.document())
        .and_then(|d| d.get_element_by_id("boot"))
    {
        boot.remove();
    }
    leptos::mount::mount_to_body(shell::Shell);
}
