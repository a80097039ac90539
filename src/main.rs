//! The program: does what the command line says.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Where nothing runs before `main`. A guard must not have read a configuration or started a thread.
    ostler::guard();
    cli::main()
}
