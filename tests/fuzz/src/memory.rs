//! What a piece of work allocates: an allocator that counts, and the bound that targets assert.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The system's allocator, counted over all threads.
pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ARMED: AtomicBool = AtomicBool::new(false);

/// From here on bounds are held: what is made once, such as parsed schemas, is there.
pub fn arm() {
    ARMED.store(true, Relaxed);
}

fn add(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    if live > PEAK.load(Relaxed) {
        PEAK.store(live, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator with the same layout; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        add(new_size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How much memory some input may take, bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    pub fixed: usize,
    /// For each byte of input.
    pub per_byte: usize,
}

impl Bound {
    /// Does the work, and asserts that it never held more than the bound at one time.
    pub fn hold<T>(self, input_bytes: usize, work: impl FnOnce() -> T) -> T {
        let before = LIVE.load(Relaxed);
        PEAK.store(before, Relaxed);
        let done = work();
        let peak = PEAK.load(Relaxed).saturating_sub(before);
        let max = self.fixed + self.per_byte * input_bytes;
        assert!(
            peak <= max || !ARMED.load(Relaxed),
            "{input_bytes} bytes of input took {peak} bytes of memory, more than {max}"
        );
        done
    }
}
