//! The password file, `~/.pgpass`: lines of `host:port:database:user:password`, where `*` stands for any.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use super::host::Host;

/// The password for a host. None, with a warning, where the file may be read by others, as in libpq.
pub(super) fn find(file: &Path, host: &Host, database: Option<&str>, user: Option<&str>) -> Option<String> {
    let mode = fs::metadata(file).ok()?.mode();
    if mode & 0o077 != 0 {
        log::warn!(file:% = file.display(); "the password file is not used: others may read it (chmod 600)");
        return None;
    }
    let place = if host.name.starts_with('/') { "localhost" } else { &host.name };
    let database = database.or(user).unwrap_or_default();
    let wanted = [place, &host.port.to_string(), database, user.unwrap_or_default()];
    fs::read_to_string(file).ok()?.lines().find_map(|line| password(line, wanted))
}

fn password(line: &str, wanted: [&str; 4]) -> Option<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            // The password is the rest of the line, colons and all.
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => fields.last_mut()?.extend(characters.next()),
            other => fields.last_mut()?.push(other),
        }
    }
    let password = (fields.len() == 5).then(|| fields.pop()).flatten()?;
    let fits = |(field, wanted): (&String, &str)| field == "*" || field == wanted;
    (!line.starts_with('#') && fields.iter().zip(wanted).all(fits)).then_some(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_fits_gives_its_password() {
        let wanted = ["h", "5432", "d", "u"];
        assert_eq!(password("h:5432:d:u:p:a\\\\ss", wanted).as_deref(), Some("p:a\\ss"));
        assert_eq!(password("*:*:*:*:p", wanted).as_deref(), Some("p"));
        for other in ["x:5432:d:u:p", "#:*:*:*:p", "h:5432:d:u", ""] {
            assert_eq!(password(other, wanted), None, "{other}");
        }
    }
}
