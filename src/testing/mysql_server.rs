//! A server of the MySQL protocol that lets everyone in, takes writes, counts the logins and falls silent when it is told to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// MariaDB 10.11, which wants `mysql_native_password` and ends its rows with an EOF packet.
const GREETING: &[u8] = b"\x0a5.5.5-10.11.6-MariaDB\0\x05\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x80\x15\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0";
const OK: &[u8] = b"\0\0\0\x02\0\0\0";
const EOF: &[u8] = b"\xfe\0\0\x02\0";
const QUIT: u8 = 1;
/// `COM_RESET_CONNECTION`
pub(crate) const RESET: u8 = 31;

/// Says whether there is no answer to the last of the packets that one connection has brought since its login.
pub(crate) type IsSilent = fn(&[Vec<u8>]) -> bool;

/// Serves until the end of the test process.
pub(crate) fn start(is_silent: IsSilent) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let (target, logins) = (listener.local_addr().expect("address"), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&logins);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let logins = Arc::clone(&counted);
            std::thread::spawn(move || serve(stream, &logins, is_silent));
        }
    });
    (target, logins)
}

fn serve(mut stream: TcpStream, logins: &AtomicUsize, is_silent: IsSilent) -> io::Result<()> {
    answer(&mut stream, 0, &[GREETING])?;
    read_packet(&mut stream)?;
    logins.fetch_add(1, Ordering::Relaxed);
    answer(&mut stream, 2, &[OK])?;
    let mut asked = Vec::new();
    loop {
        let packet = read_packet(&mut stream)?;
        let command = packet.first().copied();
        asked.push(packet);
        match command {
            Some(QUIT) => return Ok(()),
            _ if is_silent(&asked) => continue,
            Some(RESET) => {
                answer(&mut stream, 1, &[OK])?;
                continue;
            }
            _ => {}
        }
        let name = column("Variable_name");
        let value = column("Value");
        let row = [text("read_only"), text("OFF")].concat();
        answer(&mut stream, 1, &[b"\x02", &name, &value, EOF, &row, EOF])?;
    }
}

fn read_packet(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let [low, middle, high, _] = head;
    let mut body = vec![0; u32::from_le_bytes([low, middle, high, 0]) as usize];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Sends short packets, numbered from `first`.
fn answer(stream: &mut TcpStream, first: u8, packets: &[&[u8]]) -> io::Result<()> {
    let mut bytes = Vec::new();
    for (number, packet) in (first..).zip(packets) {
        bytes.extend([u8::try_from(packet.len()).expect("short"), 0, 0, number]);
        bytes.extend(*packet);
    }
    stream.write_all(&bytes)
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).expect("short")];
    bytes.extend(text.bytes());
    bytes
}

/// The definition of a column of text.
fn column(name: &str) -> Vec<u8> {
    let names = ["def", "", "", "", name, name].map(text).concat();
    [names.as_slice(), b"\x0c\x21\0\xff\0\0\0\xfd\0\0\0\0\0"].concat()
}
