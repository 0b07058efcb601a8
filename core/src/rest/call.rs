//! A request as a value.

use alloc::borrow::Cow;
use alloc::string::ToString;
use core::fmt;
use core::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::envelope::{self, DecodeError};
use crate::machine::{Method, Response};
use crate::rest::draft::{Draft, Identity};
use crate::rest::endpoint::Row;
use crate::time::Duration;

/// What can be asked of Discord: a row of the table in [`endpoint`](crate::rest::endpoint).
pub trait Endpoint {
    /// What Discord answers with.
    type Answer: Answer;

    /// Its row in the table.
    const ROW: Row;

    /// Puts the answer into the form in which it is handed on.
    fn finish(_answer: &mut Self::Answer) {}

    /// Reads an answer that is a success.
    ///
    /// # Errors
    /// If it is not what is documented.
    fn read(response: &Response) -> Result<Self::Answer, DecodeError> {
        let mut answer = Self::Answer::read(response)?;
        Self::finish(&mut answer);
        Ok(answer)
    }
}

/// What an answer's body becomes.
pub trait Answer: Sized {
    /// Reads an answer that is a success.
    ///
    /// # Errors
    /// If it is not what is documented.
    fn read(response: &Response) -> Result<Self, DecodeError>;
}

/// Any object, or list of objects, that comes as JSON.
impl<T: DeserializeOwned> Answer for T {
    fn read(response: &Response) -> Result<Self, DecodeError> {
        // Without a body, as 204 comes, it is null: what needs none is the unit type.
        let nothing: &[u8] = b"null";
        let body = if response.body.is_empty() { nothing } else { &response.body };
        let answer = envelope::parse(body, "answer");
        // What has no size says nothing but that it was done, which the status says: a body is none of its concern.
        if size_of::<T>() == 0 { answer.or_else(|_| envelope::parse(nothing, "answer")) } else { answer }
    }
}

/// A request of the endpoint `E`, with all that is to be said.
///
/// What Discord would refuse is refused when it is made: see [`Invalid`](crate::rest::Invalid).
#[must_use = "a call does nothing until a client makes it"]
pub struct Call<E> {
    pub(crate) draft: Draft,
    endpoint: PhantomData<fn() -> E>,
}

impl<E: Endpoint> Call<E> {
    pub(crate) const fn from_draft(draft: Draft) -> Self {
        Self { draft, endpoint: PhantomData }
    }

    /// The request without its type.
    #[must_use]
    pub const fn draft(&self) -> &Draft {
        &self.draft
    }

    /// The request without its type.
    #[must_use]
    pub fn into_draft(self) -> Draft {
        self.draft
    }

    /// Reads an answer that is a success.
    ///
    /// # Errors
    /// If it is not what is documented.
    pub fn read(response: &Response) -> Result<E::Answer, DecodeError> {
        E::read(response)
    }

    /// Why it is done, for the guild's audit log: at most 512 characters (discord-api-docs, Reference, Audit Log
    /// Reason). On requests that change no guild Discord ignores it.
    pub fn reason(mut self, reason: impl Into<alloc::string::String>) -> Self {
        let reason = reason.into();
        self.draft.check(crate::rest::invalid::check("X-Audit-Log-Reason", &reason, 1..=512));
        self.draft.reason = Some(reason);
        self
    }

    /// How long the whole call may take, waiting for limits and repeats included.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.draft.deadline = Some(deadline);
        self
    }

    /// Asks as the user whose token was given, not as the bot.
    pub const fn as_user(mut self) -> Self {
        self.draft.identity = Identity::User;
        self
    }

    /// Sets a field of the JSON body that is not modelled.
    pub fn set(mut self, name: &str, value: impl Serialize) -> Self {
        self.draft.set(name, value);
        self
    }

    /// Sets a field of the JSON body to null, which is not the same as leaving it out.
    pub fn null(mut self, name: &str) -> Self {
        self.draft.set(name, ());
        self
    }

    /// Adds a parameter to the query that is not modelled.
    pub fn query(mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        self.draft.query(name, value);
        self
    }

    /// Wants to hear how far the upload or download has come.
    pub const fn with_progress(mut self) -> Self {
        self.draft.progress = true;
        self
    }
}

impl<E> Clone for Call<E> {
    fn clone(&self) -> Self {
        Self { draft: self.draft.clone(), endpoint: PhantomData }
    }
}

impl<E> fmt::Display for Call<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draft.fmt(f)
    }
}

impl<E> fmt::Debug for Call<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.draft, f)
    }
}

impl<E: Endpoint> From<Call<E>> for Draft {
    fn from(call: Call<E>) -> Self {
        call.draft
    }
}

/// A request that is not modelled; its answer is a `T`, such as [`Json`](crate::object::Json).
#[derive(Clone, Copy, Debug)]
pub struct Raw<T>(PhantomData<fn() -> T>);

impl<T: Answer> Endpoint for Raw<T> {
    type Answer = T;

    const ROW: Row =
        Row { name: "Raw", method: Method::Get, path: "", params: &[], one_of: &[], answer: "any" };
}

impl<T: Answer> Raw<T> {
    /// The request.
    pub fn call(draft: Draft) -> Call<Self> {
        Call::from_draft(draft)
    }
}
