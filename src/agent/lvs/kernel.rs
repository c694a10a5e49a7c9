//! The kernel's IPVS as one action asks it.

use crate::netlink::{Error, Ipvs};

/// IPVS, opened once, when it is asked for: an action that needs none must not have the kernel load it.
#[derive(Default)]
pub struct OneIpvs(Option<Option<Ipvs>>);

impl OneIpvs {
    /// Returns IPVS; `None` where the kernel has none.
    ///
    /// # Errors
    /// Fails when there is no netlink, or no answer; the next call tries it again.
    pub fn get(&mut self) -> Result<Option<&mut Ipvs>, Error> {
        if self.0.is_none() {
            self.0 = Some(Ipvs::open()?);
        }
        Ok(self.0.as_mut().and_then(Option::as_mut))
    }
}
