//! `wharf`: hands the arguments to the commands.

fn main() -> std::process::ExitCode {
    wharf_cli::main()
}
