//! HTTP requests, through hyper: a connection for each.

use std::error::Error;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::Uri;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use rustls::ClientConfig;
use sanscord::machine::{Body, Fault, MAX_BODY, Request, Response, Unanswered};
use sanscord_host::failure::{CUT, is_cut};
use smol::Timer;
use smol_hyper::rt::FuturesIo;

use crate::socket::dial;

pub(crate) async fn perform(tls: Arc<ClientConfig>, request: Request) -> Result<Response, Unanswered> {
    let deadline = request.deadline;
    let target = request.url.parse::<Uri>().ok().and_then(|url| Some((url.host()?.to_owned(), url)));
    let Some((host, url)) = target else {
        return Err(Unanswered::new(Fault::Local, format!("{} is no HTTP URL", request.url)));
    };
    let answer = match select(pin!(exchange(tls, &host, url, request)), Timer::after(deadline)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(format!("{host} did not answer within {deadline:?}")),
    };
    answer.map_err(|reason| Unanswered::new(Fault::Lost, reason))
}

async fn exchange(
    tls: Arc<ClientConfig>,
    host: &str,
    url: Uri,
    request: Request,
) -> Result<Response, String> {
    let secure = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(format!("{url} is no HTTP URL: it needs https: or http:")),
    };
    let fail = |error: &(dyn Error + 'static)| say(host, error);
    let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream =
        dial(host.trim_start_matches('[').trim_end_matches(']'), port, secure.then_some(tls)).await?;
    let (mut sender, connection) =
        http1::handshake(FuturesIo::new(stream)).await.map_err(|error| fail(&error))?;

    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let authority = url.authority().map_or(host, |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let mut head = hyper::Request::builder().method(request.method.as_str()).uri(path);
    if let Ok(authority) = HeaderValue::from_str(authority) {
        head = head.header(HOST, authority);
    }
    for (name, value) in &request.headers {
        head = head.header(*name, &**value);
    }
    let call = head.body(Full::new(bytes(request.body))).map_err(|error| fail(&error))?;
    let talk = pin!(async {
        let (head, body) = sender.send_request(call).await.map_err(|error| fail(&error))?.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| {
            match error.is::<LengthLimitError>() {
                true => format!("the answer of {host} is longer than {MAX_BODY} bytes"),
                false => fail(&*error),
            }
        })?;
        let headers = head.headers.iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())));
        Ok(Response { status: head.status.as_u16(), headers: headers.collect(), body: body.to_bytes() })
    });
    // What goes wrong with the connection is told to whoever sends or receives, too.
    let connection = pin!(async {
        let _ = connection.await;
        pending::<()>().await;
    });
    match select(talk, connection).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(format!("the connection to {host} ended")),
    }
}

fn bytes(body: Body) -> Bytes {
    match body {
        Body::Bytes(bytes) => bytes,
        Body::Empty | Body::Parts(_) => Bytes::new(),
    }
}

/// The whole chain of causes.
fn say(host: &str, error: &(dyn Error + 'static)) -> String {
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
