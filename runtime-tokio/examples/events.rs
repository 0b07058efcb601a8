//! Prints what Discord's gateway tells, on tokio. `--help` tells the options.

use std::error::Error;
use std::process::ExitCode;

use sanscord::cluster::Cluster;
use sanscord_testing::example::Demonstration;
use sanscord_testing::example::events::{Options, Report};
use sanscord_tokio::{Network, state};

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
    let saved = options.state.as_ref().map(state::load).transpose()?.flatten();
    let demonstration = if options.token.is_none() { Some(Demonstration::start_chatter()?) } else { None };
    options.settle(demonstration.as_ref());

    let mut network = Network::new();
    for pem in options.certificates(demonstration.as_ref()) {
        network = network.trust_pem_file(pem)?;
    }
    let cluster = Cluster::new(options.cluster(saved), sanscord_tokio::seed()?);
    let (driver, handle, mut events) = sanscord_tokio::start(cluster, network)?;
    tokio::spawn(driver.run());

    let mut report = Report::new(&options);
    let interrupt = report.interrupter();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            interrupt();
        }
    });
    loop {
        match tokio::time::timeout(Report::TICK, events.next()).await {
            Ok(Some(event)) => report.event(&event),
            Ok(None) => break,
            Err(_) => {}
        }
        if let Some(wish) = report.wish()
            && let Ok(view) = handle.call(|cluster, now| wish.grant(cluster, now)).await
        {
            report.see(view);
        }
    }
    if let (Some(path), Some(saved)) = (&options.state, report.take_state()) {
        state::save(path, &saved)?;
    }
    Ok(report.finish()?)
}
