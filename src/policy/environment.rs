//! Environment variables of servers: those that may be set, and those inherited from Ostler's own environment.
//!
//! A variable that makes a program load other code, run another program, read another configuration or trust another
//! certificate turns an allowed command line into any other. Such names are refused for everybody; where an operator
//! needs one (a proxy's certificate, a package registry), it is set in Ostler's own environment and passed on from
//! there, or allowed by `MCP_ALLOWED_VARIABLES`.
//!
//! Names that a tool reads are listed one by one wherever applications begin names of their own alike (`GIT_BASE_DIR`,
//! `NODE_URL`); a prefix stands for tools that read, or may come to read, whatever begins so.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// The variables that servers get from Ostler's own environment; `*` ends a prefix. All others are withheld, secrets
/// first.
///
/// Proxies, certificates and registries are among them: without, `npx` and `uvx` could not download behind a company's
/// proxy, or would fetch a private package's name from the public registry. `XDG_RUNTIME_DIR` is not: it leads to the
/// session's key ring and message bus.
pub const PASSED_ON: &[&str] = &[
    "HOME",
    "LOGNAME",
    "PATH",
    "SHELL",
    "USER",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "JAVA_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
    "PIP_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    UV_PYTHONS,
];

/// The variable that leads to the Pythons that uv has.
pub const UV_PYTHONS: &str = "UV_PYTHON_INSTALL_DIR";

/// True for the name of a variable that tells programs of a proxy.
#[must_use]
pub fn is_proxy(name: &str) -> bool {
    ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
}

/// Variables that every server gets besides: output without delay and colours, and no advice to update.
pub const ADDED: &[(&str, &str)] =
    &[("NO_COLOR", "1"), ("NPM_CONFIG_UPDATE_NOTIFIER", "false"), ("PYTHONUNBUFFERED", "1")];

/// Names that an operator allows though they are refused without: `MCP_ALLOWED_VARIABLES`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedVariables(BTreeSet<String>);

impl FromStr for AllowedVariables {
    type Err = String;

    /// Reads names separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let checked = names.map(|name| match reason_against(name) {
            Some(NO_NAME | OF_OSTLER) => Err(format!("names {name:?}, which no server can be given")),
            Some(_) | None => Ok(name.to_owned()),
        });
        checked.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for AllowedVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Vec::from_iter(self.0.iter().map(String::as_str)).join(","))
    }
}

const NO_NAME: &str = "it is no name of a variable: letters, digits and _, not beginning with a digit";

const OF_OSTLER: &str = "it belongs to Ostler";

/// Names that are refused for one reason; each list is separated by blanks.
struct Rule {
    names: &'static str,
    prefixes: &'static str,
    suffixes: &'static str,
    /// Names that the prefixes would catch, but that only carry data.
    harmless: &'static str,
    reason: &'static str,
}

const NONE: Rule = Rule { names: "", prefixes: "", suffixes: "", harmless: "", reason: "" };

const RULES: &[Rule] = &[
    Rule { prefixes: "OSTLER_", reason: OF_OSTLER, ..NONE },
    Rule {
        names: "PATH HOME SHELL TMPDIR PWD OLDPWD JAVA_HOME VIRTUAL_ENV",
        prefixes: "XDG_",
        reason: "it decides where programs and their configuration are looked for; servers get Ostler's own",
        ..NONE
    },
    Rule {
        names: "GCONV_PATH GETCONF_DIR GLIBC_TUNABLES LOCPATH NLSPATH MALLOC_TRACE",
        prefixes: "LD_ DYLD_",
        reason: "it makes the loader or the C library use other files",
        ..NONE
    },
    Rule {
        names: "BASH_ENV ENV PROMPT_COMMAND IFS SHELLOPTS BASHOPTS CDPATH FPATH ZDOTDIR BASH_LOADABLES_PATH \
            PS0 PS1 PS2 PS3 PS4",
        prefixes: "BASH_FUNC_",
        reason: "it makes shells run other code",
        ..NONE
    },
    // By name, not by prefix: `NODE_ENV` is data, and applications have names such as `NODE_URL`.
    Rule {
        names: "NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE NODE_COMPILE_CACHE NODE_ICU_DATA \
            NODE_V8_COVERAGE NODE_REDIRECT_WARNINGS NODE_CHANNEL_FD NODE_PRESERVE_SYMLINKS \
            NODE_PRESERVE_SYMLINKS_MAIN",
        prefixes: "BUN_ DENO_",
        reason: "it makes JavaScript runtimes load code or write files",
        ..NONE
    },
    Rule {
        prefixes: "PYTHON",
        harmless: "PYTHONUNBUFFERED PYTHONIOENCODING PYTHONUTF8 PYTHONCOERCECLOCALE PYTHONDONTWRITEBYTECODE \
            PYTHONHASHSEED PYTHONFAULTHANDLER PYTHONNOUSERSITE PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONDEVMODE \
            PYTHONASYNCIODEBUG PYTHONTRACEMALLOC PYTHONMALLOC PYTHON_COLORS",
        reason: "it can make Python load other code (PYTHONWARNINGS imports modules, too)",
        ..NONE
    },
    // By prefix: a registry or cache is as good as code, and a name that is data today may be more tomorrow.
    Rule {
        names: "RUBYGEMS_GEMDEPS COMPOSER_HOME COMPOSER MIX_HOME HEX_HOME npm_execpath npm_node_execpath",
        prefixes: "NPM_CONFIG_ PNPM_ YARN_ COREPACK_ UV_ PIP_ PIPX_ CARGO_ GEM_ BUNDLE_ CONDA_ POETRY_",
        harmless: "NPM_CONFIG_OFFLINE NPM_CONFIG_PREFER_OFFLINE NPM_CONFIG_LOGLEVEL NPM_CONFIG_YES NPM_CONFIG_AUDIT \
            NPM_CONFIG_FUND NPM_CONFIG_UPDATE_NOTIFIER NPM_CONFIG_FETCH_TIMEOUT UV_OFFLINE UV_NO_PROGRESS \
            UV_HTTP_TIMEOUT UV_COMPILE_BYTECODE UV_CONCURRENT_DOWNLOADS PIP_NO_CACHE_DIR PIP_NO_INPUT \
            PIP_DISABLE_PIP_VERSION_CHECK PIP_DEFAULT_TIMEOUT CONDA_ENV_NAME",
        reason: "it configures a package manager, which runs what it fetches; set it in Ostler's environment or in a file of the package manager",
        ..NONE
    },
    Rule {
        names: "RUBYOPT RUBYLIB RUBYSHELL PERLLIB PERL5OPT PERL5LIB PERL5DB PERL5SHELL PERLIO_DEBUG \
            PERL5DB_THREADED CLASSPATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS JAVA_OPTS \
            JAVA_OPTIONS MAVEN_OPTS GRADLE_OPTS JVM_OPTS PHPRC PHP_INI_SCAN_DIR GOFLAGS GOENV GOPROXY \
            GOTOOLCHAIN RUSTFLAGS RUSTC RUSTC_WRAPPER RUSTUP_TOOLCHAIN ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS \
            ERL_LIBS R_PROFILE R_PROFILE_USER R_ENVIRON R_ENVIRON_USER R_HOME R_LIBS R_LIBS_USER R_LIBS_SITE \
            JULIA_DEPOT_PATH JULIA_PROJECT JULIA_BINDIR TCLLIBPATH GUILE_LOAD_COMPILED_PATH GUILE_EXTENSIONS_PATH \
            ELECTRON_RUN_AS_NODE IPYTHONDIR JUPYTER_PATH JUPYTER_CONFIG_DIR MPLBACKEND OCAMLPATH OCAMLLIB \
            CAML_LD_LIBRARY_PATH GHC_PACKAGE_PATH GOROOT GOPATH GOCACHEPROG CC CXX CPP LD AR CFLAGS CXXFLAGS \
            CPPFLAGS LDFLAGS MAKEFLAGS MAKEFILES GNUMAKEFLAGS RUSTC_WORKSPACE_WRAPPER RUSTDOC",
        prefixes: "LUA_ DOTNET_ CORECLR_ COMPLUS_ COMPlus_ TS_NODE_ _PYTHON_ CGO_",
        suffixes: "_LOAD_PATH",
        reason: "it makes an interpreter or compiler load other code",
        ..NONE
    },
    Rule {
        names: "GTK_MODULES GTK3_MODULES GTK_PATH GIO_EXTRA_MODULES GIO_MODULE_DIR GDK_PIXBUF_MODULE_FILE \
            GDK_PIXBUF_MODULEDIR QT_PLUGIN_PATH QT_QPA_PLATFORM_PLUGIN_PATH QML_IMPORT_PATH QML2_IMPORT_PATH \
            GST_PLUGIN_PATH GST_PLUGIN_SYSTEM_PATH GST_PLUGIN_SCANNER VK_ICD_FILENAMES VK_DRIVER_FILES VK_LAYER_PATH \
            LIBGL_DRIVERS_PATH LIBVA_DRIVERS_PATH ALSA_CONFIG_PATH SASL_PATH KRB5_CONFIG MAGICK_CONFIGURE_PATH \
            MAGICK_CODER_MODULE_PATH GS_LIB GDAL_DRIVER_PATH OGR_DRIVER_PATH",
        reason: "it makes libraries load other modules",
        ..NONE
    },
    // What git reads (git(1), git-config(1)) and trusts; applications have `GIT_BASE_DIR`, `GIT_USERNAME`.
    Rule {
        names: "GITPERLLIB GIT_DIR GIT_COMMON_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY \
            GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_QUARANTINE_PATH GIT_NAMESPACE GIT_GRAFT_FILE GIT_SHALLOW_FILE \
            GIT_REPLACE_REF_BASE GIT_ATTR_SOURCE GIT_DISCOVERY_ACROSS_FILESYSTEM GIT_EXEC_PATH GIT_TEMPLATE_DIR \
            GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT GIT_PROXY_COMMAND GIT_ALLOW_PROTOCOL GIT_PROTOCOL_FROM_USER \
            GIT_ASKPASS GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_EXTERNAL_DIFF GIT_DIFFTOOL \
            GIT_DIFF_TOOL GIT_MERGE_TOOL GIT_DIFF_OPTS GIT_CONFIG GIT_SHELL_PATH GIT_MAN_VIEWER GIT_WEB_BROWSER \
            GIT_TEXTDOMAINDIR GIT_CREDENTIAL_HELPER",
        prefixes: "GIT_CONFIG_ GIT_SSL_ GIT_PROXY_SSL_ GIT_TRACE GIT_REDIRECT_ GIT_INTERNAL_ GIT_TEST_",
        reason: "it can make git run programs; put the setting into the repository's or user's git configuration",
        ..NONE
    },
    Rule {
        names: "EDITOR VISUAL FCEDIT HGEDITOR PAGER MANPAGER LESSOPEN LESSCLOSE LESSEDIT DOCKER_CONFIG BROWSER \
            GH_BROWSER R_BROWSER CHROME_PATH CHROME_BIN SVN_SSH HGRCPATH HGPLUGIN GNUPGHOME RSYNC_CONNECT_PROG \
            RIPGREP_CONFIG_PATH",
        // Browsers' launchers have the last two; a bare `_BROWSER` is as often the name of a kind of browser.
        suffixes: "_ASKPASS _EDITOR _PAGER _RSH _EXECUTABLE _EXECUTABLE_PATH",
        reason: "it names a program to run, or one's configuration",
        ..NONE
    },
    Rule { suffixes: "_OPTIONS _OPTS", reason: "programs add what it holds to their arguments", ..NONE },
    Rule {
        names: "OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE \
            NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_SYSTEM_CA \
            REQUESTS_CA_BUNDLE CURL_CA_BUNDLE CURL_HOME AWS_CA_BUNDLE HTTPLIB2_CA_CERTS HTTPS_CA_FILE HTTPS_CA_DIR \
            PERL_LWP_SSL_CA_FILE PERL_LWP_SSL_CA_PATH PERL_LWP_SSL_VERIFY_HOSTNAME WEBSOCKET_CLIENT_CA_BUNDLE \
            GRPC_DEFAULT_SSL_ROOTS_FILE_PATH NIX_SSL_CERT_FILE SYSTEM_CERTIFICATE_PATH HEX_CACERTS_PATH",
        reason: "it changes whom encrypted connections trust; set it in Ostler's environment, which passes it on",
        ..NONE
    },
    Rule { names: "HOSTALIASES RES_OPTIONS LOCALDOMAIN RESOLV_HOST_CONF", reason: "it redirects name lookups", ..NONE },
];

/// The reason why a server may not be given a variable of this name; `None` where it may.
#[must_use]
pub fn refuse(name: &str, AllowedVariables(allowed): &AllowedVariables) -> Option<String> {
    let reason = reason_against(name).filter(|_| !allowed.contains(name))?;
    let exception = if matches!(reason, NO_NAME | OF_OSTLER) { "" } else { "; MCP_ALLOWED_VARIABLES can allow it" };
    Some(format!("{reason}{exception}"))
}

fn reason_against(name: &str) -> Option<&'static str> {
    if !is_name(name) {
        return Some(NO_NAME);
    }
    // npm, pnpm and Yarn read their variables in either case.
    let upper = name.to_ascii_uppercase();
    let is_folded = ["NPM_CONFIG_", "PNPM_", "YARN_"].iter().any(|prefix| upper.starts_with(prefix));
    let name = if is_folded { &upper } else { name };
    RULES.iter().find(|rule| rule.catches(name)).map(|rule| rule.reason)
}

/// The reason why a variable may not have this value; `None` where it may.
#[must_use]
pub fn refuse_value(value: &str) -> Option<&'static str> {
    value.contains('\0').then_some("it contains a NUL, which no environment can hold")
}

/// The variables a server gets besides its own: of `variables`, Ostler's own, those that are passed on; and [`ADDED`].
#[must_use]
pub fn inherited(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let passed = variables.filter(|(name, _)| PASSED_ON.iter().any(|allowed| fits(allowed, name)));
    let added = ADDED.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    passed.chain(added).collect()
}

impl Rule {
    fn catches(&self, name: &str) -> bool {
        let is = |list: &str| list.split_whitespace().any(|listed| listed == name);
        let begins = || self.prefixes.split_whitespace().any(|prefix| name.starts_with(prefix));
        let ends = || self.suffixes.split_whitespace().any(|suffix| name.ends_with(suffix));
        (is(self.names) || begins() || ends()) && !is(self.harmless)
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn fits(allowed: &str, name: &str) -> bool {
    allowed.strip_suffix('*').map_or(allowed == name, |prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_make_programs_run_other_code_are_refused() {
        for name in "LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH BASH_ENV ENV PROMPT_COMMAND IFS \
            SHELLOPTS BASHOPTS PS4 NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NPM_CONFIG_REGISTRY \
            npm_config_script_shell Npm_Config_Prefix PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONINSPECT \
            PYTHONWARNINGS RUBYOPT RUBYLIB PERL5OPT PERL5LIB PERL5DB JAVA_TOOL_OPTIONS _JAVA_OPTIONS \
            JDK_JAVA_OPTIONS GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_CONFIG_COUNT SSH_ASKPASS EDITOR \
            VISUAL PAGER GH_PAGER BROWSER OPENSSL_CONF HOSTALIASES RES_OPTIONS LOCALDOMAIN PATH HOME \
            XDG_CONFIG_HOME UV_INDEX_URL PIP_INDEX_URL yarn_registry pnpm_config_registry AWS_CA_BUNDLE \
            SSL_CERT_FILE REQUESTS_CA_BUNDLE OSTLER_SECRET_KEY IBM_JAVA_OPTIONS OPENJ9_JAVA_OPTIONS TAR_OPTIONS \
            ERL_LIBS GUILE_LOAD_PATH TS_NODE_PROJECT R_LIBS GTK_MODULES QT_PLUGIN_PATH COMPOSER_HOME CC \
            ELECTRON_RUN_AS_NODE RUBYGEMS_GEMDEPS _PYTHON_SYSCONFIGDATA_NAME RSYNC_RSH GH_BROWSER \
            PUPPETEER_EXECUTABLE_PATH GIT_PYTHON_GIT_EXECUTABLE GIT_CONFIG_KEY_0 GIT_TRACE2_EVENT GIT_EXEC_PATH \
            GIT_TEMPLATE_DIR GIT_ALLOW_PROTOCOL GIT_DIR GIT_SSL_NO_VERIFY UV_INDEX CONDA_CHANNELS"
            .split_whitespace()
        {
            assert!(refuse(name, &AllowedVariables::default()).is_some(), "{name}");
        }
    }

    #[test]
    fn variables_that_carry_data_are_allowed() {
        for name in "API_KEY GITHUB_TOKEN NODE_ENV NODE_URL PYTHONUNBUFFERED PYTHONIOENCODING PYTHONUTF8 \
            GIT_AUTHOR_NAME MEMORY_FILE_PATH HTTPS_PROXY RUST_LOG LANG TZ USER _x PATHS DATABASE_URL \
            MCP_THING PLAYWRIGHT_MCP_BROWSER GIT_BASE_DIR GIT_SIGN_COMMITS GIT_USERNAME GIT_EMAIL UV_OFFLINE \
            NPM_CONFIG_PREFER_OFFLINE npm_config_prefer_offline CONDA_ENV_NAME"
            .split_whitespace()
        {
            assert_eq!(refuse(name, &AllowedVariables::default()), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "1A", "A=B", "A B", "A-B", "BASH_FUNC_x%%", "A\0", "Ä"] {
            assert!(refuse(name, &AllowedVariables::default()).is_some(), "{name:?}");
        }
        assert!(refuse_value("a\0b").is_some() && refuse_value("a\nb = c").is_none());
    }

    #[test]
    fn an_operator_allows_names_but_none_that_is_ostlers() {
        let allowed: AllowedVariables = " PYTHONPATH, NODE_OPTIONS,".parse().unwrap();
        assert_eq!(allowed.to_string(), "NODE_OPTIONS,PYTHONPATH");
        assert_eq!((refuse("PYTHONPATH", &allowed), refuse("PYTHONHOME", &allowed).is_some()), (None, true));
        for wrong in ["OSTLER_SECRET_KEY", "A=b", "*", "GIT_*"] {
            assert!(wrong.parse::<AllowedVariables>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn servers_inherit_the_place_they_run_in_and_no_secret() {
        let variables = [
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("OSTLER_SECRET_KEY", "s"),
            ("DATABASE_URL", "d"),
            ("AWS_SECRET", "s"),
            ("NO_COLOR", "0"),
        ];
        let passed = inherited(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let names: Vec<_> = passed.keys().map(String::as_str).collect();
        assert_eq!(names, ["LC_ALL", "NO_COLOR", "NPM_CONFIG_UPDATE_NOTIFIER", "PATH", "PYTHONUNBUFFERED"]);
        assert_eq!(passed["NO_COLOR"], "1");
    }
}
