//! Positional reads and writes where the platform has none that leave the position alone.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    sync::{Mutex, PoisonError},
};

/// Positional calls emulated with seeks. The lock lets several threads share the position. After each call, the
/// position is where `Read`, `Write` and `Seek` left it.
#[derive(Debug, Default)]
pub(in crate::std_fs) struct Positioned(Mutex<()>);

impl Positioned {
    fn at<T>(&self, mut file: &File, offset: u64, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let _only = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let position = file.stream_position()?;
        let acted = file.seek(SeekFrom::Start(offset)).and_then(|_| act(file));
        file.seek(SeekFrom::Start(position))?;
        acted
    }

    pub(in crate::std_fs) fn read_at(&self, file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.at(file, offset, |mut file| {
            let mut filled = 0;
            loop {
                // An empty read makes one call, too, so that the platform checks the handle.
                let (_, rest) = buf.split_at_mut(filled);
                match file.read(rest) {
                    Ok(0) => return Ok(filled),
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                }
                if filled >= buf.len() {
                    return Ok(filled);
                }
            }
        })
    }

    pub(in crate::std_fs) fn write_at(&self, file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
        self.at(file, offset, |mut file| {
            // `write_all` makes no call if there are no bytes, so the platform would not check the handle.
            if buf.is_empty() { file.write(buf).map(drop) } else { file.write_all(buf) }
        })
    }

    #[expect(clippy::unused_self, reason = "the Unix twin seeks")]
    pub(in crate::std_fs) fn next_data(
        &self,
        _: &File,
        offset: u64,
        len: u64,
    ) -> io::Result<Option<Range<u64>>> {
        Ok(Some(offset..len))
    }
}
