//! Prints what Discord's gateway tells, on smol. `--help` tells the options.

use std::error::Error;
use std::process::ExitCode;

use sanscord::cluster::Cluster;
use sanscord_smol::{Network, state};
use sanscord_testing::example::Demonstration;
use sanscord_testing::example::events::{Options, Report};

fn main() -> ExitCode {
    match smol::block_on(run()) {
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
    let cluster = Cluster::new(options.cluster(saved), sanscord_smol::seed()?);
    let (driver, handle, mut events) = sanscord_smol::start(cluster, network)?;
    smol::spawn(driver.run()).detach();

    let mut report = Report::new(&options);
    ctrlc::set_handler(report.interrupter())?;
    loop {
        let tick = async {
            smol::Timer::after(Report::TICK).await;
            None
        };
        match smol::future::or(async { Some(events.next().await) }, tick).await {
            Some(Some(event)) => report.event(&event),
            Some(None) => break,
            None => {}
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
