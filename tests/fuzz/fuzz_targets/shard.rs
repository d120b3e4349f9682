//! A shard of tokens, and the manifest and the configuration of a corpus: all that is read lies inside the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mmedc::build::config::Config;
use mmedc::shards::{Manifest, Shard};
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a place for a small file");
    let path = folder.path().join("a.tokens");
    std::fs::write(&path, bytes).expect("a place for a small file");
    if let Ok(shard) = Shard::open(&path) {
        let _ = shard.verify();
        let mut tokens = 0;
        for document in 0..shard.documents() {
            tokens += shard.document(document).len() as u64;
            let _ = (shard.id(document), shard.language(document));
        }
        assert_eq!(tokens, shard.header.tokens);
        for token in (0..tokens).take(64) {
            assert!(shard.range(shard.document_at(token)).contains(&token));
        }
    }
    std::fs::write(folder.path().join(mmedc::shards::manifest::NAME), bytes).expect("a place for a small file");
    if let Ok(manifest) = Manifest::open(folder.path()) {
        let _ = manifest.train_tokens();
        let _ = manifest.open_shards(folder.path(), &manifest.train);
    }
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(config) = Config::parse(Path::new("corpus.toml"), text)
    {
        for input in &config.input {
            let _ = input.options();
        }
        let _ = config.order();
    }
});
