//! A small static file server for trying the built site: HTTP/1.1, one thread for each connection, this machine only.
//!
//! It answers ranges and validators the way file hosts do, because the app relies on them to resume downloads.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::http::{Body, Request, Response};

const IDLE: Duration = Duration::from_secs(30);

/// Serves `folder` on `port` (0 takes any free one) until the program is stopped; `started` gets the port.
pub fn serve(folder: &Path, port: u16, started: impl FnOnce(u16)) -> Result<()> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("there is no site in {}", folder.display()))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}: another program may use it, choose one with --port"))?;
    started(listener.local_addr()?.port());
    for stream in listener.incoming() {
        let (Ok(stream), folder) = (stream, folder.clone()) else {
            continue;
        };
        std::thread::spawn(move || {
            // A browser that goes away in the middle of an answer is no event.
            let _ = talk(stream, &folder);
        });
    }
    Ok(())
}

/// Answers requests on one connection until either side has enough.
fn talk(stream: TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = Request::read(&mut reader)? {
        let response = respond(&request, folder);
        response.send(&mut stream, request.method == "HEAD")?;
        if request.close {
            break;
        }
    }
    Ok(())
}

fn respond(request: &Request, folder: &Path) -> Response {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Response::text("405 Method Not Allowed").header("Allow", "GET, HEAD");
    }
    let Some(path) = locate(folder, &request.path) else {
        return Response::text("404 Not Found");
    };
    let (Ok(file), Ok(meta)) = (File::open(&path), fs::metadata(&path)) else {
        return Response::text("404 Not Found");
    };
    let size = meta.len();
    let changed = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let etag = format!("\"{size:x}-{:x}\"", changed.unwrap_or_default().as_nanos());
    if request.if_none_match.as_deref() == Some(etag.as_str()) {
        return Response::text("304 Not Modified").header("ETag", etag);
    }
    // A range of a file that has changed since must not be glued to what is there: the whole file is sent.
    let wanted = request
        .range
        .as_deref()
        .filter(|_| request.if_range.as_ref().is_none_or(|tag| *tag == etag))
        .map_or(Wanted::All, |range| wanted(range, size));
    let (status, start, length) = match wanted {
        Wanted::All => ("200 OK", 0, size),
        Wanted::Part { start, length } => ("206 Partial Content", start, length),
        Wanted::Nothing => {
            return Response::text("416 Range Not Satisfiable").header("Content-Range", format!("bytes */{size}"));
        }
    };
    let mut response = Response {
        status,
        headers: vec![
            ("Content-Type", mime(&path).into()),
            ("Accept-Ranges", "bytes".into()),
            ("ETag", etag),
            // The site changes with every build, so a browser asks each time and mostly hears 304.
            ("Cache-Control", "no-cache".into()),
        ],
        body: Body::Part { file, start, length },
    };
    if status.starts_with("206") {
        let end = start + length - 1;
        response = response.header("Content-Range", format!("bytes {start}-{end}/{size}"));
    }
    response
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part { start: u64, length: u64 },
    Nothing,
}

/// Reads a `Range` header. Several ranges, other units and nonsense count as no range, as the standard allows.
fn wanted(range: &str, size: u64) -> Wanted {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .filter(|list| !list.contains(','))
        .and_then(|range| range.split_once('-'))
    else {
        return Wanted::All;
    };
    let (start, end) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, size),
        (Err(_), Ok(count)) if first.trim().is_empty() => (size.saturating_sub(count), size),
        _ => return Wanted::All,
    };
    if start >= end {
        return Wanted::Nothing;
    }
    Wanted::Part {
        start,
        length: end - start,
    }
}

/// The file that a request's path names, if it lies in the folder; of a folder its `index.html`.
fn locate(folder: &Path, path: &str) -> Option<PathBuf> {
    let decoded = percent_decode(path)?;
    let mut file = folder.to_owned();
    for part in decoded.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part if part.contains(['\\', '\0']) => return None,
            part => file.push(part),
        }
    }
    if file.is_dir() {
        file.push("index.html");
    }
    // A link inside the folder may lead out of it.
    let file = file.canonicalize().ok()?;
    (file.starts_with(folder) && file.is_file()).then_some(file)
}

fn percent_decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Browsers refuse modules and streaming compilation where the type is wrong.
fn mime(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str());
    match ending.unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "jsonl" => "application/jsonl; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" | "md" | "ts" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::sync::mpsc;

    /// Starts a server on a folder with a page, a script and a "model" of 10 bytes.
    fn site() -> (tempfile::TempDir, u16) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("models")).unwrap();
        fs::write(dir.path().join("index.html"), "<p>hello").unwrap();
        fs::write(dir.path().join("a b.js"), "1").unwrap();
        fs::write(dir.path().join("models/m.gguf"), "0123456789").unwrap();
        let folder = dir.path().to_owned();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || serve(&folder, 0, |port| sender.send(port).unwrap()));
        (dir, receiver.recv().unwrap())
    }

    fn ask(port: u16, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let request = format!("{request}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn files_come_with_their_type() {
        let (_dir, port) = site();
        let page = ask(port, "GET /?x=1 HTTP/1.1");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(
            page.contains("Content-Type: text/html") && page.ends_with("\r\n\r\n<p>hello"),
            "{page}"
        );
        let script = ask(port, "GET /a%20b.js HTTP/1.1");
        assert!(script.contains("text/javascript"), "{script}");
        let head = ask(port, "HEAD /models/m.gguf HTTP/1.1");
        assert!(head.contains("Content-Length: 10\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn ranges_are_served_and_resumed() {
        let (_dir, port) = site();
        let part = ask(port, "GET /models/m.gguf HTTP/1.1\r\nRange: bytes=2-4");
        assert!(part.starts_with("HTTP/1.1 206"), "{part}");
        assert!(
            part.contains("Content-Range: bytes 2-4/10") && part.ends_with("\r\n\r\n234"),
            "{part}"
        );
        let etag = part.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
        let rest = ask(port, &format!("GET /models/m.gguf HTTP/1.1\r\nRange: bytes=5-\r\nIf-Range: {etag}"));
        assert!(rest.ends_with("\r\n\r\n56789"), "{rest}");
        let changed = ask(port, "GET /models/m.gguf HTTP/1.1\r\nRange: bytes=5-\r\nIf-Range: \"old\"");
        assert!(changed.starts_with("HTTP/1.1 200") && changed.ends_with("0123456789"), "{changed}");
        let beyond = ask(port, "GET /models/m.gguf HTTP/1.1\r\nRange: bytes=10-");
        assert!(beyond.starts_with("HTTP/1.1 416") && beyond.contains("bytes */10"), "{beyond}");
        let same = ask(port, &format!("GET /models/m.gguf HTTP/1.1\r\nIf-None-Match: {etag}"));
        assert!(same.starts_with("HTTP/1.1 304") && same.ends_with("\r\n\r\n"), "{same}");
    }

    #[test]
    fn one_connection_takes_several_requests() {
        let (_dir, port) = site();
        let answers = ask(port, "GET /models/m.gguf HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1");
        assert!(answers.contains("200 OK") && answers.contains("404 Not Found"), "{answers}");
    }

    #[test]
    fn nothing_outside_the_folder_is_served_and_nothing_is_taken() {
        let (_dir, port) = site();
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/models/%2e%2e%2f..%2fsecret",
            "/%zz",
            "nopath",
            "/none",
        ] {
            let answer = ask(port, &format!("GET {path} HTTP/1.1"));
            assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        }
        let answer = ask(port, "POST / HTTP/1.1");
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let part = |start, length| Wanted::Part { start, length };
        assert_eq!(wanted("bytes=0-", 10), part(0, 10));
        assert_eq!(wanted("bytes=3-99", 10), part(3, 7));
        assert_eq!(wanted("bytes=-4", 10), part(6, 4));
        assert_eq!(wanted("bytes=-40", 10), part(0, 10));
        assert_eq!(wanted("bytes=-0", 10), Wanted::Nothing);
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(wanted("bytes=4-3", 10), Wanted::All);
        assert_eq!(wanted("bytes=0-1,3-4", 10), Wanted::All);
        assert_eq!(wanted("lines=1-2", 10), Wanted::All);
        assert_eq!(wanted("bytes=0-18446744073709551615", 10), part(0, 10));
    }

    #[test]
    fn a_taken_port_is_an_error_that_says_what_to_do() {
        let (dir, port) = site();
        let error = serve(dir.path(), port, |_| ()).unwrap_err().to_string();
        assert!(error.contains(&port.to_string()) && error.contains("--port"), "{error}");
    }
}
