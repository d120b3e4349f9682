//! Runs the binary as a user would, on a small corpus of our own.
#![allow(dead_code)] // each test binary uses a part

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs `mmedkit` with `input` on standard input.
pub fn mmedkit(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mmedkit"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // A program that refuses its arguments may end without reading.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the binary ends")
}

/// Standard output of a run that must succeed.
pub fn succeed(arguments: &[&str], input: &str) -> String {
    let output = mmedkit(arguments, input);
    assert!(
        output.status.success(),
        "mmedkit {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Standard error of a run that must fail.
pub fn fail(arguments: &[&str], input: &str) -> String {
    let output = mmedkit(arguments, input);
    assert!(!output.status.success(), "mmedkit {} succeeded", arguments.join(" "));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// JSON values, one a line.
pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

const SENTENCES: [&str; 6] = [
    "Fever and cough for three days suggest an infection of the airways; the physician listens to the lungs.",
    "La fièvre et la toux depuis trois jours évoquent une infection respiratoire ; le médecin ausculte les poumons.",
    "La fiebre y la tos durante tres días indican una infección respiratoria; el médico ausculta los pulmones.",
    "Лихорадка и кашель в течение трёх дней указывают на инфекцию дыхательных путей; врач слушает лёгкие.",
    "三日間の発熱と咳は気道の感染を疑わせる。医師は肺の音を聴く。",
    "发热和咳嗽三天提示呼吸道感染；医生听诊肺部。",
];

/// A tree of texts that repeat themselves enough to be learned in a few steps.
pub fn corpus(folder: &Path) -> PathBuf {
    let root = folder.join("corpus");
    for (index, sentence) in SENTENCES.iter().enumerate() {
        let language = root.join(format!("language-{index}"));
        std::fs::create_dir_all(&language).unwrap();
        for document in 0..3 {
            let text: Vec<String> = (0..4).map(|line| format!("{document}.{line} {sentence}")).collect();
            std::fs::write(language.join(format!("{document}.txt")), text.join("\n")).unwrap();
        }
    }
    std::fs::write(root.join("not-a-text.bin"), [0xFF]).unwrap();
    root
}

/// A vocabulary trained on the corpus.
pub fn vocabulary(folder: &Path, corpus: &Path) -> String {
    let path = folder.join("vocabulary/tokenizer.json");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let path = path.display().to_string();
    succeed(
        &[
            "tokenizer",
            "train",
            "--input",
            corpus.to_str().unwrap(),
            "--vocab-size",
            "320",
            "--output",
            &path,
        ],
        "",
    );
    path
}

/// Arguments for a model that trains in a moment.
pub const SMALL: [&str; 18] = [
    "--hidden-size",
    "32",
    "--layers",
    "2",
    "--heads",
    "2",
    "--kv-heads",
    "1",
    "--intermediate-size",
    "64",
    "--sequence-length",
    "48",
    "--batch-tokens",
    "192",
    "--learning-rate",
    "5e-3",
    "--warmup-ratio",
    "0.2",
];

/// A question of a benchmark that a text may hold.
pub const QUESTION: &str = "A 60-year-old man has had chest pain at rest for two hours; which test comes first?";

/// `count` words of a language, in an order that `seed` decides, ten a line.
pub fn prose(language: &str, seed: u64, count: usize) -> String {
    let words: Vec<&str> = match language {
        "en" => "the patient has cancer of the liver and a disease with fever that needs treatment to cure infection the diagnosis and therapy of tumor cells have side effects be with symptoms blood tissue surgery hormone",
        "es" => "el paciente tiene cáncer del hígado y una enfermedad con fiebre que necesita tratamiento para curar la infección el diagnóstico y la terapia de células tumorales tienen efectos síntomas sangre tejido cirugía",
        _ => "o doente não tem febre e também uma dor muito forte na garganta porque ainda não foi ao hospital ontem à noite quando engolia alguma coisa disse que então já estava pior",
    }
    .split(' ')
    .collect();
    let mut state = seed;
    let mut out = String::new();
    for number in 1..=count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        out += words[(state >> 33) as usize % words.len()];
        out += if number % 10 == 0 { " .\n" } else { " " };
    }
    out
}

/// Every file under `root`, by its path there.
pub fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(
                    path.strip_prefix(root).unwrap().display().to_string(),
                    std::fs::read(&path).unwrap(),
                );
            }
        }
    }
    files
}
