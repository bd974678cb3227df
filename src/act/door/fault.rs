//! A death on purpose at any change of the filesystem, for the tests of what a killed step leaves.
//!
//! After the chosen change nothing more is changed, not even tidied up, as after kill -9. In what is shipped
//! this is nothing.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
std::thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    static DIED: Cell<bool> = const { Cell::new(false) };
}

/// Before each change: an error once the process is to be dead.
#[cfg(test)]
pub(in crate::act) fn point() -> std::io::Result<()> {
    if dead() {
        return Err(std::io::Error::other("killed"));
    }
    LEFT.set(LEFT.get().map(|left| left - 1));
    Ok(())
}

/// Before each change.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it fails")]
pub(in crate::act) const fn point() -> std::io::Result<()> {
    Ok(())
}

/// Whether the process is to be dead.
#[cfg(test)]
pub(in crate::act) fn dead() -> bool {
    let dead = LEFT.get() == Some(0);
    DIED.set(DIED.get() || dead);
    dead
}

/// Whether the process is to be dead.
#[cfg(not(test))]
pub(in crate::act) const fn dead() -> bool {
    false
}

/// Does the work as a process that dies after so many changes; whether it came to that.
#[cfg(test)]
pub(in crate::act) fn dying_after<T>(changes: u32, work: impl FnOnce() -> T) -> (T, bool) {
    LEFT.set(Some(changes));
    DIED.set(false);
    let done = work();
    LEFT.set(None);
    (done, DIED.get())
}
