//! Against the reference tokenizer's ids and transformers' renderings, on files that are not part of the project.

mod common;

use common::{GgufMetadata, conformance_files, fixture};
use mmedkit_tokenizer::{ChatTemplate, DateTime, RenderOptions, StreamDecoder, Tokenizer};

/// Texts and ids of a vocabulary file.
fn cases(vocabulary: &std::path::Path) -> Vec<(String, Vec<u32>)> {
    let read = |ending: &str| {
        let path = format!("{}.{ending}", vocabulary.display());
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let input = read("inp");
    let mut texts: Vec<&str> = input.split("\n__ggml_vocab_test__\n").collect();
    // The separator ends the last text too.
    assert_eq!(texts.pop(), Some(""), "{}: the file ends with a separator", vocabulary.display());
    let output = read("out");
    let ids: Vec<Vec<u32>> = output
        .lines()
        .map(|line| line.split_whitespace().map(|id| id.parse().expect("an id")).collect())
        .collect();
    assert!(texts.len() > 1, "{}: no cases", vocabulary.display());
    assert_eq!(texts.len(), ids.len(), "{}: as many texts as lines of ids", vocabulary.display());
    texts.into_iter().map(str::to_owned).zip(ids).collect()
}

#[test]
fn conformance_vocabularies_give_the_reference_ids() {
    let Some(files) = conformance_files(".gguf") else { return };
    for file in files {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let tokenizer = Tokenizer::from_gguf(&GgufMetadata::read(&file)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let cases = cases(&file);
        for (text, ids) in &cases {
            assert_eq!(&tokenizer.encode(text, false, false).unwrap(), ids, "{name}: {text:?}");
            assert_eq!(&tokenizer.decode(ids, false).unwrap(), text, "{name}: {ids:?}");
            // Streamed, with the space that SentencePiece puts first.
            let mut stream = StreamDecoder::new(false);
            let mut streamed: String = ids.iter().map(|id| stream.push(&tokenizer, *id).unwrap()).collect();
            streamed.push_str(&stream.finish());
            assert!(
                &streamed == text || streamed == format!(" {text}"),
                "{name}: {text:?} streamed as {streamed:?}"
            );
        }

        // There and back: GGUF metadata and tokenizer.json say the same.
        let rows = tokenizer.vocab_size() + 7;
        let again = Tokenizer::from_gguf(&tokenizer.to_gguf_metadata(rows).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.vocab_size(), rows, "{name}: padded");
        let json = tokenizer.to_tokenizer_json().unwrap();
        let config = tokenizer.to_tokenizer_config().unwrap();
        let hugging_face = Tokenizer::from_tokenizer_json(json.as_bytes(), Some(config.as_bytes()), None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let third = Tokenizer::from_gguf(&hugging_face.to_gguf_metadata(rows).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (form, other) in [
            ("GGUF again", &again),
            ("tokenizer.json", &hugging_face),
            ("tokenizer.json and GGUF", &third),
        ] {
            for (text, ids) in &cases {
                assert_eq!(&other.encode(text, false, false).unwrap(), ids, "{name} as {form}: {text:?}");
                assert_eq!(&other.decode(ids, false).unwrap(), text, "{name} as {form}: {ids:?}");
            }
            assert_eq!(
                other.encode("x", true, false).unwrap(),
                tokenizer.encode("x", true, false).unwrap(),
                "{name} as {form}: begin and end"
            );
            assert_eq!(other.special().bos, tokenizer.special().bos, "{name} as {form}");
            assert_eq!(other.special().eos, tokenizer.special().eos, "{name} as {form}");
            assert_eq!(other.chat_template(), tokenizer.chat_template(), "{name} as {form}");
        }
        println!("{name}: {} texts, encoded and decoded, in four forms", cases.len());
    }
}

#[test]
fn conformance_templates_render_as_in_transformers() {
    let Some(files) = conformance_files(".jinja") else { return };
    let expected = fixture("templates_conformance.json");
    let cases = fixture("templates.json")["cases"].clone();
    for file in files {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let template = ChatTemplate::new(&std::fs::read_to_string(&file).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Some(expected) = expected[&name].as_object() else {
            // A template that came after `make_fixtures.py` was run: it must work on the plainest conversation, and no more is known of it.
            let case = &cases["one question"];
            let text = render(&template, case).unwrap_or_else(|error| panic!("{name}: {error}"));
            let asked = case["messages"][0]["content"].as_str().unwrap().trim();
            assert!(text.contains(asked), "{name}: {text:?}");
            println!("{name}: rendered, but not compared: it has no stored expectations (tests/make_fixtures.py makes them)");
            continue;
        };
        for (case, expected) in expected {
            compare(&format!("{name}: {case}"), &template, &cases[case], expected);
        }
        println!("{name}: {} conversations", expected.len());
    }
}

#[test]
fn templates_of_our_own_render_as_in_transformers() {
    let fixture = fixture("templates.json");
    for (name, source) in fixture["templates"].as_object().unwrap() {
        let template = ChatTemplate::new(source.as_str().unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (case, expected) in fixture["rendered"][name].as_object().unwrap() {
            compare(&format!("{name}: {case}"), &template, &fixture["cases"][case], expected);
        }
    }
}

fn compare(what: &str, template: &ChatTemplate, case: &serde_json::Value, expected: &serde_json::Value) {
    match (render(template, case), expected["text"].as_str()) {
        (Ok(text), Some(expected)) => assert_eq!(text, expected, "{what}"),
        (Err(error), None) => {
            let reason = expected["error"].as_str().expect("a text or an error");
            assert!(error.to_string().contains(reason), "{what}: {error} does not say {reason:?}");
        }
        (Ok(text), None) => panic!("{what}: {text:?}, but transformers refuses: {}", expected["error"]),
        (Err(error), Some(expected)) => panic!("{what}: {error}; expected {expected:?}"),
    }
}

fn render(template: &ChatTemplate, case: &serde_json::Value) -> mmedkit_tokenizer::Result<String> {
    let now = case["now"].as_array().map(|now| {
        let part = |index: usize| now[index].as_u64().unwrap();
        DateTime {
            year: part(0) as i32,
            month: part(1) as u8,
            day: part(2) as u8,
            hour: part(3) as u8,
            minute: part(4) as u8,
            second: part(5) as u8,
        }
    });
    let options = RenderOptions {
        add_generation_prompt: case["add_generation_prompt"] != false,
        now,
        extra: case["extra"].as_object().cloned().unwrap_or_default(),
    };
    template.render(case["messages"].as_array().unwrap(), "<bos>", "<eos>", &options)
}
