//! The log: one line per event on standard error, as text or as JSON; nothing that is logged can forge a line.

mod line;
mod outlet;

use std::{
    io::{self, IsTerminal, Write},
    panic,
};

use env_logger::{Target, WriteStyle};
use log::Record;
use ostler::model::Timestamp;

use outlet::Outlet;

pub(crate) use line::one_line;

/// Settings of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// Filter of events, in the form of `RUST_LOG`.
    pub(crate) filter: String,
    /// In which form.
    pub(crate) format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info,actix_server=warn".to_owned(), format: LogFormat::Text }
    }
}

/// The forms of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object.
    Json,
}

/// Starts the log, and sends panics there too. A second start changes nothing.
pub(crate) fn start(settings: &LogSettings) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&settings.filter);
    // Without the thread, each thread writes its own lines, and may block.
    if let Ok(outlet) = Outlet::open() {
        let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        builder.target(Target::Pipe(Box::new(outlet)));
        builder.write_style(if coloured { WriteStyle::Always } else { WriteStyle::Never });
    }
    match settings.format {
        LogFormat::Text => builder.format(|out, record| {
            let style = out.default_level_style(record.level());
            let (time, level) = (Timestamp::now(), record.level());
            writeln!(out, "{time} {style}{level:<5}{style:#} {}", line::text(record))
        }),
        LogFormat::Json => builder.format(|out, record| writeln!(out, "{}", json(record))),
    };
    if builder.try_init().is_ok() {
        panic::set_hook(Box::new(|panicked| {
            let place = panicked.location().map(ToString::to_string).unwrap_or_default();
            log::error!(place; "panic: {}", panicked.payload_as_str().unwrap_or("of an unknown kind"));
        }));
    }
}

/// Waits until what was logged is written, for a moment at most; to be called before the process ends.
pub(crate) fn finish() {
    outlet::drain();
}

fn json(record: &Record<'_>) -> String {
    line::json(record, &Timestamp::now().to_string())
}
