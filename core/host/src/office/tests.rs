//! The office's socket: who is let in, what is cut off, and how it ends.

use sanscord::machine::Method;
use sanscord::rest::limiter::Ticket;
use sanscord::rest::route::Route;
use sanscord::rest::share::{Account, Answer, Ask};
use tungstenite::Error;
use tungstenite::client::IntoClientRequest;

use super::*;

/// How long a test waits for anything.
const LIMIT: Duration = Duration::from_secs(10);

type Client = WebSocket<TcpStream>;

fn connect(
    office: &Office,
    change: impl FnOnce(&mut tungstenite::handshake::client::Request),
) -> Result<Client, u16> {
    let stream = TcpStream::connect(office.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut request = office.url().into_client_request().unwrap();
    change(&mut request);
    match tungstenite::client::client(request, stream) {
        Ok((client, _)) => Ok(client),
        Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn client(office: &Office) -> Client {
    connect(office, |_| ()).unwrap()
}

fn say(client: &mut Client, ask: &Ask) {
    client.send(Message::text(ask.to_text())).unwrap();
}

fn hear(client: &mut Client) -> Answer {
    let Message::Text(text) = client.read().unwrap() else { panic!("no text") };
    serde_json::from_str(&text).unwrap()
}

fn want(number: u64) -> Ask {
    let route = Route::new(Method::Get, "/channels/5");
    Ask::Want { id: Ticket::from_u64(number), account: Account::NOBODY, route }
}

fn granted(number: u64) -> Answer {
    Answer::Granted { id: Ticket::from_u64(number) }
}

fn until(office: &Office, holds: impl Fn(&share::Office) -> bool + Send + Copy + 'static) {
    let end = Instant::now() + LIMIT;
    while !office.with(move |office, _| holds(office)).unwrap() {
        assert!(Instant::now() < end, "it never was");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn turns_are_granted_and_come_back_from_the_dead() {
    let office = Office::listen("127.0.0.1:0").unwrap();
    let [mut a, mut b] = [(); 2].map(|()| client(&office));
    say(&mut a, &want(1));
    assert_eq!(hear(&mut a), granted(1));
    say(&mut b, &want(1));
    assert!(matches!(hear(&mut b), Answer::Waiting { .. }));
    drop(a);
    assert_eq!(hear(&mut b), granted(1));
    // RFC 6455, section 5.5.2.
    b.send(Message::Ping(Bytes::from_static(b"hello"))).unwrap();
    assert_eq!(b.read().unwrap(), Message::Pong(Bytes::from_static(b"hello")));
    b.close(None).unwrap();
    until(&office, |office| (office.clients(), office.requests()) == (0, 0));
}

#[test]
fn only_clients_are_let_in() {
    let machine = share::Office::new(share::Config { clients: 1, ..share::Config::default() });
    let office = Office::listen_with("127.0.0.1:0", machine).unwrap();
    let page = connect(&office, |request| {
        request.headers_mut().insert("origin", "https://example.com".parse().unwrap());
    });
    assert_eq!(page.err(), Some(403));
    // What is no WebSocket takes no place.
    let mut other = TcpStream::connect(office.address()).unwrap();
    other.set_read_timeout(Some(LIMIT)).unwrap();
    other.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let _ = other.read_to_end(&mut Vec::new());
    let mut first = client(&office);
    assert_eq!(connect(&office, |_| ()).err(), Some(503));
    say(&mut first, &want(1));
    assert_eq!(hear(&mut first), granted(1));
    let counters = office.with(|office, _| office.counters()).unwrap();
    assert_eq!((counters.joined, counters.turned_away), (1, 1));
}

#[test]
fn nonsense_costs_one_connection() {
    let office = Office::listen("127.0.0.1:0").unwrap();
    let mut good = client(&office);
    // A message that is too long; frames that are none; sixteen times no JSON.
    let mut long = client(&office);
    let _ = long.send(Message::text("x".repeat(100_000)));
    let mut broken = client(&office);
    broken.get_mut().write_all(&[0xFF; 64]).unwrap();
    let mut stupid = client(&office);
    for _ in 0..16 {
        let _ = stupid.send(Message::text("nonsense"));
    }
    for mut client in [long, broken, stupid] {
        let end = std::iter::repeat_with(|| client.read()).take(40).find_map(Result::err);
        assert!(end.is_some(), "it is cut off");
    }
    until(&office, |office| office.clients() == 1);
    say(&mut good, &want(1));
    assert_eq!(hear(&mut good), granted(1));
}

#[test]
fn it_ends_with_its_value_and_the_next_takes_its_place() {
    let office = Office::listen("127.0.0.1:0").unwrap();
    let address = office.address();
    let mut one = client(&office);
    say(&mut one, &want(1));
    assert_eq!(hear(&mut one), granted(1));
    let saved = office.save().unwrap();
    drop(office);
    assert!(std::iter::repeat_with(|| one.read()).take(3).any(|read| read.is_err()));
    let mut machine = share::Office::new(share::Config::default());
    machine.restore(Timestamp::ZERO, &saved, Duration::ZERO);
    let office = Office::listen_with(address, machine).unwrap();
    let mut one = client(&office);
    say(&mut one, &want(1));
    assert_eq!(hear(&mut one), granted(1));
    assert!(Office::listen(address).is_err(), "it is taken");
}
