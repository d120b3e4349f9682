//! A machine for tests: it has the files, variables and programs that a test gives it, and remembers what was run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::host::{Answer, Cmd, Host};

/// One rule: commands that contain `pattern` give `answer` and then the files `makes` exist.
struct Rule {
    pattern: String,
    answer: Answer,
    makes: Vec<PathBuf>,
}

#[derive(Default)]
pub struct Fake {
    env: BTreeMap<String, String>,
    files: RefCell<BTreeSet<PathBuf>>,
    rules: Vec<Rule>,
    pub log: RefCell<Vec<String>>,
}

impl Fake {
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        self.files.borrow_mut().insert(path.into());
        self
    }

    pub fn answers(mut self, pattern: &str, stdout: &str) -> Self {
        self.rules.push(Rule {
            pattern: pattern.into(),
            answer: Answer {
                ok: true,
                stdout: stdout.into(),
                stderr: String::new(),
            },
            makes: Vec::new(),
        });
        self
    }

    pub fn makes(mut self, pattern: &str, file: impl Into<PathBuf>) -> Self {
        self = self.answers(pattern, "");
        if let Some(rule) = self.rules.last_mut() {
            rule.makes.push(file.into());
        }
        self
    }

    /// Commands that contain `pattern` fail.
    pub fn refuses(mut self, pattern: &str) -> Self {
        self = self.answers(pattern, "");
        if let Some(rule) = self.rules.last_mut() {
            rule.answer.ok = false;
            rule.answer.stderr = format!("{pattern}: refused");
        }
        self
    }

    /// Whether a command that contains `pattern` was run or asked.
    pub fn ran(&self, pattern: &str) -> bool {
        self.log.borrow().iter().any(|line| line.contains(pattern))
    }

    /// A later rule wins, so that a test can change one answer of a machine made by a helper. A program that no rule
    /// knows is not on this machine.
    fn answer(&self, cmd: &Cmd) -> Answer {
        let line = cmd.to_string();
        self.log.borrow_mut().push(line.clone());
        match self.rules.iter().rev().find(|rule| line.contains(&rule.pattern)) {
            Some(rule) => {
                self.files.borrow_mut().extend(rule.makes.iter().cloned());
                rule.answer.clone()
            }
            None => Answer {
                ok: false,
                stdout: String::new(),
                stderr: format!("{line}: not on this machine"),
            },
        }
    }
}

impl Host for Fake {
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.borrow().iter().any(|file| file.starts_with(path))
    }

    fn list(&self, dir: &Path) -> Vec<String> {
        let names: BTreeSet<String> = self
            .files
            .borrow()
            .iter()
            .filter_map(|file| file.strip_prefix(dir).ok()?.iter().next()?.to_str())
            .map(str::to_owned)
            .collect();
        names.into_iter().collect()
    }

    fn run(&self, cmd: &Cmd) -> Result<()> {
        let answer = self.answer(cmd);
        if !answer.ok {
            bail!("{}", answer.stderr);
        }
        Ok(())
    }

    fn ask(&self, cmd: &Cmd) -> Answer {
        self.answer(cmd)
    }

    fn tee(&self, cmd: &Cmd) -> Result<Answer> {
        Ok(self.answer(cmd))
    }
}
