//! The commands, one file each: arguments in, exit status out. `app` assembles what they share.

pub mod score;
