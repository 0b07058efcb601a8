//! What is wrong with which field of a request.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;

/// The most faults that are kept of an answer.
pub const MAX_FAULTS: usize = 50;

/// The most levels of fields within fields that are looked into.
const MAX_DEPTH: usize = 32;

/// The most characters of a path or a reason that are kept.
const MAX_TEXT: usize = 300;

/// What is wrong with a field of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldFault {
    /// Which field: `embeds[0].fields[1].name`; empty for the whole request.
    pub path: String,
    /// Why, at most 300 characters.
    pub reason: String,
    /// Discord's code: `BASE_TYPE_REQUIRED`, for instance.
    pub code: String,
}

/// `path: reason (CODE)`.
impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.reason)?;
        if self.code.is_empty() { Ok(()) } else { write!(f, " ({})", self.code) }
    }
}

/// Flattens what is nested by field (discord-api-docs, Reference, Error Messages). Says too how many faults were left
/// out.
pub(super) fn flatten(errors: &Value) -> (Vec<FieldFault>, usize) {
    let mut found = Found::default();
    found.walk("", errors, 0);
    (found.faults, found.omitted)
}

#[derive(Default)]
struct Found {
    faults: Vec<FieldFault>,
    omitted: usize,
}

impl Found {
    /// In the order of the answer; what is deeper than is looked into counts as one.
    fn walk(&mut self, path: &str, value: &Value, depth: usize) {
        if depth > MAX_DEPTH {
            self.omitted += 1;
            return;
        }
        match value {
            Value::Object(fields) => {
                let own = fields.get("_errors").and_then(Value::as_array);
                for error in own.into_iter().flatten() {
                    self.push(path, error.get("message").unwrap_or(error), error.get("code"));
                }
                for (name, value) in fields.iter().filter(|(name, _)| own.is_none() || *name != "_errors") {
                    self.walk(&join(path, name), value, depth + 1);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| self.walk(path, value, depth + 1)),
            Value::Null => {}
            reason => self.push(path, reason, None),
        }
    }

    fn push(&mut self, path: &str, reason: &Value, code: Option<&Value>) {
        if self.faults.len() == MAX_FAULTS {
            self.omitted += 1;
            return;
        }
        let (reason, code) = (text(reason), code.map(text).unwrap_or_default());
        self.faults.push(FieldFault { path: path.to_string(), reason, code });
    }
}

/// A field within another; entries of lists are named by their number.
fn join(path: &str, name: &str) -> String {
    let number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let joined = match (number, path.is_empty()) {
        (true, _) => format!("{path}[{name}]"),
        (false, true) => name.to_string(),
        (false, false) => format!("{path}.{name}"),
    };
    cut(&joined)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cut(text),
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
