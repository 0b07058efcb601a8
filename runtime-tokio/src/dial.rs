//! TCP connections to hosts, by a proxy or not, with TLS or without.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use sanscord_host::failure::Unreached;
use sanscord_host::http::{Proxies, Proxy, Target, Tunnel};
use sanscord_host::{Network, SetupError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

use crate::tls::Stream;

/// How hosts are reached.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    tls: Arc<ClientConfig>,
    pub(crate) proxies: Arc<Proxies>,
    /// How long it may take.
    pub(crate) limit: Duration,
}

impl Dialer {
    pub(crate) fn new(network: &Network) -> Result<Self, SetupError> {
        Ok(Self {
            tls: Arc::new(network.client_config()?),
            proxies: Arc::new(network.proxies()),
            limit: network.connect_limit(),
        })
    }

    /// Leads to the target itself, through the proxy if there is one; shakes hands if TLS is asked for.
    pub(crate) async fn dial(&self, target: &Target, proxy: Option<&Proxy>) -> Result<Stream, Unreached> {
        let stream = match proxy.and_then(|proxy| Some((proxy, proxy.target()?))) {
            Some((proxy, at)) => tunnel(reach(at).await?, Tunnel::new(proxy, target)).await?,
            None => reach(target).await?,
        };
        match target.secure {
            true => Stream::handshake(Arc::clone(&self.tls), &target.host, stream).await,
            false => Ok(Stream::Plain(stream)),
        }
    }
}

/// Tries one address after the other.
pub(crate) async fn reach(target: &Target) -> Result<TcpStream, Unreached> {
    let Target { host, port, .. } = target;
    let addresses = lookup_host((&**host, *port))
        .await
        .map_err(|error| format!("the name {host} could not be resolved: {error}"))?;
    let addresses: Vec<_> = addresses.collect();
    let stream = TcpStream::connect(&addresses[..])
        .await
        .map_err(|error| format!("{host} port {port} could not be reached: {error}"))?;
    // Only costs time if it fails.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn tunnel(mut stream: TcpStream, mut tunnel: Tunnel) -> Result<TcpStream, Unreached> {
    let failed = |tunnel: &Tunnel, error: io::Error| tunnel.failed(&error);
    stream.write_all(tunnel.request()).await.map_err(|error| failed(&tunnel, error))?;
    loop {
        let byte = stream.read_u8().await.map_err(|error| failed(&tunnel, error))?;
        if tunnel.push(byte)? {
            return Ok(stream);
        }
    }
}
