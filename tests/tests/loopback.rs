//! The loopback server, visited by clients good and bad.
#![expect(clippy::unwrap_used, reason = "a test may end there")]

mod toys;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sanscord::machine::{CloseFrame, Frame, Response};
use sanscord::time::Timestamp;
use sanscord_testing::loopback::Loopback;
use sanscord_testing::server::{ExchangeId, Server, ServerInput, ServerOutput};
use tungstenite::{Error, Message, WebSocket};

use self::toys::Echo;

const LIMIT: Duration = Duration::from_secs(10);

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn start() -> Loopback<Echo> {
    Loopback::start(|_| Echo::default()).unwrap()
}

fn main_address<S: Server + Send + 'static>(loopback: &Loopback<S>) -> SocketAddr {
    loopback.addresses().gateway_url.strip_prefix("wss://").unwrap().parse().unwrap()
}

fn voice_address(loopback: &Loopback<Echo>) -> SocketAddr {
    loopback.addresses().voice_endpoint.parse().unwrap()
}

fn dial<S: Server + Send + 'static>(loopback: &Loopback<S>, to: SocketAddr, name: &str) -> io::Result<Tls> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(loopback.certificate_pem().as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(to)?;
    tcp.set_read_timeout(Some(LIMIT))?;
    tcp.set_write_timeout(Some(LIMIT))?;
    let mut stream = StreamOwned::new(tls, tcp);
    stream.flush()?;
    Ok(stream)
}

fn http(loopback: &Loopback<Echo>) -> Tls {
    dial(loopback, main_address(loopback), "127.0.0.1").unwrap()
}

fn websocket(loopback: &Loopback<Echo>, to: SocketAddr) -> Result<WebSocket<Tls>, Error> {
    let stream = dial(loopback, to, "localhost")?;
    match tungstenite::client("wss://localhost/?v=10&encoding=json", stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(error),
        Err(tungstenite::HandshakeError::Interrupted(_)) => Err(Error::Io(io::ErrorKind::TimedOut.into())),
    }
}

/// Reads one HTTP answer with a Content-Length: status line and body.
fn answer(stream: &mut impl Read) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// Waits for the server to have come so far.
fn wait(loopback: &Loopback<Echo>, condition: impl Fn(&Echo) -> bool + Send + Copy + 'static) {
    let end = Instant::now() + LIMIT;
    while !loopback.with(move |server, _| condition(server)) {
        assert!(Instant::now() < end, "not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn http_requests_share_a_connection() {
    let loopback = start();
    let mut stream = http(&loopback);
    stream.write_all(b"GET /api/v10/a?b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (head, body) = answer(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("x-toy: yes"), "{head}");
    assert_eq!(body, "GET /api/v10/a?b 1\n");
    // Two at once, one of them in chunks.
    stream
        .write_all(
            b"POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi\
              PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        )
        .unwrap();
    assert_eq!(answer(&mut stream).1, "POST /b 1\nhi");
    assert_eq!(answer(&mut stream).1, "PUT /c 1\nabc");
    stream.write_all(b"GET /d HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let (head, _) = answer(&mut stream);
    assert!(head.contains("connection: close"));
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "close_notify is missing or the connection goes on");
    assert_eq!(loopback.stop().requests, 4);
}

#[test]
fn large_bodies_pass_both_ways() {
    let loopback = start();
    let mut stream = http(&loopback);
    let body = "0123456789abcdef".repeat(1 << 18);
    stream
        .write_all(format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes())
        .unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    // The answer does not fit into any socket's buffer while nobody reads.
    thread::sleep(Duration::from_millis(100));
    let (_, echoed) = answer(&mut stream);
    assert_eq!(echoed.strip_prefix("POST / 1\n").map(str::len), Some(body.len()));
    assert!(echoed.ends_with(&body));
}

#[test]
fn a_body_held_back_is_welcomed() {
    let loopback = start();
    let mut stream = http(&loopback);
    stream.write_all(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").unwrap();
    assert!(answer(&mut stream).0.starts_with("HTTP/1.1 100 "));
    stream.write_all(b"ok").unwrap();
    assert_eq!(answer(&mut stream).1, "POST / 2\nok");
}

#[test]
fn websockets_echo_on_both_ports() {
    let loopback = start();
    for address in [main_address(&loopback), voice_address(&loopback)] {
        let mut socket = websocket(&loopback, address).unwrap();
        for message in [Message::text("hello"), Message::binary(vec![1; 100_000]), Message::text("")] {
            socket.send(message.clone()).unwrap();
            assert_eq!(socket.read().unwrap(), message);
        }
        socket.send(Message::Ping(Bytes::from_static(b"x"))).unwrap();
        assert_eq!(socket.read().unwrap(), Message::Pong(Bytes::from_static(b"x")));
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    }
    wait(&loopback, |server| server.closed.len() == 2);
    let server = loopback.stop();
    assert_eq!(server.upgrades, ["Gateway /?v=10&encoding=json", "Voice /?v=10&encoding=json"]);
    assert_eq!(server.closed[0].1, None);
}

#[test]
fn close_frames_pass_both_ways() {
    let loopback = start();
    let mut socket = websocket(&loopback, main_address(&loopback)).unwrap();
    let id = loopback.with(|server, _| server.connections[0]);
    loopback.with(move |server, _| {
        server.out.push_back(ServerOutput::SendFrame(id, Frame::Text(Bytes::from_static(b"last words"))));
        let frame = CloseFrame { code: 4009, reason: "ü".repeat(100).into() };
        server.out.push_back(ServerOutput::Close(id, frame));
    });
    assert_eq!(socket.read().unwrap(), Message::text("last words"));
    let Message::Close(Some(frame)) = socket.read().unwrap() else { panic!("no close frame") };
    assert_eq!((u16::from(frame.code), frame.reason.len()), (4009, 122));
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));

    let mut socket = websocket(&loopback, main_address(&loopback)).unwrap();
    let frame = tungstenite::protocol::CloseFrame { code: 4000.into(), reason: "bye".into() };
    socket.close(Some(frame)).unwrap();
    while socket.read().is_ok() {}
    wait(&loopback, |server| server.closed.len() == 1);
    let closed = loopback.stop().closed;
    assert_eq!(closed[0].1, Some(CloseFrame { code: 4000, reason: "bye".into() }));
}

#[test]
fn a_cut_has_no_last_word() {
    let loopback = start();
    let mut socket = websocket(&loopback, main_address(&loopback)).unwrap();
    let id = loopback.with(|server, _| server.connections[0]);
    loopback.with(move |server, _| server.out.push_back(ServerOutput::Cut(id)));
    match socket.read() {
        // Without close_notify this is no clean end for TLS.
        Err(Error::Io(error)) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock),
        Err(Error::Protocol(_)) => {}
        other => panic!("{other:?}"),
    }
    // And the server does not hear of its own cut.
    assert_eq!(loopback.stop().closed, []);
}

#[test]
fn an_upgrade_can_be_refused() {
    let loopback = start();
    loopback.with(|server, _| server.refuses = Some(503));
    match websocket(&loopback, main_address(&loopback)) {
        Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), 503),
        other => panic!("{other:?}"),
    }
}

#[test]
fn datagrams_come_back() {
    let loopback = start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.connect(loopback.addresses().voice_udp).unwrap();
    for length in [0_usize, 1, 1500, 65_000] {
        socket.send(&vec![7; length]).unwrap();
        let mut buffer = vec![0; 1 << 16];
        assert_eq!(socket.recv(&mut buffer).unwrap(), length);
    }
}

#[test]
fn a_client_that_hangs_up_is_noticed() {
    let loopback = start();
    let mut socket = websocket(&loopback, main_address(&loopback)).unwrap();
    socket.get_mut().sock.shutdown(Shutdown::Both).unwrap();
    wait(&loopback, |server| server.closed.len() == 1);
    assert_eq!(loopback.stop().closed[0].1, None);
}

#[test]
fn many_frames_to_a_client_that_does_not_read_wait_or_cut() {
    let loopback = start();
    let mut socket = websocket(&loopback, main_address(&loopback)).unwrap();
    let id = loopback.with(|server, _| server.connections[0]);
    let frame = Bytes::from(vec![b'x'; 1 << 16]);
    let copy = frame.clone();
    loopback.with(move |server, _| {
        server.out.extend((0..400).map(|_| ServerOutput::SendFrame(id, Frame::Binary(copy.clone()))));
    });
    for _ in 0..400 {
        assert_eq!(socket.read().unwrap().into_data(), frame);
    }
    // Far more than may wait: the connection goes, the server lives.
    loopback.with(move |server, _| {
        server.out.extend((0..2000).map(|_| ServerOutput::SendFrame(id, Frame::Binary(frame.clone()))));
    });
    wait(&loopback, |server| server.closed.len() == 1);
    websocket(&loopback, main_address(&loopback)).unwrap();
}

#[test]
fn bad_clients_harm_nobody() {
    let loopback = start();
    let address = main_address(&loopback);
    // Not TLS at all, half a handshake, and nothing.
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(&[22, 3, 1, 0]).unwrap();
    let _silent = TcpStream::connect(address).unwrap();
    for (request, status) in [
        (&b"\x00\x01\x02\r\n\r\n"[..], "400"),
        (b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "413"),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n", "400"),
    ] {
        let mut stream = http(&loopback);
        stream.write_all(request).unwrap();
        let (head, _) = answer(&mut stream);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
    }
    let mut endless = http(&loopback);
    endless.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let _ = endless.write_all(&b"a: b\r\n".repeat(20_000));
    assert!(answer(&mut endless).0.starts_with("HTTP/1.1 431 "));
    // Voice servers have no pages.
    let mut stream = dial(&loopback, voice_address(&loopback), "127.0.0.1").unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(answer(&mut stream).0.starts_with("HTTP/1.1 404 "));
    // WebSocket frames that are none.
    for nonsense in
        [&[0xff; 64][..], &[0x81, 0x02, b'h', b'i'], &[0x82, 0xff, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]]
    {
        let mut socket = websocket(&loopback, address).unwrap();
        socket.get_mut().write_all(nonsense).unwrap();
        socket.get_mut().flush().unwrap();
        assert!(socket.read().is_err());
    }
    wait(&loopback, |server| server.closed.len() == 3);
    let mut stream = http(&loopback);
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(answer(&mut stream).0.starts_with("HTTP/1.1 200 "));
    assert_eq!(loopback.stop().requests, 1);
}

#[test]
fn tls_can_be_refused() {
    let loopback = start();
    loopback.set_refuse_tls(true);
    assert!(websocket(&loopback, main_address(&loopback)).is_err());
    loopback.set_refuse_tls(false);
    assert!(websocket(&loopback, main_address(&loopback)).is_ok());
}

#[test]
fn only_its_own_authority_vouches_for_it() {
    let (one, other) = (start(), start());
    let refused = dial(&one, main_address(&other), "127.0.0.1").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    for name in ["127.0.0.1", "::1", "localhost"] {
        let mut known = dial(&one, main_address(&one), name).unwrap();
        known.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(answer(&mut known).0.starts_with("HTTP/1.1 200 "), "{name}");
    }
    let path = std::env::temp_dir().join(format!("sanscord-{}.pem", std::process::id()));
    one.write_certificate(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), one.certificate_pem());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_clock_runs_and_wakes() {
    let loopback = start();
    let asked = loopback.with(|server, now| {
        server.wait = Some(now + Duration::from_millis(50));
        now
    });
    wait(&loopback, |server| server.timeouts > 0);
    let woken = loopback.with(|server, now| (server.wait, now));
    assert!(woken.0.is_none() && woken.1.since(asked) >= Duration::from_millis(50));
    assert!(woken.1 < Timestamp::ZERO + LIMIT * 2);
}

#[test]
fn a_panic_in_a_closure_comes_back_to_its_caller() {
    let loopback = start();
    let panic = catch_unwind(AssertUnwindSafe(|| loopback.with(|_, _| panic!("mine")))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"mine"));
    assert_eq!(loopback.with(|server, _| server.requests), 0);
}

/// Answers nothing, and later what nobody asked for.
struct Mute(Vec<ServerOutput>);

impl Server for Mute {
    fn handle_input(&mut self, _: Timestamp, input: ServerInput) {
        if let ServerInput::Request { exchange, .. } = input {
            for id in [exchange.0 + 1000, exchange.0, exchange.0] {
                let response = Response { status: 204, headers: Vec::new(), body: Bytes::new() };
                self.0.push(ServerOutput::Respond(ExchangeId(id), response));
            }
        }
    }

    fn poll_output(&mut self) -> ServerOutput {
        self.0.pop().unwrap_or(ServerOutput::Wait(None))
    }
}

#[test]
fn answers_that_nobody_asked_for_are_dropped() {
    let loopback = Loopback::start(|_| Mute(Vec::new())).unwrap();
    let mut stream = dial(&loopback, main_address(&loopback), "127.0.0.1").unwrap();
    for _ in 0..3 {
        stream.write_all(b"DELETE / HTTP/1.1\r\n\r\n").unwrap();
        let (head, _) = answer(&mut stream);
        assert_eq!(head, "HTTP/1.1 204 No Content\r\n\r\n");
    }
    let _ = loopback.stop();
}

/// Hangs up on whoever asks for anything.
struct Rude(Vec<ServerOutput>);

impl Server for Rude {
    fn handle_input(&mut self, _: Timestamp, input: ServerInput) {
        if let ServerInput::Request { exchange, .. } = input {
            self.0.push(ServerOutput::Reset(exchange));
        }
    }

    fn poll_output(&mut self) -> ServerOutput {
        self.0.pop().unwrap_or(ServerOutput::Wait(None))
    }
}

#[test]
fn a_request_may_be_hung_up_on() {
    let loopback = Loopback::start(|_| Rude(Vec::new())).unwrap();
    let mut stream = dial(&loopback, main_address(&loopback), "127.0.0.1").unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // Without a word, not even one of TLS.
    let mut heard = Vec::new();
    assert!(stream.read_to_end(&mut heard).is_err() || heard.is_empty());
    assert!(heard.is_empty(), "{heard:?}");
    let _ = loopback.stop();
}
