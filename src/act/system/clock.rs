//! Whether the kernel's clock is kept right, as the kernel says: whoever keeps it right tells it.
#![expect(unsafe_code, reason = "adjtimex has no safe wrapper")]

use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;

/// What the kernel calls a clock that nobody keeps right.
const TIME_ERROR: libc::c_int = 5;

/// The clock, only looked at.
pub(super) fn now() -> Result<Value, Failure> {
    // SAFETY: a `timex` is numbers, and all of them may be 0; without modes nothing is set.
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex)
    };
    if state < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Failure::new(FailureKind::Other, format!("the kernel does not tell about its clock: {error}")));
    }
    Ok(told(state, &timex))
}

fn told(state: libc::c_int, timex: &libc::timex) -> Value {
    let has = |bit: libc::c_int| timex.status & bit != 0;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds to a thousandth")]
    let ms = |number: i64, in_ms: f64| (number as f64 / in_ms * 1_000.0).round() / 1_000.0;
    json!({
        "synchronised": state != TIME_ERROR && !has(libc::STA_UNSYNC),
        "offset_ms": ms(timex.offset, if has(libc::STA_NANO) { 1e6 } else { 1e3 }),
        "error_ms": ms(timex.esterror, 1e3),
        "max_error_ms": ms(timex.maxerror, 1e3),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_told_in_milliseconds() {
        // SAFETY: as above.
        let mut timex: libc::timex = unsafe { std::mem::zeroed() };
        (timex.status, timex.offset, timex.esterror, timex.maxerror) = (libc::STA_NANO, -1_500_000, 250, 31_000);
        let kept = json!({ "synchronised": true, "offset_ms": -1.5, "error_ms": 0.25, "max_error_ms": 31.0 });
        assert_eq!(told(0, &timex), kept);
        (timex.status, timex.offset) = (libc::STA_UNSYNC, 1_500);
        assert_eq!(told(TIME_ERROR, &timex)["synchronised"], false);
        assert_eq!(told(0, &timex)["synchronised"], false, "the flag alone says it");
        assert_eq!(told(0, &timex)["offset_ms"], 1.5, "microseconds without the flag");
        assert!(now().expect("read").get("synchronised").is_some_and(Value::is_boolean));
    }
}
