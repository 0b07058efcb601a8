//! HTTP requests, through reqwest.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::ClientConfig;
use sanscord::machine::{Body, Fault, MAX_BODY, Method, Request, Response, Unanswered};
use sanscord_host::SetupError;
use sanscord_host::failure::{CUT, explain, is_cut, rustls_error};

pub(crate) fn client(tls: ClientConfig) -> Result<Client, SetupError> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .build()
        .map_err(|error| SetupError::Tls { reason: error.to_string() })
}

pub(crate) async fn perform(client: Client, request: Request) -> Result<Response, Unanswered> {
    let host = Url::parse(&request.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = host.unwrap_or_else(|| request.url.to_string());
    let deadline = request.deadline;
    exchange(&client, request).await.map_err(|failed| match failed {
        Failed::Late => Unanswered::new(Fault::Late, format!("{host} did not answer within {deadline:?}")),
        Failed::TooLong => {
            Unanswered::new(Fault::TooLong, format!("the answer of {host} is longer than {MAX_BODY} bytes"))
        }
        Failed::Error(error) => Unanswered::new(kind(&error), say(&host, &error)),
    })
}

enum Failed {
    Late,
    TooLong,
    Error(reqwest::Error),
}

fn kind(error: &reqwest::Error) -> Fault {
    if error.is_builder() {
        Fault::Local
    } else if error.is_connect() {
        Fault::Unsent
    } else {
        Fault::Lost
    }
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::Late } else { Self::Error(error.without_url()) }
    }
}

async fn exchange(client: &Client, request: Request) -> Result<Response, Failed> {
    let method = match request.method {
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
    };
    let bodiless = request.body == Body::Empty && matches!(request.method, Method::Delete | Method::Get);
    let mut call = client.request(method, &*request.url).timeout(request.deadline);
    for (name, value) in &request.headers {
        call = call.header(*name, &**value);
    }
    if !bodiless {
        call = call.body(bytes(request.body));
    }
    let mut answer = call.send().await?;
    let headers = answer.headers().iter();
    let headers =
        headers.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
    let (status, headers) = (answer.status().as_u16(), headers.collect());
    let mut body = BytesMut::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > MAX_BODY {
            return Err(Failed::TooLong);
        }
        body.extend_from_slice(&part);
    }
    Ok(Response { status, headers, body: Bytes::from(body) })
}

fn bytes(body: Body) -> Bytes {
    match body {
        Body::Bytes(bytes) => bytes,
        Body::Empty | Body::Parts(_) => Bytes::new(),
    }
}

/// The whole chain of causes, or what is wrong with the certificate if that is at its end.
fn say(host: &str, error: &reqwest::Error) -> String {
    if rustls_error(error).is_some() {
        return explain(host, error);
    }
    if is_cut(error) {
        return format!("the request to {host} failed: {CUT}");
    }
    let mut text = format!("the request to {host} failed: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
