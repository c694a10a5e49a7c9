//! What comes from the segment of the sync daemons, and what the kernel says of its connections.

use super::{Connection, MessageWriter, Selection, SyncMessage};
use crate::model::{ServiceEntry, Table};
use crate::seeds::Seeds;
use crate::testing::virtual_service;

#[test]
fn sync_messages() {
    let seeds = Seeds::of("sync_messages");
    bolero::check!(name = "sync_messages").for_each(|bytes: &[u8]| seeds.each(bytes, message));
}

/// What was understood reads back when it is written, but for options.
fn message(datagram: &[u8]) {
    let Ok(message) = SyncMessage::decode(datagram) else { return };
    let mut writer = MessageWriter::new(message.sync_id, u16::MAX);
    let mut datagrams: Vec<_> = message.records.iter().filter_map(|record| writer.add(record)).collect();
    datagrams.extend(writer.finish());
    let read = datagrams.iter().flat_map(|datagram| SyncMessage::decode(datagram).expect("what we wrote").records);
    assert!(read.eq(message.records));
}

#[test]
fn connection_lines() {
    let seeds = Seeds::of("connection_lines");
    let service = virtual_service("tcp 10.9.0.100:3306");
    let table = Table::from([(service.key, ServiceEntry { service, real_servers: Default::default() })]);
    let selection = Selection::new(&table);
    bolero::check!(name = "connection_lines").for_each(|bytes: &[u8]| {
        seeds.each(bytes, |text| {
            let connections = text.split(|byte| *byte == b'\n').filter_map(Connection::parse);
            // The only service has no real server.
            assert!(connections.map(|connection| selection.record(&connection)).all(|record| record.is_err()));
        });
    });
}
