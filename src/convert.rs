//! Other languages: what `ipvsadm --save` and keepalived say, in the language of services, and a file of that language as the
//! commands that a cluster needs.
//!
//! Nothing is dropped without a word: whatever has no place in the other language is a [`Remark`] with its file and line.
//! What an import writes has been judged by [`crate::config`] line by line, so that it is read again without an error or a
//! warning.
//!
//! Pure: files that a text includes are read by the caller.

mod draft;
mod ipvsadm;
mod keepalived;
mod pair;
mod remark;

pub use ipvsadm::import_ipvsadm;
pub use keepalived::{IncludedFile, KeepalivedSource, import_keepalived};
pub use pair::{Pair, PairShape, Shell, commands};
pub use remark::{Place, Remark, Verdict};

/// What became of a text of another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The services in the configuration language, with each remark as a comment.
    pub text: String,
    /// In the order of the places.
    pub remarks: Vec<Remark>,
}

impl Conversion {
    /// Whether something that the text says is not said by the result.
    pub fn leaves_out(&self) -> bool {
        self.remarks.iter().any(|remark| remark.verdict == Verdict::LeftOut)
    }
}

#[cfg(test)]
#[path = "../fuzz/convert.rs"]
mod fuzz;
#[cfg(test)]
mod tests;
