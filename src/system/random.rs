//! Numbers that nobody can guess.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// So many bytes of the kernel's random number generator, at most 256: those it gives at once (getrandom(2)).
///
/// # Errors
/// The kernel is older than Linux 3.17, or a sandbox forbids the call.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let given = getrandom(&mut bytes[..], GetRandomFlags::empty())?;
    if given == N { Ok(bytes) } else { Err(io::Error::other("too few random bytes")) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_are_the_same() {
        assert_ne!(super::bytes::<16>().expect("random"), super::bytes::<16>().expect("random"));
    }
}
