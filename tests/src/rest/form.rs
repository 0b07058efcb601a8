//! Fields of a request's body, read and judged as Discord does: all complaints in one answer.

use serde_json::{Map, Value, json};

use super::reply::Reply;

/// What is wrong with a body, by path.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    found: Vec<(String, &'static str, String)>,
    /// Fields that no documentation tells of.
    pub(super) unknown: Vec<String>,
}

impl Complaints {
    pub(super) fn add(&mut self, path: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.found.push((path.into(), code, message.into()));
    }

    /// Adds what is wrong with a part.
    pub(super) fn take(&mut self, path: &str, part: Self) {
        let found = part.found.into_iter();
        self.found.extend(found.map(|(inner, code, message)| (format!("{path}.{inner}"), code, message)));
        self.unknown.extend(part.unknown.into_iter().map(|inner| format!("{path}.{inner}")));
    }

    pub(super) fn finish(self) -> Result<(), Reply> {
        if self.found.is_empty() {
            return Ok(());
        }
        let mut errors = Value::Object(Map::new());
        for (path, code, message) in self.found {
            let steps = path.split('.').filter(|step| !step.is_empty());
            let place = steps.fold(&mut errors, |place, step| &mut place[step]);
            let error = json!({"code": code, "message": message});
            match place["_errors"].as_array_mut() {
                Some(list) => list.push(error),
                None => place["_errors"] = json!([error]),
            }
        }
        Err(Reply::json(400, &json!({"message": "Invalid Form Body", "code": 50_035, "errors": errors})))
    }
}

/// One complaint as a whole answer.
pub(super) fn complaint(path: &str, code: &'static str, message: impl Into<String>) -> Reply {
    let mut complaints = Complaints::default();
    complaints.add(path, code, message);
    complaints.finish().err().unwrap_or_else(Reply::nothing)
}

/// An object within a body.
#[derive(Clone, Debug)]
pub(super) struct Form<'a> {
    pub(super) fields: &'a Map<String, Value>,
    path: String,
}

impl<'a> Form<'a> {
    pub(super) const fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, path: String::new() }
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// Notes fields that are none of these.
    pub(super) fn only(&self, complaints: &mut Complaints, known: &[&str]) {
        let unknown = self.fields.keys().filter(|key| !known.contains(&key.as_str()));
        complaints.unknown.extend(unknown.map(|key| self.path(key)));
    }

    /// The field, unless it is absent or null.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn require(&self, complaints: &mut Complaints, key: &str) {
        if self.value(key).is_none() {
            complaints.add(self.path(key), "BASE_TYPE_REQUIRED", "This field is required");
        }
    }

    /// A text of so many characters.
    pub(super) fn text(
        &self,
        complaints: &mut Complaints,
        key: &str,
        (least, most): (usize, usize),
    ) -> Option<&'a str> {
        let Value::String(text) = self.value(key)? else {
            complaints.add(self.path(key), "STRING_TYPE_CONVERT", "Could not interpret the value as string.");
            return None;
        };
        let length = text.chars().count();
        if length > most && least == 0 {
            let message = format!("Must be {most} or fewer in length.");
            complaints.add(self.path(key), "BASE_TYPE_MAX_LENGTH", message);
        } else if length > most || length < least {
            let message = format!("Must be between {least} and {most} in length.");
            complaints.add(self.path(key), "BASE_TYPE_BAD_LENGTH", message);
        }
        Some(text)
    }

    pub(super) fn number(
        &self,
        complaints: &mut Complaints,
        key: &str,
        (least, most): (i64, i64),
    ) -> Option<i64> {
        let value = self.value(key)?;
        let Some(number) = value.as_i64() else {
            complaints.add(self.path(key), "NUMBER_TYPE_COERCE", format!("Value \"{value}\" is not int."));
            return None;
        };
        if number > most {
            let message = format!("int value should be less than or equal to {most}.");
            complaints.add(self.path(key), "NUMBER_TYPE_MAX", message);
        } else if number < least {
            let message = format!("int value should be greater than or equal to {least}.");
            complaints.add(self.path(key), "NUMBER_TYPE_MIN", message);
        }
        Some(number)
    }

    /// A number that must be one of these.
    pub(super) fn choice(&self, complaints: &mut Complaints, key: &str, choices: &[i64]) -> Option<i64> {
        let number = self.number(complaints, key, (i64::MIN, i64::MAX))?;
        if !choices.contains(&number) {
            let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
            let message = format!("Value must be one of ({}).", choices.join(", "));
            complaints.add(self.path(key), "BASE_TYPE_CHOICES", message);
        }
        Some(number)
    }

    pub(super) fn boolean(&self, complaints: &mut Complaints, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        if value.as_bool().is_none() {
            complaints.add(self.path(key), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
        }
        value.as_bool()
    }

    /// An id, as text or number.
    pub(super) fn id(&self, complaints: &mut Complaints, key: &str) -> Option<u64> {
        let value = self.value(key)?;
        let id = snowflake(value);
        if id.is_none() {
            let message = format!("Value \"{value}\" is not snowflake.");
            complaints.add(self.path(key), "NUMBER_TYPE_COERCE", message);
        }
        id
    }

    /// A list of so many items at most.
    pub(super) fn list(&self, complaints: &mut Complaints, key: &str, most: usize) -> Option<&'a [Value]> {
        let Value::Array(items) = self.value(key)? else {
            complaints.add(self.path(key), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
            return None;
        };
        if items.len() > most {
            let message = format!("Must be {most} or fewer in length.");
            complaints.add(self.path(key), "BASE_TYPE_MAX_LENGTH", message);
        }
        Some(items)
    }

    /// A list of ids.
    pub(super) fn ids(&self, complaints: &mut Complaints, key: &str, most: usize) -> Option<Vec<u64>> {
        let items = self.list(complaints, key, most)?;
        let mut ids = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match snowflake(item) {
                Some(id) => ids.push(id),
                None => {
                    let path = format!("{}.{index}", self.path(key));
                    let message = format!("Value \"{item}\" is not snowflake.");
                    complaints.add(path, "NUMBER_TYPE_COERCE", message);
                }
            }
        }
        Some(ids)
    }

    pub(super) fn object(&self, complaints: &mut Complaints, key: &str) -> Option<Self> {
        self.item(complaints, key, self.value(key)?)
    }

    /// A list of so many objects at most.
    pub(super) fn objects(&self, complaints: &mut Complaints, key: &str, most: usize) -> Option<Vec<Self>> {
        let items = self.list(complaints, key, most)?.iter().enumerate();
        let objects = items.map(|(index, item)| self.item(complaints, &format!("{key}.{index}"), item));
        Some(objects.collect::<Vec<_>>().into_iter().flatten().collect())
    }

    fn item(&self, complaints: &mut Complaints, key: &str, value: &'a Value) -> Option<Self> {
        let path = self.path(key);
        match value {
            Value::Object(fields) => Some(Self { fields, path }),
            _ => {
                let message = "Only dictionaries may be used in a DictType";
                complaints.add(path, "DICT_TYPE_CONVERT", message);
                None
            }
        }
    }
}

/// An id, as text or number.
pub(super) fn snowflake(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => parse_id(text),
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// Digits only: `u64::from_str` would take a sign, too.
pub(super) fn parse_id(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
