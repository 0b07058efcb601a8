//! A page of 100 messages, from JSON to objects: ours, beside twilight-model's and `serde_json::Value`.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use sanscord::gateway::message::Message as Envelope;
use sanscord::object::{List, Message};
use sanscord_bench::measure::{interleave, least, print_table};
use sanscord_bench::stream::Session;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

const SEED: u64 = 1;
const MESSAGES: usize = 100;
const ROUNDS: usize = 15;
/// Pages that a round parses.
const PAGES: u32 = 100;

type Pass = fn(&str) -> Duration;

const LEVELS: [(&str, Pass); 6] = [
    ("JSON validated", parse::<Box<RawValue>>),
    ("own messages", parse::<Vec<Message>>),
    ("own messages, as a table", table),
    ("own messages, written back", written),
    ("twilight-model's messages", parse::<Vec<twilight_model::channel::Message>>),
    ("serde_json::Value", parse::<Value>),
];

fn main() {
    let page = page();
    for message in serde_json::from_str::<Vec<Message>>(&page).expect("messages") {
        assert!(message.author.is_some() && message.timestamp.is_some());
    }
    let text = &*page;
    let times = interleave(ROUNDS, &mut LEVELS.map(|(_, pass)| move || pass(text)));
    let nanos = times.iter().map(|times| least(times).as_nanos() as f64 / f64::from(PAGES));
    let nanos: Vec<f64> = nanos.collect();
    let twilight = nanos[4];
    let rows: Vec<Vec<String>> = LEVELS
        .iter()
        .zip(&nanos)
        .map(|((level, _), time)| {
            vec![
                (*level).to_owned(),
                format!("{:.1}", time / 1000.0),
                format!("{:.0}", time / MESSAGES as f64),
                format!("{:.0}", page.len() as f64 * 1000.0 / time),
                format!("{:.2}", twilight / time),
            ]
        })
        .collect();
    let head = ["what", "us a page", "ns a message", "MB/s", "x twilight"];
    print_table("A page of 100 messages", &head, &rows);
    println!("\n{} bytes. Thread CPU time, the least of {ROUNDS} rounds of {PAGES} pages.", page.len());
}

/// What a request for messages is answered with: those that the gateway sends, without what only it tells.
fn page() -> String {
    let session = Session::steady(SEED, 40 * MESSAGES);
    let created = session.events.iter().filter_map(|event| {
        let envelope = Envelope::read(event).expect("a message");
        let created = envelope.name.is_some_and(|name| name.as_str() == "MESSAGE_CREATE");
        created.then(|| serde_json::from_slice::<Value>(&envelope.data).expect("JSON"))
    });
    let messages: Vec<Value> = created
        .take(MESSAGES)
        .map(|mut message| {
            let fields = message.as_object_mut().expect("an object");
            fields.retain(|name, _| name != "guild_id" && name != "member");
            message
        })
        .collect();
    assert_eq!(messages.len(), MESSAGES);
    serde_json::to_string(&messages).expect("JSON")
}

fn timed(mut step: impl FnMut()) -> Duration {
    let clock = ThreadTime::now();
    (0..PAGES).for_each(|_| step());
    clock.elapsed()
}

fn parse<T: DeserializeOwned>(page: &str) -> Duration {
    timed(|| {
        let parsed: T = serde_json::from_str(black_box(page)).expect("a page");
        drop(black_box(parsed));
    })
}

fn table(page: &str) -> Duration {
    let list: List<Message> = serde_json::from_str(page).expect("a page");
    timed(|| drop(black_box(list.to_string())))
}

fn written(page: &str) -> Duration {
    let list: List<Message> = serde_json::from_str(page).expect("a page");
    timed(|| drop(black_box(serde_json::to_string(&list).expect("JSON"))))
}
