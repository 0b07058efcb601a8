//! Interleaved rounds, medians and minima, and tables.

use std::time::Duration;

/// Runs each pass once a round, so that all meet the same disturbances, and answers with the times of each.
///
/// A pass times itself: what it has to prepare is not part of it.
pub fn interleave<P: FnMut() -> Duration>(rounds: usize, passes: &mut [P]) -> Vec<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(rounds); passes.len()];
    for _ in 0..rounds {
        for (pass, times) in passes.iter_mut().zip(&mut times) {
            times.push(pass());
        }
    }
    times
}

/// The middle one, the later of two; zero if there is none.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The least one: what others do on the machine only adds to a time. Zero if there is none.
#[must_use]
pub fn least(times: &[Duration]) -> Duration {
    times.iter().min().copied().unwrap_or_default()
}

/// Prints a Markdown table: text on the left, numbers on the right.
pub fn print_table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("\n### {title}\n");
    println!("| {} |", head.join(" | "));
    let rule: Vec<&str> = (0..head.len()).map(|column| if column == 0 { "---" } else { "---:" }).collect();
    println!("|{}|", rule.join("|"));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pass_gets_its_own_times() {
        let mut passes = [1, 7].map(|step| {
            let mut time = Duration::ZERO;
            move || {
                time += Duration::from_nanos(step);
                time
            }
        });
        let times = interleave(5, &mut passes);
        assert_eq!(times.iter().map(|times| least(times).as_nanos()).collect::<Vec<_>>(), [1, 7]);
        let medians: Vec<_> = times.into_iter().map(|times| median(times).as_nanos()).collect();
        assert_eq!(medians, [3, 21]);
        assert_eq!((median(Vec::new()), least(&[])), (Duration::ZERO, Duration::ZERO));
    }
}
