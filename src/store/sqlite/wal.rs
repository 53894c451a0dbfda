//! Looks at SQLite's log before SQLite does. SQLite takes the log up to the first frame that is not whole, since a crash
//! leaves such a tail; damage in the middle looks the same to it, and everything behind would be lost without a word.
//!
//! What tells them apart: a transaction is synced before the next one writes its first frame. So a frame that is not whole,
//! in a transaction behind which another one ends, was whole once. The format is that of <https://sqlite.org/walformat.html>.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::door;
use crate::store::StoreError;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The log's first number; its last bit says in which order the checksums read their words.
const MAGIC: u32 = 0x377f_0682;

/// Refuses a store whose log is damaged.
pub(super) fn inspect(store: &Path) -> Result<(), StoreError> {
    let log = match fs::read(door::beside(store, "-wal")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        log => log?,
    };
    let Some(frame) = damaged_frame(&log) else { return Ok(()) };
    let reason = format!(
        "frame {frame} of its log is damaged, and with it what was stored after it: restore a copy, or move the log away to \
         go on with what is in the file"
    );
    Err(door::unusable(store, &reason))
}

/// The number of the first frame that is not as it was written, where that was no crash; 0 is the header.
fn damaged_frame(log: &[u8]) -> Option<usize> {
    let (header, frames) = log.split_at_checked(HEADER_BYTES)?;
    if header.iter().all(|byte| *byte == 0) {
        return None;
    }
    let is_big = match word(header, 0) {
        MAGIC => false,
        magic if magic == MAGIC + 1 => true,
        _ => return (!frames.is_empty()).then_some(0),
    };
    let page_bytes = word(header, 8) as usize;
    let mut sum = checksum(&header[..24], (0, 0), is_big);
    if sum != (word(header, 24), word(header, 28)) || !page_bytes.is_power_of_two() || page_bytes < 512 {
        return (!frames.is_empty()).then_some(0);
    }
    let salts = &header[16..24];
    let mut damaged = None;
    let mut has_ended = false;
    for (index, frame) in frames.chunks_exact(FRAME_HEADER_BYTES + page_bytes).enumerate() {
        // What an earlier round of the log left behind has other salts.
        let is_ours = &frame[8..16] == salts;
        match damaged {
            None => {
                sum = checksum(&frame[..8], sum, is_big);
                sum = checksum(&frame[FRAME_HEADER_BYTES..], sum, is_big);
                if !is_ours || sum != (word(frame, 16), word(frame, 20)) {
                    damaged = Some(index + 1);
                    has_ended = is_ours && word(frame, 4) != 0;
                }
            }
            // The end of a transaction that began after the damaged one was synced. Its other frames prove nothing: one
            // that was rolled back leaves such behind.
            Some(_) if is_ours && word(frame, 4) != 0 && has_ended => return damaged,
            Some(_) => has_ended |= is_ours && word(frame, 4) != 0,
        }
    }
    None
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The format's running checksum over pairs of words.
fn checksum(bytes: &[u8], (mut first, mut second): (u32, u32), is_big: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let (a, b) = (word(pair, 0), word(pair, 4));
        let (a, b) = if is_big { (a, b) } else { (a.swap_bytes(), b.swap_bytes()) };
        first = first.wrapping_add(a).wrapping_add(second);
        second = second.wrapping_add(b).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// The log of some transactions of one row each, and where each of its frames begins.
    fn log() -> (Vec<u8>, Vec<usize>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("some.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        for row in 0..5 {
            connection.execute("INSERT INTO t VALUES (?1)", [row]).unwrap();
        }
        let log = fs::read(door::beside(&path, "-wal")).unwrap();
        let starts = (HEADER_BYTES..log.len()).step_by(FRAME_HEADER_BYTES + 4096).collect();
        (log, starts)
    }

    #[test]
    fn a_whole_log_is_whole_and_so_is_one_whose_last_transaction_was_torn() {
        let (log, starts) = log();
        assert_eq!(damaged_frame(&log), None);
        assert_eq!(damaged_frame(&[]), None);
        assert_eq!(damaged_frame(&vec![0; log.len()]), None);
        let last = *starts.last().unwrap();
        for torn in [last + 5, last + 300, log.len() - 1] {
            let mut other = log.clone();
            other[torn] ^= 1;
            assert_eq!(damaged_frame(&other), None, "byte {torn}");
            assert_eq!(damaged_frame(&log[..torn]), None, "cut at {torn}");
        }
    }

    #[test]
    fn a_flipped_bit_before_the_last_transaction_is_damage() {
        let (log, starts) = log();
        for (index, start) in starts[..starts.len() - 1].iter().enumerate() {
            for at in [start + 20, start + 1000] {
                let mut other = log.clone();
                other[at] ^= 4;
                assert_eq!(damaged_frame(&other), Some(index + 1), "byte {at}");
            }
        }
        let mut other = log;
        other[18] ^= 1;
        assert_eq!(damaged_frame(&other), Some(0));
    }
}
