//! A web server that misbehaves as it is asked to, and a proxy; both note what they see.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::server::listen;

/// A server that notes what it sees.
pub(crate) struct Web {
    pub(crate) base: String,
    pub(crate) seen: Arc<Seen>,
    /// What lets `/gate` go on.
    pub(crate) gate: Sender<()>,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) asked: Mutex<Vec<Asked>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) fields: Vec<(String, String)>,
    /// Of the body: how long it was, and the sum of its bytes.
    pub(crate) length: u64,
    pub(crate) sum: u64,
}

impl Seen {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How often this was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path == path).count()
    }

    pub(crate) fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

impl Asked {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Web {
    pub(crate) fn start() -> Self {
        let (gate, opened) = channel();
        let seen = Arc::new(Seen::default());
        let (noted, opened) = (Arc::clone(&seen), Arc::new(Mutex::new(opened)));
        let address = listen(move |stream| {
            noted.connections.fetch_add(1, Ordering::Relaxed);
            serve(stream, &noted, &opened);
        });
        Self { base: format!("http://{address}"), seen, gate }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

fn head(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines[0].split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let fields = lines.iter().filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(Asked { method, path, fields, length: 0, sum: 0 })
}

fn serve(stream: TcpStream, seen: &Seen, gate: &Mutex<Receiver<()>>) {
    let mut stream = BufReader::new(stream);
    while let Some(mut asked) = head(&mut stream) {
        assert!(asked.field("transfer-encoding").is_none(), "a body without a length");
        let length: u64 = asked.field("content-length").map_or(0, |length| length.parse().unwrap());
        let path = asked.path.clone();
        if path == "/early" {
            let _ = stream
                .get_mut()
                .write_all(b"HTTP/1.1 413 No\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig");
        }
        if path == "/gate" {
            // What the system has room for, some more in two steps that can be told apart, then nothing for a while.
            let mut some = vec![0; 2_000_000];
            for _ in 0..if length > 20_000_000 { 2 } else { 0 } {
                thread::sleep(Duration::from_millis(150));
                stream.read_exact(&mut some).unwrap();
                asked.length += some.len() as u64;
                asked.sum += some.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            }
            let _ = gate.lock().unwrap().recv_timeout(Duration::from_secs(20));
        }
        let mut piece = [0; 65_536];
        while asked.length < length {
            let wanted = usize::try_from(length - asked.length).unwrap().min(piece.len());
            match stream.read(&mut piece[..wanted]) {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    asked.length += read as u64;
                    asked.sum += piece[..read].iter().map(|byte| u64::from(*byte)).sum::<u64>();
                }
            }
        }
        let is_whole = asked.length == length;
        seen.asked.lock().unwrap().push(asked);
        if !is_whole || path == "/early" || !answer(stream.get_mut(), &path) {
            return;
        }
    }
}

/// Whether the connection stays.
fn answer(to: &mut TcpStream, path: &str) -> bool {
    let whole = |to: &mut TcpStream, status: &str, fields: &str, body: &[u8]| {
        let length = body.len();
        write!(to, "HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n").unwrap();
        to.write_all(body).is_ok()
    };
    let gzip = "content-encoding: gzip\r\ncontent-type: text/plain\r\n";
    match path {
        "/cut" => return false,
        "/slow" => thread::sleep(Duration::from_secs(20)),
        "/garbage" => return to.write_all(b"SSH-2.0-nonsense\r\n\r\n").is_err(),
        "/loop" => return whole(to, "302 Found", "location: /loop\r\n", b"elsewhere"),
        "/missing" => return whole(to, "404 Not Found", "", b"none here"),
        "/bye" => {
            whole(to, "200 OK", "", b"bye");
            return false;
        }
        "/continue" => {
            to.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
                .unwrap();
            return whole(to, "200 OK", "", b"ok");
        }
        "/chunked" => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            return write!(to, "{head}3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nlast: x\r\n\r\n").is_ok();
        }
        "/chunked-cut" => {
            write!(to, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc").unwrap();
            return false;
        }
        "/short" => {
            write!(to, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nabc").unwrap();
            return false;
        }
        "/drip" => {
            write!(to, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nabc").unwrap();
            thread::sleep(Duration::from_secs(20));
        }
        "/claims" => {
            write!(to, "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nabc").unwrap();
            thread::sleep(Duration::from_secs(20));
        }
        "/endless" => {
            write!(to, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
            let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
            while to.write_all(&chunk).is_ok() {}
        }
        "/gzip" => return whole(to, "200 OK", gzip, GZIP),
        "/gzip-cut" => return whole(to, "200 OK", gzip, &GZIP[..GZIP.len() - 6]),
        "/bomb" => return whole(to, "200 OK", gzip, &bomb()),
        "/big" => return whole(to, "200 OK", "", &vec![b'x'; 3_000_000]),
        _ => return whole(to, "200 OK", "", b"ok"),
    }
    false
}

/// "hello" as gzip (RFC 1952), in a stored block.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, // head
    1, 5, 0, 0xfa, 0xff, b'h', b'e', b'l', b'l', b'o', // the last block, stored, of 5 bytes (RFC 1951)
    0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0, // CRC-32 and length
];

/// Many small members, each of which inflates to 64 KiB of nothing (RFC 1951: one literal, then matches of 258).
fn bomb() -> Vec<u8> {
    let mut bits = Bits::default();
    // The last block, with fixed codes.
    bits.put(0b011, 3);
    // The literal 0 has the code 0x30, of eight bits, the first bit first.
    bits.put(0x30_u32.reverse_bits() >> 24, 8);
    let (matches, length) = (254, 1 + 254 * 258);
    for _ in 0..matches {
        // Length 258 is symbol 285, code 0xc5; distance 1 is symbol 0.
        bits.put(0xc5_u32.reverse_bits() >> 24, 8);
        bits.put(0, 5);
    }
    bits.put(0, 7);
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    member.extend(bits.whole());
    member.extend(crc_of_zeros(length).to_le_bytes());
    member.extend(u32::to_le_bytes(length));
    member.repeat(600)
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.held |= value << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push((self.held & 255) as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    fn whole(mut self) -> Vec<u8> {
        self.put(0, 7);
        self.bytes
    }
}

fn crc_of_zeros(length: u32) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !(0..length * 8).fold(u32::MAX, |crc, _| step(crc))
}

/// A proxy that notes what it is asked for. It tunnels; what goes without a tunnel it answers itself.
pub(crate) fn proxy(status: &'static str) -> (SocketAddr, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let noted = Arc::clone(&seen);
    let address = listen(move |stream| {
        noted.connections.fetch_add(1, Ordering::Relaxed);
        let mut stream = BufReader::new(stream);
        while let Some(asked) = head(&mut stream) {
            let is_tunnel = asked.method == "CONNECT";
            let to = asked.path.clone();
            noted.asked.lock().unwrap().push(asked);
            if !is_tunnel {
                let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
                continue;
            }
            write!(stream.get_mut(), "HTTP/1.1 {status}\r\n\r\n").unwrap();
            if !status.starts_with('2') {
                return;
            }
            let port = to.rsplit_once(':').unwrap().1.parse().unwrap();
            let there = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
            let mut back = (there.try_clone().unwrap(), stream.get_ref().try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut back.0, &mut back.1);
                let _ = back.1.shutdown(Shutdown::Both);
            });
            let _ = std::io::copy(&mut stream, &mut &there);
            let _ = there.shutdown(Shutdown::Both);
            return;
        }
    });
    (address, seen)
}
