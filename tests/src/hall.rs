//! Calls of many members, each a whole client, through whatever may befall them, under a virtual clock.
//!
//! A seed decides who joins, leaves, moves and comes back, whose connection breaks, and what a voice server that means
//! harm sends: commits that nobody made, welcomes for others, strangers to add, frames that were tampered with. After
//! each of its rounds the calls settle, and then must hold:
//!
//! * all who are in a channel are in one group, of these members and no other, with one privacy code;
//! * what each of them says is heard by each other one in the channel, as it was said and once, and by nobody
//!   elsewhere; where datagrams are lost, nothing else is heard;
//! * nothing goes out in the clear;
//! * at the end one of them is put out of the group while it goes on getting all that is said: it opens nothing, and
//!   once its keys have expired nobody opens what it says;
//! * our Discord sees no rule broken, except those that a network which swallows messages breaks for a client.
//!
//! | module | subject |
//! |---|---|
//! | `act` | what may happen |
//! | `ear` | what is said, and who heard what |
//! | `stage` | lets it happen |
//! | `judge` | what must hold of calls that have settled |

mod act;
mod ear;
mod judge;
mod stage;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use sanscord::time::Duration;

pub use act::Act;

use stage::Stage;

/// The most members of a call here.
pub const MAX_MEMBERS: usize = 25;

/// What to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Decides everything else.
    pub seed: u64,
    /// How many bots there are, 2 to [`MAX_MEMBERS`].
    pub members: usize,
    /// How often something happens and the calls settle.
    pub rounds: u32,
}

impl Plan {
    /// What a seed stands for: mostly few members and many rounds.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let members = if rng.u8(..40) == 0 { rng.usize(7..=12) } else { rng.usize(2..=6) };
        Self { seed, members, rounds: rng.u32(2..=6) }
    }

    /// The same seed with so many members. Large groups cost much time: they have one round.
    #[must_use]
    pub fn with_members(self, members: usize) -> Self {
        let members = members.clamp(2, MAX_MEMBERS);
        Self { members, rounds: if members > 12 { 1 } else { self.rounds }, ..self }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// The virtual time that passed.
    pub time: Duration,
    /// What befell the calls.
    pub acts: u64,
    /// Frames that were said while a call was settled.
    pub said: u64,
    /// Frames that were heard by somebody, each as often as it was heard.
    pub heard: u64,
    /// Epochs that members entered.
    pub epochs: u64,
    /// How often a member gave up the group and was added again.
    pub recoveries: u64,
    /// Voice sessions that were resumed.
    pub resumes: u64,
    /// Voice sessions that were begun.
    pub sessions: u64,
    /// Frames that came to one who cannot open them.
    pub unopened: u64,
}

impl Outcome {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.time += other.time;
        self.acts += other.acts;
        self.said += other.said;
        self.heard += other.heard;
        self.epochs += other.epochs;
        self.recoveries += other.recoveries;
        self.resumes += other.resumes;
        self.sessions += other.sessions;
        self.unopened += other.unopened;
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acts, {} frames said, {} heard, {} epochs entered, {} recoveries, {} sessions, {} resumes, {} frames \
             of others not opened, {:.0} s",
            self.acts,
            self.said,
            self.heard,
            self.epochs,
            self.recoveries,
            self.sessions,
            self.resumes,
            self.unopened,
            self.time.as_secs_f64()
        )
    }
}

/// What must not happen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// What was run.
    pub plan: Plan,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, members, .. } = self.plan;
        write!(
            f,
            "{}\nagain: cargo run --release -p sanscord-testing --example calls -- --seed {seed} --members {members}",
            self.what
        )
    }
}

impl std::error::Error for Failure {}

/// Runs it.
///
/// # Errors
/// If something happened that must not, a panic included.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    run_told(plan, 0)
}

/// Runs it, and keeps in mind what happened: a failure tells so many of the last lines.
///
/// # Errors
/// As [`run`].
pub fn run_told(plan: Plan, lines: usize) -> Result<Outcome, Failure> {
    let outcome = catch_unwind(AssertUnwindSafe(|| Stage::new(plan, lines).run()));
    let what = match outcome {
        Ok(Ok(outcome)) => return Ok(outcome),
        Ok(Err(what)) => what,
        Err(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(other) => {
                other.downcast_ref::<&str>().map_or_else(|| "a panic".into(), |text| (*text).into())
            }
        },
    };
    Err(Failure { plan, what })
}
