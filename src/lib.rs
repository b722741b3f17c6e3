//! The parts of `versioner`: a library only so that tests, fuzz targets and simulations reach them.
//!
//! Nothing here is a stable interface; the program is (see the README).

pub mod api;
pub mod app;
pub mod check;
pub mod ci;
pub mod cli;
pub mod clock;
pub mod console;
pub mod env;
pub mod event;
pub mod gate;
pub mod journal;
pub mod outcome;
pub mod report;
pub mod retry;
pub mod run;
pub mod secret;
pub mod settings;
pub mod signals;
pub mod spool;
pub mod status;
pub mod store;
pub mod text;
pub mod when;
