//! Small vocabularies of our own against SentencePiece and tiktoken, and what a damaged file must not do.

mod common;

use common::fixture;
use mmedkit_tokenizer::{
    BpeTraining, Error, Message, MetadataTable, MetadataValue, RenderOptions, StreamDecoder, TokenKind, Tokenizer, train_bpe,
};
use serde_json::Value;

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// GGUF metadata of the SentencePiece fixture.
fn sentence_piece() -> (MetadataTable, Value) {
    let fixture = fixture("sentencepiece.json");
    let mut table = MetadataTable::default();
    table.set("tokenizer.ggml.model", MetadataValue::String("llama".into()));
    table.set("tokenizer.ggml.tokens", MetadataValue::Strings(texts(&fixture["tokens"])));
    let scores = fixture["scores"]
        .as_array()
        .unwrap()
        .iter()
        .map(|score| score.as_f64().unwrap() as f32)
        .collect();
    table.set("tokenizer.ggml.scores", MetadataValue::F32s(scores));
    let kinds = fixture["token_type"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind.as_i64().unwrap() as i32)
        .collect();
    table.set("tokenizer.ggml.token_type", MetadataValue::I32s(kinds));
    (table, fixture["cases"].clone())
}

/// The byte-level fixture.
fn byte_level() -> (Tokenizer, Value) {
    let fixture = fixture("byte_level.json");
    let config = br#"{"bos_token": "<|begin|>", "eos_token": {"content": "<|end|>"}, "pad_token": "<|pad|>", "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"}"#;
    let tokenizer = Tokenizer::from_tokenizer_json(
        fixture["tokenizer"].to_string().as_bytes(),
        Some(config),
        Some(br#"{"eos_token_id": [1, 2]}"#),
    )
    .unwrap();
    (tokenizer, fixture)
}

#[test]
fn scores_merge_as_in_sentencepiece() {
    let (table, cases) = sentence_piece();
    let tokenizer = Tokenizer::from_gguf(&table).unwrap();
    assert_eq!(
        (tokenizer.special().unknown, tokenizer.special().bos, tokenizer.special().eos),
        (Some(0), Some(1), Some(2))
    );
    assert_eq!(tokenizer.prefix(), [1]);
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text, false, false).unwrap(), ids(&case["ids"]), "{text:?}");
        assert_eq!(tokenizer.decode(&tokenizer.encode(text, true, false).unwrap(), true).unwrap(), text);
    }
    // Control tokens in the text are text, unless asked for; after one, text begins anew.
    assert_eq!(
        tokenizer.encode("a</s>a", false, true).unwrap(),
        [
            &tokenizer.encode("a", false, false).unwrap()[..],
            &[2],
            &tokenizer.encode("a", false, false).unwrap()
        ]
        .concat()
    );
    assert!(!tokenizer.encode("a</s>a", false, false).unwrap().contains(&2));
}

#[test]
fn ranks_merge_as_in_tiktoken() {
    let (tokenizer, fixture) = byte_level();
    assert_eq!(
        (tokenizer.special().bos, tokenizer.eos(), tokenizer.special().pad),
        (Some(0), Some(1), Some(2))
    );
    assert_eq!(tokenizer.special().stop.iter().copied().collect::<Vec<_>>(), [1, 2]);
    let gguf = Tokenizer::from_gguf(&tokenizer.to_gguf_metadata(1000).unwrap()).unwrap();
    assert_eq!(gguf.vocab_size(), 1000);
    assert_eq!(gguf.vocabulary().kind(999).unwrap(), TokenKind::Unused);
    for tokenizer in [&tokenizer, &gguf] {
        for case in fixture["cases"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            assert_eq!(tokenizer.encode(text, false, false).unwrap(), ids(&case["ids"]), "{text:?}");
            let framed = tokenizer.encode(text, true, false).unwrap();
            assert_eq!(
                (framed[0], &framed[1..]),
                (0, ids(&case["ids"]).as_slice()),
                "{text:?} with its begin token"
            );
            assert_eq!(tokenizer.decode(&framed, true).unwrap(), text);
            assert_eq!(tokenizer.decode(&framed, false).unwrap(), format!("<|begin|>{text}"));
            let mut stream = StreamDecoder::new(true);
            let mut streamed: String = framed.iter().map(|id| stream.push(tokenizer, *id).unwrap()).collect();
            streamed.push_str(&stream.finish());
            assert_eq!(streamed, text);
        }
        let special = &fixture["with_special"];
        assert_eq!(
            tokenizer.encode(special["text"].as_str().unwrap(), false, true).unwrap(),
            ids(&special["ids"])
        );
        let chat = tokenizer
            .render_chat(&[Message::new("user", "Hi")], &RenderOptions::for_answer())
            .unwrap();
        assert_eq!(
            tokenizer.encode(&chat, false, true).unwrap(),
            [&[0][..], &tokenizer.encode("Hi", false, false).unwrap(), &[1]].concat()
        );
    }
}

#[test]
fn a_trained_vocabulary_does_not_depend_on_order_and_survives_export() {
    let texts: Vec<String> = fixture("byte_level.json")["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["text"].as_str().unwrap().repeat(2))
        .collect();
    let training = BpeTraining {
        vocab_size: 320,
        special_tokens: vec!["<|begin|>".into(), "<|end|>".into()],
        bos_token: Some("<|begin|>".into()),
        eos_token: Some("<|end|>".into()),
        pad_token: None,
        chat_template: Some("{{ messages }}".into()),
    };
    let mut seen = 0;
    let tokenizer = train_bpe(texts.iter(), &training, |bytes| seen += bytes).unwrap();
    assert_eq!(seen, texts.iter().map(String::len).sum::<usize>(), "progress is told every text");
    assert_eq!(
        (tokenizer.vocab_size(), tokenizer.special().bos, tokenizer.eos()),
        (320, Some(0), Some(1))
    );
    let backwards = train_bpe(texts.iter().rev(), &training, |_| {}).unwrap();
    assert_eq!(tokenizer.to_tokenizer_json().unwrap(), backwards.to_tokenizer_json().unwrap());

    let json = tokenizer.to_tokenizer_json().unwrap();
    let config = tokenizer.to_tokenizer_config().unwrap();
    let again = Tokenizer::from_tokenizer_json(json.as_bytes(), Some(config.as_bytes()), None).unwrap();
    let gguf = Tokenizer::from_gguf(&again.to_gguf_metadata(320).unwrap()).unwrap();
    for text in &texts {
        let ids = tokenizer.encode(text, true, false).unwrap();
        assert!(ids.len() <= text.len() + 1, "merges were learned");
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), *text);
        for other in [&again, &gguf] {
            assert_eq!(other.encode(text, true, false).unwrap(), ids);
            assert_eq!(other.chat_template(), Some("{{ messages }}"));
        }
    }

    let problem = |training: &BpeTraining| train_bpe(texts.iter(), training, |_| {}).unwrap_err().to_string();
    assert!(
        problem(&BpeTraining {
            vocab_size: 257,
            ..training.clone()
        })
        .contains("at least 258")
    );
    assert!(
        problem(&BpeTraining {
            vocab_size: 100_000,
            ..training.clone()
        })
        .contains("more text")
    );
    assert!(
        problem(&BpeTraining {
            bos_token: Some("<s>".into()),
            ..training.clone()
        })
        .contains("<s>")
    );
}

/// A change to metadata and the words that the refusal must hold.
type Damage<'a> = (&'a str, MetadataValue, &'a str);

#[test]
fn damaged_metadata_is_refused_by_name() {
    let (table, _) = sentence_piece();
    let (tokenizer, _) = byte_level();
    let byte_level = tokenizer.to_gguf_metadata(tokenizer.vocab_size()).unwrap();
    let strings = |texts: &[&str]| MetadataValue::Strings(texts.iter().map(|text| (*text).to_owned()).collect());
    let cases: [(&MetadataTable, Vec<Damage>); 2] = [
        (
            &table,
            vec![
                (
                    "tokenizer.ggml.scores",
                    MetadataValue::F32s(vec![0.0; 5]),
                    "5 scores for 900 tokens",
                ),
                ("tokenizer.ggml.scores", MetadataValue::F32s(vec![f32::NAN; 900]), "not a number"),
                ("tokenizer.ggml.scores", MetadataValue::Bool(true), "tokenizer.ggml.scores: missing"),
                (
                    "tokenizer.ggml.token_type",
                    MetadataValue::I32s(vec![1; 899]),
                    "899 types for 900 tokens",
                ),
                ("tokenizer.ggml.token_type", MetadataValue::I32s(vec![77; 900]), "unknown type 77"),
                (
                    "tokenizer.ggml.token_type",
                    MetadataValue::I32s(vec![1; 900]),
                    "neither a token for every byte",
                ),
                (
                    "tokenizer.ggml.bos_token_id",
                    MetadataValue::U32(900),
                    "outside the vocabulary of 900",
                ),
                ("tokenizer.ggml.tokens", MetadataValue::Strings(vec![]), "holds 0 tokens"),
                (
                    "tokenizer.ggml.model",
                    MetadataValue::String("bert".into()),
                    "`bert` is not supported",
                ),
                ("tokenizer.ggml.model", MetadataValue::U32(1), "tokenizer.ggml.model: missing"),
            ],
        ),
        (
            &byte_level,
            vec![
                ("tokenizer.ggml.merges", strings(&["Ġ xyz"]), "needs the token \"xyz\""),
                ("tokenizer.ggml.merges", strings(&["Ġ !"]), "needs the token \"Ġ!\""),
                ("tokenizer.ggml.merges", strings(&["Ġ"]), "not two tokens"),
                ("tokenizer.ggml.merges", strings(&[""]), "not two tokens"),
                ("tokenizer.ggml.merges", MetadataValue::U32(0), "tokenizer.ggml.merges: missing"),
                ("tokenizer.ggml.pre", MetadataValue::String("new".into()), "`new` is not supported"),
                (
                    "tokenizer.ggml.eos_token_id",
                    MetadataValue::U32(u32::MAX),
                    "outside the vocabulary",
                ),
                ("tokenizer.ggml.add_eos_token", MetadataValue::Bool(true), ""),
            ],
        ),
    ];
    for (good, damages) in cases {
        for (key, value, words) in damages {
            let mut damaged = good.clone();
            damaged.set(key, value.clone());
            let result = Tokenizer::from_gguf(&damaged);
            match result {
                Err(error) => assert!(!words.is_empty() && error.to_string().contains(words), "{key} = {value:?}: {error}"),
                Ok(_) => assert!(words.is_empty(), "{key} = {value:?} was accepted"),
            }
        }
    }
    let mut nameless = byte_level.clone();
    nameless.0.remove("tokenizer.ggml.eos_token_id");
    nameless.set("tokenizer.ggml.add_eos_token", MetadataValue::Bool(true));
    assert!(
        Tokenizer::from_gguf(&nameless)
            .unwrap_err()
            .to_string()
            .contains("names no such token")
    );
    assert!(tokenizer.to_gguf_metadata(10).unwrap_err().to_string().contains("only 10 rows"));
}

#[test]
fn a_damaged_tokenizer_json_is_refused() {
    let (_, fixture) = byte_level();
    let good = &fixture["tokenizer"];
    let problem = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        Tokenizer::from_tokenizer_json(value.to_string().as_bytes(), None, None)
            .unwrap_err()
            .to_string()
    };
    // Longer than any token: the crate `tokenizers` alone would index past its buffer.
    let long = "Ġ".repeat(4000);
    assert!(problem(&|value| value["model"]["merges"] = serde_json::json!([[long, "a"]])).contains("needs the token"));
    assert!(problem(&|value| value["model"]["merges"] = serde_json::json!(["ab"])).contains("not two tokens"));
    assert!(problem(&|value| value["model"]["vocab"]["far"] = 4_000_000_000u32.into()).contains("largest id"));
    assert!(problem(&|value| value["model"]["vocab"]["Ġ"] = Value::Null).contains("tokenizer.json"));
    assert!(problem(&|value| value["model"]["continuing_subword_prefix"] = "##".into()).contains("continuing_subword_prefix"));
    assert!(problem(&|value| value["model"]["type"] = "WordPiece".into()).contains("`WordPiece` is not supported"));
    // Alone, the crate `tokenizers` panics at the first of these tables and reserves 8 GiB for the second.
    for charsmap in ["AAAAAA==", "/////w=="] {
        let normalizer =
            serde_json::json!({ "type": "Sequence", "normalizers": [{ "type": "Precompiled", "precompiled_charsmap": charsmap }] });
        assert!(problem(&|value| value["normalizer"] = normalizer.clone()).contains("precompiled_charsmap"));
    }
    let template = serde_json::json!({ "type": "TemplateProcessing", "single": [{ "SpecialToken": { "id": "<s>", "type_id": 0 } }],
        "pair": [], "special_tokens": {} });
    assert!(problem(&|value| value["post_processor"] = template.clone()).contains("not among its special_tokens"));
    let sequence = serde_json::json!({ "type": "Sequence", "processors": [template] });
    assert!(problem(&|value| value["post_processor"] = sequence.clone()).contains("not among its special_tokens"));
    assert!(problem(&|value| value["model"]["vocab"]["twin"] = value["model"]["vocab"]["Q"].clone()).contains("to two tokens"));
    let speechless = r#"{"model": {"type": "BPE", "vocab": {"<0x41>": 0}, "merges": [], "byte_fallback": true, "unk_token": "<unk>"}}"#;
    let error = Tokenizer::from_tokenizer_json(speechless.as_bytes(), None, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("neither a token for every byte"), "{error}");
    assert!(
        problem(&|value| {
            value["model"]["vocab"].as_object_mut().unwrap().shift_remove("Q");
        })
        .contains("0x51")
    );
    for bytes in [&b""[..], b"{}", b"[]", b"{\"model\": 3}", &[0xFF, 0xFE]] {
        assert!(Tokenizer::from_tokenizer_json(bytes, None, None).is_err());
    }
    let json = good.to_string();
    let config = |config: &str| {
        Tokenizer::from_tokenizer_json(json.as_bytes(), Some(config.as_bytes()), None)
            .unwrap_err()
            .to_string()
    };
    assert!(config(r#"{"eos_token": "<none>"}"#).contains("eos_token is \"<none>\""));
    let generation = Tokenizer::from_tokenizer_json(json.as_bytes(), None, Some(br#"{"eos_token_id": [1, 900]}"#)).unwrap_err();
    assert!(generation.to_string().contains("eos_token_id is 900"));
}

#[test]
fn ids_outside_the_vocabulary_are_errors() {
    let (tokenizer, _) = byte_level();
    assert!(matches!(
        tokenizer.decode(&[1, 900], true),
        Err(Error::UnknownId { id: 900, size: 900 })
    ));
    assert!(tokenizer.token_bytes(u32::MAX).is_err());
    assert!(StreamDecoder::default().push(&tokenizer, 900).is_err());
    assert!(!tokenizer.is_stop(900));
}

#[test]
fn templates_cannot_run_for_ever() {
    use mmedkit_tokenizer::ChatTemplate;
    let endless = ChatTemplate::new("{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}").unwrap();
    assert!(endless.render::<Message>(&[], "", "", &RenderOptions::default()).is_err());
    assert!(ChatTemplate::new("{% for %}").is_err());
}

#[test]
fn numbers_of_a_template_size_no_text() {
    use mmedkit_tokenizer::ChatTemplate;
    let render = |source: &str| {
        ChatTemplate::new(source)
            .unwrap()
            .render::<Message>(&[], "", "", &RenderOptions::default())
    };
    for source in [
        "{{ 'a\nb'|indent(99999999999999999) }}",
        "{{ 'a\nb'|indent(width=99999999999999999) }}",
        "{{ '%99999999999999999d'|format(1) }}",
        "{{ '%.99999999999999999f'|format(1.5) }}",
        "{{ '{:>99999999999999999}'.format(1) }}",
        "{{ '{:>99999999999999999999999}'.format(1) }}",
        "{{ [1]|batch(99999999999999999, 0) }}",
        "{{ [1]|slice(99999999999999999) }}",
        "{{ 'a' * 99999999999999999 }}",
    ] {
        assert!(render(source).is_err(), "{source}");
    }
    let small = "{{ 'a\nb'|indent(2) }} {{ 'a\nb'|indent(width=1) }} {{ '%3d'|format(1) }} {{ '{:>2}'.format(1) }} {{ [1, 2]|batch(2)|length }} {{ 'in 2023: {}, 5000 %'.format(1) }} {{ 'in 2023: %d'|format(1) }}";
    assert_eq!(render(small).unwrap(), "a\n  b a\n b   1  1 1 in 2023: 1, 5000 % in 2023: 1");
}
