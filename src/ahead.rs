//! Asks the processor for memory that is needed soon. Leads lie all over it, and most are in none of the caches: whoever
//! comes to one without having asked waits for each of its lines, one after the other.

/// Whoever works on one lead after the other asks for the one so far ahead: enough time for memory to answer, and few
/// enough to be still in the cache.
pub const LEADS_AHEAD: usize = 6;

/// Asks for the bytes of a value, not for what they point to. Does nothing on processors where Rust has no word for it.
#[inline]
pub fn soon<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        /// Bytes that the processor fetches at once.
        const LINE_BYTES: usize = 64;
        /// What comes behind so many bytes of a value follows by itself: the processor notices that it is read in order.
        const BYTES_MAX: usize = 768;
        let start: *const i8 = std::ptr::from_ref(value).cast();
        for at in (0..size_of_val(value).min(BYTES_MAX)).step_by(LINE_BYTES) {
            // SAFETY: a hint reads nothing and cannot fault, wherever it points; here, into the value
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
