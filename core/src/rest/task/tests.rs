//! Tasks against small servers of their own, cut anywhere and resumed.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Step, Task};
use crate::machine::{Fault, Response, Unanswered};
use crate::rest::draft::{Draft, Identity};
use crate::rest::failure::{Cause, Error};
use crate::rest::{Api, RestError};
use crate::time::Duration;

mod delete;
mod find;
mod pages;
mod search;
mod threads;
mod tree;

/// What came of a task.
struct Ran<T: Task> {
    items: Vec<T::Item>,
    errors: Vec<Error>,
    waits: Vec<Duration>,
    requests: Vec<String>,
    task: T,
}

/// Runs a task to its end. Before each step `cut` says whether it is saved and loaded there; what was under way is
/// lost with it.
fn run<T: Task + Serialize + DeserializeOwned>(
    mut task: T,
    mut server: impl FnMut(&Draft) -> Response,
    mut cut: impl FnMut() -> bool,
) -> Ran<T> {
    let (mut items, mut errors, mut waits, mut requests) = (vec![], vec![], vec![], vec![]);
    let reload = |task: T| -> T { serde_json::from_str(&serde_json::to_string(&task).unwrap()).unwrap() };
    for _ in 0..100_000 {
        if cut() {
            task = reload(task);
        }
        match task.next() {
            Step::Call(draft) => {
                requests.push(format!("{} {}", draft.method(), url(&draft)));
                let answer = match &draft.invalid {
                    Some(invalid) => Err(Error::new(&draft, Cause::Invalid(invalid.clone()))),
                    None => answer(&draft, server(&draft)),
                };
                if cut() {
                    task = reload(task);
                } else {
                    task.answer(answer);
                }
            }
            Step::Wait(pause) => waits.push(pause),
            Step::Item(item) => items.push(item),
            Step::Failed(error) => errors.push(error),
            Step::Done => {
                assert!(matches!(task.next(), Step::Done), "done for good");
                return Ran { items, errors, waits, requests, task };
            }
        }
    }
    panic!("it goes on and on: {}", requests.last().map_or("", |request| request));
}

/// Path and query.
fn url(draft: &Draft) -> String {
    let mut plain = draft.clone();
    (plain.identity, plain.invalid) = (Identity::Nobody, None);
    Api::anonymous("")
        .request(&plain, "")
        .map_or_else(|invalid| invalid.to_string(), |request| request.url.into())
}

fn never() -> bool {
    false
}

/// As the session hands it on. Status 0 stands for no answer.
fn answer(draft: &Draft, response: Response) -> Result<Response, Error> {
    match response.status {
        0 => Err(Error::new(draft, Cause::Unanswered(Unanswered::new(Fault::Lost, "lost")))),
        200..300 => Ok(response),
        _ => Err(Error::new(draft, Cause::Discord(RestError::new(&response).into()))),
    }
}

fn ok(body: &Value) -> Response {
    response(200, body)
}

fn response(status: u16, body: &Value) -> Response {
    Response { status, headers: vec![], body: body.to_string().into() }
}

fn refused(status: u16, code: u64) -> Response {
    response(status, &json!({ "code": code, "message": "no" }))
}

/// A parameter of the query.
fn query<T: core::str::FromStr>(draft: &Draft, name: &str) -> Option<T> {
    let found = draft.queries().iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// Cuts where the bits are set.
fn cuts(bits: Vec<bool>) -> impl FnMut() -> bool {
    let mut bits = bits.into_iter();
    move || bits.next().unwrap_or(false)
}

fn message(id: u64, channel: u64) -> Value {
    json!({ "id": id.to_string(), "channel_id": channel.to_string(), "content": format!("text {id}"), "unheard_of": [id] })
}

fn path_end(draft: &Draft) -> String {
    draft.path().rsplit('/').next().unwrap_or_default().to_owned()
}
