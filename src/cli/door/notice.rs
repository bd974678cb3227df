//! Hearing that a file of the book, or one that a trigger watches, may have changed, so that nobody has to look at all of
//! them again and again.

use crate::cli::shelf;
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use tokio::io::unix::AsyncFd;

/// What is heard of: contents, names, permissions.
const HEARD: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::ONLYDIR);

/// An ear on directories.
pub(super) struct Notice {
    ear: AsyncFd<OwnedFd>,
    dirs: Box<dyn Fn() -> Vec<PathBuf> + Send + Sync>,
}

impl Notice {
    /// An ear on that book; `None` where the kernel has none to spare.
    pub(super) fn of(book: &Path) -> Option<Self> {
        let book = book.to_owned();
        Self::on(Box::new(move || std::iter::once(book.clone()).chain(shelf::folders(&book)).collect()))
    }

    /// An ear on those directories; `None` where the kernel has none to spare, or none of them is there.
    pub(super) fn over(dirs: impl IntoIterator<Item = PathBuf>) -> Option<Self> {
        let dirs: Vec<PathBuf> = dirs.into_iter().collect();
        Self::on(Box::new(move || dirs.clone()))
    }

    fn on(dirs: Box<dyn Fn() -> Vec<PathBuf> + Send + Sync>) -> Option<Self> {
        let ear = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        #[expect(
            deprecated,
            reason = "`register` is unsafe for the sake of descriptors that others close; this one is owned"
        )]
        let notice = Self { ear: AsyncFd::new(ear).ok()?, dirs };
        notice.listen().then_some(notice)
    }

    /// Listens to every directory that is there now; whether there is any.
    fn listen(&self) -> bool {
        let dirs = (self.dirs)().into_iter();
        dirs.filter(|dir| add_watch(self.ear.get_ref(), dir, HEARD).is_ok()).count() > 0
    }

    /// Returns when something may have changed.
    pub(super) async fn heard(&self) {
        let Ok(mut ready) = self.ear.readable().await else { return std::future::pending().await };
        let mut bytes = [0; 4096];
        // Which file it was does not matter: all are looked at.
        while matches!(rustix::io::read(self.ear.get_ref(), &mut bytes), Ok(1..)) {}
        ready.clear_ready();
        // A directory may be new.
        self.listen();
    }
}
