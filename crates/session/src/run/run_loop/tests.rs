//! Runs on a simulated machine, and hand-over between links under load.

mod hand_over;
mod simulated;
