//! Joins a voice channel and plays files there, on tokio. `--help` tells the options.

use std::error::Error;
use std::process::ExitCode;

use sanscord::client::{Client, Config};
use sanscord::secret::Token;
use sanscord_testing::example::Demonstration;
use sanscord_testing::example::play::{Options, Report};
use sanscord_tokio::Network;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(mut options) = Options::read()? else { return Ok(()) };
    let demonstration = if options.token.is_none() { Some(Demonstration::start()?) } else { None };
    let (guild, channel) = options.settle(demonstration.as_ref())?;

    let mut network = Network::new();
    for pem in options.certificates(demonstration.as_ref()) {
        network = network.trust_pem_file(pem)?;
    }
    let mut config = Config::new(Token::new(options.token.as_deref().unwrap_or_default()));
    config.gateway.attempts = Some(5);
    if let Some(base) = &options.api_base {
        config.api_base = base.as_str().into();
    }

    let client = Client::new(config, sanscord_tokio::seed()?);
    let (driver, handle, mut events) = sanscord_tokio::start(client, network)?;
    tokio::spawn(driver.run());
    let files = options.files.clone();
    let begin = options.to_play();
    handle.call(move |client, now| begin.begin(client, now, guild, channel)).await??;

    let interrupted = handle.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            // Ended already is as good.
            let _ = interrupted.call(Client::stop).await;
        }
    });

    let mut report = Report::new(guild, &files);
    while let Some(event) = events.next().await {
        if report.event(&event) {
            let _ = handle.call(Client::stop).await;
        }
    }
    Ok(report.finish()?)
}
