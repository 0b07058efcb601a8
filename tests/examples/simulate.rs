//! Simulates clusters of shards for as many virtual days as are asked for, on all cores.
//!
//! ```text
//! cargo run --release -p sanscord-testing --example simulate -- --days 1000
//! cargo run --release -p sanscord-testing --example simulate -- --hours 1000 --from 5000
//! cargo run --release -p sanscord-testing --example simulate -- --plan failure.json
//! ```
//!
//! A seed that fails is shrunk to the fewest steps that still fail, which are printed and written to a file; `--plan`
//! replays it, with all that happened.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use sanscord_testing::simulation::{Plan, Tally, run, run_told, shrink};

const HELP: &str = "\
simulate [options]
  --days N    so many seeds of a virtual day each (100)
  --hours N   so many seeds of a virtual hour each, with denser faults, instead
  --from N    the first seed (0)
  --seed N    this seed alone
  --jobs N    on so many threads (all cores)
  --keep-on   go on after a failure
  --no-shrink print a failing plan as it was drawn
  --lines N   so many of the last lines of a failure (60)
  --plan FILE run this plan alone, and tell what happens
  --show      print the plan of --seed and do not run it
";

/// How many plans are run at most to shrink one.
const SHRINK_RUNS: usize = 2_000;

/// How often is told how far it has come.
const PROGRESS: Duration = Duration::from_secs(30);

struct Options {
    hours: bool,
    count: u64,
    from: u64,
    jobs: usize,
    keep_on: bool,
    shrink: bool,
    lines: usize,
    plan: Option<PathBuf>,
    show: bool,
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options {
        hours: false,
        count: 100,
        from: 0,
        jobs,
        keep_on: false,
        shrink: true,
        lines: 60,
        plan: None,
        show: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("days") => options.count = parser.value()?.parse()?,
            Long("hours") => {
                options.hours = true;
                options.count = parser.value()?.parse()?;
            }
            Long("from") => options.from = parser.value()?.parse()?,
            Long("seed") => {
                options.from = parser.value()?.parse()?;
                options.count = 1;
            }
            Long("jobs") => options.jobs = parser.value()?.parse::<usize>()?.max(1),
            Long("keep-on") => options.keep_on = true,
            Long("no-shrink") => options.shrink = false,
            Long("lines") => options.lines = parser.value()?.parse()?,
            Long("plan") => options.plan = Some(parser.value()?.into()),
            Long("show") => options.show = true,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

impl Options {
    fn draw(&self, seed: u64) -> Plan {
        if self.hours { Plan::dense_hour(seed) } else { Plan::day(seed) }
    }
}

#[derive(Default)]
struct Total {
    tally: Tally,
    time: Duration,
    failures: Vec<u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options()? else {
        print!("{HELP}");
        return Ok(());
    };
    if let Some(path) = &options.plan {
        let plan: Plan = serde_json::from_slice(&std::fs::read(path)?)?;
        return match run_told(&plan, options.lines) {
            Ok(outcome) => {
                println!("passed: {}", outcome.tally);
                Ok(())
            }
            Err(failure) => {
                println!("{failure}");
                Err("the plan failed".into())
            }
        };
    }
    if options.show {
        println!("{}", serde_json::to_string_pretty(&options.draw(options.from))?);
        return Ok(());
    }
    // A broken rule is caught and told below.
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let total = run_all(&options);
    let took = start.elapsed().as_secs_f64();
    let days = total.time.as_secs_f64() / 86_400.0;
    println!("{}", total.tally);
    println!(
        "{} seeds, {days:.1} virtual days in {took:.1} s on {} threads: {:.0} days a minute",
        options.count,
        options.jobs,
        days / took * 60.0
    );
    for seed in &total.failures {
        report(&options, *seed)?;
    }
    match total.failures.len() {
        0 => Ok(()),
        count => Err(format!("{count} seeds failed: {:?}", total.failures).into()),
    }
}

fn run_all(options: &Options) -> Total {
    let next = AtomicU64::new(options.from);
    let end = options.from + options.count;
    let over = AtomicBool::new(false);
    let total = Mutex::new(Total::default());
    let told = Mutex::new(Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                let mut mine = Total::default();
                while !over.load(Ordering::Relaxed) {
                    if let Ok(mut told) = told.try_lock()
                        && told.elapsed() >= PROGRESS
                    {
                        *told = Instant::now();
                        eprintln!("seed {} of {}-{}", next.load(Ordering::Relaxed), options.from, end - 1);
                    }
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    match run(&options.draw(seed)) {
                        Ok(outcome) => {
                            mine.tally.merge(&outcome.tally);
                            mine.time += outcome.time;
                        }
                        Err(failure) => {
                            eprintln!("seed {seed}: {}", failure.what.lines().next().unwrap_or_default());
                            mine.failures.push(seed);
                            over.fetch_or(!options.keep_on, Ordering::Relaxed);
                        }
                    }
                }
                let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                total.tally.merge(&mine.tally);
                total.time += mine.time;
                total.failures.append(&mut mine.failures);
            });
        }
    });
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Shrinks what failed and says how to run it again.
fn report(options: &Options, seed: u64) -> Result<(), Box<dyn Error>> {
    if options.keep_on && options.count > 1 {
        return Ok(());
    }
    let mut plan = options.draw(seed);
    if options.shrink {
        plan = shrink(&plan, SHRINK_RUNS);
    }
    let text = serde_json::to_string(&plan)?;
    let path = std::env::temp_dir().join(format!("sanscord-plan-{seed}.json"));
    std::fs::write(&path, &text)?;
    match run_told(&plan, options.lines) {
        Ok(_) => println!("seed {seed} passes when it is run again"),
        Err(failure) => println!("seed {seed}: {failure}"),
    }
    println!("{text}");
    println!(
        "again: cargo run --release -p sanscord-testing --example simulate -- --plan {}",
        path.display()
    );
    Ok(())
}
