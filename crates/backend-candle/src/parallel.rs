//! Splitting loops over the processor's cores; plain loops in the browser, where an engine has one thread.

/// Calls `work(index, chunk)` for each chunk of `data`, on all cores.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn chunks<T: Send>(data: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    use rayon::prelude::*;
    if data.len() <= chunk {
        return serial(data, chunk, work);
    }
    data.par_chunks_mut(chunk).enumerate().for_each(|(index, chunk)| work(index, chunk));
}

/// Calls `work(index, chunk)` for each chunk of `data`.
#[cfg(target_arch = "wasm32")]
pub(crate) fn chunks<T: Send>(data: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    serial(data, chunk, work);
}

fn serial<T>(data: &mut [T], chunk: usize, work: impl Fn(usize, &mut [T])) {
    for (index, chunk) in data.chunks_mut(chunk).enumerate() {
        work(index, chunk);
    }
}

/// `[work(0), …, work(count - 1)]`, on all cores.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    use rayon::prelude::*;
    if count <= 1 {
        return (0..count).map(work).collect();
    }
    (0..count).into_par_iter().map(work).collect()
}

/// `[work(0), …, work(count - 1)]`.
#[cfg(target_arch = "wasm32")]
pub(crate) fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    (0..count).map(work).collect()
}
