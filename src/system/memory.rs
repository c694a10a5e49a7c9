//! Tells the allocator what to do with memory that is not needed any more.
#![expect(unsafe_code, reason = "no crate offers the functions of glibc's allocator as safe ones")]

use nix::libc;

/// Gives the pages that the allocator keeps for later back to the kernel (malloc_trim(3)).
///
/// Reading a configuration of ten thousand real servers takes ten megabytes for a moment; without this call a daemon
/// would hold them for as long as it lives, since glibc keeps what is freed below the end of a heap. The call takes
/// some milliseconds.
pub fn give_back() {
    // SAFETY: the function takes the allocator's own locks and may be called by any thread at any time.
    unsafe { libc::malloc_trim(0) };
}

/// Keeps what is freed for what is needed next, instead of giving it back to the kernel and asking for it again
/// (mallopt(3)): the pages that a process touches for the first time are the dearest part of an action on thousands of
/// real servers. It suits processes that end soon.
pub fn keep_for_reuse() {
    /// An action never needs more than this.
    const ALL: libc::c_int = 1 << 30;
    for parameter in [libc::M_TRIM_THRESHOLD, libc::M_MMAP_THRESHOLD] {
        // SAFETY: the function takes the allocator's own locks; values that it refuses change nothing.
        unsafe { libc::mallopt(parameter, ALL) };
    }
}

/// Lets all threads take their memory from one heap, where the allocator would give each its own (mallopt(3)): what one
/// thread frees after a large answer, another one uses for the next. It suits a process whose threads seldom work at
/// once, and has to be called before the first of them starts.
pub fn share_one_heap() {
    // SAFETY: the function takes the allocator's own locks; a value that it refuses changes nothing.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

/// Lets each large piece of memory have pages of its own, which the kernel gets back as soon as the piece is freed
/// (mallopt(3)): an answer or a record of ten thousand real servers is megabytes for a moment. The allocator would raise
/// its bound to the largest piece that it has seen freed, up to 32 MB, and keep such pieces from then on.
pub fn return_large_pieces() {
    /// The allocator's own first bound, in bytes.
    const LARGE: libc::c_int = 128 * 1024;
    // SAFETY: the function takes the allocator's own locks; a value that it refuses changes nothing.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}
