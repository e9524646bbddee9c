//! Answers of the application that the database may not have yet, in a file that only grows, and goes once it has them all.
//!
//! An answer is there once its one write is done: a kill leaves it, or a torn end that is cut off. Nothing is synced, so
//! after a power cut the file says nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use alloy::primitives::keccak256;

use crate::store::{Answer, InputStatus};

/// Before each answer: its length, and the first bytes of its keccak.
const HEAD: usize = 4 + CHECKSUM;

const CHECKSUM: usize = 8;

/// The file, which is there only while it has answers.
pub(crate) struct Journal {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Journal {
    /// The file at `path`, and the answers in it, with their inputs' indexes.
    pub(crate) fn open(path: PathBuf) -> io::Result<(Self, Vec<(u64, Answer)>)> {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes?,
        };
        let (answers, rest) = read(&bytes);
        let length = (bytes.len() - rest.len()) as u64;
        let mut journal = Self { path, file: None, length };
        if !rest.is_empty() {
            journal.file()?.set_len(length)?;
        }
        Ok((journal, answers))
    }

    /// Adds what the application answered to the input at `index`.
    pub(crate) fn append(&mut self, index: u64, answer: &Answer) -> io::Result<()> {
        let (frame, length) = (frame(index, answer)?, self.length);
        let file = self.file()?;
        let written = file.write_all(&frame);
        match written {
            Ok(()) => self.length += frame.len() as u64,
            // What follows half an answer would be cut off with it.
            Err(_) => file.set_len(length)?,
        }
        written
    }

    /// Forgets all answers.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.file = None;
        self.length = 0;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(File::options().create(true).append(true).open(&self.path)?)),
        }
    }
}

fn frame(index: u64, Answer { status, outputs, reports }: &Answer) -> io::Result<Vec<u8>> {
    let raws = outputs.iter().chain(reports);
    let mut frame = Vec::with_capacity(HEAD + 17 + raws.map(|raw| 4 + raw.len()).sum::<usize>());
    frame.extend([0; HEAD]);
    frame.extend(index.to_le_bytes());
    frame.push(match status {
        InputStatus::Unprocessed => 0,
        InputStatus::Accepted => 1,
        InputStatus::Rejected => 2,
        InputStatus::Exception => 3,
    });
    for raws in [outputs, reports] {
        frame.extend(short(raws.len())?);
        for raw in raws {
            frame.extend(short(raw.len())?);
            frame.extend(raw);
        }
    }
    let (head, body) = frame.split_at_mut(HEAD);
    head[..4].copy_from_slice(&short(body.len())?);
    head[4..].copy_from_slice(&keccak256(body)[..CHECKSUM]);
    Ok(frame)
}

fn short(length: usize) -> io::Result<[u8; 4]> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, format!("an answer has {length} bytes or parts"));
    u32::try_from(length).map(u32::to_le_bytes).map_err(too_long)
}

/// The answers up to the first that is not whole, and what is left from there on.
fn read(mut bytes: &[u8]) -> (Vec<(u64, Answer)>, &[u8]) {
    let mut answers = Vec::new();
    while let Some((answer, rest)) = read_frame(bytes) {
        answers.push(answer);
        bytes = rest;
    }
    (answers, bytes)
}

fn read_frame(mut bytes: &[u8]) -> Option<((u64, Answer), &[u8])> {
    let length = take_length(&mut bytes)?;
    let checksum = take(&mut bytes, CHECKSUM)?;
    let mut body = take(&mut bytes, length)?;
    if keccak256(body)[..CHECKSUM] != *checksum {
        return None;
    }
    let index = u64::from_le_bytes(take(&mut body, 8)?.try_into().ok()?);
    let status = match take(&mut body, 1)? {
        [1] => InputStatus::Accepted,
        [2] => InputStatus::Rejected,
        [3] => InputStatus::Exception,
        _ => return None,
    };
    let (outputs, reports) = (take_raws(&mut body)?, take_raws(&mut body)?);
    body.is_empty().then_some(((index, Answer { status, outputs, reports }), bytes))
}

fn take_raws(bytes: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
    (0..take_length(bytes)?)
        .map(|_| {
            let length = take_length(bytes)?;
            take(bytes, length).map(<[u8]>::to_vec)
        })
        .collect()
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?)).ok()
}

fn take<'b>(bytes: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    /// A file that is deleted at the end.
    struct Place(PathBuf);

    impl Place {
        fn of(name: &str, bytes: &[u8]) -> Self {
            let path = env::temp_dir().join(format!("rollup-journal-{name}-{}", std::process::id()));
            fs::write(&path, bytes).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_file(&self.0).ok();
        }
    }

    fn answers() -> Vec<(u64, Answer)> {
        let raws = |raws: &[&[u8]]| raws.iter().map(|raw| raw.to_vec()).collect::<Vec<_>>();
        let answer = |status, outputs: &[&[u8]], reports: &[&[u8]]| Answer {
            status,
            outputs: raws(outputs),
            reports: raws(reports),
        };
        vec![
            (7, answer(InputStatus::Accepted, &[b"one", b"", &[0xff; 70_000]], &[])),
            (8, answer(InputStatus::Rejected, &[], &[b"why"])),
            (u64::MAX, answer(InputStatus::Exception, &[], &[])),
        ]
    }

    fn frames() -> Vec<Vec<u8>> {
        answers().iter().map(|(index, answer)| frame(*index, answer).unwrap()).collect()
    }

    /// Opens a file with these bytes, which begin with `n_whole` answers, and goes on from there.
    #[track_caller]
    fn check(name: &str, bytes: &[u8], n_whole: usize) {
        let place = Place::of(name, bytes);
        let (mut journal, found) = Journal::open(place.0.clone()).unwrap();
        assert_eq!(found, answers()[..n_whole]);
        let whole = frames()[..n_whole].concat();
        assert_eq!(fs::read(&place.0).unwrap(), whole);
        assert_eq!(journal.length(), whole.len() as u64);
        let (index, answer) = &answers()[1];
        journal.append(*index, answer).unwrap();
        let (_, found) = Journal::open(place.0.clone()).unwrap();
        assert_eq!(found, [&answers()[..n_whole], &answers()[1..2]].concat());
    }

    #[test]
    fn what_was_appended_is_there_until_it_is_cleared() {
        let place = Place::of("appended", b"");
        let (mut journal, found) = Journal::open(place.0.clone()).unwrap();
        assert_eq!(found, []);
        for (index, answer) in answers() {
            journal.append(index, &answer).unwrap();
        }
        assert_eq!(Journal::open(place.0.clone()).unwrap().1, answers());
        journal.clear().unwrap();
        assert_eq!((journal.length(), place.0.exists()), (0, false));
        journal.clear().unwrap();
        let (index, answer) = &answers()[2];
        journal.append(*index, answer).unwrap();
        assert_eq!(Journal::open(place.0.clone()).unwrap().1, answers()[2..]);
    }

    #[test]
    fn a_file_is_read_up_to_its_first_bad_answer() {
        let [first, second, third] = <[Vec<u8>; 3]>::try_from(frames()).unwrap();
        check("empty", b"", 0);
        check("whole", &[&first[..], &second, &third].concat(), 3);
        check("garbage", &[0xff; 100], 0);
        check("zeros", &[0; 100], 0);
        check("trailing-zeros", &[&first[..], &[0; 64]].concat(), 1);
        for byte in 0..second.len() {
            check("bad", &[&first[..], &changed(&second, byte), &third].concat(), 1);
            check("torn", &[&first[..], &second[..byte]].concat(), 1);
        }
    }

    fn changed(frame: &[u8], byte: usize) -> Vec<u8> {
        let mut frame = frame.to_vec();
        frame[byte] ^= 1;
        frame
    }

    #[test]
    fn an_answer_that_is_none_is_not_read() {
        let (_, answer) = &answers()[1];
        let unprocessed = Answer { status: InputStatus::Unprocessed, ..answer.clone() };
        check("unprocessed", &frame(8, &unprocessed).unwrap(), 0);
    }
}
