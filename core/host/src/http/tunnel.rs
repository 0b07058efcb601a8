//! Connections to somebody else by a proxy.

use std::io;

use super::proxy::{Proxy, Target};
use crate::failure::{CUT, Unreached, is_cut};

/// Asks a proxy for a connection to somebody else (RFC 9110, section 9.3.6), for an adapter that sends and reads.
pub struct Tunnel {
    proxy: Proxy,
    to: String,
    request: String,
    head: Vec<u8>,
}

impl Tunnel {
    /// By this proxy to this host.
    #[must_use]
    pub fn new(proxy: &Proxy, target: &Target) -> Self {
        let to = target.authority();
        let mut request = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n");
        if let Some(authorization) = proxy.authorization() {
            request = format!("{request}proxy-authorization: {authorization}\r\n");
        }
        request.push_str("\r\n");
        Self { proxy: proxy.clone(), to, request, head: Vec::new() }
    }

    /// What is to be sent first. It may hold a password.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        self.request.as_bytes()
    }

    /// Takes one byte of what the proxy answers, and says whether the way is open: what comes then is no longer the
    /// proxy's. Holds 16 KiB of the answer at most.
    ///
    /// # Errors
    ///
    /// [`Unreached`] if the proxy gives no way, or does not come to an end.
    pub fn push(&mut self, byte: u8) -> Result<bool, Unreached> {
        self.head.push(byte);
        if self.head.ends_with(b"\r\n\r\n") {
            return self.read().map(|()| true);
        }
        if self.head.len() == MAX_HEAD {
            return Err(format!("the answer of the proxy {:?} does not come to an end", self.proxy).into());
        }
        Ok(false)
    }

    /// The connection to the proxy broke.
    #[must_use]
    pub fn failed(&self, error: &io::Error) -> Unreached {
        let what = if is_cut(error) { CUT.to_owned() } else { error.to_string() };
        format!("the proxy {:?} gave no way to {}: {what}", self.proxy, self.to).into()
    }

    fn read(&self) -> Result<(), Unreached> {
        let head = String::from_utf8_lossy(&self.head);
        let status = head.lines().next().unwrap_or_default();
        let code = status.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).unwrap_or_default();
        if code.starts_with('2') {
            return Ok(());
        }
        let remedy = match code {
            "407" => "; it wants http://user:password@host:port",
            _ => "",
        };
        Err(format!("the proxy {:?} gave no way to {}: {status}{remedy}", self.proxy, self.to).into())
    }
}

/// The longest answer, in bytes.
const MAX_HEAD: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: &[u8]) -> (Result<bool, String>, usize) {
        let target = Target::parse_web_socket("wss://d.test/?v=10").unwrap();
        let mut tunnel = Tunnel::new(&Proxy::parse("http://user:secret@p.test:8"), &target);
        for (index, byte) in answer.iter().enumerate() {
            match tunnel.push(*byte) {
                Ok(false) => {}
                end => return (end.map_err(|why| why.reason), index + 1),
            }
        }
        (Ok(false), answer.len())
    }

    #[test]
    fn a_tunnel_is_asked_for_and_its_answer_read_to_its_end() {
        let target = Target::parse_web_socket("ws://[::1]:81/").unwrap();
        let tunnel = Tunnel::new(&Proxy::parse("p.test"), &target);
        assert_eq!(tunnel.request(), b"CONNECT [::1]:81 HTTP/1.1\r\nhost: [::1]:81\r\n\r\n");
        let tunnel = Tunnel::new(&Proxy::parse("http://user:p%40ss@p.test"), &target);
        let asked = String::from_utf8(tunnel.request().to_vec()).unwrap();
        assert!(asked.contains("\r\nproxy-authorization: Basic dXNlcjpwQHNz\r\n\r\n"), "{asked}");

        let open = b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n";
        assert_eq!(answered(&[open, &b"more"[..]].concat()), (Ok(true), open.len()));
        for (answer, words) in [
            (&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], "HTTP/1.1 403 Forbidden"),
            (b"HTTP/1.0 407 Who?\r\n\r\n", "user:password@"),
            (b"SSH-2.0-x\r\n\r\n", "SSH-2.0-x"),
            (&[b'x'; MAX_HEAD + 9], "end"),
        ] {
            let (end, taken) = answered(answer);
            let reason = end.unwrap_err();
            assert!(reason.contains("p.test:8") && reason.contains(words), "{reason}");
            assert!(!reason.contains("secret") && taken <= MAX_HEAD, "{reason}");
        }
    }
}
