//! `tsuikyaku` (追客, the follow-up of leads): events in, scores and contact counts kept, READY out, exactly once.

pub mod config;
pub mod io;
pub mod runtime;
pub mod scoring;
pub mod traffic;
pub mod wire;
