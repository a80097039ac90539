//! [`Report`]: a line a step as it goes, the failure with what was expected and seen, and the same as JUnit XML.

use std::{fmt::Write as _, time::Duration};

use tokio::time::Instant;

use crate::{expectation::Failure, script::Step};

/// The outcomes of the steps so far.
pub struct Report {
    file: String,
    outcomes: Vec<Outcome>,
}

struct Outcome {
    title: String,
    time: Duration,
    verdict: Verdict,
}

enum Verdict {
    Passed,
    /// The text says the line of the file, what was expected and what was seen.
    Failed(String),
    Skipped,
}

impl Report {
    /// Nothing of this script yet.
    pub fn of(file: &str) -> Self {
        println!("{file}");
        Self { file: file.to_owned(), outcomes: Vec::new() }
    }

    /// Carries out a step, unless one before has failed.
    pub async fn step(&mut self, step: &Step, work: impl Future<Output = Result<String, Failure>>) {
        let title = format!("{:>2} {}", self.outcomes.len() + 1, step.title);
        if self.has_failed() {
            println!("  skipped {:>9}  {title}", "");
            self.outcomes.push(Outcome { title, time: Duration::ZERO, verdict: Verdict::Skipped });
        } else {
            self.run(title, &format!("{}:{}", self.file, step.line), work).await;
        }
    }

    /// Carries out the end, which every script has.
    pub async fn end(&mut self, work: impl Future<Output = Result<String, Failure>>) {
        self.run("   the end: no process is left".to_owned(), &self.file.clone(), work).await;
    }

    async fn run(&mut self, title: String, place: &str, work: impl Future<Output = Result<String, Failure>>) {
        let begun = Instant::now();
        let outcome = work.await;
        let time = begun.elapsed();
        let seconds = time.as_secs_f64();
        let verdict = match outcome {
            Ok(detail) => {
                let comma = if detail.is_empty() { "" } else { ": " };
                println!("  ok      {seconds:>7.3} s  {title}{comma}{detail}");
                Verdict::Passed
            }
            Err(Failure { expected, seen }) => {
                let text = format!("{place}\nexpected {expected}\nseen     {}", seen.replace('\n', "\n         "));
                println!("  FAILED  {seconds:>7.3} s  {title}\n{}", indented(&text));
                Verdict::Failed(text)
            }
        };
        self.outcomes.push(Outcome { title: title.trim_start().to_owned(), time, verdict });
    }

    /// Prints what it came to.
    pub fn sum(&self) {
        let (steps, [failed, skipped]) = (self.outcomes.len(), self.counts());
        println!("{} of {steps} passed, {failed} failed, {skipped} skipped", steps.saturating_sub(failed + skipped));
    }

    /// True once a step has failed.
    pub fn has_failed(&self) -> bool {
        self.counts() != [0, 0]
    }

    fn counts(&self) -> [usize; 2] {
        let count = |wanted: fn(&Verdict) -> bool| self.outcomes.iter().filter(|one| wanted(&one.verdict)).count();
        [count(|verdict| matches!(verdict, Verdict::Failed(_))), count(|verdict| matches!(verdict, Verdict::Skipped))]
    }

    /// It as JUnit XML: a suite of the script, a case a step.
    pub fn junit(&self) -> String {
        let suite = escaped(&self.file);
        let (tests, [failures, skipped]) = (self.outcomes.len(), self.counts());
        let time: Duration = self.outcomes.iter().map(|outcome| outcome.time).sum();
        let figures = format!(
            r#"tests="{tests}" failures="{failures}" errors="0" skipped="{skipped}" time="{:.3}""#,
            time.as_secs_f64()
        );
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {figures}>\n<testsuite name=\"{suite}\" {figures}>\n"
        );
        for Outcome { title, time, verdict } in &self.outcomes {
            let inner = match verdict {
                Verdict::Passed => String::new(),
                Verdict::Failed(text) => format!("<failure message=\"{0}\">{0}</failure>", escaped(text)),
                Verdict::Skipped => "<skipped/>".to_owned(),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                xml,
                r#"<testcase classname="{suite}" name="{}" time="{:.3}">{inner}</testcase>"#,
                escaped(title.trim_start()),
                time.as_secs_f64()
            );
        }
        xml + "</testsuite>\n</testsuites>\n"
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("          {line}")).collect::<Vec<_>>().join("\n")
}

/// A text inside XML; characters that XML cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut xml = String::new();
    for character in text.chars() {
        match character {
            '&' => xml += "&amp;",
            '<' => xml += "&lt;",
            '>' => xml += "&gt;",
            '"' => xml += "&quot;",
            '\n' => xml += "&#10;",
            '\t' => xml.push(character),
            '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            _ if character.is_control() => xml.push('\u{fffd}'),
            _ => xml.push(character),
        }
    }
    xml
}
