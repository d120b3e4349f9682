//! The machine as xtask sees it: programs to run, files to look for, variables to read.
//!
//! Everything that decides what to install goes through the trait [`Host`], so that the decisions are tested on
//! machines that do not exist (see `fake.rs`). [`Machine`] is the real one.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

/// A program with its arguments, working folder and changes to the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    pub program: OsString,
    pub args: Vec<OsString>,
    pub dir: Option<PathBuf>,
    /// `None` removes the variable.
    pub env: Vec<(String, Option<OsString>)>,
}

impl Cmd {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            dir: None,
            env: Vec::new(),
        }
    }

    /// Splits `line` at white space: for command lines without spaces inside an argument.
    pub fn line(line: &str) -> Self {
        let mut words = line.split_whitespace();
        Self::new(words.next().unwrap_or_default()).args(words)
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    pub fn without_env(mut self, names: &[&str]) -> Self {
        self.env.extend(names.iter().map(|name| ((*name).to_owned(), None)));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// As one would type it, with the variables that are set in front.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            if let Some(value) = value {
                write!(f, "{name}={} ", shortened(name, value))?;
            }
        }
        write!(f, "{}", quoted(&self.program))?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

/// A `PATH` to which folders were added shows only those.
fn shortened(name: &str, value: &OsStr) -> String {
    let value = quoted(value);
    match std::env::var(name) {
        Ok(old) if name == "PATH" && !old.is_empty() => value.replace(&old, "$PATH"),
        _ => value,
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"()|&$;<>*".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.into_owned()
    }
}

/// What a program answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Whether it could be started and ended with status 0.
    pub ok: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    /// The line that names the reason of a failure: the first that begins with `error`, else the last one of all.
    pub fn reason(&self) -> &str {
        let lines = || {
            let both = self.stdout.lines().chain(self.stderr.lines());
            both.map(str::trim).filter(|line| !line.is_empty())
        };
        lines()
            .find(|line| line.starts_with("error"))
            .or_else(|| lines().next_back())
            .unwrap_or("it printed nothing")
    }
}

pub trait Host {
    fn env(&self, name: &str) -> Option<String>;
    fn exists(&self, path: &Path) -> bool;
    /// File names in a folder, sorted; none where there is no such folder.
    fn list(&self, dir: &Path) -> Vec<String>;
    /// Runs with the terminal's output; an error where it cannot start or fails.
    fn run(&self, cmd: &Cmd) -> Result<()>;
    /// Runs silently; a program that is missing is an [`Answer`] that is not `ok`.
    fn ask(&self, cmd: &Cmd) -> Answer;
    /// Runs with the terminal's output and returns that output too, with whether it succeeded.
    fn tee(&self, cmd: &Cmd) -> Result<Answer>;

    /// The first file called `program` in the folders of `PATH`.
    fn which(&self, program: &str) -> Option<PathBuf> {
        let path = self.env("PATH")?;
        std::env::split_paths(&path)
            .map(|dir| dir.join(program))
            .find(|file| self.exists(file))
    }
}

/// The machine that xtask runs on.
pub struct Machine;

impl Host for Machine {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn list(&self, dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn run(&self, cmd: &Cmd) -> Result<()> {
        println!("$ {cmd}");
        let status = cmd.command().status().with_context(|| format!("cannot start `{cmd}`"))?;
        if !status.success() {
            bail!("`{cmd}` failed ({status})");
        }
        Ok(())
    }

    fn ask(&self, cmd: &Cmd) -> Answer {
        match cmd.command().output() {
            Ok(output) => Answer {
                ok: output.status.success(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            },
            Err(error) => Answer {
                ok: false,
                stdout: String::new(),
                stderr: error.to_string(),
            },
        }
    }

    fn tee(&self, cmd: &Cmd) -> Result<Answer> {
        println!("$ {cmd}");
        let mut child = cmd
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{cmd}`"))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = (Mutex::new(String::new()), Mutex::new(String::new()));
        std::thread::scope(|scope| {
            scope.spawn(|| relay(out, &mut std::io::stdout(), &stdout));
            scope.spawn(|| relay(err, &mut std::io::stderr(), &stderr));
        });
        let status = child.wait().with_context(|| format!("lost track of `{cmd}`"))?;
        Ok(Answer {
            ok: status.success(),
            stdout: stdout.into_inner().unwrap_or_default(),
            stderr: stderr.into_inner().unwrap_or_default(),
        })
    }
}

/// Passes lines on as they come and keeps them.
fn relay(from: Option<impl Read>, to: &mut impl Write, kept: &Mutex<String>) {
    let Some(from) = from else { return };
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
        // A closed terminal must not stop the program whose output this is.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        if let Ok(mut kept) = kept.lock() {
            kept.push_str(&String::from_utf8_lossy(&line));
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_shows_as_it_would_be_typed() {
        let cmd = Cmd::line("cargo test -p x").arg("a b").env("A", "1").without_env(&["B"]);
        assert_eq!(cmd.to_string(), "A=1 cargo test -p x 'a b'");
    }

    #[test]
    fn a_missing_program_is_an_answer_that_is_not_ok() {
        let answer = Machine.ask(&Cmd::new("no-such-program-of-ours"));
        assert!(!answer.ok);
        assert!(!answer.reason().is_empty());
    }

    #[test]
    fn tee_keeps_both_streams_and_the_status() {
        let cmd = Cmd::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]);
        let answer = Machine.tee(&cmd).unwrap();
        assert!(!answer.ok);
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(answer.reason(), "err");
        let traced = Answer {
            stderr: "error: no server\nbacktrace:\n  0: main\n".into(),
            ..Answer::default()
        };
        assert_eq!(traced.reason(), "error: no server");
    }
}
