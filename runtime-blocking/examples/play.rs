//! Joins a voice channel and plays files there, on plain threads. `--help` tells the options.

use std::error::Error;
use std::process::ExitCode;

use sanscord::client::{Client, Config};
use sanscord::secret::Token;
use sanscord_blocking::Network;
use sanscord_testing::example::Demonstration;
use sanscord_testing::example::play::{Options, Report};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
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

    let client = Client::new(config, sanscord_blocking::seed()?);
    let (handle, events) = sanscord_blocking::start(client, network)?;
    let files = options.files.clone();
    let begin = options.to_play();
    handle.call(move |client, now| begin.begin(client, now, guild, channel))??;

    let interrupted = handle.clone();
    ctrlc::set_handler(move || {
        // Ended already is as good.
        let _ = interrupted.call(Client::stop);
    })?;

    let mut report = Report::new(guild, &files);
    for event in events {
        if report.event(&event) {
            let _ = handle.call(Client::stop);
        }
    }
    Ok(report.finish()?)
}
