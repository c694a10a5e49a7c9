//! What becomes of whole texts.

mod ipvsadm;
mod keepalived;
mod pair;
