//! The memory of a push that is under way: its writer, and the files that it has sent.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use lsm_fs::{FsExt, FsOpenOptions};

use super::{Dir, Memory};
use crate::{
    error::Result,
    format::{Sha256, sha256},
    hex,
    id::{BackupId, Nonce, WriterId},
    key::ObjectName,
};

/// A longer file is ignored.
const FILE_MAX: u64 = 512 << 20;

/// The length of the checksum in front of each line, in digits.
const CHECK: usize = 16;

/// A file that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) path: String,
    pub(crate) name: ObjectName,
    pub(crate) len: u64,
    pub(crate) checksum: Option<u128>,
    pub(crate) pieces: Vec<Sha256>,
}

/// The state of a push that was killed.
#[derive(Debug, Default)]
pub(crate) struct Resume {
    pub(crate) writer: Option<WriterId>,
    pub(crate) finished: BTreeMap<String, Finished>,
}

impl Memory {
    /// Reads the memory of a push. Damaged or torn lines are skipped, and their files are sent again.
    pub(crate) async fn resume(&self, backup: BackupId) -> Result<Resume> {
        self.run(move |dir| {
            let bytes = dir.fs.read_to_vec(&path(dir, backup), FILE_MAX).unwrap_or_default();
            Ok(parse(&String::from_utf8_lossy(&bytes)))
        })
        .await
    }

    /// Adds the writer of a push.
    pub(crate) async fn began(&self, backup: BackupId, writer: WriterId) -> Result<()> {
        self.run(move |dir| append(dir, backup, &format!("writer {writer}"))).await
    }

    /// Adds a file that was sent. Without the note, a later run sends it again.
    pub(crate) async fn sent(&self, backup: BackupId, file: &Finished) {
        let line = line(file);
        self.try_run(move |dir| append(dir, backup, &line)).await;
    }

    /// Removes the memory of a push that has ended.
    pub(crate) async fn ended(&self, backup: BackupId) -> Result<()> {
        self.run(move |dir| match dir.fs.remove_file(&path(dir, backup)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        })
        .await
    }
}

/// Appends a line in one write, without a sync. A lost line costs only time.
fn append(dir: &Dir, backup: BackupId, line: &str) -> Result<()> {
    let options = FsOpenOptions::new().append(true).create(true);
    let path = path(dir, backup);
    let mut file = dir.fs.open(&path, &options)?;
    // A torn line before this one ends here.
    let text = format!("\n{} {line}\n", check(line));
    let failed = |error| lsm_fs::Error::new(lsm_fs::Op::Write, path.clone(), error);
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(())
}

fn path(dir: &Dir, backup: BackupId) -> PathBuf {
    dir.path.join(format!("push-{backup}"))
}

fn check(line: &str) -> String {
    let mut digits = hex::encode(&sha256(line.as_bytes()));
    digits.truncate(CHECK);
    digits
}

fn line(file: &Finished) -> String {
    let Finished { path, name, len, checksum, pieces } = file;
    let checksum = checksum.map_or_else(|| "-".to_owned(), |checksum| format!("{checksum:032x}"));
    let pieces: String = pieces.iter().map(|piece| hex::encode(piece)).collect();
    format!("file {} {} {len} {checksum} {pieces} {path}", name.writer, name.nonce)
}

fn parse(text: &str) -> Resume {
    let mut resume = Resume::default();
    for line in text.lines() {
        let Some((sum, line)) = line.split_once(' ').filter(|(sum, line)| *sum == check(line)) else {
            continue;
        };
        debug_assert_eq!(sum.len(), CHECK);
        if let Some(writer) = line.strip_prefix("writer ").and_then(|writer| writer.parse().ok()) {
            resume.writer = Some(writer);
        } else if let Some(file) = line.strip_prefix("file ").and_then(parse_file) {
            resume.finished.insert(file.path.clone(), file);
        }
    }
    resume
}

fn parse_file(text: &str) -> Option<Finished> {
    let mut fields = text.splitn(6, ' ');
    let mut next = || fields.next();
    let name = ObjectName { writer: next()?.parse().ok()?, nonce: next()?.parse::<Nonce>().ok()? };
    let len = next()?.parse().ok()?;
    let checksum = match next()? {
        "-" => None,
        digits => Some(u128::from_str_radix(digits, 16).ok()?),
    };
    let digits = next()?;
    let pieces = (0..digits.len().div_ceil(64))
        .map(|at| hex::decode(digits.get(64 * at..64 * (at + 1))?))
        .collect::<Option<Vec<Sha256>>>()?;
    let path = next()?.to_owned();
    (pieces.len() as u64 == crate::format::pieces(len)).then_some(Finished {
        path,
        name,
        len,
        checksum,
        pieces,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, len: u64, pieces: usize) -> Finished {
        let name = ObjectName { writer: WriterId([1; 16]), nonce: Nonce([2; 16]) };
        Finished { path: path.into(), name, len, checksum: Some(7), pieces: vec![[3; 32]; pieces] }
    }

    fn text(line: &str) -> String {
        format!("\n{} {line}\n", check(line))
    }

    #[test]
    fn files_survive_the_round_trip() {
        let (one, two) = (file("tables/a b", 1, 1), file("blobs/2", (1 << 20) + 1, 2));
        let lines = [format!("writer {}", WriterId([9; 16])), line(&one), line(&two)];
        let resume = parse(&lines.map(|line| text(&line)).concat());
        assert_eq!(resume.writer, Some(WriterId([9; 16])));
        assert_eq!(resume.finished.into_values().collect::<Vec<_>>(), [two, one]);
    }

    #[test]
    fn a_torn_or_flipped_line_is_left_out() {
        let whole = text(&line(&file("t", 1, 1)));
        for cut in 0..whole.len() - 1 {
            assert!(parse(&whole[..cut]).finished.is_empty(), "{cut}");
        }
        assert!(parse(&whole.replace(" 1 ", " 2 ")).finished.is_empty());
        let after_a_tear = format!("{}{whole}", &whole[..40]);
        assert_eq!(parse(&after_a_tear).finished.len(), 1);
    }
}
