//! The parts of an address `postgres://user:password@host:port,…/database?option=value&…`, as libpq takes it apart.

/// Options by libpq's names, later ones over earlier ones. `Err` holds no part of the address, for it may be a
/// password's.
pub(super) fn options(url: &str) -> Result<Vec<(String, String)>, String> {
    const STRAY: &str = "an `@`, `/`, `?` or `#` in a password must be percent-encoded, as %40, %2F, %3F or %23";
    let (_, rest) = url.split_once("://").ok_or("it has no scheme")?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (user, hosts) = authority.split_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
    let has_stray = hosts.contains('@') || database.contains('@') || user.is_none() && query.contains('@');
    if has_stray || authority.contains('#') {
        return Err(STRAY.into());
    }
    let mut options = Vec::new();
    let mut add = |name: &str, value: &str| -> Result<(), String> {
        options.push((decode(name)?, decode(value)?));
        Ok(())
    };
    if let Some((user, password)) = user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        add("user", user)?;
        add("password", password)?;
    }
    if !hosts.is_empty() {
        let (names, ports): (Vec<_>, Vec<_>) = hosts.split(',').map(host).unzip();
        add("host", &names.join(","))?;
        add("port", &ports.join(","))?;
    }
    if !database.is_empty() {
        add("dbname", database)?;
    }
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').ok_or("an option after `?` has no value")?;
        add(name, value)?;
    }
    Ok(options)
}

/// A host's name and its port. Brackets are those of an IPv6 address.
fn host(text: &str) -> (&str, &str) {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match bracketed {
        Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
        None => text.split_once(':').unwrap_or((text, "")),
    }
}

fn decode(text: &str) -> Result<String, String> {
    const BROKEN: &str = "a `%` must be followed by two hexadecimal digits, and stand for UTF-8 without a zero byte";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = digit().zip(digit()).ok_or(BROKEN)?;
        bytes.push(high << 4 | low);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(|| BROKEN.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_separators_is_refused_and_no_part_of_it_is_shown() {
        for url in [
            "postgres://me:q/w?r@t-s3cret@host/db",
            "postgres://me:q/w@host/db",
            "postgres://me:q?w=r@host/db",
            "postgres://me:q@w@host/db",
            "postgres://me:q%zzw@host/db",
        ] {
            let fault = options(url).unwrap_err();
            assert!(fault.contains("percent") || fault.contains("hexadecimal"), "{url}: {fault}");
            assert!(!fault.contains("s3cret"), "{fault}");
        }
    }

    #[test]
    fn a_percent_sign_stands_for_any_byte_of_utf_8() {
        assert_eq!(decode("%2Frun%2fx%C3%bc"), Ok("/run/xü".into()));
        for broken in ["%", "%4", "%zz", "%ff", "%00"] {
            assert!(decode(broken).is_err(), "{broken}");
        }
    }
}
