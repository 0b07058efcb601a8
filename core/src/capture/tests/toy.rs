//! A machine that speaks the whole vocabulary.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::Bench;
use crate::capture::{Capture, Recording, ReplayError, Replayable, Replayed, Secret, replay};
use crate::entropy::Entropy;
use crate::machine::{
    CloseFrame, Closed, Encoding, Fault, FileId, FileReport, Frame, Input, Machine, Method, Output, Request,
    RequestId, Response, Scope, SocketId, Unanswered,
};
use crate::time::{Duration, Timestamp};

const TOKEN: &str = "toy-token-1234";
const SECRETS: [&str; 5] = [TOKEN, "interaction-aW50", "webhook-aBcDeF", "a-session-id", "cookie-crumb"];

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Setup {
    token: Box<str>,
    url: Box<str>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum Wish {
    Ask { token: String },
    Write,
    Dial,
    HangUp(Option<u16>),
    Finish,
}

#[derive(Debug)]
struct Toy {
    setup: Setup,
    entropy: Entropy,
    scope: Scope,
    socket: Option<SocketId>,
    file: Option<FileId>,
    request: Option<RequestId>,
    finished: bool,
    until: Option<Timestamp>,
    out: VecDeque<Output<String>>,
}

impl Replayable for Toy {
    type Setup = Setup;
    type Command = Wish;
    type Answer = usize;

    fn build(setup: &Setup, seed: [u8; 32]) -> Self {
        Self {
            setup: setup.clone(),
            entropy: Entropy::new(seed),
            scope: Scope::new(3),
            socket: None,
            file: None,
            request: None,
            finished: false,
            until: None,
            out: VecDeque::new(),
        }
    }

    fn apply(&mut self, now: Timestamp, wish: Wish) -> usize {
        self.until = Some(now + self.entropy.up_to(Duration::from_secs(1)));
        match wish {
            Wish::Ask { token } => {
                let id = self.scope.request();
                self.request = Some(id);
                self.out.push_back(Output::SendRequest(
                    id,
                    Request {
                        method: Method::Post,
                        url: format!("https://toy.test/api/webhooks/17/{token}").into(),
                        headers: vec![("authorization", format!("Bot {}", self.setup.token).into())],
                        body: Bytes::from(format!("{{\"nonce\":{}}}", self.entropy.below(1000))).into(),
                        body_limit: u64::MAX,
                        save: None,
                        progress: false,
                        deadline: Duration::from_secs(1),
                    },
                ));
            }
            Wish::Write => {
                let file = self.scope.file();
                self.file = Some(file);
                self.out.push_back(Output::OpenFile { file, path: "toys".into(), encoding: Encoding::Plain });
                self.out.push_back(Output::Append(file, Bytes::from_static(b"12345")));
                self.out.push_back(Output::CloseFile(file));
            }
            Wish::Dial => {
                let socket = self.scope.socket();
                self.socket = Some(socket);
                self.out.push_back(Output::OpenWebSocket { socket, url: self.setup.url.clone() });
            }
            Wish::HangUp(code) => {
                let socket = self.socket.unwrap_or_else(|| self.scope.socket());
                self.out.push_back(Output::Close(socket, code.map(CloseFrame::new)));
            }
            Wish::Finish => self.finished = true,
        }
        self.out.len()
    }

    fn secrets(setup: &Setup) -> Vec<Secret<'_>> {
        vec![Secret::Token(&setup.token)]
    }

    fn describe(event: &String) -> String {
        event.clone()
    }
}

impl Machine for Toy {
    type Event = String;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.until = Some(now + self.entropy.up_to(Duration::from_secs(1)));
        let told = match input {
            Input::Timeout => "time".into(),
            Input::Opened(socket) if self.socket == Some(socket) => {
                let hello = format!("{{\"token\":\"{}\"}}", self.setup.token);
                self.out.push_back(Output::SendFrame(socket, Frame::Text(hello.into())));
                "opened".into()
            }
            Input::Frame(socket, Frame::Text(text)) if self.socket == Some(socket) => {
                self.out.push_back(Output::SendFrame(socket, Frame::Text(text.clone())));
                String::from_utf8_lossy(&text).into_owned()
            }
            Input::Frame(socket, Frame::Binary(data)) if self.socket == Some(socket) => format!("{data:?}"),
            Input::Closed(socket, closed) if self.socket == Some(socket) => format!("{closed:?}"),
            Input::Response(id, Ok(response)) if self.request == Some(id) => {
                format!("{} {:?} {:?}", response.status, response.header("x-toy"), response.body)
            }
            Input::Response(id, Err(unanswered)) if self.request == Some(id) => unanswered.reason.into(),
            Input::File(file, report) if self.file == Some(file) => format!("{report:?}"),
            other => format!("strange {other:?}").split('(').next().unwrap().to_string(),
        };
        self.out.push_back(Output::Event(told));
    }

    fn poll_output(&mut self) -> Output<String> {
        self.out.pop_front().unwrap_or(Output::Wait(self.until))
    }

    fn is_finished(&self) -> bool {
        self.finished && self.out.is_empty()
    }
}

fn bench() -> Bench<Toy> {
    let setup = Setup { token: TOKEN.into(), url: "wss://toy.test/?v=1".into() };
    Bench::new(Capture::new(setup, [9; 32], "toys/capture.jsonl"))
}

fn text(text: &str) -> Frame {
    Frame::Text(Bytes::copy_from_slice(text.as_bytes()))
}

/// Everything once.
fn session() -> Bench<Toy> {
    let mut bench = bench();
    bench.input(Input::Timeout);
    bench.apply(Wish::Dial);
    let socket = bench.capture.machine().socket.unwrap();
    bench.input(Input::Opened(socket));
    bench.input(Input::Frame(socket, text(r#"{"t":"READY","d":{"session_id":"a-session-\u0069d"}}"#)));
    bench.input(Input::Frame(socket, text(r#"{"d":{"id":"5","token":"interaction-aW50"}}"#)));
    bench.input(Input::Frame(socket, text(&format!("{{\"x\":\"{}\"}}", "long ".repeat(100)))));
    bench.input(Input::Frame(socket, Frame::Text(Bytes::from_static(b"\xff interaction-aW50"))));
    bench.input(Input::Frame(socket, Frame::Binary(Bytes::from_static(br#"{"plain":1}"#))));
    bench.input(Input::Frame(socket, Frame::Binary(Bytes::from_static(b"\xff a-session-id"))));
    bench.apply(Wish::Ask { token: "webhook-aBcDeF".into() });
    let request = bench.capture.machine().request.unwrap();
    let header = |name: &str, value: &str| (name.into(), value.into());
    bench.input(Input::Response(
        request,
        Ok(Response {
            status: 200,
            headers: vec![header("set-cookie", "cookie-crumb"), header("x-toy", "yes")],
            body: Bytes::from_static(b"{\"url\":\"https://toy.test/api/webhooks/17/webhook-aBcDeF\"}"),
        }),
    ));
    bench.input(Input::Response(request, Err(Unanswered::new(Fault::Lost, "twice"))));
    bench.apply(Wish::Write);
    let file = bench.capture.machine().file.unwrap();
    bench.input(Input::File(file, FileReport::Failed { reason: format!("disk says {TOKEN}").into() }));
    bench.apply(Wish::HangUp(Some(4000)));
    for closed in [
        Closed::Lost { reason: "gone".into() },
        Closed::Refused { status: Some(503), reason: "busy".into() },
        Closed::ByPeer(Some(CloseFrame { code: 4004, reason: TOKEN.into() })),
    ] {
        bench.apply(Wish::Dial);
        let socket = bench.capture.machine().socket.unwrap();
        bench.input(Input::Closed(socket, closed));
    }
    bench.sleep();
    bench
}

fn played(text: &str) -> Replayed<Toy> {
    replay(text.lines()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_happened_is_replayed_without_its_secrets() {
    let mut bench = session();
    assert_eq!(bench.path.as_deref(), Some("toys/capture.jsonl"));
    assert_eq!(played(bench.text()).end, None);
    assert!(!bench.capture.is_finished());
    bench.apply(Wish::Finish);
    assert!(bench.is_complete("the machine has finished"));
    assert!(bench.capture.is_finished());
    assert_eq!(bench.capture.written(), bench.file.len());
    bench.assert_clean(&SECRETS);
    let replayed = played(bench.text());
    assert_eq!(replayed.end.as_deref(), Some("the machine has finished"));
    assert_eq!((replayed.inputs, replayed.commands), (15, 8));
    assert_eq!(replayed.machine.until, bench.capture.machine().until);
    for placeholder in ["<token>", "<session 1>", "<secret 1>", "<secret 2>", "<cookie>"] {
        assert!(bench.text().contains(placeholder), "{placeholder}");
    }
    assert!(!bench.text().contains("<secret 3>"));
}

#[test]
fn the_machine_does_what_it_does_without_a_capture() {
    let bench = session();
    let setup = Setup { token: TOKEN.into(), url: "wss://toy.test/?v=1".into() };
    let mut toy = Toy::build(&setup, [9; 32]);
    toy.handle_input(Timestamp::from_millis(1_007), Input::Timeout);
    toy.apply(Timestamp::from_millis(1_010), Wish::Dial);
    toy.handle_input(Timestamp::from_millis(1_017), Input::Opened(toy.socket.unwrap()));
    let mut outputs = Vec::new();
    while let Some(output) = toy.out.pop_front() {
        outputs.push(format!("{output:?}"));
    }
    assert_eq!(outputs.len(), 4);
    for (output, captured) in outputs.iter().zip(&bench.outputs) {
        assert_eq!(*output, format!("{captured:?}"));
    }
}

#[test]
fn the_first_difference_is_told() {
    let bench = session();
    let lines: Vec<&str> = bench.text().lines().collect();
    let differs = |lines: &[String]| {
        let error = replay::<Toy>(lines.iter().map(|line| &**line)).unwrap_err();
        let ReplayError::Different { line, expected, actual } = error else { panic!("{error}") };
        (line, expected, actual)
    };
    let changed = |number: usize, from: &str, to: &str| {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        assert!(lines[number - 1].contains(from), "{}", lines[number - 1]);
        lines[number - 1] = lines[number - 1].replace(from, to);
        lines
    };
    // An output, an input, the seed.
    let dial = lines.iter().position(|line| line.contains("open_web_socket")).unwrap() + 1;
    let (line, expected, actual) = differs(&changed(dial, "toy.test", "other.test"));
    assert_eq!(line, dial);
    assert!(expected.contains("other.test") && actual.contains("toy.test"));
    let frame = lines.iter().position(|line| line.contains("\"kind\":\"frame\"")).unwrap() + 1;
    let (line, _, actual) = differs(&changed(frame, "READY", "READ"));
    assert!(line > frame && actual.contains("READ\\"), "{line} {actual}");
    assert_eq!(differs(&changed(1, "0909", "0908")).0, 4);
    let long =
        lines.iter().position(|line| line.contains("long long") && line.contains("frame")).unwrap() + 1;
    let mut lines = changed(long, "long \\\"}", "lonG \\\"}");
    let echo = lines.iter().skip(long).position(|line| line.contains("long \\\"}")).unwrap() + long;
    lines[echo] = lines[echo].replace("long \\\"}", "lonG \\\"}");
    let (line, expected, actual) = differs(&lines);
    assert!(expected.contains("508 bytes") && actual.contains("508 bytes"), "{line} {expected}");
    // The machine says less than it did.
    let mut lines = changed(1, "", "");
    lines.insert(3, lines[2].clone());
    assert_eq!(differs(&lines).0, 4);
}

#[test]
fn what_is_no_capture_is_refused() {
    let bench = session();
    let first = bench.text().lines().next().unwrap();
    assert!(matches!(replay::<Toy>([]), Err(ReplayError::Empty)));
    assert!(matches!(replay::<Toy>(["", " "]), Err(ReplayError::Empty)));
    assert!(replay::<Toy>(["", first, ""]).is_ok());
    let long = format!("{first}{}", " ".repeat(64 << 20)) + "x";
    for (lines, number) in [
        (vec!["{}"], 1),
        (vec![r#"{"at":1,"kind":"timeout"}"#], 1),
        (vec![&first.replace("\"version\":1", "\"version\":2")], 1),
        (vec![&first.replace("0909", "09")], 1),
        (vec![&first.replace("0909", "zz09")], 1),
        (vec![&first.replace("\"url\"", "\"uri\"")], 1),
        (vec![&long], 1),
        (vec![first, first], 2),
        (vec![first, "", r#"{"at":1,"kind":"time"}"#], 3),
        (vec![first, r#"{"at":1,"kind":"command","command":{"Wish":1}}"#], 2),
        (vec![first, r#"{"at":1,"kind":"frame","socket":1,"data":{"binary":"f"}}"#], 2),
    ] {
        let error = replay::<Toy>(lines).map(|_| ()).unwrap_err();
        assert!(matches!(error, ReplayError::Unreadable { line, .. } if line == number), "{error}");
    }
}

#[test]
fn a_capture_is_bounded_and_says_so() {
    let whole = session();
    for max in [0, 100, 1_000, 3_000] {
        let mut bench = bench();
        bench.capture = bench.capture.with_max_bytes(max);
        let frame = |n: u32| text(&format!("{{\"n\":{n}}}"));
        bench.apply(Wish::Dial);
        let socket = bench.capture.machine().socket.unwrap();
        for n in 0..40 {
            bench.input(Input::Frame(socket, frame(n)));
        }
        assert!(bench.is_complete("full"), "{max}: {:?}", bench.capture);
        // The machine goes on.
        assert_eq!(bench.outputs.len(), 1 + 2 * 40);
        let last = bench.text().lines().last().unwrap();
        assert!(last.ends_with(r#""kind":"end","reason":"full"}"#), "{last}");
        // The first line is always there.
        let first = bench.text().lines().next().unwrap().len() + 1;
        assert!(bench.file.len() <= max.max(first) + last.len() + 1, "{max}: {}", bench.file.len());
        assert_eq!(played(bench.text()).end.as_deref(), Some("full"));
        assert!(!bench.capture.is_finished());
        bench.apply(Wish::Finish);
        assert!(bench.capture.is_finished());
    }
    assert!(whole.file.len() > 3_000);
}

#[test]
fn a_file_that_fails_stops_nothing_but_the_capture() {
    let mut bench = bench();
    bench.input(Input::Timeout);
    let file = bench.id.unwrap();
    let before = bench.file.len();
    bench.input(Input::File(file, FileReport::Failed { reason: "disk full".into() }));
    assert_eq!(*bench.capture.recording(), Recording::Failed { reason: "disk full".into() });
    bench.input(Input::Timeout);
    assert_eq!((bench.file.len(), bench.outputs.len()), (before, 2));
    bench.apply(Wish::Finish);
    assert!(bench.capture.is_finished());
    // It fails when it is closed.
    let mut bench = super::Bench { disk: FileReport::Failed { reason: "sync".into() }, ..session() };
    bench.apply(Wish::Finish);
    assert_eq!(*bench.capture.recording(), Recording::Failed { reason: "sync".into() });
    assert!(bench.capture.is_finished());
}

#[test]
fn the_user_and_datagrams_end_it() {
    let mut bench = session();
    bench.capture.end(bench.now);
    bench.drain();
    assert!(bench.is_complete("ended by the user"));
    let before = bench.file.len();
    bench.capture.end(bench.now);
    bench.input(Input::Timeout);
    assert_eq!(bench.file.len(), before);
    // A file that is done with.
    bench.input(Input::File(bench.id.unwrap(), FileReport::Failed { reason: "stale".into() }));
    bench.input(Input::File(bench.id.unwrap(), FileReport::Closed));
    assert!(bench.is_complete("ended by the user"));
    let mut bench = session();
    let socket = bench.capture.machine().socket.unwrap();
    assert_eq!(bench.capture.handle_datagram(bench.now, socket, &mut [1, 2]), None);
    bench.drain();
    assert!(bench.is_complete("a datagram came"));
    assert_eq!(played(bench.text()).end.as_deref(), Some("a datagram came"));
}

#[test]
fn inputs_between_outputs_are_replayed_there() {
    let mut bench = bench();
    bench.capture.apply(bench.now, Wish::Write);
    bench.capture.apply(bench.now, Wish::Dial);
    // Two outputs, then an input before the drain.
    while bench.outputs.len() < 2 {
        bench.poll();
    }
    bench.input(Input::Timeout);
    // A `Wait` that was overtaken by an input.
    bench.capture.handle_input(bench.now, Input::Timeout);
    let before = bench.file.len();
    while bench.file.len() == before {
        bench.poll();
    }
    bench.input(Input::Timeout);
    bench.capture.end(bench.now);
    bench.drain();
    let kinds = bench.text().lines().map(|line| line.split('"').nth(5).unwrap_or_default());
    assert_eq!(
        kinds.collect::<Vec<_>>().join(" "),
        "begin command command open_file append timeout close_file open_web_socket event wait timeout event \
         wait timeout event wait end"
    );
    assert_eq!(played(bench.text()).outputs, 10);
}

proptest! {
    #[test]
    fn a_damaged_capture_is_replayed_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..5_u8, any::<prop::sample::Index>()), 1..6)
    ) {
        let bench = session();
        let mut lines: Vec<String> = bench.text().lines().map(ToString::to_string).collect();
        for (at, edit, other) in edits {
            let (at, other) = (at.index(lines.len()), other.index(lines.len()));
            match edit {
                0 => lines.swap(at, other),
                1 => lines[at] = lines[other].clone(),
                2 => lines[at] = lines[at].chars().take(other).collect(),
                3 => lines[at] = lines[at].replace(char::from(b'0' + u8::try_from(other % 10).unwrap()), "7"),
                _ => lines[at] = lines[at].replace("send", "frame"),
            }
        }
        match replay::<Toy>(lines.iter().map(|line| &**line)) {
            Ok(_) | Err(ReplayError::Empty) => {}
            Err(ReplayError::Unreadable { line, .. } | ReplayError::Different { line, .. }) => {
                prop_assert!((1..=lines.len()).contains(&line));
            }
        }
    }
}
