//! Shards that ran apart, brought together.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::Path,
};

use super::{
    Manifest, Results, ResultsError,
    disk::{self, Draft},
    finish,
};

/// How much of two files is compared at a time.
const COMPARED_BYTES: usize = 1 << 16;

/// What a merge came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Parts that a complete set has.
    pub n_parts: u64,
    /// Parts that none of the folders has.
    pub missing: Vec<u64>,
    /// The complete set, if nothing is missing.
    pub manifest: Option<Manifest>,
}

/// Copies all parts of the folders `sources` into the folder `target`, which may hold some already, and sums up if they are
/// complete. Done twice it does the same.
///
/// # Errors
/// If the folders are not of the same plan, hold different contents for a part, or cannot be read or written.
pub fn merge(sources: &[&Path], target: &Path) -> Result<Merged, ResultsError> {
    let (first, others) = sources.split_first().ok_or(ResultsError::NoSources)?;
    let mut folders = vec![Results::open(first)?];
    for source in others {
        let folder = Results::open(source)?;
        if let Some(difference) = folders[0].description().difference(folder.description()) {
            return Err(ResultsError::Differs { path: folder.directory().to_owned(), difference });
        }
        folders.push(folder);
    }
    let has_plan = target.join(super::plan::FILE).exists();
    if !has_plan && disk::names(target)?.iter().any(|name| !name.ends_with(disk::UNFINISHED)) {
        return Err(ResultsError::Foreign(target.to_owned()));
    }
    let merged = Results::create(target, folders[0].description().clone())?;
    for part in 0..merged.n_parts() {
        for folder in folders.iter().filter(|folder| folder.has(part)) {
            for (from, to) in folder.files(part).iter().zip(merged.files(part)) {
                place(from, &to)?;
            }
        }
    }
    disk::sync(target)?;
    let missing = merged.missing();
    let manifest = if missing.is_empty() { Some(finish(&merged)?) } else { None };
    Ok(Merged { n_parts: merged.n_parts(), missing, manifest })
}

/// Copies a file, unless the same is there.
fn place(from: &Path, to: &Path) -> Result<(), ResultsError> {
    if !to.exists() {
        let (draft, mut file) = Draft::create(to.to_owned())?;
        let mut source = File::open(from).map_err(ResultsError::at(from))?;
        io::copy(&mut source, &mut file).map_err(ResultsError::at(draft.target()))?;
        return draft.finish(&file);
    }
    if is_same(from, to)? { Ok(()) } else { Err(ResultsError::Conflict(from.to_owned(), to.to_owned())) }
}

fn is_same(a: &Path, b: &Path) -> Result<bool, ResultsError> {
    let size = |path: &Path| fs::metadata(path).map(|file| file.len()).map_err(ResultsError::at(path));
    if size(a)? != size(b)? {
        return Ok(false);
    }
    let open = |path: &Path| File::open(path).map(BufReader::new).map_err(ResultsError::at(path));
    let read = |file: BufReader<File>, path: &Path, buffer: &mut Vec<u8>| {
        buffer.clear();
        let mut chunk = file.take(u64::try_from(COMPARED_BYTES).expect("a small number"));
        chunk.read_to_end(buffer).map_err(ResultsError::at(path))?;
        Ok::<_, ResultsError>(chunk.into_inner())
    };
    let (mut file_a, mut file_b) = (open(a)?, open(b)?);
    let (mut chunk_a, mut chunk_b) = (Vec::new(), Vec::new());
    loop {
        file_a = read(file_a, a, &mut chunk_a)?;
        file_b = read(file_b, b, &mut chunk_b)?;
        if chunk_a != chunk_b {
            return Ok(false);
        }
        if chunk_a.is_empty() {
            return Ok(true);
        }
    }
}
