//! Settings of a user's tools that a server's own home gets a copy of: who commits, and where packages come from. What
//! may be a secret is left out.

/// Keys of npm's settings that say where packages come from, and hold no secret; `@scope:registry` besides.
const NPM_KEYS: [&str; 3] = ["registry", "cafile", "strict-ssl"];

/// Git's settings with the name and the address of the user, out of theirs; `None` where neither is there.
pub(crate) fn git_identity(settings: &str) -> Option<String> {
    let mut is_user = false;
    let mut copied = String::new();
    for line in settings.lines().map(str::trim) {
        if line.starts_with('[') {
            is_user = line.eq_ignore_ascii_case("[user]");
        } else if let Some((key, _)) = line.split_once('=')
            && is_user
            && ["name", "email"].iter().any(|copied| key.trim().eq_ignore_ascii_case(copied))
            && !line.ends_with('\\')
        {
            copied.push_str(&format!("\t{line}\n"));
        }
    }
    (!copied.is_empty()).then(|| format!("[user]\n{copied}"))
}

/// npm's settings with the registries alone, out of a user's; `None` where there are none.
pub(crate) fn npm_registries(settings: &str) -> Option<String> {
    let is_copied = |line: &&str| {
        let Some((key, value)) = line.split_once('=') else { return false };
        let (key, value) = (key.trim(), value.trim());
        let is_registry = key.starts_with('@') && key.ends_with(":registry");
        // A user's name and password may stand before the host, and a variable may hold anything.
        (is_registry || NPM_KEYS.contains(&key)) && !value.contains(['@', '$'])
    };
    let lines: Vec<_> = settings.lines().map(str::trim).filter(is_copied).collect();
    (!lines.is_empty()).then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_git_only_name_and_address_are_copied() {
        let settings =
            "[core]\n\tname = x\n[User]\n  name = Ada L\n  signingkey = K\n\temail=\"a@b\"\n[credential]\nemail = y\n";
        assert_eq!(git_identity(settings).unwrap(), "[user]\n\tname = Ada L\n\temail=\"a@b\"\n");
        assert_eq!(git_identity("[core]\n\teditor = vi\n"), None);
    }

    #[test]
    fn of_npm_no_token_is_copied() {
        let settings = "registry=https://a.example/\n//a.example/:_authToken=s\n@x:registry = https://b.example\n\
                        _auth=s\n@y:registry=https://u:p@c.example\nregistry=${SECRET}\nstrict-ssl=true\n";
        assert_eq!(
            npm_registries(settings).unwrap(),
            "registry=https://a.example/\n@x:registry = https://b.example\nstrict-ssl=true\n"
        );
        assert_eq!(npm_registries("_auth=s\n"), None);
    }
}
