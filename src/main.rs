//! The program: becomes a guard where it was started as one, otherwise does what the command line says.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: a guard must not have read a configuration, opened a file or started a thread.
    ostler::guard();
    cli::main()
}
