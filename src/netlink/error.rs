//! Why a question to the kernel, or an order, was not answered as wished.

use std::fmt;

use nix::errno::Errno;

/// The result of a question or an order to the kernel.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the kernel did not do or say what was wished. `attempt` is `object: what was tried` in the caller's words; it is
/// empty until an outer layer says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The kernel has no IPVS: the module `ip_vs` is neither loaded nor built in.
    Unavailable {
        /// What was done about it.
        reason: String,
    },
    /// EPERM or EACCES: the process lacks `CAP_NET_ADMIN` (or `CAP_NET_RAW` for announcements).
    Permission {
        /// What was tried.
        attempt: String,
        /// The error number, positive.
        errno: i32,
    },
    /// Any other error number, with the kernel's own explanation (extended acknowledgement) or a hint of ours.
    Kernel {
        /// What was tried.
        attempt: String,
        /// The error number, positive.
        errno: i32,
        /// The kernel's words, or the hint.
        explanation: Option<String>,
    },
    /// The kernel did not answer in time; the socket is opened anew before the next request.
    Timeout {
        /// What was tried.
        attempt: String,
    },
    /// The kernel's list changed during each of several reads (`NLM_F_DUMP_INTR`).
    Interrupted {
        /// What was tried.
        attempt: String,
    },
    /// The answer (or a value to be sent) does not have the form that the protocol demands.
    Malformed {
        /// What was tried.
        attempt: String,
        /// What is wrong with the form.
        detail: String,
    },
}

impl Error {
    /// Creates the error from a system call's number or the `error` field of a netlink message, as a positive number.
    pub(crate) fn from_errno(errno: i32, explanation: Option<String>) -> Self {
        let attempt = String::new();
        match Errno::from_raw(errno) {
            Errno::EPERM | Errno::EACCES => Self::Permission { attempt, errno },
            // A receive returns this when SO_RCVTIMEO has passed; the kernel's answers do not use it.
            Errno::EAGAIN => Self::Timeout { attempt },
            _ => Self::Kernel { attempt, errno, explanation },
        }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::Malformed { attempt: String::new(), detail: detail.into() }
    }

    /// Says what was tried, as `object: verb`. What an inner layer already said stays.
    pub(crate) fn during(mut self, what: impl fmt::Display) -> Self {
        match &mut self {
            Self::Permission { attempt, .. }
            | Self::Kernel { attempt, .. }
            | Self::Timeout { attempt }
            | Self::Interrupted { attempt }
            | Self::Malformed { attempt, .. }
                if attempt.is_empty() =>
            {
                *attempt = what.to_string();
            }
            _ => {}
        }
        self
    }

    /// Adds a next step where the kernel gave no explanation of its own.
    pub(crate) fn hinting(mut self, hint: impl fmt::Display) -> Self {
        if let Self::Kernel { explanation: explanation @ None, .. } = &mut self {
            *explanation = Some(hint.to_string());
        }
        self
    }

    /// Replaces the lack of rights where the kernel means something else by EACCES.
    pub(crate) fn not_for_lack_of_rights(self, explanation: impl fmt::Display) -> Self {
        match self {
            Self::Permission { attempt, errno } if errno == Errno::EACCES as i32 => {
                Self::Kernel { attempt, errno, explanation: Some(explanation.to_string()) }
            }
            other => other,
        }
    }

    /// Returns the kernel's error number (positive), where there was one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Permission { errno, .. } | Self::Kernel { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    pub(crate) fn is(&self, errno: Errno) -> bool {
        self.errno() == Some(errno as i32)
    }

    fn attempt(&self) -> &str {
        match self {
            Self::Unavailable { .. } => "ipvs: find it in the kernel",
            Self::Permission { attempt, .. }
            | Self::Kernel { attempt, .. }
            | Self::Timeout { attempt }
            | Self::Interrupted { attempt }
            | Self::Malformed { attempt, .. } => attempt,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.attempt().is_empty() {
            write!(f, "{}: ", self.attempt())?;
        }
        match self {
            Self::Unavailable { reason } => write!(f, "not there ({reason})"),
            Self::Permission { errno, .. } => {
                write!(f, "{} (this needs root)", describe(*errno))
            }
            Self::Kernel { errno, explanation, .. } => {
                f.write_str(&describe(*errno))?;
                match explanation {
                    Some(explanation) => write!(f, " ({explanation})"),
                    None => Ok(()),
                }
            }
            Self::Timeout { .. } => f.write_str("the kernel did not answer in time"),
            Self::Interrupted { .. } => f.write_str("the list changed during every read"),
            Self::Malformed { detail, .. } => write!(f, "unexpected message: {detail}"),
        }
    }
}

/// Returns the C library's text, which is what ipvsadm and ip print; nix has its own, different for a few numbers.
fn describe(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

impl std::error::Error for Error {}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::from_errno(errno as i32, None)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::from_errno(errno, None),
            None => Self::malformed(error.to_string()),
        }
    }
}

impl From<neli::err::DeError> for Error {
    fn from(error: neli::err::DeError) -> Self {
        Self::malformed(error.to_string())
    }
}

impl From<neli::err::SerError> for Error {
    fn from(error: neli::err::SerError) -> Self {
        Self::malformed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_object_attempt_cause_and_hint() {
        let error = Error::from(Errno::ENOENT).during("virtual service tcp 10.0.0.9:80: add").hinting("is it loaded?");
        assert_eq!(
            error.to_string(),
            "virtual service tcp 10.0.0.9:80: add: No such file or directory (is it loaded?)"
        );
        assert_eq!(error.errno(), Some(2));
    }

    #[test]
    fn the_first_attempt_and_the_kernels_own_words_win() {
        let error = Error::from_errno(22, Some("Invalid prefix".into())).during("ip: add").during("start").hinting("x");
        assert_eq!(error.to_string(), "ip: add: Invalid argument (Invalid prefix)");
    }

    #[test]
    fn the_text_is_the_c_librarys() {
        assert_eq!(Error::from(Errno::ERANGE).to_string(), "Numerical result out of range");
    }

    #[test]
    fn error_numbers_are_told_apart_by_what_the_reader_can_do() {
        assert!(matches!(Error::from(Errno::EPERM), Error::Permission { errno: 1, .. }));
        assert!(matches!(Error::from(Errno::EACCES), Error::Permission { errno: 13, .. }));
        assert!(matches!(Error::from(Errno::EAGAIN), Error::Timeout { .. }));
        assert!(matches!(Error::from(Errno::ESRCH), Error::Kernel { errno: 3, .. }));
    }
}
