//! Files that must be whole or not there at all, and folders nobody else may look into.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Replaces a file at once: written beside it (mode 0600), synced, renamed, and the folder synced, so that after a crash
/// there is the old file or the new one.
///
/// # Errors
///
/// Any I/O error on the way; the old file is untouched then.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A temporary file is made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Reads to the end, or one byte more than `most`, so that who asks can tell: not everything that can be opened ends.
///
/// # Errors
///
/// Any I/O error on the way.
pub fn read_at_most(from: &mut impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes a folder and what leads to it, with mode 0700.
///
/// # Errors
///
/// Any I/O error on the way.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes the names in a folder durable. Windows has no such call, and needs none.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
