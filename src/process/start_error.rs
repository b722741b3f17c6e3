//! Why a command could not be started.

use crate::text::{Foreign, quote_shell};
use std::ffi::OsStr;
use std::io;

/// Why a command could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The command line is empty.
    #[error("there is no command")]
    NoCommand,
    /// There is no such program, or no such interpreter as its first line names.
    #[error(
        "{} could not be started: {cause}. Check its name, that it is on the PATH, and that the interpreter in its first \
         line exists.",
        quote_shell(program.clean())
    )]
    NotFound {
        /// The command's first word.
        program: Foreign,
        /// What the system says.
        cause: Foreign,
    },
    /// The program is not executable.
    #[error(
        "{} could not be started: {cause}. Make it executable (chmod +x), on a file system that allows that.",
        quote_shell(program.clean())
    )]
    NotExecutable {
        /// The command's first word.
        program: Foreign,
        /// What the system says.
        cause: Foreign,
    },
    /// The arguments and environment exceed the system's limit.
    #[error(
        "{} could not be started: {cause}. Its arguments and environment are too long for this system.",
        quote_shell(program.clean())
    )]
    TooLong {
        /// The command's first word.
        program: Foreign,
        /// What the system says.
        cause: Foreign,
    },
    /// A limit of processes or memory does not allow another process.
    #[error(
        "{} could not be started: {cause}. The limit of processes or memory is reached: see 'ulimit -u' and the container's \
         limits.",
        quote_shell(program.clean())
    )]
    NoResources {
        /// The command's first word.
        program: Foreign,
        /// What the system says.
        cause: Foreign,
    },
    /// The second process that runs the command could not be started, or was killed.
    #[cfg_attr(not(unix), allow(dead_code, reason = "Windows has no supervisor"))]
    #[error("the process that supervises the command could not be started: {0}")]
    Supervisor(Foreign),
    /// Anything else, for example a file that is not a program.
    #[error(
        "{} could not be started: {cause}. Check that it is a program for this system; a script needs #! in its first line.",
        quote_shell(program.clean())
    )]
    Other {
        /// The command's first word.
        program: Foreign,
        /// What the system says.
        cause: Foreign,
    },
}

impl StartError {
    pub(super) fn new(program: &OsStr, error: &io::Error) -> Self {
        let (program, cause) = (Foreign::new(program.to_string_lossy()), Foreign::new(error.to_string()));
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound { program, cause },
            io::ErrorKind::PermissionDenied => Self::NotExecutable { program, cause },
            io::ErrorKind::ArgumentListTooLong => Self::TooLong { program, cause },
            io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => Self::NoResources { program, cause },
            _ => Self::Other { program, cause },
        }
    }

    #[cfg(unix)]
    pub(super) fn supervisor(error: &io::Error) -> Self {
        Self::Supervisor(error.to_string().into())
    }

    /// What a shell would exit with: 127 if there is no such program, 126 if it cannot be executed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoCommand | Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } | Self::TooLong { .. } | Self::NoResources { .. } => 126,
            Self::Supervisor(_) | Self::Other { .. } => 126,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_exit_code_and_advice() {
        for (kind, exit_code, advice) in [
            (io::ErrorKind::NotFound, 127, "on the PATH"),
            (io::ErrorKind::PermissionDenied, 126, "chmod +x"),
            (io::ErrorKind::ArgumentListTooLong, 126, "too long"),
            (io::ErrorKind::WouldBlock, 126, "ulimit -u"),
            (io::ErrorKind::OutOfMemory, 126, "container's"),
            (io::ErrorKind::Other, 126, "#!"),
        ] {
            let error = StartError::new(OsStr::new("a\n::b"), &io::Error::from(kind));
            assert_eq!(error.exit_code(), exit_code, "{kind}");
            let message = error.to_string();
            assert!(message.starts_with("'a ::b' could not be started: ") && message.contains(advice), "{message}");
        }
        assert_eq!(StartError::NoCommand.exit_code(), 127);
    }
}
