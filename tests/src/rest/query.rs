//! Queries of request targets.

use super::form::{complaint, parse_id};
use super::percent;
use super::reply::Reply;

/// The parameters, decoded, in their order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// `None` if something is not encoded as it must be.
    pub(super) fn read(target: &str) -> Option<Self> {
        let Some((_, query)) = target.split_once('?') else { return Some(Self::default()) };
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent::decode_query(name)?, percent::decode_query(value)?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of a parameter that may be repeated.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str, (least, most): (u64, u64), usual: u64) -> Result<u64, Reply> {
        let Some(text) = self.get(name) else { return Ok(usual) };
        let Some(number) = parse_id(text) else {
            return Err(complaint(name, "NUMBER_TYPE_COERCE", format!("Value \"{text}\" is not int.")));
        };
        if number > most {
            let message = format!("int value should be less than or equal to {most}.");
            return Err(complaint(name, "NUMBER_TYPE_MAX", message));
        }
        if number < least {
            let message = format!("int value should be greater than or equal to {least}.");
            return Err(complaint(name, "NUMBER_TYPE_MIN", message));
        }
        Ok(number)
    }

    pub(super) fn id(&self, name: &str) -> Result<Option<u64>, Reply> {
        let Some(text) = self.get(name) else { return Ok(None) };
        parse_id(text).map(Some).ok_or_else(|| not_snowflake(name, text))
    }

    pub(super) fn ids(&self, name: &str, most: usize) -> Result<Vec<u64>, Reply> {
        let ids = self.all(name).map(|text| parse_id(text).ok_or_else(|| not_snowflake(name, text)));
        let ids: Vec<u64> = ids.collect::<Result<_, _>>()?;
        if ids.len() > most {
            let message = format!("Must be {most} or fewer in length.");
            return Err(complaint(name, "BASE_TYPE_MAX_LENGTH", message));
        }
        Ok(ids)
    }

    /// A boolean as Discord takes it (Discord docs: Reference, Boolean Query Strings).
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Reply> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "True" | "1") => Ok(Some(true)),
            Some("false" | "False" | "0") => Ok(Some(false)),
            Some(_) => Err(complaint(name, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")),
        }
    }
}

fn not_snowflake(name: &str, text: &str) -> Reply {
    complaint(name, "NUMBER_TYPE_COERCE", format!("Value \"{text}\" is not snowflake."))
}
