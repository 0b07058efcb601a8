//! Servers on loopback, on threads that end with the test process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::Message;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};

/// Calls `serve` on a new thread for every connection.
pub(crate) fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), serve.clone());
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A WebSocket server that obeys a few words, and tells what it read.
pub(crate) fn web_socket() -> (String, Receiver<Message>) {
    let (reader, read) = channel();
    let address = listen(move |stream| obey(stream, &reader));
    (format!("ws://{address}/?v=1"), read)
}

/// The same behind TLS.
pub(crate) fn tls_web_socket(config: Arc<ServerConfig>) -> String {
    let reader = channel().0;
    let address = listen(move |stream| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        obey(StreamOwned::new(tls, stream), &reader);
    });
    format!("wss://localhost:{}/", address.port())
}

fn obey<S: Read + Write>(stream: S, reader: &Sender<Message>) {
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let Ok(mut socket) = tungstenite::accept_with_config(stream, Some(config)) else { return };
    while let Ok(message) = socket.read() {
        let _ = reader.send(message.clone());
        let Message::Text(text) = &message else {
            if message.is_binary() && socket.send(message).is_err() {
                return;
            }
            continue;
        };
        let (word, number) = text.split_once(' ').unwrap_or((text.as_str(), "0"));
        let number: u16 = number.parse().unwrap_or(0);
        match word {
            "close" => {
                let reason = "bye".into();
                let _ = socket.close(Some(CloseFrame { code: number.into(), reason }));
            }
            "cut" => return,
            "deaf" => thread::sleep(Duration::from_secs(30)),
            "flood" => {
                for n in 0..number {
                    socket.send(Message::text(n.to_string())).unwrap();
                }
            }
            "ping" => socket.send(Message::Ping("marco".into())).unwrap(),
            _ => {
                let _ = socket.send(message);
            }
        }
    }
}

/// Answers everything with this, then waits for the peer to close.
pub(crate) fn raw(answer: &'static str) -> SocketAddr {
    listen(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let _ = stream.write_all(answer.as_bytes());
        while lines.next().is_some_and(|line| line.is_ok()) {}
    })
}

/// Answers the beginning of a TLS handshake with these bytes.
pub(crate) fn tls_answer(answer: &'static [u8]) -> SocketAddr {
    listen(move |mut stream| {
        // A handshake record begins with its type, a version and its length (RFC 8446, section 5.1).
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).unwrap();
        stream.write_all(answer).unwrap();
        let _ = stream.read(&mut head);
    })
}

/// Accepts and says nothing.
pub(crate) fn silent() -> SocketAddr {
    listen(|stream| {
        thread::sleep(Duration::from_secs(30));
        drop(stream);
    })
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Answers `/<status>`: with the method, the header field x-asked and the body in the body; 302 with a location,
/// `/slow` never, `/huge` with more than is allowed.
pub(crate) fn http() -> String {
    format!("http://{}", listen(answer))
}

/// The same behind TLS.
pub(crate) fn https(config: Arc<ServerConfig>) -> String {
    let address = listen(move |stream| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        answer(StreamOwned::new(tls, stream));
    });
    format!("https://localhost:{}", address.port())
}

fn answer<S: Read + Write>(stream: S) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let field = |name: &str| {
            let fields = head.iter().filter_map(|line| line.split_once(": "));
            fields
                .filter(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .next()
        };
        let mut body = vec![0; field("content-length").map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        let mut words = head[0].split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        if path == "/slow" {
            thread::sleep(Duration::from_secs(30));
            return;
        }
        if path == "/huge" {
            let length = sanscord::machine::MAX_BODY + 1;
            let _ = write!(stream.get_mut(), "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.get_mut().write_all(&vec![b'x'; length]);
            return;
        }
        let asked = field("x-asked").unwrap_or_default();
        let body = format!("{method} {asked} {}", String::from_utf8(body).unwrap());
        let status = &path[1..];
        let reply = format!(
            "HTTP/1.1 {status} Said\r\nX-Told: Yes\r\nlocation: /200\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.get_mut().write_all(reply.as_bytes()).unwrap();
        stream.get_mut().flush().unwrap();
    }
}

pub(crate) fn udp_echo() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..length], from);
        }
    });
    address
}

/// A server's TLS for `localhost`, and the PEM file of the root that signed for it.
pub(crate) fn tls(folder: &std::path::Path) -> (Arc<ServerConfig>, PathBuf) {
    tls_as(folder, "localhost", |_| ())
}

/// The same for this name, with a certificate that was changed before it was signed.
pub(crate) fn tls_as(
    folder: &std::path::Path,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> (Arc<ServerConfig>, PathBuf) {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let path = folder.join("root.pem");
    std::fs::write(&path, root.self_signed(&root_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    (Arc::new(config), path)
}
