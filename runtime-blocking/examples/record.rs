//! Joins a voice channel and records it, on plain threads. `--help` tells the options.

use std::error::Error;
use std::process::ExitCode;

use sanscord::client::{Client, Config};
use sanscord::secret::Token;
use sanscord_blocking::{Network, NextError};
use sanscord_testing::example::{Demonstration, Options, Report, Snapshot};

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
    let (handle, mut events) = sanscord_blocking::start(client, network)?;
    let recording = options.recording();
    handle.call(move |client, now| {
        client.join(now, guild, channel);
        client.record(now, guild, recording);
    })?;

    let interrupted = handle.clone();
    ctrlc::set_handler(move || {
        // Ended already is as good.
        let _ = interrupted.call(Client::stop);
    })?;

    let mut report = Report::new(guild, &options.folder, options.length);
    loop {
        let is_over = match events.next_timeout(Report::TICK) {
            Ok(event) => report.event(&event),
            Err(NextError::Timeout) => {
                if let Ok(snapshot) = handle.call(move |client, _| Snapshot::take(client, guild)) {
                    report.progress(snapshot);
                }
                false
            }
            Err(_) => break,
        };
        if is_over || report.is_over() {
            let _ = handle.call(Client::stop);
        }
    }
    Ok(report.finish()?)
}
