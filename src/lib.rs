//! The parts of `versioner`. The library exists for the program and its tests: nothing here is a stable interface.

#![allow(unreachable_pub, reason = "the modules are private: `pub` marks what other modules use")]

mod api;
mod ci;
mod commands;
mod console;
mod delivery;
mod env;
mod files;
mod forge;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod model;
mod process;
mod report;
mod settings;
mod state;
mod text;

pub use commands::execute;
pub use env::Env;

/// What tests compare with the documentation and with fixtures, and what `benches/compare` measures and simulates.
#[doc(hidden)]
pub mod internals {
    pub use crate::api::{RetryDecision, RetryPauses};
    pub use crate::ci::{Context, Detected, System};
    pub use crate::gate::{PollReason, WaitDecision, WaitState, decide_wait};
    pub use crate::model::block::Block;
    pub use crate::model::policy::{OnBlock, WaitPolicy};
    pub use crate::report::Outputs;
    pub use crate::settings::table::{Argument, OTHER_VARIABLES, SETTINGS, Scope, Setting};
    pub use crate::settings::{COMMANDS, Command, GROUPS};
}
