//! The demo: runs the real binary against the sandbox, as GitHub would, and shows what people see.
//!
//! `scenes` is the script. `step` runs a step of a workflow, and `page` draws what GitHub shows of it, with the text of
//! `markup`. `docs/pictures` shows a scene.

mod markup;
mod page;
mod parking;
mod scenes;
mod step;

pub use page::Style;
pub use scenes::{SCENES, Scene};
