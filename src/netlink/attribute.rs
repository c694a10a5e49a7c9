//! Netlink attributes: a thin layer over neli's, with errors that name the attribute.
//!
//! Route attributes are read through the generic netlink types too: the wire format is one, and only these mask the
//! "nested" bit out of the type, which the kernel sets on some route attributes (`IFLA_PROP_LIST`) and not on others.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use neli::attr::Attribute;
use neli::consts::genl::NlAttrType;
use neli::genl::{AttrTypeBuilder, NlattrBuilder};
use neli::types::{Buffer, GenlBuffer};
use neli::{FromBytesWithInput, Size, ToBytes};

use super::{Error, Result};
use crate::model::Family;

/// The received attributes of one message or one nest. Numbers that this program does not know stay unread.
#[derive(Debug)]
pub(super) struct Attributes<T>(GenlBuffer<T, Buffer>);

impl<T: NlAttrType> Attributes<T> {
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(bytes);
        Ok(Self(GenlBuffer::from_bytes_with_input(&mut cursor, bytes.len())?))
    }

    fn iter(&self) -> impl Iterator<Item = (T, &[u8])> {
        self.0.iter().map(|attribute| (*attribute.nla_type().nla_type(), attribute.payload().as_ref()))
    }

    pub fn optional(&self, kind: T) -> Option<&[u8]> {
        self.iter().find_map(|(number, bytes)| (number == kind).then_some(bytes))
    }

    pub fn required(&self, kind: T) -> Result<&[u8]> {
        self.optional(kind).ok_or_else(|| Error::malformed(format!("attribute {kind:?} is missing")))
    }

    /// Returns the first `N` bytes; a newer kernel may append to a structure.
    pub fn required_bytes<const N: usize>(&self, kind: T) -> Result<[u8; N]> {
        first_bytes(self.required(kind)?, kind)
    }

    pub fn required_u16(&self, kind: T) -> Result<u16> {
        Ok(u16::from_ne_bytes(self.required_bytes(kind)?))
    }

    pub fn required_u32(&self, kind: T) -> Result<u32> {
        Ok(u32::from_ne_bytes(self.required_bytes(kind)?))
    }

    pub fn optional_u16(&self, kind: T) -> Result<Option<u16>> {
        self.optional(kind).map(|bytes| Ok(u16::from_ne_bytes(first_bytes(bytes, kind)?))).transpose()
    }

    pub fn optional_u32(&self, kind: T) -> Result<Option<u32>> {
        self.optional(kind).map(|bytes| Ok(u32::from_ne_bytes(first_bytes(bytes, kind)?))).transpose()
    }

    /// Reads a port: ports are the only numbers that IPVS sends in network order.
    pub fn required_port(&self, kind: T) -> Result<u16> {
        Ok(u16::from_be_bytes(self.required_bytes(kind)?))
    }

    /// Reads text up to its NUL, if it has one. The kernel takes any bytes for the name of an interface; a byte that is
    /// not part of UTF-8 reads as `\xNN`. A refusal of it would break every action for a name that this program has no
    /// use for.
    pub fn required_text(&self, kind: T) -> Result<String> {
        self.required(kind).map(text)
    }

    pub fn optional_text(&self, kind: T) -> Option<String> {
        self.optional(kind).map(text)
    }

    /// Reads the texts of a list in which the number comes any number of times.
    pub fn texts(&self, kind: T) -> Vec<String> {
        self.iter().filter(|(number, _)| *number == kind).map(|(_, bytes)| text(bytes)).collect()
    }

    /// Reads an address of 4 or 16 bytes by family; a longer value is a union (`nf_inet_addr`) of which the first bytes
    /// count.
    pub fn required_address(&self, kind: T, family: Family) -> Result<IpAddr> {
        address(self.required(kind)?, kind, family)
    }

    pub fn optional_address(&self, kind: T, family: Family) -> Result<Option<IpAddr>> {
        self.optional(kind).map(|bytes| address(bytes, kind, family)).transpose()
    }
}

fn first_bytes<const N: usize, T: NlAttrType>(bytes: &[u8], kind: T) -> Result<[u8; N]> {
    bytes
        .first_chunk()
        .copied()
        .ok_or_else(|| Error::malformed(format!("attribute {kind:?} has {} bytes, expected at least {N}", bytes.len())))
}

fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

fn address<T: NlAttrType>(bytes: &[u8], kind: T, family: Family) -> Result<IpAddr> {
    Ok(match family {
        Family::Ipv4 => Ipv4Addr::from(first_bytes::<4, T>(bytes, kind)?).into(),
        Family::Ipv6 => Ipv6Addr::from(first_bytes::<16, T>(bytes, kind)?).into(),
    })
}

/// Attributes to be sent, in the order in which they are added.
#[derive(Debug, Default)]
pub(super) struct AttributeWriter(Cursor<Vec<u8>>);

impl AttributeWriter {
    /// Starts after a fixed header.
    pub fn after(header: Vec<u8>) -> Self {
        let mut cursor = Cursor::new(header);
        cursor.set_position(cursor.get_ref().len() as u64);
        Self(cursor)
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// Fails when the value is longer than an attribute can be (64 KiB).
    pub fn put<T: NlAttrType, P: Size + ToBytes>(&mut self, kind: T, value: P) -> Result<()> {
        self.write(kind, value, false)
    }

    pub fn nest<T: NlAttrType>(&mut self, kind: T, inner: Self) -> Result<()> {
        self.write(kind, Buffer::from(inner.into_bytes()), true)
    }

    fn write<T: NlAttrType, P: Size + ToBytes>(&mut self, kind: T, value: P, nested: bool) -> Result<()> {
        if value.unpadded_size() > usize::from(u16::MAX) - 4 {
            return Err(Error::malformed(format!("attribute {kind:?} is longer than 64 KiB")));
        }
        let unbuildable = || Error::malformed(format!("attribute {kind:?} cannot be written"));
        let nla_type =
            AttrTypeBuilder::default().nla_type(kind).nla_nested(nested).build().map_err(|_| unbuildable())?;
        let attribute = NlattrBuilder::<T, P>::default().nla_type(nla_type).nla_payload(value).build();
        Ok(attribute.map_err(|_| unbuildable())?.to_bytes(&mut self.0)?)
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use neli::consts::genl::CtrlAttr;

    use super::*;

    fn written() -> Vec<u8> {
        let mut inner = AttributeWriter::default();
        inner.put(CtrlAttr::Version, 7u32).expect("inner");
        let mut writer = AttributeWriter::after(vec![9; 4]);
        writer.put(CtrlAttr::FamilyName, "IPVS").expect("name");
        writer.nest(CtrlAttr::Ops, inner).expect("nest");
        writer.into_bytes()
    }

    #[test]
    fn attributes_are_padded_and_nests_are_marked() {
        let expected =
            [&[9, 9, 9, 9][..], &[9, 0, 2, 0], b"IPVS\0\0\0\0", &[12, 0, 6, 0x80, 8, 0, 3, 0, 7, 0, 0, 0]].concat();
        assert_eq!(written(), expected);
    }

    #[test]
    fn what_was_written_is_read_and_the_mark_of_a_nest_is_not_part_of_its_number() {
        let bytes = written();
        let attributes = Attributes::<CtrlAttr>::decode(&bytes[4..]).expect("decode");
        assert_eq!(attributes.required_text(CtrlAttr::FamilyName).as_deref(), Ok("IPVS"));
        let inner = Attributes::<CtrlAttr>::decode(attributes.required(CtrlAttr::Ops).expect("nest")).expect("inner");
        assert_eq!(inner.required_u32(CtrlAttr::Version), Ok(7));
        let missing = inner.required_u16(CtrlAttr::FamilyId).expect_err("missing");
        assert_eq!(missing.to_string(), "unexpected message: attribute FamilyId is missing");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_numbers_and_two_different_names_stay_different() {
        crate::testing::check_rows(
            [
                (&b"eth0\0"[..], "eth0"),
                (b"eth0\0rest", "eth0"),
                (b"", ""),
                ("na\u{ef}ve".as_bytes(), "na\u{ef}ve"),
                (b"a\xff\xfeb\0", "a\\xff\\xfeb"),
                (b"\xc3", "\\xc3"),
            ],
            |(bytes, expected)| {
                assert_eq!(text(bytes), expected, "{bytes:?}");
            },
        );
    }

    #[test]
    fn attributes_cut_off_anywhere_within_are_an_error() {
        let bytes = &written()[4..];
        for length in (1..12).chain(13..bytes.len()) {
            assert!(Attributes::<CtrlAttr>::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn an_attribute_shorter_than_its_own_header_is_an_error() {
        assert!(Attributes::<CtrlAttr>::decode(&[3, 0, 1, 0]).is_err());
    }

    #[test]
    fn a_value_longer_than_an_attribute_is_refused() {
        assert!(AttributeWriter::default().put(CtrlAttr::Ops, Buffer::from(vec![0; 65_532])).is_err());
    }
}
