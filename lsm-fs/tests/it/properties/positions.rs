//! Reads and writes at offsets, at the position and at the end, compared with the bytes in a vector.

use std::io::{Read, SeekFrom};

use lsm_fs::{Fs, FsFile, FsOpenOptions, ReadRequest, StdFs};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};

use super::cases;

/// Maximum length of a file.
const MAX_LEN: u32 = 40_000;

#[derive(Clone, Debug)]
enum Call {
    ReadAt(u32, u32),
    ReadMany(Vec<(u32, u32)>),
    WriteAt(u32, u32, u8),
    Read(u32),
    Write(u32, u8),
    Seek(u32),
    SetLen(u32),
    NextData(u32),
}

fn call() -> impl Strategy<Value = Call> {
    let at = || 0..MAX_LEN;
    let len = || prop_oneof![1 => Just(0), 4 => 1..5_000_u32, 1 => Just(4_096), 1 => 5_000..20_000_u32];
    prop_oneof![
        3 => (at(), len()).prop_map(|(at, len)| Call::ReadAt(at, len)),
        1 => vec((at(), len()), 0..4).prop_map(Call::ReadMany),
        4 => (at(), len(), any::<u8>()).prop_map(|(at, len, byte)| Call::WriteAt(at, len, byte)),
        2 => len().prop_map(Call::Read),
        3 => (len(), any::<u8>()).prop_map(|(len, byte)| Call::Write(len, byte)),
        2 => at().prop_map(Call::Seek),
        1 => at().prop_map(Call::SetLen),
        1 => at().prop_map(Call::NextData),
    ]
}

/// The bytes of a file, and the position of one handle.
struct Model {
    bytes: Vec<u8>,
    position: usize,
    append: bool,
}

impl Model {
    fn part(&self, at: usize, len: usize) -> &[u8] {
        let end = self.bytes.len().min(at.saturating_add(len));
        self.bytes.get(at..end).unwrap_or_default()
    }

    fn write(&mut self, at: usize, part: &[u8]) {
        if part.is_empty() {
            return;
        }
        let end = at + part.len();
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(part);
    }
}

fn make(call: &Call, file: &mut dyn FsFile, model: &mut Model) -> TestCaseResult {
    let at = |offset: u32| offset as usize;
    match call {
        Call::ReadAt(offset, len) => {
            let mut buf = vec![0; at(*len)];
            let read = file.read_at(&mut buf, u64::from(*offset)).unwrap();
            prop_assert_eq!(&buf[..read], model.part(at(*offset), at(*len)));
        }
        Call::ReadMany(parts) => {
            let mut bufs: Vec<_> = parts.iter().map(|(_, len)| vec![0; at(*len)]).collect();
            let pairs = parts.iter().zip(&mut bufs);
            let mut requests: Vec<_> =
                pairs.map(|((offset, _), buf)| ReadRequest::new(u64::from(*offset), buf)).collect();
            file.read_many(&mut requests).unwrap();
            for (request, (offset, len)) in requests.iter().zip(parts) {
                prop_assert_eq!(&request.buf[..request.filled], model.part(at(*offset), at(*len)));
            }
        }
        Call::WriteAt(offset, len, byte) => {
            let part = vec![*byte; at(*len)];
            let written = file.write_at(&part, u64::from(*offset));
            prop_assert_eq!(written.is_err(), model.append);
            if !model.append {
                model.write(at(*offset), &part);
            }
        }
        Call::Read(len) => {
            let mut buf = Vec::new();
            (&mut *file).take(u64::from(*len)).read_to_end(&mut buf).unwrap();
            prop_assert_eq!(&buf[..], model.part(model.position, at(*len)));
            model.position += buf.len();
        }
        Call::Write(len, byte) => {
            let part = vec![*byte; at(*len)];
            file.write_all(&part).unwrap();
            if model.append && !part.is_empty() {
                model.position = model.bytes.len();
            }
            model.write(model.position, &part);
            model.position += part.len();
        }
        Call::Seek(offset) => {
            file.seek(SeekFrom::Start(u64::from(*offset))).unwrap();
            model.position = at(*offset);
        }
        Call::SetLen(len) => {
            file.set_len(u64::from(*len)).unwrap();
            model.bytes.resize(at(*len), 0);
        }
        Call::NextData(offset) => holes_are_zeros(file, u64::from(*offset), model)?,
    }
    prop_assert_eq!(file.stream_position().unwrap(), model.position as u64);
    prop_assert_eq!(file.metadata().unwrap().len, model.bytes.len() as u64);
    Ok(())
}

/// Between the offset and the next data, or the end, the model contains only zeros.
fn holes_are_zeros(file: &dyn FsFile, offset: u64, model: &Model) -> TestCaseResult {
    let data = file.next_data(offset).unwrap();
    let start = usize::try_from(offset).unwrap();
    let end = data.as_ref().map_or(model.bytes.len(), |range| usize::try_from(range.start).unwrap());
    prop_assert!(data.is_none_or(|range| offset <= range.start && range.start < range.end));
    prop_assert!(model.part(start, end.saturating_sub(start)).iter().all(|&byte| byte == 0));
    Ok(())
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn reads_and_writes_agree_with_a_vector(
        append in any::<bool>(),
        direct in any::<bool>(),
        first in vec(any::<u8>(), 0..6_000),
        calls in vec(call(), 1..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let new = FsOpenOptions::new();
        StdFs.open(&path, &new.write(true).create_new(true)).unwrap().write_at(&first, 0).unwrap();
        let options = new.read(true).write(!append).append(append).direct_io(direct);
        let mut file = StdFs.open(&path, &options).unwrap();
        let mut model = Model { bytes: first, position: 0, append };
        for call in &calls {
            make(call, &mut *file, &mut model)?;
        }
        // Another handle and another piece size read the same bytes.
        let mut whole = Vec::new();
        StdFs.open(&path, &new.read(true)).unwrap().read_to_end(&mut whole).unwrap();
        prop_assert!(whole == model.bytes);
    }
}
