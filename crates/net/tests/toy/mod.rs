//! A service whose answers the test controls, a server around it, and a raw peer.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use highwater_net::{
    Answer, BoundListener, Budget, ConnectionInfo, FileSource, Frame, NetConfig, Piece, Reply,
    Response, ServerHandle, Service, serve,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Longest wait for anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the toy has seen and what it is allowed to answer.
pub(crate) struct Toy {
    /// Frames that have come.
    pub(crate) calls: watch::Sender<usize>,
    released: watch::Sender<HashSet<u8>>,
    /// Frames that are kept, and their memory with them.
    pub(crate) kept: Mutex<Vec<Frame>>,
    /// What `f` and `c` send from.
    pub(crate) file: Mutex<HashMap<u8, Arc<std::fs::File>>>,
}

struct Source {
    file: Arc<std::fs::File>,
    has_fd: bool,
}

impl FileSource for Source {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.has_fd.then(|| self.file.as_fd())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(position))?;
        file.read(buffer)
    }
}

/// A response: its length, and these bytes.
fn framed(body: &[u8]) -> Response {
    let mut out = BytesMut::with_capacity(4 + body.len());
    out.put_u32(body.len() as u32);
    out.put_slice(body);
    Response::from_bytes(out.freeze())
}

fn number(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("a number")
}

impl Toy {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            calls: watch::Sender::new(0),
            released: watch::Sender::new(HashSet::new()),
            kept: Mutex::default(),
            file: Mutex::default(),
        })
    }

    /// Lets the answer to `l<name>` go.
    pub(crate) fn release(&self, name: u8) {
        self.released.send_modify(|names| {
            names.insert(name);
        });
    }

    /// Waits until so many frames have come.
    pub(crate) async fn called(&self, times: usize) {
        let mut calls = self.calls.subscribe();
        let waited = calls.wait_for(|calls| *calls >= times);
        tokio::time::timeout(PATIENCE, waited)
            .await
            .expect("frames come in time")
            .expect("the toy lives");
    }

    fn when_released(&self, frame: &Frame, answer: Option<Response>) -> Answer {
        let name = frame.bytes[1];
        let mut released = self.released.subscribe();
        Box::pin(async move {
            let _ = released.wait_for(|names| names.contains(&name)).await;
            answer
        })
    }

    fn later(&self, frame: &Frame, answer: Option<Response>) -> Reply {
        Reply::Later(self.when_released(frame, answer))
    }

    fn send_file(&self, frame: &Frame, has_fd: bool) -> Reply {
        let file = Arc::clone(&self.file.lock().unwrap()[&frame.bytes[1]]);
        let len = number(&frame.bytes[2..]);
        let mut head = BytesMut::new();
        head.put_u32((len + 2) as u32);
        head.put_u8(b'<');
        Reply::Now(Response {
            pieces: vec![
                Piece::Bytes(head.freeze()),
                Piece::File {
                    source: Box::new(Source { file, has_fd }),
                    position: 0,
                    len,
                },
                Piece::Bytes(Bytes::from_static(b">")),
            ],
        })
    }
}

/// The commands, by their first byte: `n…` answers now, `l<name>…` when released, `a<name>…`
/// is done aside until then, `d<name>` ends the connection when released, `b<size>` and `L<name><size>` answer with so many bytes,
/// `f<name><len>` and `c<name><len>` with a file (by descriptor, by copy), `k…` is kept and
/// answered, `q` is not answered, `x` closes, `p` and `P<name>` panic (now, when released).
impl Service for Toy {
    type Connection = ();

    fn connected(&self, _: ConnectionInfo) {}

    fn call(&self, (): &mut (), frame: Frame) -> Reply {
        self.calls.send_modify(|calls| *calls += 1);
        match frame.bytes.first() {
            Some(b'n') => Reply::Now(framed(&frame.bytes)),
            Some(b'l') => self.later(&frame, Some(framed(&frame.bytes))),
            Some(b'a') => Reply::Aside(self.when_released(&frame, Some(framed(&frame.bytes)))),
            Some(b'd') => self.later(&frame, None),
            Some(b'b') => Reply::Now(framed(&vec![b'b'; number(&frame.bytes[1..])])),
            Some(b'L') => self.later(
                &frame,
                Some(framed(&vec![frame.bytes[1]; number(&frame.bytes[2..])])),
            ),
            Some(b'f') => self.send_file(&frame, true),
            Some(b'c') => self.send_file(&frame, false),
            Some(b'k') => {
                let answer = framed(&frame.bytes[..1]);
                self.kept.lock().unwrap().push(frame);
                Reply::Now(answer)
            }
            Some(b'q') => Reply::Nothing,
            Some(b'p') => panic!("a handler that panics, as the test wants"),
            Some(b'P') => {
                let answer = self.when_released(&frame, None);
                Reply::Later(Box::pin(async move {
                    answer.await;
                    panic!("an answer that panics, as the test wants")
                }))
            }
            None => Reply::Now(framed(b"empty")),
            _ => Reply::Close,
        }
    }
}

/// A server around a toy.
pub(crate) struct Server {
    pub(crate) toy: Arc<Toy>,
    pub(crate) handle: ServerHandle,
    pub(crate) budget: Arc<Budget>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) async fn start(config: NetConfig) -> Self {
        Self::with_budget(config, 64 << 20).await
    }

    pub(crate) async fn with_budget(config: NetConfig, budget_bytes: usize) -> Self {
        let listener = BoundListener::bind("TOY", "127.0.0.1", 0)
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (toy, budget) = (Toy::new(), Budget::new(budget_bytes));
        let handle = serve(
            vec![listener],
            Arc::clone(&toy),
            config,
            Arc::clone(&budget),
        );
        Self {
            toy,
            handle,
            budget,
            address,
        }
    }

    pub(crate) async fn connect(&self) -> Peer {
        Peer(TcpStream::connect(self.address).await.expect("connected"))
    }

    /// Waits until what others do has come to pass.
    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let look = async {
            while !condition(self) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look)
            .await
            .expect("the condition comes to hold");
    }
}

/// A raw peer.
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("sent");
    }

    /// Sends these frames with one write.
    pub(crate) async fn send(&mut self, frames: &[&str]) {
        let mut out = BytesMut::new();
        for frame in frames {
            out.put_u32(frame.len() as u32);
            out.put_slice(frame.as_bytes());
        }
        self.send_raw(&out).await;
    }

    /// The next response.
    pub(crate) async fn receive(&mut self) -> Vec<u8> {
        let read = async {
            let len = self.0.read_u32().await?;
            let mut body = vec![0; len as usize];
            self.0.read_exact(&mut body).await?;
            io::Result::Ok(body)
        };
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("a response in time")
            .expect("a response")
    }

    pub(crate) async fn receive_text(&mut self) -> String {
        String::from_utf8(self.receive().await).expect("text")
    }

    /// Reads until the server ends the connection; returns what came before.
    pub(crate) async fn ended(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = self.0.read_to_end(&mut rest);
        let read = tokio::time::timeout(PATIENCE, read)
            .await
            .expect("the connection ends in time");
        // A reset is an end, too: the peer had sent what nobody read.
        drop(read);
        rest
    }
}
