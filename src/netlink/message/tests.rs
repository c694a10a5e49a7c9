use super::*;

const ACK: u16 = 0;

fn request(payload: &[u8]) -> NetlinkRequest {
    NetlinkRequest { kind: 20, flags: NlmF::CREATE, payload: payload.to_vec() }
}

fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ((16 + payload.len()) as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An acknowledgement that echoes a request of `echoed` bytes, with the text of an extended acknowledgement.
fn acknowledgement(sequence: u32, number: i32, echoed: usize, text: Option<&str>) -> Vec<u8> {
    let mut payload = number.to_ne_bytes().to_vec();
    payload.extend(message(20, 5, sequence, &vec![7; echoed]));
    let mut flags = ACK;
    if let Some(text) = text {
        flags |= 0x200;
        payload.extend(((5 + text.len()) as u16).to_ne_bytes());
        payload.extend(1u16.to_ne_bytes());
        payload.extend(text.as_bytes());
        payload.push(0);
        payload.resize(payload.len().next_multiple_of(4), 0);
    }
    message(NLMSG_ERROR, flags, sequence, &payload)
}

fn missing() -> Error {
    Error::Timeout { attempt: String::new() }
}

#[test]
fn a_request_is_a_header_and_its_padded_payload() {
    let mut bytes = Vec::new();
    request(&[1, 2, 3, 4, 5]).write(&mut bytes, 0x0102_0304, NlmF::ACK);
    assert_eq!(
        bytes,
        [
            &21u32.to_ne_bytes()[..],
            &20u16.to_ne_bytes(),
            &0x405u16.to_ne_bytes(),
            &0x0102_0304u32.to_ne_bytes(),
            &[0; 4],
            &[1, 2, 3, 4, 5, 0, 0, 0]
        ]
        .concat()
    );
}

#[test]
fn every_request_of_a_batch_gets_its_own_result() {
    let mut collector = Collector::new(10, 4, Ending::Acknowledgement);
    let errors = [acknowledgement(10, -3, 8, None), acknowledgement(12, -17, 5, Some("Already there"))].concat();
    collector.feed(&errors).expect("feed");
    assert!(!collector.is_complete());
    collector.feed(&acknowledgement(13, 0, 0, None)).expect("feed");
    assert!(collector.is_complete());
    let results = collector.finish(&missing());
    assert_eq!(results[0], Err(Error::from_errno(3, None)));
    assert_eq!(results[1], Ok(NetlinkReply::default()), "the last was executed, so this one was, and no error came");
    assert_eq!(results[2], Err(Error::from_errno(17, Some("Already there".into()))));
    assert_eq!(results[3], Ok(NetlinkReply::default()));
}

#[test]
fn silence_is_not_success_when_the_last_request_has_no_answer() {
    let mut collector = Collector::new(10, 3, Ending::Acknowledgement);
    collector.feed(&acknowledgement(11, -3, 8, None)).expect("feed");
    let results = collector.finish(&missing());
    assert_eq!(results, [Err(missing()), Err(Error::from_errno(3, None)), Err(missing())]);
}

#[test]
fn the_explanation_is_found_behind_a_capped_request() {
    let mut payload = (-22i32).to_ne_bytes().to_vec();
    payload.extend(&message(20, 5, 1, &[7; 40])[..16]);
    payload.extend([8, 0, 1, 0, b'n', b'o', b'!', 0]);
    let mut collector = Collector::new(1, 1, Ending::Acknowledgement);
    collector.feed(&message(NLMSG_ERROR, 0x300, 1, &payload)).expect("feed");
    assert_eq!(collector.finish(&missing()), [Err(Error::from_errno(22, Some("no!".into())))]);
}

#[test]
fn answers_to_earlier_requests_are_skipped() {
    let mut collector = Collector::new(5, 1, Ending::Acknowledgement);
    collector.feed(&acknowledgement(4, -1, 0, None)).expect("feed");
    collector.feed(&message(30, 0, 4, b"late")).expect("feed");
    assert!(!collector.is_complete());
    collector.feed(&message(30, 0, 5, b"mine")).expect("feed");
    collector.feed(&acknowledgement(5, 0, 0, None)).expect("feed");
    assert_eq!(
        collector.finish(&missing()),
        [Ok(NetlinkReply { payloads: vec![b"mine".to_vec()], interrupted: false })]
    );
}

#[test]
fn a_list_ends_with_done_and_keeps_its_order_over_datagrams() {
    let mut collector = Collector::new(1, 1, Ending::Done);
    collector.feed(&[message(30, 2, 1, b"onee"), message(30, 2, 1, b"twoo")].concat()).expect("feed");
    collector.feed(&[message(30, 2, 1, b"last"), message(NLMSG_DONE, 2, 1, &[0; 4])].concat()).expect("feed");
    assert!(collector.is_complete());
    let payloads = vec![b"onee".to_vec(), b"twoo".to_vec(), b"last".to_vec()];
    assert_eq!(collector.finish(&missing()), [Ok(NetlinkReply { payloads, interrupted: false })]);
}

#[test]
fn a_list_that_changed_or_broke_off_is_an_error_and_never_part_of_a_list() {
    let mut collector = Collector::new(1, 1, Ending::Done);
    collector.feed(&message(30, 0x12, 1, b"some")).expect("feed");
    collector.feed(&message(NLMSG_DONE, 2, 1, &[0; 4])).expect("feed");
    assert!(matches!(collector.finish(&missing())[..], [Ok(NetlinkReply { interrupted: true, .. })]));

    let mut collector = Collector::new(1, 1, Ending::Done);
    collector.feed(&message(30, 2, 1, b"some")).expect("feed");
    collector.feed(&message(NLMSG_DONE, 2, 1, &(-12i32).to_ne_bytes())).expect("feed");
    assert_eq!(collector.finish(&missing()), [Err(Error::from_errno(12, None))]);
}

#[test]
fn datagrams_cut_off_anywhere_are_an_error_or_incomplete() {
    let whole = [message(30, 2, 1, b"payload!"), acknowledgement(1, -17, 5, Some("text"))].concat();
    for length in 0..whole.len() {
        let mut collector = Collector::new(1, 1, Ending::Acknowledgement);
        let fed = collector.feed(&whole[..length]);
        assert!(fed.is_err() || !collector.is_complete(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn lengths_that_lie_are_an_error() {
    crate::testing::check_rows([0u32, 15, 21, u32::MAX], |length| {
        let mut bytes = message(30, 2, 1, b"1234");
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        assert!(Collector::new(1, 1, Ending::Done).feed(&bytes).is_err(), "{length}");
    });
    crate::testing::check_rows([&[][..], &[0, 0], &[0xff; 4], &[0xff; 20]], |payload| {
        let mut collector = Collector::new(1, 1, Ending::Acknowledgement);
        collector.feed(&message(NLMSG_ERROR, 0x200, 1, payload)).expect("feed");
        assert!(collector.finish(&missing())[0].is_err(), "{payload:?}");
    });
}
