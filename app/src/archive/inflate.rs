//! The bytes of one entry, unpacked by the browser (`DecompressionStream`), as far as a limit allows.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::directory::{Entry, Method, data_after};

/// Why an entry was not read.
pub enum Problem {
    TooLarge,
    Bad(String),
}

// Own declarations: web-sys has them among its unstable ones only.
#[wasm_bindgen]
extern "C" {
    type DecompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;

    type Stream;
    #[wasm_bindgen(method, js_name = pipeThrough, catch)]
    fn pipe_through(this: &Stream, through: &DecompressionStream) -> Result<Stream, JsValue>;
    #[wasm_bindgen(method, js_name = getReader, catch)]
    fn get_reader(this: &Stream) -> Result<Reader, JsValue>;

    type Reader;
    #[wasm_bindgen(method)]
    fn read(this: &Reader) -> js_sys::Promise;
    #[wasm_bindgen(method)]
    fn cancel(this: &Reader) -> js_sys::Promise;

    type Sliced;
    #[wasm_bindgen(method)]
    fn stream(this: &Sliced) -> Stream;
    #[wasm_bindgen(method, js_name = arrayBuffer)]
    fn array_buffer(this: &Sliced) -> js_sys::Promise;
}

fn slice(file: &web_sys::File, start: u64, end: u64) -> Result<Sliced, String> {
    file.slice_with_f64_and_f64(start as f64, end as f64)
        .map(JsCast::unchecked_into)
        .map_err(|_| unreadable(file))
}

fn unreadable(file: &web_sys::File) -> String {
    format!("{} could not be read", file.name())
}

/// Bytes `start..end` of the file.
pub async fn piece(file: &web_sys::File, start: u64, end: u64) -> Result<Vec<u8>, String> {
    let buffer = JsFuture::from(slice(file, start, end)?.array_buffer())
        .await
        .map_err(|_| unreadable(file))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// The entry's content, at most `limit` bytes of it.
pub async fn entry(file: &web_sys::File, entry: &Entry, limit: u64) -> Result<Vec<u8>, Problem> {
    let bad = |reason: &str| Problem::Bad(reason.into());
    let header = piece(file, entry.header, entry.header + 30).await.map_err(Problem::Bad)?;
    let start = entry.header + data_after(&header).ok_or(bad("it does not lie where the archive says"))?;
    let packed = slice(file, start, start + entry.packed).map_err(Problem::Bad)?.stream();
    let stream = match entry.method {
        Method::Stored => packed,
        Method::Deflated => DecompressionStream::new("deflate-raw")
            .and_then(|through| packed.pipe_through(&through))
            .map_err(|_| bad("this browser cannot unpack it"))?,
        Method::Other(_) => return Err(bad("it is encrypted or packed in a way that is not supported")),
    };
    let damaged = |_| bad("its data are damaged");
    let reader = stream.get_reader().map_err(damaged)?;
    let mut content = Vec::new();
    loop {
        let read = JsFuture::from(reader.read()).await.map_err(damaged)?;
        if Reflect::get(&read, &"done".into()).is_ok_and(|done| done.is_truthy()) {
            break;
        }
        let chunk: Uint8Array = Reflect::get(&read, &"value".into()).map_err(damaged)?.unchecked_into();
        if content.len() as u64 + u64::from(chunk.length()) > limit {
            // What is left is not wanted; whether the stream ends well does not matter.
            let _ = JsFuture::from(reader.cancel()).await;
            return Err(Problem::TooLarge);
        }
        let at = content.len();
        content.resize(at + chunk.length() as usize, 0);
        chunk.copy_to(&mut content[at..]);
    }
    // The decompressor does not know the archive's checksum.
    if crc32(&content) != entry.crc {
        return Err(bad("its checksum is wrong"));
    }
    Ok(content)
}

/// CRC-32 as zip has it (reflected polynomial 0xEDB88320), four bits at a time.
fn crc32(bytes: &[u8]) -> u32 {
    let mut table = [0u32; 16];
    for (i, slot) in table.iter_mut().enumerate() {
        *slot = (0..4).fold(i as u32, |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 });
    }
    let step = |crc: u32, _| crc >> 4 ^ table[(crc & 15) as usize];
    !bytes.iter().fold(!0u32, |crc, byte| step(step(crc ^ u32::from(*byte), ()), ()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_the_catalogues() {
        // "123456789": the check value of CRC-32/ISO-HDLC in the catalogue of CRC algorithms.
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
    }
}
