//! What it takes to start a driver, and that it has ended.

use std::io;
use std::path::PathBuf;

/// Why a driver could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A file with certificates cannot be used.
    #[error("the certificates in {} cannot be used: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {reason}")]
    Entropy {
        /// What it said.
        reason: String,
    },
    /// The operating system gave no thread or no event queue.
    #[error("the driver could not be started: {0}")]
    Io(#[from] io::Error),
    /// That is no HTTP proxy.
    #[error("{url} cannot be the proxy: only http:// ones with a host can, no socks")]
    Proxy {
        /// Its URL, without a password.
        url: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// What rustls said.
        reason: String,
    },
}

/// The driver has ended: its machine is finished, or it was told to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the driver has ended")]
pub struct Ended;

/// A seed for a machine, from the operating system.
///
/// # Errors
///
/// [`SetupError::Entropy`] if it gives none.
pub fn seed() -> Result<[u8; 32], SetupError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| SetupError::Entropy { reason: error.to_string() })?;
    Ok(seed)
}
