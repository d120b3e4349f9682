//! The store: resuming, checking, repairing, refusing. On the file system in memory; in a browser the same logic runs on OPFS.

use futures::FutureExt;
use mmedkit_checkpoint::hash::{hex, sha256};
use mmedkit_checkpoint::source::IN_FLIGHT_LIMIT;
use mmedkit_checkpoint::store::{BLOCK, MemoryFiles, Reopen};
use mmedkit_checkpoint::{Addition, BoxedSource, Budget, ByteSource, Error, Memory, Result, Store};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A server: remembers what was asked, and fails when told to.
#[derive(Clone)]
struct Server {
    bytes: Rc<Vec<u8>>,
    asked: Rc<RefCell<Vec<(u64, usize)>>>,
    /// Reads that succeed before one fails.
    good: Rc<Cell<usize>>,
}

impl Server {
    fn new(bytes: Vec<u8>) -> Server {
        Server {
            bytes: Rc::new(bytes),
            asked: Rc::default(),
            good: Rc::new(Cell::new(usize::MAX)),
        }
    }

    fn asked(&self) -> Vec<(u64, usize)> {
        std::mem::take(&mut self.asked.borrow_mut())
    }
}

impl ByteSource for Server {
    fn name(&self) -> &str {
        "https://models.example/m.gguf"
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.asked.borrow_mut().push((offset, buffer.len()));
        if self.good.get() == 0 {
            return Err(Error::Unreachable {
                url: self.name().to_owned(),
                problem: "cable".to_owned(),
            });
        }
        self.good.set(self.good.get() - 1);
        Memory::new("", &self.bytes[..]).read(offset, buffer).await
    }
}

/// Five blocks and a bit, no two alike.
fn model() -> Vec<u8> {
    (0..5 * BLOCK as u32 / 4 + 25)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

fn addition() -> Addition {
    Addition {
        name: "Model 1/β".to_owned(),
        url: Some("https://models.example/m.gguf".to_owned()),
        validator: Some("\"v1\"".to_owned()),
        sha256: None,
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing here waits")
}

fn quiet(_: u64, _: u64) {}

fn read_all(source: &impl ByteSource) -> Result<Vec<u8>> {
    let mut bytes = vec![0; source.len() as usize];
    // Odd pieces, so that reads cross blocks.
    let mut at = 0;
    for piece in bytes.chunks_mut(1_234_567) {
        run(source.read(at, piece))?;
        at += piece.len() as u64;
    }
    Ok(bytes)
}

#[test]
fn a_model_is_kept_listed_read_and_deleted() {
    let files = MemoryFiles::default();
    let store = Store::new(files.clone());
    let server = Server::new(model());
    let mut seen = Vec::new();
    let added = run(store.add(&addition(), &server, |done, all| seen.push((done, all)))).unwrap();
    assert_eq!(added.sha256, Some(hex(&sha256(&model()))));
    let all = model().len() as u64;
    assert_eq!(seen.first(), Some(&(0, all)));
    assert_eq!(seen.last(), Some(&(all, all)));
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(server.asked().len(), 6);
    assert!(store.budget().peak() <= IN_FLIGHT_LIMIT);

    // Another visit finds it.
    let store = Store::new(files);
    let listed = run(store.list()).unwrap();
    assert_eq!(listed, std::slice::from_ref(&added));
    assert_eq!(
        (listed[0].name.as_str(), listed[0].bytes, listed[0].stored),
        ("Model 1/β", all, all)
    );
    assert!(listed[0].is_complete());
    let source = run(store.open("Model 1/β", None)).unwrap();
    assert_eq!(read_all(&source).unwrap(), model());
    assert_eq!(source.sha256(), hex(&sha256(&model())));
    drop(source);

    // Adding it again fetches nothing.
    assert_eq!(run(store.add(&addition(), &server, quiet)).unwrap(), added);
    assert!(server.asked().is_empty());

    run(store.delete("Model 1/β")).unwrap();
    assert!(run(store.list()).unwrap().is_empty());
    for error in [
        run(store.delete("Model 1/β")).unwrap_err(),
        run(store.open("Model 1/β", None)).err().unwrap(),
    ] {
        assert!(matches!(error, Error::NotStored { .. }), "{error}");
    }
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let files = MemoryFiles::default();
    let server = Server::new(model());
    server.good.set(4);
    let error = run(Store::new(files.clone()).add(&addition(), &server, quiet)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    server.asked();

    // After a reload: a part is listed, and cannot be opened.
    let store = Store::new(files.clone());
    let part = run(store.find("Model 1/β")).unwrap().unwrap();
    assert_eq!((part.stored, part.sha256.clone()), (4 * BLOCK as u64, None));
    let error = run(store.open("Model 1/β", None)).err().unwrap().to_string();
    assert!(error.contains("is not in the store as a whole"), "{error}");

    server.good.set(usize::MAX);
    let mut first = None;
    let whole = run(store.add(&addition(), &server, |done, _| first = first.or(Some(done)))).unwrap();
    assert_eq!(first, Some(4 * BLOCK as u64));
    assert_eq!(server.asked(), [(4 * BLOCK as u64, BLOCK), (5 * BLOCK as u64, 100)]);
    assert_eq!(
        whole.sha256,
        Some(hex(&sha256(&model()))),
        "the hash of the whole goes on from its stored state"
    );
    assert_eq!(read_all(&run(store.open("Model 1/β", None)).unwrap()).unwrap(), model());
}

#[test]
fn what_a_crash_left_is_not_trusted() {
    // Which file is cut where, and from which block on it must be fetched again.
    let cases: [(&str, usize, u64); 5] = [
        ("blocks", 3 * 64 + 17, 3),
        ("data", 2 * BLOCK + 5, 2),
        ("blocks", 0, 0),
        ("data", 0, 0),
        ("manifest.json", 20, 0),
    ];
    for (file, len, block) in cases {
        let files = MemoryFiles::default();
        let server = Server::new(model());
        server.good.set(4);
        run(Store::new(files.clone()).add(&addition(), &server, quiet)).unwrap_err();
        server.asked();
        server.good.set(usize::MAX);
        files.cut(file, len);
        let whole = run(Store::new(files.clone()).add(&addition(), &server, quiet)).unwrap();
        assert_eq!(server.asked()[0].0, block * BLOCK as u64, "{file} cut at {len}");
        assert_eq!(whole.sha256, Some(hex(&sha256(&model()))));
    }
}

#[test]
fn a_file_that_changed_on_the_server_is_fetched_anew() {
    let files = MemoryFiles::default();
    let server = Server::new(model());
    server.good.set(4);
    run(Store::new(files.clone()).add(&addition(), &server, quiet)).unwrap_err();
    let mut other = model();
    other[7] ^= 1;
    let server = Server::new(other.clone());
    let newer = Addition {
        validator: Some("\"v2\"".to_owned()),
        ..addition()
    };
    let whole = run(Store::new(files.clone()).add(&newer, &server, quiet)).unwrap();
    assert_eq!(server.asked()[0].0, 0);
    assert_eq!(whole.sha256, Some(hex(&sha256(&other))));
    // A shorter one too.
    let shorter = Server::new(model()[..BLOCK].to_vec());
    let whole = run(Store::new(files.clone()).add(&newer, &shorter, quiet)).unwrap();
    assert_eq!((whole.bytes, whole.stored), (BLOCK as u64, BLOCK as u64));
}

#[test]
fn a_wrong_whole_is_refused_and_not_kept() {
    let files = MemoryFiles::default();
    let store = Store::new(files.clone());
    let right = hex(&sha256(&model()));
    let promised = Addition {
        sha256: Some(right.to_uppercase()),
        ..addition()
    };
    let mut other = model();
    other[3 * BLOCK] ^= 1;
    let error = run(store.add(&promised, &Server::new(other), quiet)).unwrap_err();
    assert!(matches!(&error, Error::Hash { expected, .. } if *expected == right), "{error}");
    assert!(run(store.list()).unwrap().is_empty());
    run(store.add(&promised, &Server::new(model()), quiet)).unwrap();

    // What was stored without a promise does not pass for what is promised now.
    let other = Addition {
        sha256: Some("0".repeat(64)),
        ..addition()
    };
    assert!(matches!(
        run(store.add(&other, &Server::new(model()), quiet)),
        Err(Error::Hash { .. })
    ));
    let nonsense = Addition {
        sha256: Some("abc".to_owned()),
        ..addition()
    };
    assert!(
        run(store.add(&nonsense, &Server::new(model()), quiet))
            .unwrap_err()
            .to_string()
            .contains("64 hexadecimal digits")
    );
    let empty = Addition {
        sha256: Some(right),
        ..addition()
    };
    assert!(matches!(
        run(store.add(&empty, &Server::new(vec![]), quiet)),
        Err(Error::Hash { .. })
    ));
}

fn reopen(server: &Server) -> Option<Reopen> {
    let server = server.clone();
    Some(Box::new(move |url| {
        assert_eq!(url, "https://models.example/m.gguf");
        let server = server.clone();
        Box::pin(async move { Ok(BoxedSource::new(server)) })
    }))
}

#[test]
fn a_damaged_block_is_found_and_fetched_again_alone() {
    let files = MemoryFiles::default();
    let store = Store::new(files.clone());
    let server = Server::new(model());
    run(store.add(&addition(), &server, quiet)).unwrap();
    server.asked();
    files.damage("data", 2 * BLOCK + 99);

    // Nowhere to fetch it from: an error that says where.
    let source = run(store.open("Model 1/β", None)).unwrap();
    let mut byte = [0];
    run(source.read(0, &mut byte)).unwrap();
    let error = run(source.read(2 * BLOCK as u64, &mut byte)).unwrap_err();
    assert!(
        matches!(error, Error::Damaged { start, .. } if start == 2 * BLOCK as u64),
        "{error}"
    );
    drop(source);

    let source = run(store.open("Model 1/β", reopen(&server))).unwrap();
    assert_eq!(read_all(&source).unwrap(), model());
    assert_eq!(source.repaired(), 1);
    assert_eq!(server.asked(), [(2 * BLOCK as u64, BLOCK)]);
    drop(source);
    // It was written back.
    assert_eq!(read_all(&run(store.open("Model 1/β", None)).unwrap()).unwrap(), model());

    // The last, short block too; and while another tab reads, the right bytes are used and not written.
    files.damage("data", 5 * BLOCK + 1);
    let other_tab = run(store.open("Model 1/β", None)).unwrap();
    let source = run(store.open("Model 1/β", reopen(&server))).unwrap();
    assert_eq!(read_all(&source).unwrap(), model());
    assert_eq!(server.asked(), [(5 * BLOCK as u64, 100)]);
    drop((other_tab, source));

    // The address has another file now.
    let mut other = model();
    other[5 * BLOCK] ^= 1;
    let source = run(store.open("Model 1/β", reopen(&Server::new(other)))).unwrap();
    let error = run(source.read(5 * BLOCK as u64, &mut byte)).unwrap_err().to_string();
    assert!(error.contains("another one now") && error.contains("delete the model"), "{error}");
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let all = model().len() as u64;
    // Known before: nothing is begun.
    let store = Store::new(MemoryFiles::with_quota(all));
    let server = Server::new(model());
    run(store.add(&addition(), &server, quiet)).map(|_| ()).unwrap_err();
    let store = Store::new(MemoryFiles::with_quota(all / 2));
    server.asked();
    let error = run(store.add(&addition(), &server, quiet)).unwrap_err();
    assert!(matches!(error, Error::Quota { .. }), "{error}");
    assert!(
        error.to_string().contains("needs 21 MB more, but there is room for 10 MB"),
        "{error}"
    );
    assert!(server.asked().is_empty());

    // Not known before: the disk fills up on the way. What is stored stays, and goes on when there is room.
    let files = MemoryFiles::default();
    let store = Store::new(files.clone());
    let mut blocks = 0;
    let error = run(store.add(&addition(), &server, |_, _| {
        blocks += 1;
        if blocks == 3 {
            files.set_quota(Some(all / 2));
        }
    }))
    .unwrap_err();
    assert!(matches!(error, Error::Quota { .. }), "{error}");
    assert_eq!(run(store.find("Model 1/β")).unwrap().unwrap().stored, 2 * BLOCK as u64);
    files.set_quota(None);
    server.asked();
    assert!(run(store.add(&addition(), &server, quiet)).unwrap().is_complete());
    assert_eq!(server.asked()[0].0, 2 * BLOCK as u64);
}

/// Lets through when it is open.
#[derive(Default)]
struct Gate {
    is_open: Cell<bool>,
    waiting: RefCell<Vec<std::task::Waker>>,
}

impl Gate {
    fn set(&self, open: bool) {
        self.is_open.set(open);
        if open {
            self.waiting.borrow_mut().drain(..).for_each(std::task::Waker::wake);
        }
    }
}

/// Answers while a gate is open.
struct Slow(Server, Rc<Gate>);

impl ByteSource for Slow {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn len(&self) -> u64 {
        self.0.len()
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let go = self.1.clone();
        std::future::poll_fn(move |context| {
            if go.is_open.get() {
                return std::task::Poll::Ready(());
            }
            go.waiting.borrow_mut().push(context.waker().clone());
            std::task::Poll::Pending
        })
        .await;
        self.0.read(offset, buffer).await
    }
}

#[test]
fn two_tabs_do_not_disturb_each_other() {
    let files = MemoryFiles::default();
    let (first, second) = (Store::new(files.clone()), Store::new(files.clone()));
    let go = Rc::new(Gate::default());
    let slow = Slow(Server::new(model()), go.clone());
    let wanted = addition();
    let mut adding = Box::pin(first.add(&wanted, &slow, quiet));
    assert!(adding.as_mut().now_or_never().is_none());
    assert_eq!(
        first.budget().peak(),
        3 * BLOCK,
        "three blocks are under way, and never more than the limit"
    );
    assert!(first.budget().peak() <= IN_FLIGHT_LIMIT);
    // While one tab fetches, the other can list, and is told why it can do no more.
    assert_eq!(run(second.list()).unwrap().len(), 1);
    for error in [
        run(second.add(&addition(), &slow.0, quiet)).unwrap_err(),
        run(second.delete("Model 1/β")).unwrap_err(),
    ] {
        assert!(matches!(error, Error::InUse { .. }), "{error}");
    }
    // Another model is none of its business.
    let other = Addition {
        name: "Other".to_owned(),
        ..addition()
    };
    run(second.add(&other, &slow.0, quiet)).unwrap();
    go.set(true);
    assert!(adding.as_mut().now_or_never().unwrap().unwrap().is_complete());
    drop(adding);
    // Both read it; none deletes it under the other.
    let (a, b) = (
        run(first.open("Model 1/β", None)).unwrap(),
        run(second.open("Model 1/β", None)).unwrap(),
    );
    assert_eq!(read_all(&a).unwrap(), read_all(&b).unwrap());
    drop(a);
    assert!(matches!(run(first.delete("Model 1/β")), Err(Error::InUse { .. })));
    drop(b);
    run(first.delete("Model 1/β")).unwrap();
    assert_eq!(run(second.list()).unwrap().len(), 1);
}

#[test]
fn giving_up_keeps_what_is_stored_and_frees_the_rest() {
    let files = MemoryFiles::default();
    let store = Store::with_budget(files.clone(), Budget::new(BLOCK));
    let go = Rc::new(Gate::default());
    go.set(true);
    let server = Server::new(model());
    let slow = Slow(server.clone(), go.clone());
    let wanted = addition();
    let mut blocks = 0;
    let mut adding = Box::pin(store.add(&wanted, &slow, |_, _| {
        blocks += 1;
        go.set(blocks < 3);
    }));
    assert!(adding.as_mut().now_or_never().is_none());
    drop(adding);
    assert_eq!(store.budget().peak(), BLOCK, "never more than the budget");
    // Lock, files and memory are free again.
    go.set(true);
    server.asked();
    assert!(run(store.add(&addition(), &slow, quiet)).unwrap().is_complete());
    assert_eq!(server.asked()[0].0, 2 * BLOCK as u64);
}
