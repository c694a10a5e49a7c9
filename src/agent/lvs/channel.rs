//! The parameters of connection synchronisation, and the channel that they describe.

use std::net::IpAddr;

use crate::model::{Family, SyncChannel};
use crate::netlink::route::Route;
use crate::ocf::{Call, Failure, Parameter, ParameterKind, Problems, ValidationLevel};

const INTERFACE: &str = "sync_interface";
const ID: &str = "sync_id";
const GROUP: &str = "sync_group";
const PORT: &str = "sync_port";
const TTL: &str = "sync_ttl";
const MAXLEN: &str = "sync_maxlen";
const THRESHOLD: &str = "sync_threshold";

/// The parameters that describe the channel, besides its interface.
const DETAILS: [&str; 6] = [ID, GROUP, PORT, TTL, MAXLEN, THRESHOLD];

pub const PARAMETERS: [Parameter; 7] = [
    Parameter::new(
        INTERFACE,
        ParameterKind::Text,
        "interface of the connection synchronisation",
        "The kernel's sync daemon tells the other directors of this one's connections on this interface, and a take-over \
         loses none that they know. It needs an address, and the resource has to be a promotable clone: the daemon sends \
         where it is promoted and receives elsewhere. Whoever can send to the multicast group can write connections into \
         the directors' tables, so give it an interface of its own. Without this parameter nothing is synchronised.",
    )
    .reloadable(),
    Parameter::new(
        ID,
        ParameterKind::Integer { min: 1, max: 255 },
        "number of the synchronisation",
        "Directors take the connections of the same number only. It is derived from the name of the resource where it is \
         not set. 0 is refused: a director with 0 takes the connections of every number.",
    )
    .reloadable(),
    Parameter::new(
        GROUP,
        ParameterKind::Text,
        "multicast group of the synchronisation",
        "The IPv4 or IPv6 multicast group to which connections are sent; the same on all directors.",
    )
    .default("224.0.0.81")
    .reloadable(),
    Parameter::new(
        PORT,
        ParameterKind::Integer { min: 1, max: 65534 },
        "UDP port of the synchronisation",
        "The port to which connections are sent; the same on all directors. The health monitors use the next one to make a \
         director that has just come know all connections.",
    )
    .default("8848")
    .reloadable(),
    Parameter::new(
        TTL,
        ParameterKind::Integer { min: 1, max: 255 },
        "TTL of the synchronisation",
        "The number of routers that the datagrams may pass, plus one.",
    )
    .default("1")
    .reloadable(),
    Parameter::new(
        MAXLEN,
        ParameterKind::Integer { min: 1024, max: 65487 },
        "longest datagram of the synchronisation",
        "In bytes, the same on all directors: the receiver drops longer datagrams without a word.",
    )
    .default("1472")
    .reloadable(),
    Parameter::new(
        THRESHOLD,
        ParameterKind::Text,
        "packets after which a connection is sent",
        "Two numbers as in net.ipv4.vs.sync_threshold, which this sets: the packet of a connection with which it is sent for \
         the first time, and the number of packets after which it is sent again. The kernel's default is \"3 50\"; with \
         \"0 1\" a connection is younger than a second when the other directors know it, and every packet is counted for it.",
    )
    .reloadable(),
];

/// Checks the parameters; see [`crate::ocf::Agent::validate`].
pub fn validate(call: &Call, level: ValidationLevel) -> Result<(), Failure> {
    let mut problems = Problems::default();
    let Some(channel) = problems.keep(channel(call)).flatten() else {
        let alone = DETAILS.into_iter().filter(|name| !call.is_set(INTERFACE) && call.is_set(name));
        for name in alone {
            let reason = format!("{name}: set without {INTERFACE}, the interface of the connection synchronisation");
            problems.keep::<()>(Err(Failure::bad_parameter(reason)));
        }
        return problems.finish();
    };
    problems.keep(threshold(call));
    if level == ValidationLevel::Local {
        problems.keep(look_at_interface(&channel));
    }
    problems.finish()
}

/// Returns the channel; `None` where connections are not synchronised.
pub fn channel(call: &Call) -> Result<Option<SyncChannel>, Failure> {
    let Some(interface) = call.text(INTERFACE).map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let group = call.text(GROUP).unwrap_or_default().trim();
    let read = group.parse().ok().filter(IpAddr::is_multicast);
    let expected = || Failure::bad_parameter(format!("{GROUP} \"{group}\": expected a multicast address"));
    Ok(Some(SyncChannel {
        interface: interface.to_owned(),
        id: call.optional_number(ID).unwrap_or_else(|| id_of(&call.instance)),
        group: read.ok_or_else(expected)?,
        port: call.number(PORT),
        ttl: call.number(TTL),
        maxlen: call.number(MAXLEN),
    }))
}

/// Returns the value of the sysctl, as the kernel shows it.
pub fn threshold(call: &Call) -> Result<Option<String>, Failure> {
    let Some(text) = call.text(THRESHOLD) else { return Ok(None) };
    let numbers: Result<Vec<u16>, _> = text.split_whitespace().map(str::parse).collect();
    match numbers.unwrap_or_default()[..] {
        // The kernel refuses a first number that is not below the second (ip_vs_ctl.c, proc_do_sync_threshold).
        [first, every] if first < every || every == 0 => Ok(Some(format!("{first}\t{every}"))),
        _ => Err(Failure::bad_parameter(format!(
            "{THRESHOLD} \"{text}\": expected two numbers, of which the first is the smaller one, such as \"3 50\""
        ))),
    }
}

/// Derives a number from 1 to 255 from the name, the same on every node (FNV-1a).
fn id_of(instance: &str) -> u8 {
    // The instances of a globally unique clone have a number behind a colon.
    let name = instance.split(':').next().unwrap_or_default();
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u8::try_from(hash % 255 + 1).unwrap_or(1)
}

/// Returns the index of the channel's interface, or why it can carry no connections. The kernel starts its daemon on an interface
/// without an address too, and says only in its log that it has none.
pub fn look_at_interface(channel: &SyncChannel) -> Result<u32, Failure> {
    let name = &channel.interface;
    let bad = |cause: String| Failure::bad_here(format!("{INTERFACE} \"{name}\": {cause}"));
    let mut route = Route::open()?;
    let link = route.links()?.into_iter().find(|link| link.name == *name);
    let link = link.ok_or_else(|| bad("no such interface".into()))?;
    if !link.up {
        return Err(bad("the interface is down".into()));
    }
    let (index, family) = (link.index, Family::of(channel.group));
    let addresses = route.addresses_on(&[link])?;
    let addresses = addresses.iter().map(|observed| &observed.address).filter(|address| address.interface == index);
    if addresses.map(|address| Family::of(address.address)).any(|found| found == family) {
        return Ok(index);
    }
    let family = match family {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    };
    Err(bad(format!("it has no {family} address, without which the kernel synchronises nothing")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ocf::Action;
    use crate::testing::check_rows;

    fn call(parameters: &[(&str, &str)]) -> Call {
        let variables = parameters.iter().map(|(name, value)| (format!("OCF_RESKEY_{name}"), (*value).to_owned()));
        let environment: Vec<(String, String)> = variables.collect();
        let environment = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Call::for_test(&super::super::description::DESCRIPTION, Action::Start, &environment)
    }

    #[test]
    fn a_channel_has_the_kernels_values_where_none_is_set_and_a_number_of_its_own() {
        let read = channel(&call(&[("sync_interface", "eth1")])).expect("right").expect("a channel");
        let expected = SyncChannel { interface: "eth1".into(), id: read.id, ..SyncChannel::default() };
        assert_eq!(read, expected);
        assert_ne!((id_of("a"), id_of("a")), (id_of("b"), 0));
        assert_eq!(channel(&call(&[])), Ok(None));
    }

    #[test]
    fn wrong_words_are_refused_with_what_was_expected() {
        check_rows(
            [
                (
                    vec![("sync_interface", "lo"), ("sync_group", "10.0.0.1")],
                    "sync_group \"10.0.0.1\": expected a multicast",
                ),
                (
                    vec![("sync_interface", "lo"), ("sync_threshold", "50 3")],
                    "sync_threshold \"50 3\": expected two numbers",
                ),
                (vec![("sync_id", "7")], "sync_id: set without sync_interface"),
            ],
            |(parameters, expected)| {
                let failure = validate(&call(&parameters), ValidationLevel::Consistency).unwrap_err().to_string();
                assert!(failure.starts_with(expected), "{failure}");
            },
        );
        let threshold = threshold(&call(&[("sync_interface", "lo"), ("sync_threshold", "0 1")]));
        assert_eq!(threshold, Ok(Some("0\t1".into())));
    }
}
