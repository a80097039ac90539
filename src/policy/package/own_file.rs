//! Files that programs of some packages write beside themselves, where all servers of the package would share them.

/// A package of npm, the variable that names another place for its file, and the name that the file has.
const OWN_FILES: [(&str, &str, &str); 1] =
    [("@modelcontextprotocol/server-memory", "MEMORY_FILE_PATH", "memory.jsonl")];

/// The variable by which a package's program is given another place for the file that it would write beside itself, and
/// the name of that file.
#[must_use]
pub fn own_file(package: &str) -> Option<(&'static str, &'static str)> {
    OWN_FILES.iter().find(|(name, ..)| *name == package).map(|(_, variable, file)| (*variable, *file))
}
