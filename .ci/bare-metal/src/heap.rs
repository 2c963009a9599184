//! The smallest heap there is: it hands out memory from one piece and never takes any back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

const BYTES: usize = 64 * 1024;

#[global_allocator]
static HEAP: Heap = Heap { memory: UnsafeCell::new([0; BYTES]), used: AtomicUsize::new(0) };

struct Heap {
    memory: UnsafeCell<[u8; BYTES]>,
    used: AtomicUsize,
}

// SAFETY: `memory` is reached only through pointers to ranges that `used` gives out, each once.
unsafe impl Sync for Heap {}

// SAFETY: a range is aligned as asked, inside `memory`, and given out once, since `used` only grows.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.memory.get().cast::<u8>();
        let mut given = ptr::null_mut();
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let address = start as usize + used;
            let offset = used + (address.next_multiple_of(layout.align()) - address);
            let end = offset.checked_add(layout.size())?;
            (end <= BYTES).then(|| {
                given = start.wrapping_add(offset);
                end
            })
        });
        given
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
