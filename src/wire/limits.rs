//! How large a record and its parts may be, and which times are no nonsense.

use std::ops::RangeInclusive;

/// A lead's id, bytes.
pub const LEAD_ID_BYTES_MAX: usize = 256;
/// An event's id, bytes.
pub const EVENT_ID_BYTES_MAX: usize = 128;
/// Any other text that the schema names, read or not, bytes.
pub const TEXT_BYTES_MAX: usize = 2 * 1024;
/// A record's value where the configuration says nothing, bytes.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// Event times, ms since the epoch: 2000-01-01 to 2100-01-01. What lies outside is seconds, microseconds, or a zero.
pub const EVENT_TIMES_MS: RangeInclusive<i64> = 946_684_800_000..=4_102_444_800_000;
/// Ends of consents, ms since the epoch: 1970-01-01 to the end of 9999, which some systems write for "never".
pub const END_TIMES_MS: RangeInclusive<i64> = 0..=253_402_300_799_999;
/// Moments that a lead's state may hold, ms since the epoch: far more than any event's, and sums of several fit.
pub const STATE_TIMES_MS: RangeInclusive<i64> = -(1 << 52)..=1 << 52;
/// Dates, days since the epoch: 1970-01-01 to 9999-12-31.
pub const DATES: RangeInclusive<i64> = 0..=2_932_896;

/// Caps what `apache-avro` may allocate for one length that a record claims, for the whole process. The first call
/// wins and any decoding counts as a call, so it comes first in `main`.
pub fn limit_allocations() {
    const BYTES_MAX: usize = 4 * 1024 * 1024;
    apache_avro::util::max_allocation_bytes(BYTES_MAX);
}
