//! HTTP/1.1 as a server speaks it: heads and bodies in, answers out.

use bytes::Bytes;
use sanscord::machine::{MAX_BODY, Method, Response};

/// The longest head of a request, in bytes; also the longest line of a chunked body's framing.
const MAX_HEAD: usize = 64 << 10;

const MAX_HEADERS: usize = 128;

/// Asks the client to send the body that it holds back.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A whole request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Option<Method>,
    pub(super) is_head: bool,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// Whether the client wants no more of this connection.
    pub(super) closes: bool,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for a WebSocket (RFC 6455, section 4.1).
    pub(super) fn is_upgrade(&self) -> bool {
        self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    /// The key that a WebSocket's handshake must answer, if the handshake is in order.
    pub(super) fn websocket_key(&self) -> Option<&str> {
        let asks = self.header("connection").is_some_and(|value| has_token(value, "upgrade"));
        let is_right = asks
            && self.method == Some(Method::Get)
            && self.header("sec-websocket-version").is_some_and(|value| value.trim() == "13");
        self.header("sec-websocket-key").filter(|key| is_right && key.len() == 24)
    }
}

/// What [`Reader::next`] answers.
#[derive(Debug)]
pub(super) enum Next {
    /// More bytes are needed.
    More,
    /// More bytes are needed, and the client wants to hear that they are welcome (RFC 9110, section 10.1.1).
    Continue,
    Request(Request),
    /// The client talks nonsense or too much: it is to be answered with this status and left.
    Bad(u16),
}

/// Takes requests out of what a connection brought.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    head: Option<Head>,
}

#[derive(Debug)]
struct Head {
    request: Request,
    length: Length,
    body: Vec<u8>,
    awaits_continue: bool,
}

#[derive(Clone, Copy, Debug)]
enum Length {
    Left(usize),
    Chunked(Chunk),
}

#[derive(Clone, Copy, Debug)]
enum Chunk {
    Size,
    /// This much is left of a chunk, its line end included.
    Data(usize),
    Trailer,
}

impl Reader {
    pub(super) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// What came after the last request, which belongs to another protocol now.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    pub(super) fn next(&mut self) -> Next {
        let mut head = match self.head.take() {
            Some(head) => head,
            None => match self.read_head() {
                Ok(Some(head)) => head,
                Ok(None) => return Next::More,
                Err(status) => return Next::Bad(status),
            },
        };
        match head.read_body(&mut self.buffer) {
            Err(status) => Next::Bad(status),
            Ok(true) => {
                head.request.body = head.body.into();
                Next::Request(head.request)
            }
            Ok(false) => {
                let awaits_continue = std::mem::take(&mut head.awaits_continue);
                self.head = Some(head);
                if awaits_continue { Next::Continue } else { Next::More }
            }
        }
    }

    fn read_head(&mut self) -> Result<Option<Head>, u16> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut fields);
        let end = match parsed.parse(&self.buffer) {
            Ok(httparse::Status::Complete(end)) if end <= MAX_HEAD => end,
            Ok(httparse::Status::Partial) if self.buffer.len() <= MAX_HEAD => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(431),
            Err(_) => return Err(400),
        };
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else { return Err(400) };
        let fields = parsed.headers.iter().map(|field| {
            (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned())
        });
        let methods = [Method::Delete, Method::Get, Method::Patch, Method::Post, Method::Put];
        let mut request = Request {
            method: methods.into_iter().find(|known| known.as_str() == method),
            is_head: method == "HEAD",
            target: origin_form(target).to_owned(),
            headers: fields.collect(),
            body: Bytes::new(),
            closes: false,
        };
        let connection = request.header("connection").unwrap_or_default();
        request.closes = match parsed.version {
            Some(0) => !has_token(connection, "keep-alive"),
            _ => has_token(connection, "close"),
        };
        let length = match (request.header("transfer-encoding"), request.header("content-length")) {
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Length::Chunked(Chunk::Size),
            // Both at once is a known attack (RFC 9112, section 6.1), and no other coding is understood.
            (Some(_), _) => return Err(400),
            (None, Some(length)) => match length.trim().parse() {
                Ok(length) if length <= MAX_BODY => Length::Left(length),
                Ok(_) => return Err(413),
                Err(_) => return Err(400),
            },
            (None, None) => Length::Left(0),
        };
        let awaits_continue =
            request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        self.buffer.drain(..end);
        Ok(Some(Head { request, length, body: Vec::new(), awaits_continue }))
    }
}

impl Head {
    /// Moves what belongs to the body out of the buffer. `true` when the body is whole.
    fn read_body(&mut self, buffer: &mut Vec<u8>) -> Result<bool, u16> {
        loop {
            let chunk = match &mut self.length {
                Length::Left(left) => {
                    let taken = (*left).min(buffer.len());
                    self.body.extend(buffer.drain(..taken));
                    *left -= taken;
                    return Ok(*left == 0);
                }
                Length::Chunked(chunk) => chunk,
            };
            match *chunk {
                Chunk::Size => match httparse::parse_chunk_size(buffer) {
                    Ok(httparse::Status::Complete((used, size))) => {
                        buffer.drain(..used);
                        *chunk = match usize::try_from(size) {
                            Ok(0) => Chunk::Trailer,
                            Ok(size) if size <= MAX_BODY - self.body.len() => Chunk::Data(size + 2),
                            _ => return Err(413),
                        };
                    }
                    Ok(httparse::Status::Partial) if buffer.len() <= MAX_HEAD => return Ok(false),
                    Ok(httparse::Status::Partial) | Err(_) => return Err(400),
                },
                Chunk::Data(left) => {
                    let taken = left.min(buffer.len());
                    // The last two bytes are the line end.
                    self.body.extend_from_slice(&buffer[..taken.min(left.saturating_sub(2))]);
                    buffer.drain(..taken);
                    if taken < left {
                        *chunk = Chunk::Data(left - taken);
                        return Ok(false);
                    }
                    *chunk = Chunk::Size;
                }
                Chunk::Trailer => {
                    // Trailer fields are dropped, up to the empty line.
                    let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
                        return if buffer.len() <= MAX_HEAD { Ok(false) } else { Err(431) };
                    };
                    let is_last = matches!(&buffer[..end], b"" | b"\r");
                    buffer.drain(..=end);
                    if is_last {
                        return Ok(true);
                    }
                }
            }
        }
    }
}

/// Writes an answer; `Content-Length` is always right, whatever the server set.
pub(super) fn write_response(out: &mut Vec<u8>, response: &Response, is_head: bool, closes: bool) {
    // RFC 9110, sections 15.2, 15.3.5 and 15.4.5: these have no body.
    let has_body = !matches!(response.status, 100..=199 | 204 | 304);
    write_status(out, response.status);
    let ours = ["connection", "content-length", "transfer-encoding"];
    for (name, value) in &response.headers {
        let is_ours = ours.iter().any(|ours| name.eq_ignore_ascii_case(ours));
        let is_clean = is_token(name) && !value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if !is_ours && is_clean {
            write_field(out, name, value);
        }
    }
    if has_body {
        write_field(out, "content-length", &response.body.len().to_string());
    }
    if closes {
        write_field(out, "connection", "close");
    }
    out.extend_from_slice(b"\r\n");
    if has_body && !is_head {
        out.extend_from_slice(&response.body);
    }
}

/// Writes the answer that makes a connection a WebSocket (RFC 6455, section 4.2.2).
pub(super) fn write_upgrade(out: &mut Vec<u8>, accept: &str) {
    write_status(out, 101);
    write_field(out, "connection", "upgrade");
    write_field(out, "upgrade", "websocket");
    write_field(out, "sec-websocket-accept", accept);
    out.extend_from_slice(b"\r\n");
}

fn write_status(out: &mut Vec<u8>, status: u16) {
    let reason = match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        // The phrase may be left out (RFC 9112, section 4).
        _ => "",
    };
    out.extend_from_slice(format!("HTTP/1.1 {status:03} {reason}\r\n").as_bytes());
}

fn write_field(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Whether this can be a field's name (RFC 9110, section 5.6.2).
fn is_token(name: &str) -> bool {
    let is_in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_in_token)
}

fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Path and query of a request target, which a client of a proxy writes as a whole URL (RFC 9112, section 3.2.2).
fn origin_form(target: &str) -> &str {
    match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a text whole and byte by byte, which must not differ.
    fn read(text: &str) -> Vec<Next> {
        let mut whole = Reader::default();
        whole.push(text.as_bytes());
        let mut answers = vec![whole.next()];
        while matches!(answers.last(), Some(Next::Request(_) | Next::Continue)) {
            answers.push(whole.next());
        }
        let mut reader = Reader::default();
        let mut slowly = Vec::new();
        for byte in text.bytes() {
            reader.push(&[byte]);
            loop {
                let next = reader.next();
                let is_last = matches!(next, Next::More | Next::Bad(_));
                if !matches!(next, Next::More | Next::Continue) {
                    slowly.push(next);
                }
                if is_last {
                    break;
                }
            }
        }
        let shown: Vec<String> = answers
            .iter()
            .filter(|next| !matches!(next, Next::More | Next::Continue))
            .map(|next| format!("{next:?}"))
            .collect();
        let slowly: Vec<String> = slowly.iter().map(|next| format!("{next:?}")).take(shown.len()).collect();
        assert_eq!(shown, slowly);
        answers
    }

    #[test]
    fn requests_follow_each_other() {
        let answers = read(concat!(
            "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST https://x/y HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
            "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n",
        ));
        let [Next::Request(a), Next::Request(b), Next::Request(c), Next::More] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!((a.method, &*a.target, a.closes, a.body.len()), (Some(Method::Get), "/a?b=c", false, 0));
        assert_eq!((b.method, &*b.target, b.closes, &*b.body), (Some(Method::Post), "/y", true, &b"abc"[..]));
        assert_eq!((c.method, &*c.target, c.closes, &*c.body), (Some(Method::Put), "/", true, &b"abcde"[..]));
    }

    #[test]
    fn a_body_held_back_is_asked_for_once() {
        let answers = read("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        assert!(matches!(answers[..], [Next::Continue, Next::More]), "{answers:?}");
    }

    #[test]
    fn nonsense_is_answered_with_a_status() {
        for (text, status) in [
            ("\u{1}\u{2}\r\n\r\n".to_owned(), 400),
            ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_owned(), 400),
            ("GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n".to_owned(), 413),
            ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(), 400),
            ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n".to_owned(), 400),
            ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n".to_owned(), 413),
            (format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(MAX_HEAD)), 431),
            (format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1)), 431),
        ] {
            let answers = read(&text);
            assert!(matches!(answers[..], [Next::Bad(found)] if found == status), "{text:.60}: {answers:?}");
        }
    }

    #[test]
    fn an_answer_carries_its_length_and_no_smuggled_field() {
        let headers = vec![
            ("X-A".into(), "b".into()),
            ("content-length".into(), "99".into()),
            ("x".into(), "a\r\nb: c".into()),
        ];
        let response = Response { status: 200, headers, body: Bytes::from_static(b"hello") };
        let mut out = Vec::new();
        write_response(&mut out, &response, false, true);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "HTTP/1.1 200 OK\r\nX-A: b\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
        let mut out = Vec::new();
        write_response(&mut out, &Response { status: 204, headers: vec![], ..response }, false, false);
        assert_eq!(out, b"HTTP/1.1 204 No Content\r\n\r\n");
    }
}
