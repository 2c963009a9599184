//! The socket by which whoever runs the broker steers it: the management API without a login, guarded by the rights of a file.

use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use warrener_management::axum;

use crate::config::{Config, ControlSocket, Storage};
use crate::error::ServeError;

/// Its name in the data directory.
const NAME: &str = "control.sock";

/// Where it is, if it is anywhere, and whether somebody asked for it there.
pub(crate) fn place(config: &Config) -> Option<(PathBuf, bool)> {
    match (&config.control_socket, &config.storage) {
        (ControlSocket::At(path), _) => Some((path.clone(), true)),
        (ControlSocket::Default, Storage::Directory(directory)) => {
            Some((directory.join(NAME), false))
        }
        (ControlSocket::Default, Storage::Memory) | (ControlSocket::Off, _) => None,
    }
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listening {
    #[cfg(unix)]
    listener: tokio::net::UnixListener,
    file: Linked,
}

/// The file of a socket; it goes when its listener goes.
#[derive(Debug)]
struct Linked(PathBuf);

/// Listens where the configuration says. A default place where that is impossible is warned of.
pub(crate) fn listen(config: &Config) -> Result<Option<Listening>, ServeError> {
    let Some((path, is_asked)) = place(config) else { return Ok(None) };
    match bind(&path) {
        Ok(listening) => Ok(Some(listening)),
        Err(source) if is_asked => Err(ServeError::ControlSocket { path, source }),
        Err(error) => {
            let path = path.display();
            tracing::warn!(
                "warrener ctl cannot reach this broker: no socket at {path}: {error}; name another place with --control-socket PATH"
            );
            Ok(None)
        }
    }
}

/// The socket is made where nobody else can reach it and moved into its place when it has its rights, so that there is no
/// moment in which others may connect, and none in which there is no socket.
#[cfg(unix)]
fn bind(path: &Path) -> io::Result<Listening> {
    use std::fs::{self, DirBuilder, Permissions};
    use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
    use std::os::unix::net::UnixStream;

    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this file is no socket"));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another broker listens there"));
        }
        // What a broker left behind that was killed.
        Ok(_) | Err(_) => {}
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new(".")).join(".w");
    let gone = |done: io::Result<()>| match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    };
    gone(fs::remove_dir_all(&directory))?;
    DirBuilder::new().mode(0o700).create(&directory)?;
    let made = directory.join("c");
    let bound = tokio::net::UnixListener::bind(&made).and_then(|listener| {
        fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        fs::rename(&made, path)?;
        Ok(Listening { listener, file: Linked(path.to_owned()) })
    });
    gone(fs::remove_dir_all(&directory))?;
    bound
}

#[cfg(not(unix))]
fn bind(_: &Path) -> io::Result<Listening> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "there are no such sockets on this system"))
}

#[cfg(unix)]
impl Listening {
    /// Answers with these routes; only ever ends with its task.
    pub(crate) async fn serve(self, routes: axum::Router) {
        let Self { listener, file: _file } = self;
        let _ = axum::serve(listener, routes).await;
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}
