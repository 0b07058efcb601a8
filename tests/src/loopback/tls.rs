//! TLS over a non-blocking socket, as one stream.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

/// A TLS stream that answers `WouldBlock` where it would have to wait. The handshake happens in passing.
#[derive(Debug)]
pub(super) struct TlsStream {
    tcp: TcpStream,
    tls: ServerConnection,
    is_ended: bool,
}

impl TlsStream {
    pub(super) fn new(tcp: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self { tcp, tls, is_ended: false })
    }

    pub(super) const fn tcp(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    /// Says goodbye: what was written goes out, then `close_notify`. `Ok` when all of it is with the socket.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if !self.is_ended {
            self.is_ended = true;
            self.tls.send_close_notify();
        }
        self.push()?;
        self.tcp.shutdown(Shutdown::Write)
    }

    /// Hands TLS records to the socket until none is left.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// As [`Self::push`], but a socket that takes no more is no error.
    fn push_some(&mut self) -> io::Result<()> {
        match self.push() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A peer that hangs up without `close_notify` has hung up all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            let read = match self.tls.read_tls(&mut self.tcp) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            let state = self.tls.process_new_packets();
            // Handshake messages and alerts, also after an error: the peer is told what was wrong.
            let pushed = self.push_some();
            let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            pushed?;
            if read == 0 && state.plaintext_bytes_to_read() == 0 {
                return Ok(0);
            }
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self.tls.writer().write(data)? {
            // The records' buffer is full: make room, or wait until there is some.
            0 if !data.is_empty() => {
                self.push_some()?;
                match self.tls.writer().write(data)? {
                    0 => Err(io::ErrorKind::WouldBlock.into()),
                    written => Ok(written),
                }
            }
            written => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}
