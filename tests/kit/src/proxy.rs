//! Between the program and a broker: loses, delays, cuts or repeats single answers, and holds requests back.
//!
//! It knows no more of Kafka's protocol than its frames: a length of four bytes; in a request the api key and the
//! correlation id, in an answer the correlation id, by which the two are matched. Everything else passes as it is.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The `api_key` of a request's header, as Kafka's protocol numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Api(pub i16);

impl Api {
    pub const PRODUCE: Api = Api(0);
    pub const FETCH: Api = Api(1);
    pub const OFFSET_FETCH: Api = Api(9);
    pub const JOIN_GROUP: Api = Api(11);
    pub const HEARTBEAT: Api = Api(12);
    pub const SYNC_GROUP: Api = Api(14);
    pub const INIT_PRODUCER_ID: Api = Api(22);
    pub const ADD_PARTITIONS_TO_TXN: Api = Api(24);
    pub const ADD_OFFSETS_TO_TXN: Api = Api(25);
    pub const END_TXN: Api = Api(26);
    pub const TXN_OFFSET_COMMIT: Api = Api(28);

    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Api::PRODUCE => "Produce",
            Api::FETCH => "Fetch",
            Api::OFFSET_FETCH => "OffsetFetch",
            Api::JOIN_GROUP => "JoinGroup",
            Api::HEARTBEAT => "Heartbeat",
            Api::SYNC_GROUP => "SyncGroup",
            Api::INIT_PRODUCER_ID => "InitProducerId",
            Api::ADD_PARTITIONS_TO_TXN => "AddPartitionsToTxn",
            Api::ADD_OFFSETS_TO_TXN => "AddOffsetsToTxn",
            Api::END_TXN => "EndTxn",
            Api::TXN_OFFSET_COMMIT => "TxnOffsetCommit",
            Api(_) => "another",
        }
    }
}

/// What becomes of an answer, or of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The broker has done it, the answer is swallowed, the connection ends.
    Drop,
    /// The answer, and what comes behind it on the connection, arrives so much later.
    Delay(Duration),
    /// The connection ends in the middle of the answer.
    Cut,
    /// The answer arrives twice.
    Double,
    /// The connection ends, and the request is kept until `Proxy::let_through`.
    Hold,
}

/// Listens on a port of its own, and passes everything on to a broker. Connections end with their ends.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    state: Mutex<State>,
    is_over: AtomicBool,
}

#[derive(Default)]
struct State {
    planned: Vec<(Api, Action)>,
    /// How many requests of each kind have passed.
    passed: BTreeMap<Api, u64>,
    held: Vec<Vec<u8>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is planned for this kind of request, where `wanted`.
    fn take(&self, api: Api, wanted: impl Fn(Action) -> bool) -> Option<Action> {
        let planned = &mut self.state().planned;
        let at = planned.iter().position(|(of, action)| *of == api && wanted(*action))?;
        Some(planned.remove(at).1)
    }
}

impl Proxy {
    /// Begins to listen; `target` is a port of this machine.
    pub fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared { target, state: Mutex::default(), is_over: AtomicBool::new(false) });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let _ = connect(&accepting, client); // without a broker, without a connection
            }
        });
        Proxy { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next request of this kind, or its answer, suffers this.
    pub fn plan(&self, api: Api, action: Action) {
        self.shared.state().planned.push((api, action));
    }

    /// How much of what was planned has not happened yet.
    pub fn planned_count(&self) -> usize {
        self.shared.state().planned.len()
    }

    /// Forgets what has not happened yet.
    pub fn forget(&self) {
        self.shared.state().planned.clear();
    }

    /// Requests that have passed, by kind.
    pub fn passed(&self) -> BTreeMap<Api, u64> {
        self.shared.state().passed.clone()
    }

    pub fn held_count(&self) -> usize {
        self.shared.state().held.len()
    }

    /// Sends the requests that were held, in order, each on a connection of its own, as the network would that had
    /// kept them. Returns the answers, from behind the correlation id on.
    ///
    /// # Errors
    /// Where the broker does not answer.
    pub fn let_through(&self) -> io::Result<Vec<Vec<u8>>> {
        let held = std::mem::take(&mut self.shared.state().held);
        let answer = |frame: Vec<u8>| {
            let mut broker = TcpStream::connect(("127.0.0.1", self.shared.target))?;
            broker.write_all(&frame)?;
            let mut answer = read_frame(&mut broker)?;
            Ok(answer.split_off(CORRELATION_IN_ANSWER.end.min(answer.len())))
        };
        held.into_iter().map(answer).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // wakes who listens
    }
}

const API_KEY: std::ops::Range<usize> = 4..6;
const CORRELATION_IN_REQUEST: std::ops::Range<usize> = 8..12;
const CORRELATION_IN_ANSWER: std::ops::Range<usize> = 4..8;

/// Of one connection, the kinds of the requests that wait for their answers.
type Waiting = Mutex<HashMap<i32, Api>>;

fn connect(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let broker = TcpStream::connect(("127.0.0.1", shared.target))?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let waiting = Arc::new(Waiting::default());
    let (from, to) = (client.try_clone()?, broker.try_clone()?);
    let (requests, waits) = (shared.clone(), waiting.clone());
    std::thread::spawn(move || ended(pass_requests(&requests, &waits, &from, &to), &from, &to));
    let answers = shared.clone();
    std::thread::spawn(move || ended(pass_answers(&answers, &waiting, &broker, &client), &broker, &client));
    Ok(())
}

/// Whatever ended one direction ends the other.
fn ended(_: io::Result<()>, from: &TcpStream, to: &TcpStream) {
    for side in [from, to] {
        let _ = side.shutdown(Shutdown::Both); // it may have ended by itself
    }
}

fn pass_requests(shared: &Shared, waiting: &Waiting, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    loop {
        let frame = read_frame(&mut from)?;
        let api = Api(i16::from_be_bytes(field(&frame, API_KEY)?));
        *shared.state().passed.entry(api).or_default() += 1;
        if shared.take(api, |action| action == Action::Hold).is_some() {
            shared.state().held.push(frame);
            return Ok(());
        }
        let correlation = i32::from_be_bytes(field(&frame, CORRELATION_IN_REQUEST)?);
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(correlation, api);
        to.write_all(&frame)?;
    }
}

fn pass_answers(shared: &Shared, waiting: &Waiting, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    loop {
        let frame = read_frame(&mut from)?;
        let correlation = i32::from_be_bytes(field(&frame, CORRELATION_IN_ANSWER)?);
        let api = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&correlation);
        let action = api.and_then(|api| shared.take(api, |action| action != Action::Hold));
        match action {
            None | Some(Action::Hold) => to.write_all(&frame)?,
            Some(Action::Drop) => return Ok(()),
            Some(Action::Delay(time)) => {
                std::thread::sleep(time);
                to.write_all(&frame)?;
            }
            Some(Action::Cut) => return to.write_all(&frame[..frame.len() / 2]),
            Some(Action::Double) => {
                to.write_all(&frame)?;
                to.write_all(&frame)?;
            }
        }
    }
}

/// The next frame, its length included.
fn read_frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let count = usize::try_from(i32::from_be_bytes(length)).map_err(io::Error::other)?;
    let mut frame = length.to_vec();
    frame.resize(4 + count, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

fn field<const N: usize>(frame: &[u8], place: std::ops::Range<usize>) -> io::Result<[u8; N]> {
    let bytes = frame.get(place).ok_or_else(|| io::Error::other("a frame without a header"))?;
    Ok(bytes.try_into().expect("a range of this length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(api: Api, correlation: u8) -> Vec<u8> {
        [&[0, 0, 0, 8][..], &api.0.to_be_bytes(), &[0, 0, 0, 0, 0, correlation]].concat()
    }

    fn answer(correlation: u8) -> Vec<u8> {
        vec![0, 0, 0, 6, 0, 0, 0, correlation, 7, 7]
    }

    /// A broker that answers each request at once; of two requests, what arrives of the answers.
    fn arrives(api: Api, action: Action) -> (Vec<u8>, Proxy) {
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::start(broker.local_addr().unwrap().port());
        std::thread::spawn(move || {
            for connection in broker.incoming() {
                let mut connection = connection.unwrap();
                while let Ok(frame) = read_frame(&mut connection) {
                    let _ = connection.write_all(&answer(frame[11]));
                }
            }
        });
        proxy.plan(api, action);
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let _ = client.write_all(&request(Api::END_TXN, 1)).and_then(|()| client.write_all(&request(Api::FETCH, 2)));
        let mut arrived = Vec::new();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut piece = [0; 64];
        while let Ok(count) = client.read(&mut piece)
            && count > 0
        {
            arrived.extend_from_slice(&piece[..count]);
            if arrived.len() >= if action == Action::Double { 30 } else { 20 } {
                break;
            }
        }
        (arrived, proxy)
    }

    #[test]
    fn the_chosen_answer_suffers_and_no_other() {
        let check = |api, action, expected: &[u8]| {
            let (arrived, proxy) = arrives(api, action);
            assert!(arrived.starts_with(expected) && arrived.len() <= 30, "{api:?} {action:?}: {arrived:?}");
            assert_eq!(proxy.planned_count(), usize::from(api == Api::PRODUCE), "{api:?} {action:?}");
        };
        let (first, both) = (answer(1), [answer(1), answer(2)].concat());
        check(Api::PRODUCE, Action::Drop, &both);
        check(Api::END_TXN, Action::Delay(Duration::from_millis(20)), &both);
        check(Api::END_TXN, Action::Double, &[answer(1), answer(1)].concat());
        check(Api::FETCH, Action::Cut, &[&first[..], &answer(2)[..5]].concat());
        assert_eq!(arrives(Api::END_TXN, Action::Drop).0, b"");
        assert_eq!(arrives(Api::END_TXN, Action::Cut).0, first[..5]);
    }

    #[test]
    fn a_held_request_arrives_later() {
        let (arrived, proxy) = arrives(Api::END_TXN, Action::Hold);
        assert_eq!((arrived, proxy.held_count()), (vec![], 1));
        assert_eq!(proxy.let_through().unwrap(), [[7, 7]]);
        assert_eq!(proxy.held_count(), 0);
    }
}
