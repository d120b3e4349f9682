//! A chat template from a model's file: it parses or not, and ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokenizer::{ChatTemplate, Message, RenderOptions};

fuzz_target!(|source: &str| {
    if let Ok(template) = ChatTemplate::new(source) {
        let messages = ["system", "user", "assistant", "user"].map(|role| Message::new(role, "Which one? 発熱\nA"));
        let _ = template.render(&messages, "<s>", "</s>", &RenderOptions::for_answer());
    }
});
