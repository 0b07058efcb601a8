//! A GET request that can be kept, changed and made again.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::machine::Method;
use crate::rest::draft::{Draft, Identity, Rule};
use crate::rest::invalid::Invalid;
use crate::time::Duration;

/// What a task asks for, page by page. Only the query changes between them.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Query {
    path: String,
    query: Vec<(String, String)>,
    identity: Identity,
    /// Whether its parameters are those of a search of messages, and checked as such.
    is_search: bool,
    deadline: Option<Duration>,
    /// What Discord would refuse of it, and why: the session tells.
    invalid: Option<(String, String)>,
}

impl Query {
    /// What this draft of a GET request asks for.
    pub(super) fn new(draft: &Draft) -> Self {
        let known = draft.query.iter().map(|(name, value)| (name.clone().into_owned(), value.clone()));
        let invalid = draft.invalid.as_ref().map(|Invalid { field, why }| (field.to_string(), why.clone()));
        Self {
            path: draft.path.clone(),
            query: known.collect(),
            identity: draft.identity,
            is_search: draft.rule == Rule::Search,
            deadline: draft.deadline,
            invalid,
        }
    }

    /// The request.
    pub(super) fn draft(&self) -> Draft {
        let mut draft = Draft::new(Method::Get, self.path.clone());
        for (name, value) in &self.query {
            draft.query(name.clone(), value);
        }
        draft.identity = self.identity;
        if self.is_search {
            draft.rule = Rule::Search;
        }
        draft.deadline = self.deadline;
        if let Some((field, why)) = &self.invalid {
            draft.refuse(Invalid::new(field.clone(), why.clone()));
        }
        draft
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) const fn identity(&self) -> Identity {
        self.identity
    }

    /// Notes what is wrong with it, if nothing was.
    pub(super) fn refuse(&mut self, field: &str, why: &str) {
        self.invalid.get_or_insert_with(|| (field.to_owned(), why.to_owned()));
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The names of what is set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| &**name)
    }

    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.query.iter().position(|(known, _)| known == name)?;
        Some(self.query.remove(at).1)
    }

    /// Gives a parameter this one value.
    pub(super) fn set(&mut self, name: &str, value: impl Display) {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.to_string()));
    }
}

/// Shows the path and the names of what is set.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.draft(), f)
    }
}
