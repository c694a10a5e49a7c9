//! Wrong parameters of the agents, but for vip, whose table of all its parameters has them (tests/vip_parameters).

#[path = "../common/mod.rs"]
mod common;

mod ldirectord;
mod lvs;
mod realserver;
