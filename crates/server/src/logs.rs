//! Log lines on standard error, for people or for programs.

use std::io::IsTerminal as _;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{Log, LogFormat};

/// The target of the lines that tell of each request.
pub const ACCESS: &str = "wharf::access";

/// Whether requests are logged. Cheap: asked for each of them.
pub fn access_enabled() -> bool {
    tracing::enabled!(target: ACCESS, Level::INFO)
}

/// Begins to log, for the whole process; a second call does nothing. Lines have colours on a terminal, unless `NO_COLOR` is
/// set. A panic becomes a line too.
pub fn start(log: &Log) {
    let subscriber = tracing_subscriber::registry();
    let lines = match log.format {
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(std::io::stderr).boxed()
        }
        LogFormat::Text => fmt::layer().with_ansi(is_coloured()).with_writer(std::io::stderr).boxed(),
    };
    if subscriber.with(lines.with_filter(targets(log))).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a bug: this task has ended")));
    }
}

fn targets(log: &Log) -> Targets {
    if log.access { log.level.clone() } else { log.level.clone().with_target(ACCESS, LevelFilter::OFF) }
}

fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn access_lines_are_at_info_and_can_be_turned_off() {
        let check = |level: &str, access, expect| {
            let log = Log { format: LogFormat::Text, level: level.parse().unwrap(), access };
            assert_eq!(targets(&log).would_enable(ACCESS, &Level::INFO), expect, "{level} {access}");
        };
        check("info", true, true);
        check("info", false, false);
        check("warn", true, false);
        check("trace", false, false);
    }
}
