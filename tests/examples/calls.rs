//! Calls of many members in memory, through whatever may befall them, on all cores: see `sanscord_testing::hall`.
//!
//! ```text
//! cargo run --release -p sanscord-testing --example calls -- --seeds 1000
//! cargo run --release -p sanscord-testing --example calls -- --seeds 20 --members 25
//! cargo run --release -p sanscord-testing --example calls -- --seed 1234
//! ```

use std::error::Error;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use sanscord_testing::hall::{Failure, MAX_MEMBERS, Outcome, Plan, run, run_told};

const HELP: &str = "\
calls [options]
  --seeds N   so many seeds (100)
  --first S   the first seed (0)
  --seed S    this seed alone
  --members M so many members, 2 to 25, instead of as many as each seed says
  --jobs N    on so many threads (all cores)
  --keep-on   go on after a failure
  --lines N   so many of the last lines of a failure (60)
";

/// How often is told how far it has come.
const PROGRESS: Duration = Duration::from_secs(10);

struct Options {
    seeds: u64,
    first: u64,
    members: Option<usize>,
    jobs: usize,
    keep_on: bool,
    lines: usize,
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = Options { seeds: 100, first: 0, members: None, jobs, keep_on: false, lines: 60 };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seeds") => options.seeds = parser.value()?.parse()?,
            Long("first") => options.first = parser.value()?.parse()?,
            Long("seed") => {
                options.first = parser.value()?.parse()?;
                options.seeds = 1;
            }
            Long("members") => {
                let members: usize = parser.value()?.parse()?;
                if !(2..=MAX_MEMBERS).contains(&members) {
                    return Err("--members takes 2 to 25".into());
                }
                options.members = Some(members);
            }
            Long("jobs") => options.jobs = parser.value()?.parse::<usize>()?.max(1),
            Long("keep-on") => options.keep_on = true,
            Long("lines") => options.lines = parser.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options()? else {
        print!("{HELP}");
        return Ok(());
    };
    // A broken rule is caught and told below.
    std::panic::set_hook(Box::new(|_| {}));
    let start = Instant::now();
    let (outcome, failures) = run_all(&options);
    println!("{outcome}");
    println!("{} seeds in {:.1} s on {} threads", options.seeds, start.elapsed().as_secs_f64(), options.jobs);
    for failure in &failures {
        match run_told(failure.plan, options.lines) {
            Err(again) => println!("{again}"),
            Ok(_) => println!("{failure}\nit passes when it is run again"),
        }
    }
    match failures.len() {
        0 => Ok(()),
        count => Err(format!("{count} seeds failed").into()),
    }
}

fn run_all(options: &Options) -> (Outcome, Vec<Failure>) {
    let next = AtomicU64::new(options.first);
    let end = options.first + options.seeds;
    let over = AtomicBool::new(false);
    let total = Mutex::new((Outcome::default(), Vec::new()));
    let told = Mutex::new(Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if let Ok(mut told) = told.try_lock()
                        && told.elapsed() >= PROGRESS
                    {
                        *told = Instant::now();
                        eprintln!("seed {} of {}-{}", next.load(Ordering::Relaxed), options.first, end - 1);
                    }
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let plan = Plan::of(seed);
                    let result = run(options.members.map_or(plan, |members| plan.with_members(members)));
                    let mut total = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match result {
                        Ok(outcome) => total.0.add(&outcome),
                        Err(failure) => {
                            eprintln!("seed {seed}: {}", failure.what.lines().last().unwrap_or_default());
                            over.fetch_or(!options.keep_on, Ordering::Relaxed);
                            total.1.push(failure);
                        }
                    }
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
