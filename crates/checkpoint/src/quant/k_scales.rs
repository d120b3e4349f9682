//! The twelve bytes that Q4_K and Q5_K keep their eight 6-bit scales and eight 6-bit minima in.
//!
//! ```text
//! j < 4:  scale j = low 6 bits of byte j,  min j = low 6 bits of byte j + 4
//! j ≥ 4:  low four bits of scale j and min j = low and high half of byte j + 4;
//!         upper two bits of scale j = top of byte j - 4, of min j = top of byte j
//! ```

/// Scale and minimum `j` of `bytes`.
pub fn get(bytes: &[u8], j: usize) -> (u8, u8) {
    if j < 4 {
        (bytes[j] & 63, bytes[j + 4] & 63)
    } else {
        (bytes[j + 4] & 15 | bytes[j - 4] >> 6 << 4, bytes[j + 4] >> 4 | bytes[j] >> 6 << 4)
    }
}

/// Stores all eight scales and minima, each below 64, in zeroed `bytes`.
pub fn put(bytes: &mut [u8], scales: &[u8; 8], mins: &[u8; 8]) {
    for j in 0..4 {
        bytes[j] = scales[j] | scales[j + 4] >> 4 << 6;
        bytes[j + 4] = mins[j] | mins[j + 4] >> 4 << 6;
        bytes[j + 8] = scales[j + 4] & 15 | mins[j + 4] << 4;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn scales_come_back() {
        for seed in 0..64u8 {
            let scales = std::array::from_fn(|j| seed.wrapping_mul(7).wrapping_add(j as u8 * 13) & 63);
            let mins = std::array::from_fn(|j| seed.wrapping_mul(11).wrapping_add(j as u8 * 29) & 63);
            let mut bytes = [0; 12];
            super::put(&mut bytes, &scales, &mins);
            for j in 0..8 {
                assert_eq!(super::get(&bytes, j), (scales[j], mins[j]));
            }
        }
    }
}
