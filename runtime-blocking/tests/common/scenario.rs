//! What every adapter must do, each seen against real sockets.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sanscord::machine::{
    Audio, CloseFrame, Closed, FileReport, Frame, Input, Method, Response, SocketId, Unanswered,
};
use tungstenite::Message;

pub(crate) use super::exchange::*;
use super::{Next, Rig, Setup, Told, server};

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A test for each scenario.
#[macro_export]
macro_rules! scenarios {
    ($rig:ty: $($name:ident)*) => {$(
        #[test]
        fn $name() {
            common::scenario::$name::<$rig>();
        }
    )*};
    ($rig:ty) => {
        scenarios! { $rig:
            frames_come_back_whole
            frames_over_tls_need_trust
            a_peers_close_is_told
            a_cut_connection_is_lost
            a_refused_upgrade_has_a_status
            failures_to_connect_say_why
            what_was_sent_goes_out_before_the_close
            an_abrupt_close_says_nothing
            pings_are_answered
            a_peer_that_does_not_read_is_given_up
            a_peer_that_does_not_close_is_cut
            datagrams_go_both_ways
            a_udp_peer_that_is_gone_is_no_error
            requests_are_answered
            requests_over_tls_need_trust
            requests_that_fail_say_why
            connections_are_kept
            a_kept_connection_that_was_closed_is_no_obstacle
            what_may_have_arrived_is_not_sent_again
            faults_are_told_apart
            tls_that_cannot_be_had_is_told
            a_deadline_without_a_connection_leaves_it_unsent
            the_environment_names_roots
            redirects_are_answers
            interim_answers_are_passed_over
            gzip_is_taken_off_on_the_way
            files_are_sent_piece_by_piece
            an_answer_before_the_end_of_the_request_is_one
            files_that_cannot_be_sent_are_named
            a_file_that_shrinks_is_given_up
            answers_are_saved
            answers_that_cannot_be_saved_leave_nothing
            a_cancelled_request_leaves_nothing
            cancelled_requests_make_room
            waiting_for_a_turn_counts
            transfers_hold_no_call_back
            requests_go_by_a_proxy
            a_proxy_that_refuses_is_told
            web_sockets_go_by_a_proxy
            a_proxy_that_lets_no_web_socket_through_is_told
            an_ending_driver_lets_requests_out
            files_are_written
            files_that_exist_are_not_touched
            commands_wake_a_sleeping_driver
            deadlines_are_kept
            a_full_queue_loses_nothing
            news_that_nobody_takes_is_dropped_and_counted
            a_panicking_command_hurts_only_its_caller
            a_panicking_audio_callback_hangs_nobody
            without_a_listener_the_driver_goes_on
            a_finished_machine_ends_the_driver_when_all_is_out
            a_command_at_the_last_moment_is_answered
            a_driver_that_nobody_holds_ends
            bad_pem_files_are_named
        }
    };
}

pub(crate) fn folder(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("sanscord-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn start<R: Rig>() -> R {
    R::start(Setup::default())
}

pub(crate) fn input<R: Rig>(rig: &mut R) -> Input {
    match told(rig) {
        Told::Input(input) => input,
        told => panic!("{told:?}"),
    }
}

pub(crate) fn told<R: Rig>(rig: &mut R) -> Told {
    match rig.next(SOON) {
        Next::Event(told) => told,
        Next::Timeout => panic!("nothing came"),
        Next::Ended => panic!("the driver ended"),
    }
}

pub(crate) fn open<R: Rig>(rig: &mut R, url: String) -> SocketId {
    let socket = rig.call(move |toy, _| toy.web_socket(&url)).unwrap();
    assert_eq!(input(rig), Input::Opened(socket));
    socket
}

pub(crate) fn refused<R: Rig>(rig: &mut R, url: String) -> (Option<u16>, String) {
    let asked = rig.call(move |toy, _| toy.web_socket(&url)).unwrap();
    match input(rig) {
        Input::Closed(socket, Closed::Refused { status, reason }) if socket == asked => {
            (status, reason.into())
        }
        input => panic!("{input:?}"),
    }
}

fn send<R: Rig>(rig: &R, socket: SocketId, text: &'static str) {
    rig.call(move |toy, _| toy.send(socket, Frame::Text(Bytes::from_static(text.as_bytes())))).unwrap();
}

pub(crate) fn frames_come_back_whole<R: Rig>() {
    let mut rig = start::<R>();
    let (url, _read) = server::web_socket();
    let socket = open(&mut rig, url);
    echoes(&mut rig, socket);
}

pub(crate) fn echoes<R: Rig>(rig: &mut R, socket: SocketId) {
    let big = Bytes::from_iter((0..5_000_000_u32).map(|n| (n % 251) as u8));
    let frames = [
        Frame::Text("h\u{e9}llo".into()),
        Frame::Binary(Bytes::new()),
        Frame::Binary(big),
        Frame::Text("x".into()),
    ];
    let sent = frames.clone();
    rig.call(move |toy, _| {
        // The big one last but one: nothing may follow it while more than the bound is waiting.
        for frame in &sent[..3] {
            toy.send(socket, frame.clone());
        }
    })
    .unwrap();
    for frame in &frames[..3] {
        assert!(input(rig) == Input::Frame(socket, frame.clone()));
    }
    let last = frames[3].clone();
    rig.call(move |toy, _| toy.send(socket, last)).unwrap();
    assert_eq!(input(rig), Input::Frame(socket, frames[3].clone()));
}

pub(crate) fn frames_over_tls_need_trust<R: Rig>() {
    let (config, pem) = server::tls(&folder("tls"));
    let url = server::tls_web_socket(config);
    let mut rig = start::<R>();
    let (status, reason) = refused(&mut rig, url.clone());
    assert_eq!(status, None);
    assert!(reason.contains("certificate of localhost is not trusted"), "{reason}");
    assert!(reason.contains("SSL_CERT_FILE"), "{reason}");

    let mut rig = R::start(Setup { trust: Some(pem), ..Setup::default() });
    let socket = open(&mut rig, url.clone());
    echoes(&mut rig, socket);
    let (status, reason) = refused(&mut rig, url.replace("localhost", "127.0.0.1"));
    assert_eq!(status, None);
    assert!(reason.contains("127.0.0.1"), "{reason}");
}

pub(crate) fn a_peers_close_is_told<R: Rig>() {
    let mut rig = start::<R>();
    let (url, read) = server::web_socket();
    let socket = open(&mut rig, url);
    send(&rig, socket, "close 4004");
    let frame = CloseFrame { code: 4004, reason: "bye".into() };
    assert_eq!(input(&mut rig), Input::Closed(socket, Closed::ByPeer(Some(frame))));
    // The close frame is answered (RFC 6455, section 5.5.1).
    assert!(read.recv_timeout(SOON).unwrap().is_text());
    let answer = read.recv_timeout(SOON).unwrap();
    assert!(matches!(&answer, Message::Close(Some(frame)) if frame.code == 4004.into()), "{answer:?}");
    // Later sends and closes are no faults.
    send(&rig, socket, "late");
    rig.call(move |toy, _| toy.close(socket, None)).unwrap();
    rig.call(|toy, _| toy.tell(1)).unwrap();
    assert!(matches!(told(&mut rig), Told::Number(1)));
}

pub(crate) fn a_cut_connection_is_lost<R: Rig>() {
    let mut rig = start::<R>();
    let (url, _read) = server::web_socket();
    let socket = open(&mut rig, url);
    send(&rig, socket, "cut");
    let input = input(&mut rig);
    let reason = "the peer cut the connection".into();
    assert_eq!(input, Input::Closed(socket, Closed::Lost { reason }));
}

pub(crate) fn a_refused_upgrade_has_a_status<R: Rig>() {
    let mut rig = start::<R>();
    let address = server::raw("HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope");
    let (status, reason) = refused(&mut rig, format!("ws://{address}/"));
    assert_eq!((status, reason.as_str()), (Some(403), "127.0.0.1 answered 403 Forbidden"));
    let address =
        server::raw("HTTP/1.1 302 Found\r\nlocation: ws://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(refused(&mut rig, format!("ws://{address}/")).0, Some(302));
}

pub(crate) fn failures_to_connect_say_why<R: Rig>() {
    let mut rig = R::start(Setup { connect_timeout: Duration::from_millis(300), ..Setup::default() });
    let (status, reason) = refused(&mut rig, format!("ws://{}/", server::nobody()));
    assert_eq!(status, None);
    assert!(reason.contains("127.0.0.1") && reason.to_lowercase().contains("refused"), "{reason}");
    for scheme in ["ws", "wss"] {
        let started = Instant::now();
        let (status, reason) = refused(&mut rig, format!("{scheme}://{}/", server::silent()));
        assert_eq!((status, reason.as_str()), (None, "127.0.0.1 did not answer within 300ms"));
        assert!(started.elapsed() < Duration::from_secs(3));
    }
    let address = server::raw("SSH-2.0-nonsense\r\n\r\n");
    for scheme in ["ws", "wss"] {
        let (status, reason) = refused(&mut rig, format!("{scheme}://{address}/"));
        assert_eq!(status, None);
        assert!(reason.contains("127.0.0.1"), "{reason}");
    }
    for url in ["", "nonsense", "https://localhost/", "ws://", "wss://?x"] {
        let (status, reason) = refused(&mut rig, url.to_owned());
        assert_eq!(status, None);
        assert!(reason.contains("no WebSocket URL"), "{url}: {reason}");
    }
    let (status, reason) = refused(&mut rig, "ws://nobody.invalid/".to_owned());
    assert_eq!(status, None);
    assert!(reason.contains("nobody.invalid"), "{reason}");
}

pub(crate) fn what_was_sent_goes_out_before_the_close<R: Rig>() {
    let mut rig = start::<R>();
    let (url, read) = server::web_socket();
    let socket = open(&mut rig, url);
    rig.call(move |toy, _| {
        for n in 0..500 {
            toy.send(socket, Frame::Text(format!("{n} {}", "x".repeat(1000)).into()));
        }
        toy.close(socket, Some(CloseFrame { code: 4900, reason: "done".into() }));
        toy.send(socket, Frame::Text("too late".into()));
    })
    .unwrap();
    for n in 0..500 {
        let message = read.recv_timeout(SOON).unwrap();
        assert!(message.to_text().unwrap().starts_with(&format!("{n} ")), "{n}");
    }
    match read.recv_timeout(SOON).unwrap() {
        Message::Close(Some(frame)) => assert_eq!((u16::from(frame.code), &*frame.reason), (4900, "done")),
        message => panic!("{message:?}"),
    }
    // No input follows: the echoes of a closed socket are nobody's.
    rig.call(|toy, _| toy.finish()).unwrap();
    let mut inputs = Vec::new();
    loop {
        match rig.next(SOON) {
            Next::Event(Told::Input(input)) => inputs.push(input),
            Next::Ended => break,
            _ => panic!("the driver did not end"),
        }
    }
    assert!(!inputs.iter().any(|input| matches!(input, Input::Closed(..))), "{inputs:?}");
}

pub(crate) fn an_abrupt_close_says_nothing<R: Rig>() {
    let mut rig = start::<R>();
    let (url, read) = server::web_socket();
    let socket = open(&mut rig, url);
    rig.call(move |toy, _| {
        toy.send(socket, Frame::Text("last".into()));
        toy.close(socket, None);
    })
    .unwrap();
    assert_eq!(read.recv_timeout(SOON).unwrap(), Message::text("last"));
    // The server's end hangs up without having read a close frame.
    rig.call(|toy, _| toy.tell(1)).unwrap();
    assert!(matches!(told(&mut rig), Told::Number(1)));
    assert!(read.recv_timeout(Duration::from_millis(300)).is_err());
}

pub(crate) fn pings_are_answered<R: Rig>() {
    let mut rig = start::<R>();
    let (url, read) = server::web_socket();
    let socket = open(&mut rig, url);
    send(&rig, socket, "ping");
    assert!(read.recv_timeout(SOON).unwrap().is_text());
    assert_eq!(read.recv_timeout(SOON).unwrap(), Message::Pong("marco".into()));
}

pub(crate) fn a_peer_that_does_not_read_is_given_up<R: Rig>() {
    let mut rig = start::<R>();
    let (url, _read) = server::web_socket();
    let (deaf, fine) = (open(&mut rig, url.clone()), open(&mut rig, url));
    send(&rig, deaf, "deaf");
    let mut sent = 0;
    let (closed, lost) = loop {
        rig.call(move |toy, _| toy.send(deaf, Frame::Binary(vec![0; 100_000].into()))).unwrap();
        sent += 1;
        assert!(sent < 1000, "100 MB have gone nowhere");
        match rig.next(Duration::from_millis(1)) {
            Next::Event(Told::Input(Input::Closed(socket, closed))) => break (closed, socket),
            Next::Timeout => {}
            _ => panic!("the driver ended"),
        }
    };
    assert_eq!(lost, deaf);
    assert!(matches!(&closed, Closed::Lost { reason } if reason.contains("does not read")), "{closed:?}");
    send(&rig, fine, "hi");
    assert_eq!(input(&mut rig), Input::Frame(fine, Frame::Text("hi".into())));
}

pub(crate) fn a_peer_that_does_not_close_is_cut<R: Rig>() {
    let mut rig = start::<R>();
    let (url, _read) = server::web_socket();
    let socket = open(&mut rig, url);
    send(&rig, socket, "deaf");
    rig.call(move |toy, _| {
        toy.send(socket, Frame::Binary(vec![0; 20_000_000].into()));
        toy.close(socket, Some(CloseFrame::new(1000)));
        toy.finish();
    })
    .unwrap();
    let started = Instant::now();
    assert!(matches!(rig.next(SOON), Next::Ended));
    let took = started.elapsed();
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?}");
}

pub(crate) fn datagrams_go_both_ways<R: Rig>() {
    let (heard, hearing) = channel();
    let audio = Box::new(move |audio: &Audio, opus: &[u8]| {
        let _ = heard.send((audio.ssrc, opus.to_vec()));
    });
    let mut rig = R::start(Setup { audio, ..Setup::default() });
    let peer = server::udp_echo();
    let socket = rig.call(move |toy, _| toy.udp(peer)).unwrap();
    assert_eq!(input(&mut rig), Input::Opened(socket));
    rig.call(move |toy, _| {
        for n in 0..100_u8 {
            toy.datagram(socket, vec![n; 4].into());
        }
        toy.datagram(socket, vec![7; 60_000].into());
    })
    .unwrap();
    for n in 0..100_u8 {
        match told(&mut rig) {
            Told::Datagram(from, data) => assert_eq!((from, data), (socket, vec![n; 4])),
            told => panic!("{told:?}"),
        }
        assert_eq!(hearing.recv_timeout(SOON).unwrap(), (2, vec![n; 3]));
    }
    assert!(matches!(told(&mut rig), Told::Datagram(_, data) if data == vec![7; 60_000]));
    rig.call(move |toy, _| {
        toy.close(socket, None);
        toy.datagram(socket, vec![1].into());
        toy.tell(1);
    })
    .unwrap();
    assert!(matches!(told(&mut rig), Told::Number(1)));
}

pub(crate) fn a_udp_peer_that_is_gone_is_no_error<R: Rig>() {
    let mut rig = start::<R>();
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = rig.call(move |toy, _| toy.udp(gone)).unwrap();
    assert_eq!(input(&mut rig), Input::Opened(socket));
    for _ in 0..100 {
        rig.call(move |toy, _| toy.datagram(socket, vec![1].into())).unwrap();
    }
    assert!(matches!(rig.next(Duration::from_millis(100)), Next::Timeout));
    let back = std::net::UdpSocket::bind(gone).unwrap();
    back.set_read_timeout(Some(SOON)).unwrap();
    // The first send may still report that nobody was there.
    for _ in 0..2 {
        rig.call(move |toy, _| toy.datagram(socket, vec![2].into())).unwrap();
    }
    let (_, from) = back.recv_from(&mut [0; 9]).unwrap();
    back.send_to(b"here", from).unwrap();
    assert!(matches!(told(&mut rig), Told::Datagram(_, data) if data == b"here"));
}

fn answer<R: Rig>(
    rig: &mut R,
    method: Method,
    url: String,
    body: &'static str,
    deadline: Duration,
) -> Result<Response, Unanswered> {
    let asked = rig.call(move |toy, _| toy.request(method, url, body, deadline)).unwrap();
    match input(rig) {
        Input::Response(id, answer) if id == asked => answer,
        input => panic!("{input:?}"),
    }
}

pub(crate) fn requests_are_answered<R: Rig>() {
    let mut rig = start::<R>();
    let base = server::http();
    for (method, body) in [
        (Method::Get, ""),
        (Method::Post, "{}"),
        (Method::Post, ""),
        (Method::Put, ""),
        (Method::Patch, "x"),
        (Method::Delete, ""),
        (Method::Delete, "y"),
    ] {
        let response = answer(&mut rig, method, format!("{base}/200"), body, SOON).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.header("x-told"), Some("Yes"));
        assert_eq!(response.body, format!("{method} yes {body}"));
    }
    for status in [302, 401, 404, 429, 500, 502] {
        let response = answer(&mut rig, Method::Get, format!("{base}/{status}"), "", SOON).unwrap();
        assert_eq!((response.status, response.header("location")), (status, Some("/200")));
        assert_eq!(response.body, "GET yes ");
    }
    // Many at once.
    let url = format!("{base}/200");
    rig.call(move |toy, _| {
        for _ in 0..100 {
            toy.request(Method::Get, url.clone(), "", SOON);
        }
    })
    .unwrap();
    for _ in 0..100 {
        let input = input(&mut rig);
        assert!(matches!(&input, Input::Response(_, Ok(_))), "{input:?}");
    }
}

pub(crate) fn requests_over_tls_need_trust<R: Rig>() {
    let (config, pem) = server::tls(&folder("https"));
    let url = format!("{}/204", server::https(config));
    let mut rig = start::<R>();
    let unanswered = answer(&mut rig, Method::Get, url.clone(), "", SOON).unwrap_err();
    assert!(unanswered.reason.contains("certificate of localhost is not trusted"), "{unanswered:?}");
    let mut rig = R::start(Setup { trust: Some(pem), ..Setup::default() });
    let response = answer(&mut rig, Method::Get, url.replace("204", "200"), "", SOON).unwrap();
    assert_eq!(response.status, 200);
}

pub(crate) fn requests_that_fail_say_why<R: Rig>() {
    let mut rig = start::<R>();
    let base = server::http();
    let short = Duration::from_millis(300);
    let started = Instant::now();
    let unanswered = answer(&mut rig, Method::Get, format!("{base}/slow"), "", short).unwrap_err();
    assert_eq!(&*unanswered.reason, "127.0.0.1 did not answer within 300ms");
    assert!(started.elapsed() >= short && started.elapsed() < Duration::from_secs(3));
    let unanswered = answer(&mut rig, Method::Get, format!("{base}/huge"), "", SOON).unwrap_err();
    assert!(unanswered.reason.contains("127.0.0.1"), "{unanswered:?}");
    let nobody = format!("http://{}/", server::nobody());
    let unanswered = answer(&mut rig, Method::Get, nobody, "", SOON).unwrap_err();
    assert!(unanswered.reason.to_lowercase().contains("refused"), "{unanswered:?}");
    let unanswered = answer(&mut rig, Method::Get, "nonsense".into(), "", SOON).unwrap_err();
    assert!(unanswered.reason.contains("nonsense"), "{unanswered:?}");
}

pub(crate) fn files_are_written<R: Rig>() {
    let mut rig = start::<R>();
    let path = folder("file").join("a/b/c.bin");
    let asked = path.clone();
    let file = rig
        .call(move |toy, _| {
            let file = toy.open(asked);
            for n in 0..3000_u32 {
                toy.append(file, n.to_le_bytes().to_vec().into());
            }
            toy.close_file(file);
            file
        })
        .unwrap();
    assert_eq!(input(&mut rig), Input::File(file, FileReport::Closed));
    let expected: Vec<u8> = (0..3000_u32).flat_map(u32::to_le_bytes).collect();
    assert!(std::fs::read(path).unwrap() == expected);
}

pub(crate) fn files_that_exist_are_not_touched<R: Rig>() {
    let mut rig = start::<R>();
    let folder = folder("exists");
    let path = folder.join("kept");
    std::fs::write(&path, "mine").unwrap();
    for path in [path.clone(), path.join("below"), folder] {
        let asked = path.clone();
        let file = rig
            .call(move |toy, _| {
                let file = toy.open(asked);
                toy.append(file, "yours".into());
                toy.close_file(file);
                file
            })
            .unwrap();
        match input(&mut rig) {
            Input::File(failed, FileReport::Failed { reason }) if failed == file => {
                assert!(reason.contains(path.to_str().unwrap()), "{reason}");
            }
            input => panic!("{input:?}"),
        }
    }
    rig.call(|toy, _| toy.tell(1)).unwrap();
    assert!(matches!(told(&mut rig), Told::Number(1)));
    assert_eq!(std::fs::read(path).unwrap(), b"mine");
}

pub(crate) fn commands_wake_a_sleeping_driver<R: Rig>() {
    let mut rig = start::<R>();
    rig.call(|toy, now| toy.deadline = Some(now + Duration::from_secs(3600))).unwrap();
    for n in 0..5 {
        std::thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        let timeouts = rig.call(move |toy, _| {
            toy.tell(n);
            toy.timeouts
        });
        assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
        assert_eq!(timeouts, Some(1), "only the first input of all is a timeout");
        assert!(matches!(told(&mut rig), Told::Number(told) if told == n));
    }
}

pub(crate) fn deadlines_are_kept<R: Rig>() {
    let mut rig = start::<R>();
    for millis in [0, 1, 30, 200] {
        let wanted = rig
            .call(move |toy, now| {
                let wanted = now + Duration::from_millis(millis);
                toy.deadline = Some(wanted);
                wanted.as_nanos()
            })
            .unwrap();
        match told(&mut rig) {
            Told::Number(at) => {
                assert!(at >= wanted && at < wanted + 100_000_000, "{millis} ms: {} ns late", at - wanted);
            }
            told => panic!("{told:?}"),
        }
    }
}

pub(crate) fn a_full_queue_loses_nothing<R: Rig>() {
    let mut rig = start::<R>();
    let (url, _read) = server::web_socket();
    let socket = open(&mut rig, url);
    send(&rig, socket, "flood 20000");
    std::thread::sleep(Duration::from_millis(500));
    // Commands, timers and sends go on meanwhile.
    rig.call(|toy, now| toy.deadline = Some(now + Duration::from_millis(10))).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let timeouts = rig.call(|toy, _| toy.timeouts).unwrap();
    assert_eq!(timeouts, 2);
    let (mut frames, mut numbers, mut before) = (0, 0, 0);
    while frames < 20_000 {
        match told(&mut rig) {
            Told::Input(Input::Frame(from, Frame::Text(text))) => {
                assert_eq!((from, text), (socket, frames.to_string().into()));
                frames += 1;
            }
            Told::Number(_) => {
                numbers += 1;
                before = frames;
            }
            told => panic!("{told:?}"),
        }
    }
    assert_eq!(numbers, 1);
    assert!((4000..8000).contains(&before), "{before} frames were queued");
}

pub(crate) fn news_that_nobody_takes_is_dropped_and_counted<R: Rig>() {
    const MANY: u64 = 10_000;
    const ROOM: u64 = 4096;
    let mut rig = start::<R>();
    rig.call(|toy, _| {
        (0..MANY).for_each(|n| toy.news(n));
        toy.tell(1);
    })
    .unwrap();
    // The next command is heard when all of it has been told.
    rig.call(|_, _| {}).unwrap();
    for n in 0..ROOM {
        assert!(matches!(told(&mut rig), Told::News(told) if told == n), "{n}");
    }
    // What nobody may drop is there.
    assert!(matches!(told(&mut rig), Told::Number(1)));
    assert_eq!(rig.dropped(), MANY - ROOM);
    rig.call(|toy, _| toy.news(7)).unwrap();
    assert!(matches!(told(&mut rig), Told::News(7)));
}

pub(crate) fn a_panicking_command_hurts_only_its_caller<R: Rig>() {
    let mut rig = start::<R>();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        rig.call(|_, _| panic!("asked for"));
    }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"asked for"));
    rig.call(|toy, _| toy.tell(1)).unwrap();
    assert!(matches!(told(&mut rig), Told::Number(1)));
}

pub(crate) fn a_panicking_audio_callback_hangs_nobody<R: Rig>() {
    let mut rig = R::start(Setup { audio: Box::new(|_, _| panic!("asked for")), ..Setup::default() });
    let peer = server::udp_echo();
    let socket = rig.call(move |toy, _| toy.udp(peer)).unwrap();
    assert_eq!(input(&mut rig), Input::Opened(socket));
    rig.call(move |toy, _| toy.datagram(socket, vec![1].into())).unwrap();
    assert!(matches!(rig.next(SOON), Next::Ended));
    assert!(rig.call(|_, _| ()).is_none());
}

pub(crate) fn without_a_listener_the_driver_goes_on<R: Rig>() {
    let mut rig = start::<R>();
    let (url, read) = server::web_socket();
    let socket = open(&mut rig, url);
    rig.drop_events();
    send(&rig, socket, "flood 10000");
    send(&rig, socket, "hi");
    assert!(read.recv_timeout(SOON).unwrap().is_text());
    assert_eq!(read.recv_timeout(SOON).unwrap(), Message::text("hi"));
}

pub(crate) fn a_finished_machine_ends_the_driver_when_all_is_out<R: Rig>() {
    let mut rig = start::<R>();
    let (url, read) = server::web_socket();
    let base = server::http();
    let socket = open(&mut rig, url);
    let path = folder("finish").join("file");
    let asked = path.clone();
    rig.call(move |toy, _| {
        let file = toy.open(asked);
        toy.append(file, "all".into());
        toy.send(socket, Frame::Binary(vec![1; 3_000_000].into()));
        toy.close(socket, Some(CloseFrame::new(1000)));
        toy.request(Method::Post, format!("{base}/200"), "", SOON);
        toy.tell(1);
        toy.finish();
    })
    .unwrap();
    assert!(matches!(told(&mut rig), Told::Number(1)));
    let started = Instant::now();
    assert!(matches!(rig.next(SOON), Next::Ended));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(matches!(rig.next(SOON), Next::Ended));
    assert!(rig.call(|_, _| ()).is_none());
    assert_eq!(std::fs::read(path).unwrap(), b"all");
    assert_eq!(read.recv_timeout(SOON).unwrap().len(), 3_000_000);
    assert!(read.recv_timeout(SOON).unwrap().is_close());
}

pub(crate) fn a_command_at_the_last_moment_is_answered<R: Rig + Send + Sync + 'static>() {
    for round in 0..1_000 {
        let is_ending = Flag::default();
        let told = Flag(Arc::clone(&is_ending.0));
        let audio = Box::new(move |_: &Audio, _: &[u8]| assert!(!told.is_set()));
        let rig = Arc::new(R::start(Setup { audio, ..Setup::default() }));
        let (answered, answer) = channel();
        let caller = Arc::clone(&rig);
        std::thread::spawn(move || {
            // The driver drops what it has: sooner or later it is the commands' turn.
            while !is_ending.is_set() {
                std::hint::spin_loop();
            }
            (0..round % 64).for_each(|_| std::hint::spin_loop());
            caller.call(|_, _| ());
            answered.send(()).unwrap();
        });
        rig.call(|toy, _| toy.finish()).unwrap();
        answer.recv_timeout(SOON).expect("the caller waits for ever");
    }
}

/// Set when it is dropped.
#[derive(Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn a_driver_that_nobody_holds_ends<R: Rig>() {
    for events_first in [true, false] {
        // The callback is dropped with the driver, and what it holds too.
        let (held, holding) = channel::<()>();
        let audio = Box::new(move |_: &Audio, _: &[u8]| held.send(()).unwrap());
        let mut rig = R::start(Setup { audio, ..Setup::default() });
        let (url, _read) = server::web_socket();
        open(&mut rig, url);
        rig.call(|toy, now| toy.deadline = Some(now + Duration::from_secs(3600))).unwrap();
        if events_first {
            rig.drop_events();
            assert_eq!(holding.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout));
        }
        drop(rig);
        assert_eq!(holding.recv_timeout(SOON), Err(RecvTimeoutError::Disconnected));
    }
}

pub(crate) fn bad_pem_files_are_named<R: Rig>() {
    let folder = folder("pem");
    for (name, content) in [
        ("missing", None),
        ("empty", Some("")),
        ("broken", Some("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")),
        ("wrong", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
    ] {
        let path = folder.join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error = R::trust(&path).unwrap_err();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}
