//! The few things of the kernel that no safe wrapper covers. With `act/system/clock.rs` the only file that may say `unsafe`.
//!
//! All but [`timekeeping`] and [`signal_group`] is called by the keeper, which has one thread.
#![expect(
    unsafe_code,
    reason = "close_range, wait4, clone, adjtimex, signals to groups by descriptor and signal handlers have no safe wrapper"
)]

use crate::base::timekeeping::Timekeeping;
use rustix::process::{Pid, Rlimit, Signal};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

/// Closes every descriptor but the three standard ones. For the very beginning of the process only.
pub(crate) fn close_inherited() -> io::Result<()> {
    // SAFETY: nothing in this process owns a descriptor above 2 yet: this is the first thing `main` does.
    match unsafe { libc::close_range(3, libc::c_uint::MAX, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Puts `file` in the place of standard input.
pub(crate) fn replace_stdin(file: &File) -> io::Result<()> {
    // SAFETY: descriptor 0 belongs to the process and is owned by nothing in it.
    match unsafe { libc::dup2(file.as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A child, exactly.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its program's file.
    pub(crate) program: CString,
    /// Its arguments, the name it goes by included.
    pub(crate) argv: Vec<CString>,
    /// Its environment, `NAME=value` each.
    pub(crate) env: Vec<CString>,
    /// Its working directory.
    pub(crate) cwd: CString,
    /// Its standard input, output and error, none of which is one of ours.
    pub(crate) stdio: [OwnedFd; 3],
    /// Its descriptor 3, where it has one.
    pub(crate) result: Option<OwnedFd>,
}

/// The mask of a child's new files: what a service gets, not the keeper's own.
const CHILD_UMASK: libc::mode_t = 0o022;
/// The stack of a child until it is another program; only what is used of it is ever touched.
const STACK: usize = 64 * 1024;

/// What the child reads on its way, and where it leaves why it did not get there.
struct Way {
    program: *const libc::c_char,
    argv: *const *const libc::c_char,
    env: *const *const libc::c_char,
    cwd: *const libc::c_char,
    stdio: [RawFd; 3],
    result: Option<RawFd>,
    files: libc::rlimit,
    errno: libc::c_int,
}

/// Starts a child in a process group of its own, which may open so many files.
///
/// As `posix_spawn` does it, on memory that is shared until it is another program, so that starting costs the same
/// however large the keeper is; but what only the child needs is set in the child, and of the signals only those are reset that
/// this file has touched, where `posix_spawn` asks the kernel about each of them.
pub(crate) fn start(image: &Image, files: Rlimit) -> io::Result<Pid> {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, env) = (pointers(&image.argv), pointers(&image.env));
    let limit = |value: Option<u64>| value.unwrap_or(libc::RLIM_INFINITY);
    let mut way = Way {
        program: image.program.as_ptr(),
        argv: argv.as_ptr(),
        env: env.as_ptr(),
        cwd: image.cwd.as_ptr(),
        stdio: image.stdio.each_ref().map(AsRawFd::as_raw_fd),
        result: image.result.as_ref().map(AsRawFd::as_raw_fd),
        files: libc::rlimit { rlim_cur: limit(files.current), rlim_max: limit(files.maximum) },
        errno: 0,
    };
    let mut stack: Box<[MaybeUninit<u128>]> = Box::new_uninit_slice(STACK / size_of::<u128>());
    let top = stack.as_mut_ptr_range().end;
    // SAFETY: the child runs `go` alone, on a stack of its own that outlives it here: with CLONE_VFORK we go on only once
    // it is another program or over. Until then it allocates nothing, takes no lock and does not unwind. No handler of ours
    // runs in it: every signal is blocked until it has reset them.
    let pid = unsafe {
        let mut all: libc::sigset_t = MaybeUninit::zeroed().assume_init();
        let mut before: libc::sigset_t = MaybeUninit::zeroed().assume_init();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let pid =
            libc::clone(go, top.cast(), libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD, (&raw mut way).cast());
        let failed = if pid < 0 { *libc::__errno_location() } else { way.errno };
        libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        way.errno = failed;
        pid
    };
    let child = if pid > 0 { Pid::from_raw(pid) } else { None };
    match child {
        Some(child) if way.errno == 0 => Ok(child),
        // One that did not get there is over: nobody has to hear of it.
        Some(child) => {
            let _ = bury(child);
            Err(io::Error::from_raw_os_error(way.errno))
        }
        None => Err(io::Error::from_raw_os_error(way.errno)),
    }
}

/// The child, until it is another program.
extern "C" fn go(way: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `start` hands a `Way` that outlives the child's stay here, and everything in it is valid until then. Only
    // calls that may be made in a handler.
    unsafe {
        let way = way.cast::<Way>();
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = libc::SIG_DFL;
        for signal in HEARD.into_iter().chain([libc::SIGPIPE]) {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
        let mut none: libc::sigset_t = MaybeUninit::zeroed().assume_init();
        libc::sigemptyset(&raw mut none);
        libc::umask(CHILD_UMASK);
        // A refusal leaves the limit as it is.
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const (*way).files);
        let placed = libc::setpgid(0, 0) == 0
            && libc::dup2((*way).stdio[0], 0) == 0
            && libc::dup2((*way).stdio[1], 1) == 1
            && libc::dup2((*way).stdio[2], 2) == 2
            && (*way).result.is_none_or(|pipe| libc::dup2(pipe, 3) == 3)
            && libc::chdir((*way).cwd) == 0
            && libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) == 0;
        if placed {
            libc::execve((*way).program, (*way).argv, (*way).env);
        }
        (*way).errno = *libc::__errno_location();
        libc::_exit(127)
    }
}

/// What the kernel counted for a child and the children it had waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) user_ms: u64,
    pub(crate) system_ms: u64,
    /// `None` = no larger than the keeper's own.
    pub(crate) max_rss_kib: Option<u64>,
}

/// Buries a child that has ended.
pub(crate) fn bury(pid: Pid) -> io::Result<Usage> {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let mut status = 0;
    // SAFETY: both pointers are valid for the call; an all-zero rusage is a valid one.
    let (found, usage) = unsafe {
        let found = libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, libc::WNOHANG, usage.as_mut_ptr());
        (found, usage.assume_init())
    };
    if found < 0 {
        return Err(io::Error::last_os_error());
    }
    let number = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
    let millis = |time: libc::timeval| number(time.tv_sec) * 1000 + number(time.tv_usec) / 1000;
    Ok(Usage {
        user_ms: millis(usage.ru_utime),
        system_ms: millis(usage.ru_stime),
        max_rss_kib: Some(number(usage.ru_maxrss)).filter(|peak| is_its_own(*peak)),
    })
}

/// The kernel counts pages in batches, one for each processor: the same peak is not always the same number.
const SLACK_KIB: u64 = 512;

/// Whether a child's peak is above what it began with, and so its own.
fn is_its_own(peak: u64) -> bool {
    /// Ours as it was seen last. It only grows, and most children stay below it: then nobody has to look.
    static SEEN: AtomicU64 = AtomicU64::new(0);
    if peak <= SEEN.load(Ordering::Relaxed).saturating_add(SLACK_KIB) {
        return false;
    }
    let own = own_peak_kib();
    SEEN.store(own, Ordering::Relaxed);
    peak > own + SLACK_KIB
}

/// The largest this process itself has been. A child's count starts from it: until it is another program, it is the
/// keeper's own memory. Not of `getrusage`, which counts on from the program the keeper was before.
fn own_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    // Where nobody can say, no figure is above it.
    peak.unwrap_or(u64::MAX - SLACK_KIB)
}

/// Signals the process group of whom that descriptor names, who need not be buried: no number can have gone to another
/// meanwhile.
///
/// # Errors
/// When nobody is left in it, or the kernel is older than 6.9.
pub(crate) fn signal_group(leader: &OwnedFd, signal: Signal) -> io::Result<()> {
    const TO_THE_GROUP: libc::c_uint = 1 << 2;
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, and nothing is told with the signal.
    let sent = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, leader.as_raw_fd(), signal.as_raw(), nothing, TO_THE_GROUP)
    };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The first of our children that has ended and is not buried, whoever started it.
pub(crate) fn first_ended() -> Option<Pid> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the pointer is valid for the call; an all-zero siginfo is a valid one, whose pid is 0.
    let (found, pid) = unsafe {
        let found = libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options);
        (found, info.assume_init().si_pid())
    };
    if found == 0 { Pid::from_raw(pid) } else { None }
}

/// Where the handlers write; -1 = nowhere yet.
static BELL: AtomicI32 = AtomicI32::new(-1);
/// Whether somebody asked the keeper to end.
static ASKED: AtomicBool = AtomicBool::new(false);

/// The signals that have a handler.
const HEARD: [libc::c_int; 5] = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];

extern "C" fn ring(signal: libc::c_int) {
    if signal != libc::SIGCHLD {
        ASKED.store(true, Ordering::SeqCst);
    }
    let one = 1_u64;
    // SAFETY: `write` may be called in a handler; the buffer is eight bytes; errno is put back.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(BELL.load(Ordering::SeqCst), (&raw const one).cast(), 8);
        *libc::__errno_location() = errno;
    }
}

/// Makes the end of a child, and requests to end, ring `bell` (an eventfd), which stays open for good.
///
/// Handlers, never `SIG_IGN` and no blocked signals: children get the default of every signal back
/// when they are executed, whatever the owner had inherited.
pub(crate) fn listen(bell: OwnedFd) -> io::Result<()> {
    BELL.store(bell.as_raw_fd(), Ordering::SeqCst);
    std::mem::forget(bell);
    // SAFETY: an all-zero sigaction is valid; the handler only does what handlers may.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        for signal in 1..=64 {
            if ![libc::SIGPIPE, libc::SIGKILL, libc::SIGSTOP].contains(&signal) {
                // Best effort: the C library keeps some for itself.
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        }
        action.sa_sigaction = ring as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_NOCLDSTOP | libc::SA_RESTART;
        for signal in HEARD {
            if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let mut none: libc::sigset_t = MaybeUninit::zeroed().assume_init();
        libc::sigemptyset(&raw mut none);
        if libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether somebody asked the keeper to end.
pub(crate) fn asked_to_end() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// What the kernel calls a clock that nobody keeps right.
const TIME_ERROR: libc::c_int = 5;

/// How well the kernel's clock is kept: chrony, ntpd and systemd-timesyncd all tell it. Only looked at.
///
/// # Errors
/// When the kernel does not say.
pub fn timekeeping() -> io::Result<Timekeeping> {
    // SAFETY: a `timex` is numbers, and all of them may be 0; without modes nothing is set.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok(kept(state, &timex)) }
}

fn kept(state: libc::c_int, timex: &libc::timex) -> Timekeeping {
    let has = |bit: libc::c_int| timex.status & bit != 0;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds to a thousandth")]
    let ms = |number: i64, in_ms: f64| (number as f64 / in_ms * 1_000.0).round() / 1_000.0;
    Timekeeping {
        synchronised: state != TIME_ERROR && !has(libc::STA_UNSYNC),
        offset_ms: ms(timex.offset, if has(libc::STA_NANO) { 1e6 } else { 1e3 }),
        error_ms: ms(timex.esterror, 1e3),
        max_error_ms: ms(timex.maxerror, 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_the_clock_is_kept_is_told_in_milliseconds() {
        // SAFETY: as above.
        let mut timex: libc::timex = unsafe { std::mem::zeroed() };
        (timex.status, timex.offset, timex.esterror, timex.maxerror) = (libc::STA_NANO, -1_500_000, 250, 31_000);
        let told = Timekeeping { synchronised: true, offset_ms: -1.5, error_ms: 0.25, max_error_ms: 31.0 };
        assert_eq!(kept(0, &timex), told);
        (timex.status, timex.offset) = (libc::STA_UNSYNC, 1_500);
        assert!(!kept(TIME_ERROR, &timex).synchronised);
        assert!(!kept(0, &timex).synchronised, "the flag alone says it");
        assert!((kept(0, &timex).offset_ms - 1.5).abs() < 1e-9, "microseconds without the flag");
        timekeeping().expect("the kernel says");
    }
}
