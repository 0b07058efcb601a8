//! TCP connections to hosts, by a proxy or not, with TLS or without.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use sanscord_host::failure::Unreached;
use sanscord_host::http::{Proxies, Proxy, Target, Tunnel};
use sanscord_host::{Network, SetupError};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpStream, resolve};

use crate::clock::timeout;
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
            Some((proxy, at)) => tunnel(self.reach(at).await?, Tunnel::new(proxy, target)).await?,
            None => self.reach(target).await?,
        };
        match target.secure {
            true => Stream::handshake(Arc::clone(&self.tls), &target.host, stream).await,
            false => Ok(Stream::Plain(stream)),
        }
    }

    /// Tries one address after the other; one that does not answer leaves time for the next.
    pub(crate) async fn reach(&self, target: &Target) -> Result<TcpStream, Unreached> {
        let (Target { host, port, .. }, begun) = (target, Instant::now());
        let addresses = resolve((&**host, *port))
            .await
            .map_err(|error| format!("the name {host} could not be resolved: {error}"))?;
        let mut last = "it has no address".to_owned();
        for (index, address) in addresses.iter().enumerate() {
            let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = self.limit.saturating_sub(begun.elapsed()) / others;
            match timeout(share, TcpStream::connect(*address)).await {
                Some(Ok(stream)) => {
                    // Only costs time if it fails.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Some(Err(error)) => last = error.to_string(),
                None => last = format!("{address} did not answer within {share:?}"),
            }
        }
        Err(format!("{host} port {port} could not be reached: {last}").into())
    }
}

async fn tunnel(mut stream: TcpStream, mut tunnel: Tunnel) -> Result<TcpStream, Unreached> {
    let failed = |tunnel: &Tunnel, error: io::Error| tunnel.failed(&error);
    stream.write_all(tunnel.request()).await.map_err(|error| failed(&tunnel, error))?;
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.map_err(|error| failed(&tunnel, error))?;
        if tunnel.push(byte[0])? {
            return Ok(stream);
        }
    }
}
