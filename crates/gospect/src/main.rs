//! The command `gospect`.

use std::process::ExitCode;

fn main() -> ExitCode {
    gospect::main(std::env::args_os())
}
