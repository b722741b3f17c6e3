//! No CI system, or one that shows plain text: what Jenkins, Bitbucket and a terminal have in common.
//!
//! Owns: that surface. Does not own: what plain text looks like (`surface`), nor `output_file`, which works everywhere
//! (`report`).

use super::surface::Surface;
use super::{Context, System};

/// Outside every CI system that is known.
pub(super) const SYSTEM: System = System {
    name: "no CI system that is known",
    source_system: None,
    detect: |_| true,
    context: |_| Context::default(),
    surface: |_| Box::new(Plain),
};

/// Plain text, and nothing else: every surface's own default.
pub(super) struct Plain;

impl Surface for Plain {}
