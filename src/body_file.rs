//! Files that are sent as bodies, or in forms: found in the plan's folder, measured before the first call, and read
//! again in chunks when they are sent. Their contents are never kept, recorded or shown.

mod form;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::form::{Chunk, Content, Form, FormFile, FormPart, each_path, parts};
use crate::files;
use crate::hash::HashMap;
use crate::secret::hex;

/// The largest file that is sent: FastEdge's limit for a binary, the largest of all operations.
pub const LARGEST: u64 = 100 << 20;
/// The size of a chunk in memory.
const PIECE: usize = 128 << 10;

/// The recorded form of a file that is sent as a body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BodyFile {
    /// Its path in the plan's folder.
    pub path: String,
    /// The media type that it is sent as.
    pub content_type: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// MD5 of its bytes, hexadecimal: FastEdge shows it for its binaries.
    pub md5: String,
}

/// The contents count, not the name of the file.
impl PartialEq for BodyFile {
    fn eq(&self, other: &Self) -> bool {
        (self.size, &self.sha256, &self.content_type) == (other.size, &other.sha256, &other.content_type)
    }
}

impl Eq for BodyFile {}

impl BodyFile {
    /// A file received over the network.
    pub fn received(content_type: &str, bytes: &[u8]) -> Self {
        Self {
            path: String::new(),
            content_type: content_type.to_owned(),
            size: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
            md5: hex(&Md5::digest(bytes)),
        }
    }

    /// `8 bytes, SHA-256 93a44bbb…`: identifies the file, for people.
    pub fn summary(&self) -> String {
        const SHOWN: usize = 16;
        let bytes = if self.size == 1 { "byte" } else { "bytes" };
        let digest = self.sha256.get(..SHOWN).unwrap_or(&self.sha256);
        format!("{} {bytes}, SHA-256 {digest}…", self.size)
    }
}

/// Size and digests of a file.
#[derive(Debug, Clone)]
struct Measure {
    size: u64,
    sha256: String,
    md5: String,
}

/// The files of a plan that are sent as bodies, each with its first measurement.
#[derive(Debug)]
pub struct BodyFiles {
    folder: PathBuf,
    measured: Mutex<HashMap<String, Measure>>,
}

impl BodyFiles {
    /// The files in the folder of a plan.
    pub fn below(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), measured: Mutex::default() }
    }

    /// Measures a file, or gives its earlier measurement: the file may have changed since.
    ///
    /// # Errors
    ///
    /// A message why it cannot be sent.
    pub fn measure(&self, name: &str, content_type: &str) -> Result<BodyFile, String> {
        let known = self.measured.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let measure = match known {
            Some(known) => known,
            None => {
                // Without holding the lock, because reading may take long.
                let found = measure(&self.folder, name)?;
                let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
                measured.entry(name.to_owned()).or_insert(found).clone()
            }
        };
        let Measure { size, sha256, md5 } = measure;
        Ok(BodyFile { path: name.to_owned(), content_type: content_type.to_owned(), size, sha256, md5 })
    }

    /// A measured file, to be sent.
    pub fn upload(&self, file: BodyFile) -> Upload {
        Upload { folder: self.folder.clone(), file }
    }
}

/// A file that is being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    folder: PathBuf,
    pub file: BodyFile,
}

impl Upload {
    /// A file received over the network.
    pub fn received(content_type: &str, bytes: &[u8]) -> Self {
        Self { folder: PathBuf::new(), file: BodyFile::received(content_type, bytes) }
    }

    /// Gives the file a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.file.path);
        self
    }

    /// Reads the whole file, and compares it with its measurement.
    ///
    /// # Errors
    ///
    /// A message, when it cannot be read or has changed.
    pub fn verify(&self) -> Result<(), String> {
        let mut pieces = self.open()?;
        while pieces.read()?.is_some() {}
        Ok(())
    }

    /// The file in chunks.
    ///
    /// # Errors
    ///
    /// A message, when it cannot be read.
    pub fn open(&self) -> Result<Pieces, String> {
        let (file, _) = open_below(&self.folder, &self.file.path)?;
        Ok(Pieces { file, left: self.file.size, digest: Sha256::new(), measured: self.file.clone() })
    }
}

/// The chunks of a measured file. The last chunk is given only when the whole agrees with the measurement, so that a
/// receiver of all chunks has the right file.
#[derive(Debug)]
pub struct Pieces {
    file: File,
    left: u64,
    digest: Sha256,
    measured: BodyFile,
}

impl Pieces {
    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    ///
    /// A message, when the file cannot be read, or has changed.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>, String> {
        if self.left == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let mut piece = vec![0; wanted];
        self.file.read_exact(&mut piece).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => cannot_read(&self.measured.path, &error),
        })?;
        self.digest.update(&piece);
        self.left -= wanted as u64;
        let ends_here = || -> io::Result<bool> { Ok((&self.file).read(&mut [0])? == 0) };
        if self.left == 0
            && (hex(&self.digest.clone().finalize()) != self.measured.sha256
                || !ends_here().map_err(|error| cannot_read(&self.measured.path, &error))?)
        {
            return Err(self.changed());
        }
        Ok(Some(piece))
    }

    fn changed(&self) -> String {
        format!("`{}` has changed since this run began", self.measured.path)
    }
}

/// Why a file cannot be sent as a body; `None` when it can. Its contents are not read.
pub fn why_unusable(folder: &Path, name: &str) -> Option<String> {
    open_below(folder, name).err()
}

/// Whether a file begins with these bytes; `None` when it cannot be read.
pub fn begins_with(folder: &Path, name: &str, beginning: &[u8]) -> Option<bool> {
    let (file, _) = open_below(folder, name).ok()?;
    let mut read = Vec::with_capacity(beginning.len());
    file.take(beginning.len() as u64).read_to_end(&mut read).ok()?;
    Some(read == beginning)
}

fn measure(folder: &Path, name: &str) -> Result<Measure, String> {
    let (file, _) = open_below(folder, name)?;
    let (mut sha256, mut md5, mut size) = (Sha256::new(), Md5::new(), 0);
    let mut piece = vec![0; PIECE];
    let mut file = file.take(LARGEST + 1);
    loop {
        match file.read(&mut piece).map_err(|error| cannot_read(name, &error))? {
            0 => break,
            read => {
                sha256.update(&piece[..read]);
                md5.update(&piece[..read]);
                size += read as u64;
            }
        }
    }
    fits(name, size)?;
    Ok(Measure { size, sha256: hex(&sha256.finalize()), md5: hex(&md5.finalize()) })
}

/// Opens a file in a folder, and gives its size.
fn open_below(folder: &Path, name: &str) -> Result<(File, u64), String> {
    let file = files::open_below(folder, name)?;
    let size = file.metadata().map_err(|error| cannot_read(name, &error))?.len();
    fits(name, size)?;
    Ok((file, size))
}

fn fits(name: &str, size: u64) -> Result<(), String> {
    match size {
        0 => Err(format!("`{name}` is empty")),
        size if size > LARGEST => {
            Err(format!("`{name}` is larger than {} MiB, the most that is sent as a body", LARGEST >> 20))
        }
        _ => Ok(()),
    }
}

fn cannot_read(name: &str, error: &io::Error) -> String {
    format!("cannot read `{name}`: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "application/octet-stream";

    #[test]
    fn only_regular_files_below_the_folder_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("plan");
        std::fs::create_dir_all(inside.join("bin")).unwrap();
        std::fs::write(inside.join("bin/app.wasm"), b"\0asm\x01\0\0\0").unwrap();
        std::fs::write(inside.join("empty"), b"").unwrap();
        std::fs::write(folder.path().join("outside"), b"no").unwrap();
        let large = File::create(inside.join("large")).unwrap();
        large.set_len(LARGEST + 1).unwrap();
        for name in ["bin/app.wasm", "./bin/app.wasm"] {
            assert_eq!(why_unusable(&inside, name), None, "{name}");
        }
        let mut refused = vec![
            ("../outside", "below the plan's folder"),
            ("bin/../../outside", "below the plan's folder"),
            ("/etc/hostname", "below the plan's folder"),
            ("", "below the plan's folder"),
            ("bin", "is a folder"),
            ("missing", "cannot read"),
            ("empty", "is empty"),
            ("large", "larger than 100 MiB"),
        ];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(inside.join("bin/app.wasm"), inside.join("link")).unwrap();
            std::os::unix::fs::symlink(inside.join("bin"), inside.join("linked")).unwrap();
            refused.extend([("link", "`link` is a link"), ("linked/app.wasm", "`linked` is a link")]);
        }
        for (name, words) in refused {
            let why = why_unusable(&inside, name).unwrap_or_default();
            assert!(why.contains(words), "{name}: {why}");
        }
    }

    #[test]
    fn a_file_is_measured_once_and_comes_out_whole_or_not_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let files = BodyFiles::below(folder.path());
        let file = files.measure("data", TYPE).unwrap();
        assert_eq!((file.size, &file), (bytes.len() as u64, &BodyFile::received(TYPE, &bytes)));
        let upload = files.upload(file.clone());
        let mut pieces = upload.open().unwrap();
        let mut read = Vec::new();
        while let Some(piece) = pieces.read().unwrap() {
            assert!(piece.len() <= PIECE);
            read.extend(piece);
        }
        assert!(read == bytes && upload.verify().is_ok());

        let mut other = bytes.clone();
        other[5] ^= 1;
        for changed in [other, bytes[1..].to_vec(), [&bytes[..], b"x"].concat()] {
            std::fs::write(&path, &changed).unwrap();
            let why = upload.verify().unwrap_err();
            assert!(why.contains("has changed since this run began"), "{why}");
            let mut pieces = upload.open().unwrap();
            let mut given = 0;
            while let Ok(Some(piece)) = pieces.read() {
                given += piece.len();
            }
            assert!(given < bytes.len(), "{given} of {}", bytes.len());
            assert_eq!(files.measure("data", TYPE).unwrap(), file, "it is measured once");
            assert_ne!(BodyFiles::below(folder.path()).measure("data", TYPE).unwrap(), file);
        }
    }

    #[test]
    fn the_name_of_a_file_is_no_difference() {
        let file = BodyFile::received(TYPE, b"one");
        assert_eq!(BodyFile { path: "elsewhere".to_owned(), ..file.clone() }, file);
        assert_ne!(BodyFile::received(TYPE, b"two"), file);
        assert_ne!(BodyFile::received("application/wasm", b"one"), file);
    }
}
