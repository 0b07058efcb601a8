//! Captures of a shard, replayed.

use sanscord::capture::replay;
use sanscord::gateway::Shard;

/// Any text is a capture or refused at one of its lines, and a captured machine is as sound as any.
pub fn capture(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    match replay::<Shard>(text.lines()) {
        Ok(replayed) => {
            let told = replayed.inputs + replayed.commands + replayed.outputs;
            assert!(told < lines as u64, "{told} of {lines} lines");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
