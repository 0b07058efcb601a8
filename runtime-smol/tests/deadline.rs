//! Answers that come just before their deadline.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use sanscord::machine::Method;
use sanscord::rest::Draft;
use sanscord::secret::Token;
use sanscord_smol::{Discord, Network, Options};

const DEADLINE: Duration = Duration::from_millis(600);
/// Less than the pool waits for a connection to get ready.
const BEFORE: Duration = Duration::from_millis(60);

/// A server that answers late, and does not read the body: the connection does not get ready for the next request.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let asked = Instant::now();
                let head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                assert!(head.take_while(|line| !line.is_empty()).count() > 0);
                thread::sleep((DEADLINE - BEFORE).saturating_sub(asked.elapsed()));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
                thread::sleep(2 * DEADLINE);
            });
        }
    });
    base
}

#[test]
fn a_whole_answer_is_not_lost_to_its_connection() {
    let options = Options::new(Token::new("token")).base(server()).transfer(DEADLINE).attempts(1);
    let discord = Discord::new(options.network(Network::new().no_proxy())).unwrap();
    let mut draft = Draft::new(Method::Post, "/channels/1");
    draft.body("x".repeat(20_000_000));
    // A busy machine may be late by itself, but not each time.
    let answered = (0..10).any(|_| smol::block_on(discord.send(draft.clone())).is_ok());
    assert!(answered);
}
