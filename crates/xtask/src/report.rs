//! What a run of several steps came to: which failed, how long each took, how many tests passed.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::host::Answer;

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    /// Adds up the closing lines of cargo test, cargo nextest, and of any program that ends with `3 passed, 1 failed`. Under nextest, which runs
    /// each test by itself and may show what it said, only nextest's own line counts.
    pub fn read(output: &str) -> Self {
        let mut tally = Self::default();
        let lines: Vec<String> = output.lines().map(|line| without_colours(line.trim())).collect();
        let nextest = lines.iter().any(|line| line.starts_with("Summary ["));
        for line in lines {
            let closes = line.starts_with("test result:") && !nextest
                || line.starts_with("Summary [")
                || (line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(" passed, "));
            if !closes {
                continue;
            }
            let words: Vec<&str> = line
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| !word.is_empty())
                .collect();
            for pair in words.windows(2) {
                let Ok(count) = pair[0].parse::<u64>() else { continue };
                match pair[1] {
                    "passed" => tally.passed += count,
                    // nextest counts time-outs and programs that did not start apart.
                    "failed" | "timed" | "exec" => tally.failed += count,
                    _ => {}
                }
            }
        }
        tally
    }
}

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut inside = false;
    for c in line.chars() {
        match (inside, c) {
            (false, '\u{1b}') => inside = true,
            (true, 'm') => inside = false,
            (false, c) => plain.push(c),
            (true, _) => {}
        }
    }
    plain
}

struct Step {
    name: String,
    took: Duration,
    error: Option<String>,
}

/// Runs steps one after the other and goes on after a failure, so that one run tells everything that is wrong.
#[derive(Default)]
pub struct Report {
    steps: Vec<Step>,
    tally: Tally,
}

impl Report {
    /// Runs a step; `None` where it failed.
    pub fn step<T>(&mut self, name: &str, run: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = run();
        let took = start.elapsed();
        let (value, error) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        if let Some(error) = &error {
            println!("FAILED: {name}: {error}");
        }
        self.steps.push(Step {
            name: name.to_owned(),
            took,
            error,
        });
        value
    }

    /// Runs a step that is a test suite: its output is counted, and a suite that ran no test has failed.
    pub fn suite(&mut self, name: &str, run: impl FnOnce() -> Result<Answer>) -> Option<()> {
        let mut counted = Tally::default();
        let done = self.step(name, || {
            let answer = run()?;
            counted = Tally::read(&format!("{}\n{}", answer.stdout, answer.stderr));
            if !answer.ok {
                bail!(
                    "{} of {} tests failed: {}",
                    counted.failed,
                    counted.passed + counted.failed,
                    answer.reason()
                );
            }
            if counted == Tally::default() {
                bail!("no test ran");
            }
            Ok(())
        });
        self.tally.passed += counted.passed;
        self.tally.failed += counted.failed;
        done
    }

    /// Prints the times and the sum of all tests; an error where a step failed.
    pub fn close(self) -> Result<()> {
        print!("{}", self.text());
        let failed: Vec<&str> = self
            .steps
            .iter()
            .filter(|step| step.error.is_some())
            .map(|step| step.name.as_str())
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("failed: {}", failed.join(", "))
    }

    fn text(&self) -> String {
        let mut text = String::from("\n== time\n");
        let mut sum = Duration::ZERO;
        for step in &self.steps {
            sum += step.took;
            let mark = if step.error.is_some() { "  FAILED" } else { "" };
            let _ = writeln!(text, "{:>8.1} s  {}{mark}", step.took.as_secs_f64(), step.name);
        }
        let _ = writeln!(text, "{:>8.1} s  in all", sum.as_secs_f64());
        for step in &self.steps {
            if let Some(error) = &step.error {
                let _ = writeln!(text, "FAILED: {}: {error}", step.name);
            }
        }
        let _ = writeln!(text, "{} passed, {} failed", self.tally.passed, self.tally.failed);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ok: bool, stdout: &str) -> Answer {
        Answer {
            ok,
            stdout: stdout.into(),
            stderr: String::new(),
        }
    }

    #[test]
    fn closing_lines_of_every_runner_are_added_up() {
        let output = "\
running 3 tests
test a ... ok
test result: FAILED. 2 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 0.00s
\u{1b}[32m5 passed, 1 failed\u{1b}[0m
the reader saw 7 passed students";
        assert_eq!(Tally::read(output), Tally { passed: 7, failed: 2 });
        let nextest = "\
    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Summary [   0.310s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(Tally::read(nextest), Tally { passed: 6, failed: 3 });
    }

    #[test]
    fn a_failed_step_does_not_stop_the_next_and_fails_the_run() {
        let mut report = Report::default();
        assert!(report.step("format", || -> Result<()> { bail!("one file") }).is_none());
        assert!(report.suite("rust", || Ok(answer(true, "4 passed, 0 failed"))).is_some());
        let text = report.text();
        assert!(text.contains("FAILED: format: one file"), "{text}");
        assert!(text.ends_with("4 passed, 0 failed\n"), "{text}");
        assert_eq!(report.close().unwrap_err().to_string(), "failed: format");
    }

    #[test]
    fn a_suite_without_tests_has_failed() {
        let mut report = Report::default();
        assert!(report.suite("browser", || Ok(answer(true, "bye"))).is_none());
        assert!(report.close().is_err());
    }

    #[test]
    fn a_failing_suite_still_counts_its_tests() {
        let mut report = Report::default();
        report.suite("rust", || Ok(answer(false, "1 passed, 2 failed")));
        assert_eq!(report.tally, Tally { passed: 1, failed: 2 });
    }
}
