//! `ostler check-config`: every setting with its value and where it came from.

use std::io::{self, Write};

use crate::cli::{failure::Failure, logging::one_line, settings, sources::Loaded};

/// Prints the table.
pub(crate) fn run(loaded: Loaded) -> Result<(), Failure> {
    table(&loaded, &mut io::stdout().lock()).map_err(|error| Failure::of("write to standard output", &error))
}

fn table(loaded: &Loaded, out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = settings::all()
        .map(|setting| {
            let value = one_line(&(setting.show)(&loaded.config)).into_owned();
            (setting.key, value, loaded.origin(setting).to_string())
        })
        .collect();
    let keys = rows.iter().map(|(key, _, _)| key.len()).max().unwrap_or_default();
    let values = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or_default().min(40);
    for (key, value, origin) in &rows {
        writeln!(out, "{key:keys$}  {value:values$}  {origin}")?;
    }
    Ok(())
}
