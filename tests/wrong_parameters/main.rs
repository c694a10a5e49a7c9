//! Wrong parameters of the agents, but for vip, whose table of all its parameters has them (tests/vip_parameters).
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod ldirectord;
mod lvs;
mod realserver;
