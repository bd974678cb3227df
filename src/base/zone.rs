//! Time zones by name.

use jiff::tz::TimeZone;

/// The zone of that name (IANA); `None` = this system has none. `UTC`, which most books keep to, is known without a look at
/// what zones the system has, which takes a millisecond.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { TimeZone::get(name).ok() }
}
