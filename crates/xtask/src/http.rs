//! As much of HTTP/1.1 as a static file server needs: requests without bodies, responses of known length.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

/// A request line or header longer than this is no browser's.
const LONGEST_LINE: u64 = 16 * 1024;
const MOST_HEADERS: usize = 100;

#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    /// As sent, without the query.
    pub path: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub if_none_match: Option<String>,
    pub close: bool,
}

impl Request {
    /// `None` at the end of the connection.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(first) = line(reader)? else {
            return Ok(None);
        };
        let mut words = first.split(' ');
        let mut request = Self {
            method: words.next().unwrap_or_default().to_owned(),
            ..Self::default()
        };
        let target = words.next().unwrap_or_default();
        request.path = target.split(['?', '#']).next().unwrap_or_default().to_owned();
        request.close = words.next() != Some("HTTP/1.1");
        for _ in 0..MOST_HEADERS {
            let Some(header) = line(reader)?.filter(|header| !header.is_empty()) else {
                return Ok(Some(request));
            };
            let Some((name, value)) = header.split_once(':') else {
                continue;
            };
            let value = value.trim().to_owned();
            match name.to_ascii_lowercase().as_str() {
                "range" => request.range = Some(value),
                "if-range" => request.if_range = Some(value),
                "if-none-match" => request.if_none_match = Some(value),
                "connection" => request.close |= value.eq_ignore_ascii_case("close"),
                // We take no bodies; what follows one could be taken for a request.
                "content-length" | "transfer-encoding" => request.close = true,
                _ => {}
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.by_ref().take(LONGEST_LINE).read_line(&mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if !line.ends_with('\n') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

pub struct Response {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

pub enum Body {
    Text(&'static str),
    /// `length` bytes of the file from `start`.
    Part {
        file: File,
        start: u64,
        length: u64,
    },
}

impl Response {
    pub fn text(status: &'static str) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "text/plain; charset=utf-8".into())],
            body: Body::Text(status),
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn send(self, stream: &mut impl Write, head_only: bool) -> io::Result<()> {
        let length = match &self.body {
            Body::Text(text) => text.len() as u64,
            Body::Part { length, .. } => *length,
        };
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A 304 must not announce a body.
        if !self.status.starts_with("304") {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes())?;
        if !head_only && !self.status.starts_with("304") {
            match self.body {
                Body::Text(text) => stream.write_all(text.as_bytes())?,
                Body::Part { mut file, start, length } => {
                    file.seek(SeekFrom::Start(start))?;
                    io::copy(&mut file.take(length), stream)?;
                }
            }
        }
        stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_the_headers_that_matter() {
        let mut text = "GET /a?b HTTP/1.1\r\nHost: x\r\nRANGE: bytes=1-\r\n\r\n".as_bytes();
        let request = Request::read(&mut text).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/a"));
        assert_eq!(request.range.as_deref(), Some("bytes=1-"));
        assert!(!request.close);
        assert!(Request::read(&mut text).unwrap().is_none());
    }

    #[test]
    fn what_is_no_request_ends_the_connection() {
        let endless = "x".repeat(100_000);
        assert!(Request::read(&mut endless.as_bytes()).is_err());
        let headers = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(1000));
        assert!(Request::read(&mut headers.as_bytes()).is_err());
        let mut old = "GET / HTTP/1.0\r\n\r\n".as_bytes();
        assert!(Request::read(&mut old).unwrap().unwrap().close);
    }
}
