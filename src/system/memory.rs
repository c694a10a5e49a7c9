//! Memory that is not needed any more, back to the kernel.

use nix::libc;

/// Gives the pages that the allocator keeps for later back to the kernel (malloc_trim(3)).
///
/// Reading a configuration of ten thousand real servers takes ten megabytes for a moment; without this a daemon would
/// hold them for as long as it lives, since glibc keeps what is freed below the end of a heap. Takes some milliseconds.
pub fn give_back() {
    // SAFETY: the function takes the allocator's own locks and may be called by any thread at any time.
    unsafe { libc::malloc_trim(0) };
}
