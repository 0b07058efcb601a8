//! TLS over a socket that may or may not block.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use sanscord_host::failure::{Unreached, explain};

/// A TCP connection, with TLS where the URL asked for it.
#[derive(Debug)]
pub(crate) enum Stream<S> {
    Plain(S),
    Tls(Box<ClientConnection>, S),
}

impl<S: Read + Write> Stream<S> {
    /// Makes the TLS handshake on a socket that blocks.
    pub(crate) fn handshake(config: Arc<ClientConfig>, host: &str, mut socket: S) -> Result<Self, Unreached> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("TLS with {host} is not possible: it is not a host name"))?;
        let mut tls = ClientConnection::new(config, name)
            .map_err(|error| format!("TLS with {host} is not possible: {error}"))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).map_err(|error| explain(host, &error))?;
        }
        Ok(Self::Tls(Box::new(tls), socket))
    }

    pub(crate) fn socket(&mut self) -> &mut S {
        match self {
            Self::Plain(socket) | Self::Tls(_, socket) => socket,
        }
    }
}

// Not `rustls::StreamOwned`: its reads wait for its writes, so a peer that reads only after having been read would
// block both.
impl<S: Read + Write> Read for Stream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (tls, socket) = match self {
            Self::Plain(socket) => return socket.read(buf),
            Self::Tls(tls, socket) => (tls, socket),
        };
        loop {
            match tls.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            match send(tls, socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                sent => sent?,
            }
            tls.read_tls(socket)?;
            tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl<S: Read + Write> Write for Stream<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buf),
            Self::Tls(tls, socket) => {
                let taken = tls.writer().write(buf)?;
                match send(tls, socket) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock && taken > 0 => Ok(taken),
                    Err(error) => Err(error),
                    // The TLS buffer was full and has been emptied.
                    Ok(()) if taken == 0 => tls.writer().write(buf),
                    Ok(()) => Ok(taken),
                }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls, socket) => send(tls, socket),
        }
    }
}

fn send(tls: &mut ClientConnection, socket: &mut impl Write) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(socket)?;
    }
    Ok(())
}
