//! Bodies: JSON, or `payload_json` with files.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::form::{complaint, parse_id};
use super::multipart;
use super::reply::{self, Reply};
use super::settings::RestConfig;

/// The most files of a message (Discord docs: Reference, Uploading Files).
const MAX_FILES: u64 = 10;

/// A request's body.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// What it says, null if there is none.
    pub(super) json: Value,
    pub(super) files: BTreeMap<u64, File>,
    /// Its length, in bytes.
    pub(super) length: usize,
}

/// An uploaded file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) content_type: Option<String>,
    pub(super) data: Bytes,
}

/// Why there is no body: the answer, and what the client did wrong, if it is the client's fault.
type Refused = (Reply, Option<String>);

impl Body {
    pub(super) fn read(config: &RestConfig, content_type: &str, body: &Bytes) -> Result<Self, Refused> {
        if body.len() > config.body_limit {
            return Err((reply::too_large(), None));
        }
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut read = match kind.as_str() {
            "" if body.is_empty() => Self::default(),
            "application/json" if body.is_empty() => Self::default(),
            "application/json" => Self { json: json(body)?, ..Self::default() },
            "multipart/form-data" => Self::parts(config, content_type, body)?,
            _ => {
                let path = "";
                let message = format!(
                    "Expected \"Content-Type\" header to be one of {{'application/json', 'multipart/form-data'}}, not {content_type:?}."
                );
                let what = format!("a body comes with the Content-Type {content_type:?}");
                return Err((complaint(path, "CONTENT_TYPE_INVALID", message), Some(what)));
            }
        };
        read.length = body.len();
        Ok(read)
    }

    fn parts(config: &RestConfig, content_type: &str, body: &Bytes) -> Result<Self, Refused> {
        let wrong = |what: String| (complaint("", "MULTIPART_INVALID", what.clone()), Some(what));
        let parts = multipart::parse(content_type, body).map_err(|what| wrong(what.into()))?;
        let mut read = Self::default();
        for part in parts {
            if part.name == "payload_json" {
                let kind = part.content_type.as_deref().unwrap_or("application/json");
                if !kind.starts_with("application/json") || part.filename.is_some() {
                    return Err(wrong(format!("payload_json is {kind}, or a file")));
                }
                read.json = json(&part.data)?;
                continue;
            }
            let number = part.name.strip_prefix("files[").and_then(|rest| rest.strip_suffix(']'));
            let number = number.and_then(parse_id).filter(|number| *number < MAX_FILES);
            match (number, part.filename) {
                (Some(number), Some(name)) if !name.is_empty() => {
                    if part.data.len() > config.file_limit {
                        return Err((reply::too_large(), None));
                    }
                    let file = File { name, content_type: part.content_type, data: part.data };
                    read.files.insert(number, file);
                }
                (None, _) => return Err(wrong(format!("there is a part named {:?}", part.name))),
                (Some(_), _) => return Err(wrong(format!("{} has no file name", part.name))),
            }
        }
        Ok(read)
    }

    /// The fields, if it is an object.
    pub(super) fn fields(&self) -> Option<&Map<String, Value>> {
        self.json.as_object()
    }
}

fn json(text: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(text)
        .map_err(|error| (reply::bad_json(), Some(format!("a body is no JSON: {error}"))))
}
