//! Atomic replacement of files, private folders, and reading of regular files, also below a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// The beginning of the names of temporary files.
const UNFINISHED: &str = ".new-";

/// Replaces a file atomically: a temporary file (mode 0600) is written, synced and renamed, and the folder synced, so
/// that after a crash the old or the new file exists.
///
/// # Errors
///
/// Any I/O error; the old file is unchanged then.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::metadata(folder)?;
    // Temporary files have mode 0600. The text of an error would name the temporary path, which says nothing to a user.
    let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder);
    let mut file = file.map_err(|error| io::Error::from(error.kind()))?;
    file.as_file_mut().write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Removes what processes that were killed while they replaced a file have left in a folder. The caller is the only one
/// that replaces files there. What cannot be removed stays: it harms nothing.
pub fn remove_unfinished(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        let _ = fs::remove_file(entry.path());
    }
}

/// Opens a regular file: follows no symbolic link, and does not block on a pipe or device.
///
/// # Errors
///
/// When it is a link or not a regular file; any other I/O error.
pub fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // Opening a pipe would block.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.cast_signed());
    }
    let is_link = || fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink());
    let file = options.open(path).map_err(|error| if is_link() { not_a_file("it is a link") } else { error })?;
    match file.metadata()?.is_file() && !is_link() {
        true => Ok(file),
        false => Err(not_a_file("it is no regular file")),
    }
}

/// Opens a regular file below a folder, by its path there. Symbolic links are not followed, neither the file nor a
/// folder on the way to it; the folder itself may be one.
///
/// # Errors
///
/// A message with the path: why it is not opened.
pub fn open_below(folder: &Path, name: &str) -> Result<File, String> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || name.is_empty() {
        return Err(format!("`{name}` must be a path below the plan's folder, without `..`"));
    }
    let cannot_read = |error: io::Error| format!("cannot read `{name}`: {error}");
    let mut full = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
    for part in path.components() {
        full.push(part);
        let found = full.symlink_metadata().map_err(cannot_read)?;
        if found.file_type().is_symlink() {
            let link = full.strip_prefix(folder).unwrap_or(&full);
            return Err(match path == link {
                true => format!("`{name}` is a link, and links are not followed"),
                false => format!("cannot read `{name}`: `{}` is a link, and links are not followed", link.display()),
            });
        }
    }
    if full.is_dir() {
        return Err(format!("`{name}` is a folder, not a file"));
    }
    open_regular(&full, OpenOptions::new().read(true)).map_err(cannot_read)
}

/// Reads a whole regular file.
///
/// # Errors
///
/// As for [`open_regular`].
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path, OpenOptions::new().read(true))?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Which file it is, apart from its name and contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    number: u64,
}

impl Identity {
    pub fn of(found: &fs::Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self { device: found.dev(), number: found.ino() }
        }
        #[cfg(not(unix))]
        {
            // An open file can be neither removed nor replaced there.
            let _ = found;
            Self {}
        }
    }
}

fn not_a_file(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Reads to the end, but at most one byte more than `most`, so that the caller can detect a longer input. `expected`:
/// the number of bytes, when it is known; reading them then needs no second copy.
///
/// # Errors
///
/// Any I/O error.
pub fn read_at_most(from: &mut impl Read, most: usize, expected: Option<u64>) -> io::Result<Vec<u8>> {
    let expected = expected.and_then(|expected| usize::try_from(expected).ok()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(expected.min(most));
    from.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Creates a folder and its parents with mode 0700.
///
/// # Errors
///
/// Any I/O error.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates a folder with mode 0700 where every user may create one, or checks that the existing one is this user's, and
/// only this user's.
///
/// # Errors
///
/// When it is another user's, a link, or open to others; any other I/O error.
pub fn make_own_folder(path: &Path) -> io::Result<()> {
    make_private_folder(path)?;
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(not_a_file("it is no folder"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(not_a_file("it belongs to another user"));
        }
        if found.mode() & 0o077 != 0 {
            return Err(not_a_file("other users may enter it"));
        }
    }
    Ok(())
}

/// Makes the entries of a folder durable. Not needed on Windows.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_our_own_is_open_to_nobody_else() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        for _ in 0..2 {
            make_own_folder(&own).unwrap();
        }
        assert_eq!(fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o700);
        std::os::unix::fs::symlink(&own, folder.path().join("link")).unwrap();
        assert!(make_own_folder(&folder.path().join("link")).unwrap_err().to_string().contains("no folder"));
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(make_own_folder(&own).unwrap_err().to_string().contains("other users"));
    }

    #[test]
    fn neither_links_nor_pipes_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        assert_eq!(read_regular(&at("file")).unwrap(), b"text");
        for (name, why) in [("link", "it is a link"), ("pipe", "it is no regular file"), (".", "regular file")] {
            assert!(read_regular(&at(name)).unwrap_err().to_string().contains(why), "{name}");
        }
        let written = open_regular(&at("link"), OpenOptions::new().write(true).create(true));
        assert!(written.is_err() && read_regular(&at("missing")).unwrap_err().kind() == io::ErrorKind::NotFound);
    }
}
