//! Captures of a toy machine, a shard and a cluster, and the redactor by itself.

mod cluster;
mod redactor;
#[cfg(all(feature = "zlib", feature = "zstd"))]
mod shard;
mod toy;

use alloc::string::String;
use alloc::vec::Vec;

use crate::capture::line::unhex;
use crate::capture::{Capture, Recording, Replayable};
use crate::machine::{FileId, FileReport, Input, Machine, Output};
use crate::time::{Duration, Timestamp};

/// Drives a captured machine, and is its disk.
struct Bench<M: Replayable> {
    capture: Capture<M>,
    now: Timestamp,
    wait: Option<Timestamp>,
    /// What the machine asked for, the capture's own files aside.
    outputs: Vec<Output<M::Event>>,
    path: Option<String>,
    id: Option<FileId>,
    file: Vec<u8>,
    /// What becomes of the capture's file when it is closed.
    disk: FileReport,
}

impl<M: Replayable> Bench<M> {
    fn new(capture: Capture<M>) -> Self {
        Self {
            capture,
            now: Timestamp::from_millis(1_000),
            wait: None,
            outputs: Vec::new(),
            path: None,
            id: None,
            file: Vec::new(),
            disk: FileReport::Closed,
        }
    }

    fn drain(&mut self) {
        while self.poll() {}
    }

    /// Takes one output. Answers whether there may be more.
    fn poll(&mut self) -> bool {
        match self.capture.poll_output() {
            Output::OpenFile { file, path, .. } if file.scope() == u32::MAX => {
                assert!(self.path.replace(path.into()).is_none());
                self.id = Some(file);
            }
            Output::Append(file, data) if file.scope() == u32::MAX => {
                assert!(self.path.is_some());
                assert!(data.ends_with(b"\n"));
                self.file.extend_from_slice(&data);
            }
            Output::CloseFile(file) if file.scope() == u32::MAX => {
                self.capture.handle_input(self.now, Input::File(file, self.disk.clone()));
            }
            Output::Wait(until) => {
                self.wait = until;
                return false;
            }
            output => self.outputs.push(output),
        }
        true
    }

    fn input(&mut self, input: Input) {
        self.now += Duration::from_millis(7);
        self.capture.handle_input(self.now, input);
        self.drain();
    }

    fn apply(&mut self, command: M::Command) -> M::Answer {
        self.now += Duration::from_millis(3);
        let answer = self.capture.apply(self.now, command);
        self.drain();
        answer
    }

    fn sleep(&mut self) {
        self.now = self.wait.expect("a deadline");
        self.capture.handle_input(self.now, Input::Timeout);
        self.drain();
    }

    fn text(&self) -> &str {
        core::str::from_utf8(&self.file).unwrap()
    }

    /// Nothing of the secrets is in the file, nor in what its strings hold, nor in what strings in those hold.
    fn assert_clean(&self, secrets: &[&str]) {
        for (number, line) in self.text().lines().enumerate() {
            let once: serde_json::Value = serde_json::from_str(line).unwrap();
            let binary = once["data"]["binary"].as_str().or(once["data"]["bad_text"].as_str());
            let binary = binary.map(|digits| unhex(digits).unwrap()).unwrap_or_default();
            let binary = String::from_utf8_lossy(&binary).into_owned();
            let data = once["data"]["text"].as_str().or(once["event"].as_str()).unwrap_or(&binary);
            let twice = serde_json::from_str::<serde_json::Value>(data).map(|value| unescaped(&value));
            let forms = [line.into(), unescaped(&once), data.into(), twice.unwrap_or_default()];
            for secret in secrets {
                for form in &forms {
                    assert!(!form.contains(secret), "line {}: {line}", number + 1);
                }
            }
        }
    }

    fn is_complete(&self, why: &str) -> bool {
        matches!(self.capture.recording(), Recording::Complete { reason } if **reason == *why)
    }
}

/// All strings of a value, one after the other.
fn unescaped(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone() + "\n",
        serde_json::Value::Array(items) => items.iter().map(unescaped).collect(),
        serde_json::Value::Object(members) => {
            members.iter().flat_map(|(key, value)| [key.clone(), unescaped(value)]).collect()
        }
        _ => String::new(),
    }
}
