//! Finds out whether this kernel has IPVS, and under which number.

use neli::consts::genl::{CtrlAttr, CtrlCmd};
use neli::consts::nl::{GenlId, NlmF};
use nix::errno::Errno;

use super::constants::{FAMILY_NAME, FAMILY_VERSION, GENERIC_HEADER};
use crate::netlink::attribute::{AttributeWriter, Attributes};
use crate::netlink::message::NetlinkRequest;
use crate::netlink::socket::Socket;
use crate::netlink::{Error, Result};

/// Returns the family's number; `None` when the kernel does not know the name.
pub(super) fn find(socket: &mut Socket) -> Result<Option<u16>> {
    let during = |error: Error| error.during("ipvs: find it in the kernel");
    let mut payload = AttributeWriter::after(vec![CtrlCmd::Getfamily.into(), FAMILY_VERSION, 0, 0]);
    payload.put(CtrlAttr::FamilyName, FAMILY_NAME).map_err(during)?;
    let request = NetlinkRequest { kind: GenlId::Ctrl.into(), flags: NlmF::empty(), payload: payload.into_bytes() };
    match socket.ask(&request) {
        Ok(payloads) => decode(payloads.first()).map(Some).map_err(during),
        Err(error) if error.is(Errno::ENOENT) => Ok(None),
        Err(error) => Err(during(error)),
    }
}

fn decode(payload: Option<&Vec<u8>>) -> Result<u16> {
    let attributes = payload.and_then(|payload| payload.get(GENERIC_HEADER..));
    let attributes = attributes.ok_or_else(|| Error::malformed("an empty answer"))?;
    Attributes::<CtrlAttr>::decode(attributes)?.required_u16(CtrlAttr::FamilyId)
}
