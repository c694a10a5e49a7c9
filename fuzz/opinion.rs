//! What comes from a node of the cluster, or from one that has its key.

use super::message::{Key, Message};
use crate::seeds::Seeds;

#[test]
fn opinion_messages() {
    let seeds = Seeds::of("opinion_messages");
    let key = Key::new(b"secret").expect("any length");
    bolero::check!(name = "opinion_messages").for_each(|bytes: &[u8]| {
        seeds.each(bytes, |text| {
            assert!(Message::decode(text, &key).is_none(), "nothing proves it");
            // What was understood reads back when it is written.
            if let Some(message) = Message::decode(&key.proved(text.to_vec()), &key) {
                assert_eq!(Message::decode(&message.encode(&key), &key), Some(message));
            }
        });
    });
}
