//! The table format of the tree: records, then their count and an XXH3-128 of all preceding bytes.

use super::Result;

const MAGIC: &[u8; 8] = b"TESTSST1";
/// Count, checksum, magic.
const FOOTER_LEN: usize = 8 + 16 + 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) seqno: u64,
    pub(crate) value: Option<Vec<u8>>,
}

pub(crate) fn checksum(bytes: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(bytes)
}

/// Encodes a table, and its blob file if any value is long enough for one.
pub(super) fn encode(entries: &[Entry], blob_len: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut table, mut blob) = (Vec::new(), Vec::new());
    for entry in entries {
        put_bytes(&mut table, &entry.key);
        put(&mut table, entry.seqno);
        match &entry.value {
            None => table.push(0),
            Some(value) if value.len() < blob_len => {
                table.push(1);
                put_bytes(&mut table, value);
            }
            Some(value) => {
                table.push(2);
                put(&mut table, blob.len() as u64);
                put(&mut table, value.len() as u64);
                blob.extend_from_slice(value);
            }
        }
    }
    put(&mut table, entries.len() as u64);
    let sum = checksum(&table);
    table.extend_from_slice(&little_endian(sum));
    table.extend_from_slice(MAGIC);
    (table, blob)
}

pub(super) fn decode(table: &[u8], blob: &[u8]) -> Result<Vec<Entry>> {
    let body_len = table.len().checked_sub(FOOTER_LEN).ok_or("a table without a footer")?;
    let (mut body, footer) = table.split_at(body_len);
    let count = take(&mut &footer[..8])?;
    if &footer[24..] != MAGIC || footer[8..24] != little_endian(checksum(&table[..body_len + 8])) {
        return Err("a table's checksum does not match".into());
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let key = take_bytes(&mut body)?;
        let seqno = take(&mut body)?;
        let (kind, rest) = body.split_first().ok_or("a record is cut off")?;
        body = rest;
        let value = match kind {
            0 => None,
            1 => Some(take_bytes(&mut body)?),
            2 => {
                let (at, len) = (usize::try_from(take(&mut body)?)?, usize::try_from(take(&mut body)?)?);
                Some(blob.get(at..at + len).ok_or("a blob file that is too short")?.to_vec())
            }
            _ => return Err("a record of no kind".into()),
        };
        entries.push(Entry { key, seqno, value });
    }
    Ok(entries)
}

pub(super) fn put(out: &mut Vec<u8>, number: u64) {
    out.extend((0..8).map(|i| u8::try_from(number >> (8 * i) & 0xff).unwrap_or_default()));
}

fn little_endian(number: u128) -> [u8; 16] {
    std::array::from_fn(|i| u8::try_from(number >> (8 * i) & 0xff).unwrap_or_default())
}

pub(super) fn put_sum(out: &mut Vec<u8>, number: u128) {
    out.extend_from_slice(&little_endian(number));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn take(from: &mut &[u8]) -> Result<u64> {
    let (head, rest) = from.split_at_checked(8).ok_or("a number is cut off")?;
    *from = rest;
    Ok(head.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

pub(super) fn take_sum(from: &mut &[u8]) -> Result<u128> {
    let low = take(from)?;
    Ok(u128::from(take(from)?) << 64 | u128::from(low))
}

fn take_bytes(from: &mut &[u8]) -> Result<Vec<u8>> {
    let len = usize::try_from(take(from)?)?;
    let (head, rest) = from.split_at_checked(len).ok_or("bytes are cut off")?;
    *from = rest;
    Ok(head.to_vec())
}

#[test]
fn tables_read_as_written_and_damage_is_found() {
    let entry = |key: &str, value: Option<&str>| Entry {
        key: key.into(),
        seqno: 7,
        value: value.map(|value| value.as_bytes().to_vec()),
    };
    let entries = [entry("a", Some("x")), entry("b", None), entry("c", Some("long enough"))];
    let (table, blob) = encode(&entries, 5);
    assert_eq!(blob, b"long enough");
    assert_eq!(decode(&table, &blob).unwrap(), entries);
    for at in 0..table.len() {
        let mut damaged = table.clone();
        damaged[at] ^= 1;
        assert!(decode(&damaged, &blob).is_err(), "byte {at}");
        assert!(decode(&table[..at], &blob).is_err(), "cut at {at}");
    }
}
