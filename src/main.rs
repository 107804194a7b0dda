//! The program: an allocator, a limit on what decoding may allocate, and the command line.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // First: whatever decodes anything before would fix the library's own limit for the whole process.
    tsuikyaku::wire::limits::limit_allocations();
    tsuikyaku::cli::main()
}
