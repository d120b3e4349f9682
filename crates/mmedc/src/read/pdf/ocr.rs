//! Text recognition by Tesseract's command line, where it is installed.
//!
//! The picture goes in on standard input, the text comes out on standard output; recognised lines are joined by spaces, as the authors do.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::images::Pnm;
use crate::Language;

/// Tesseract with the model of one language.
#[derive(Debug)]
pub struct Tesseract {
    command: PathBuf,
    model: &'static str,
}

/// Tesseract's name of a language's model; Debian's package is `tesseract-ocr-` with it, `_` as `-`.
fn model(language: Language) -> &'static str {
    match language {
        Language::En => "eng",
        Language::Zh => "chi_sim",
        Language::Ja => "jpn",
        Language::Fr => "fra",
        Language::Ru => "rus",
        Language::Es => "spa",
    }
}

/// What a command answers, on either output: versions differ in which.
fn ask(command: &Path, question: &str) -> std::io::Result<String> {
    let answer = Command::new(command).arg(question).stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned() + &String::from_utf8_lossy(&answer.stderr))
}

/// What a command reads with, in words: its version and the models of the six languages that it has; none where it is not there. Machines
/// that say the same read the same.
pub fn recognition(command: &Path) -> Option<String> {
    let version = ask(command, "--version").ok()?;
    let version = version
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("unknown version");
    let listed = ask(command, "--list-langs").unwrap_or_default();
    let ours = Language::ALL.map(model);
    let models: Vec<&str> = ours
        .into_iter()
        .filter(|model| listed.lines().any(|line| line.trim() == *model))
        .collect();
    Some(match models.as_slice() {
        [] => format!("{version} without models"),
        models => format!("{version} with {}", models.join(", ")),
    })
}

impl Tesseract {
    /// Asks the command which models it has. The error says what to install.
    pub fn find(command: &Path, language: Language) -> Result<Tesseract, String> {
        let model = model(language);
        let models = ask(command, "--list-langs")
            .map_err(|e| format!("{} is not installed ({e}); Debian's package is tesseract-ocr", command.display()))?;
        if !models.lines().any(|line| line.trim() == model) {
            return Err(format!(
                "{} has no model {model}; Debian's package is tesseract-ocr-{}",
                command.display(),
                model.replace('_', "-")
            ));
        }
        Ok(Tesseract {
            command: command.to_owned(),
            model,
        })
    }

    /// The text of a picture, its lines joined by spaces.
    pub fn read(&self, picture: &Pnm) -> Result<String, String> {
        let failed = |reason: String| format!("{} failed: {reason}", self.command.display());
        let mut child = Command::new(&self.command)
            .args(["stdin", "stdout", "-l", self.model])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| failed(e.to_string()))?;
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = child.stdout.take().expect("piped");
        // Written beside reading, for neither side waits for the other to finish.
        let (written, text) = std::thread::scope(|scope| {
            let writer = scope.spawn(move || stdin.write_all(&picture.0));
            let mut text = Vec::new();
            let read = stdout.read_to_end(&mut text).map(|_| text);
            (writer.join(), read)
        });
        let status = child.wait().map_err(|e| failed(e.to_string()))?;
        if !status.success() {
            return Err(failed(status.to_string()));
        }
        if !matches!(written, Ok(Ok(()))) {
            return Err(failed("it did not take the picture".into()));
        }
        let text = text.map_err(|e| failed(e.to_string()))?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Ok(lines.join(" "))
    }
}
