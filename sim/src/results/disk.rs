//! Files that are there in full or not at all.

use std::{
    collections::hash_map::RandomState,
    fs::{self, File},
    hash::{BuildHasher, Hasher},
    io,
    path::{Path, PathBuf},
    process,
};

use super::ResultsError;

/// The ending of a file that is being written.
pub(crate) const UNFINISHED: &str = ".tmp";
/// A longer file of JSON is none of ours.
const MAX_TEXT_BYTES: u64 = 1 << 30;

/// A file that is being written under a name of its own, and removed if that does not end well.
pub(crate) struct Draft {
    path: PathBuf,
    target: PathBuf,
    is_done: bool,
}

impl Draft {
    /// Begins `target`.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub(crate) fn create(target: PathBuf) -> Result<(Self, File), ResultsError> {
        let mut path = target.clone().into_os_string();
        // Machines that share a folder may be given the same part twice.
        let random = RandomState::new().build_hasher().finish();
        path.push(format!(".{}-{random:016x}{UNFINISHED}", process::id()));
        let path = PathBuf::from(path);
        let file = File::create_new(&path).map_err(ResultsError::at(&path))?;
        Ok((Self { path, target, is_done: false }, file))
    }

    /// Puts the file in its place, over one that may be there.
    ///
    /// # Errors
    /// If the disk is full or the file is gone.
    pub(crate) fn finish(mut self, file: &File) -> Result<(), ResultsError> {
        file.sync_all().map_err(ResultsError::at(&self.path))?;
        fs::rename(&self.path, &self.target).map_err(ResultsError::at(&self.target))?;
        self.is_done = true;
        Ok(())
    }

    /// Puts the file in its place unless one is there; false if one is.
    ///
    /// # Errors
    /// If the disk is full or the file is gone.
    pub(crate) fn finish_first(mut self, file: &File) -> Result<bool, ResultsError> {
        file.sync_all().map_err(ResultsError::at(&self.path))?;
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // Some shared folders have no hard links.
            Err(_) => {
                fs::rename(&self.path, &self.target).map_err(ResultsError::at(&self.target))?;
                self.is_done = true;
                Ok(true)
            }
        }
    }

    /// Where it will be.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_done {
            // What cannot be removed is no part, and a later call removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the names in a folder survive a power cut.
///
/// # Errors
/// If the system says so.
pub(crate) fn sync(directory: &Path) -> Result<(), ResultsError> {
    // Windows opens no folders, and its renames are durable.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(ResultsError::at(directory))
}

/// The names in a folder; none if there is no folder.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, ResultsError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(ResultsError::at(directory))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = entries.map(name).collect::<io::Result<Vec<_>>>().map_err(ResultsError::at(directory))?;
    names.sort();
    Ok(names)
}

/// The text of a file.
///
/// # Errors
/// If it cannot be read, is no text, or is too long to be ours.
pub(crate) fn read_text(path: &Path) -> Result<String, ResultsError> {
    let n_bytes = fs::metadata(path).map_err(ResultsError::at(path))?.len();
    if n_bytes > MAX_TEXT_BYTES {
        return Err(ResultsError::Damaged { path: path.to_owned(), what: format!("it has {n_bytes} bytes") });
    }
    fs::read_to_string(path).map_err(ResultsError::at(path))
}
