//! Files that the documents name exist.

use super::texts;

/// The documents that name files of the sources.
const DOCUMENTS: [&str; 2] = ["ARCHITECTURE.md", "SECURITY.md"];

#[test]
fn every_file_that_a_document_names_exists() {
    let texts = texts();
    let exists = |name: &str| texts.iter().any(|(file, _)| file == name || file.ends_with(&format!("/{name}")));
    let mut missing = Vec::new();
    for (document, text) in texts.iter().filter(|(file, _)| DOCUMENTS.contains(&file.as_str())) {
        for (index, line) in text.lines().enumerate() {
            let quoted = line.split('`').skip(1).step_by(2);
            let files = quoted.filter(|name| name.ends_with(".rs") && !name.contains(['*', ' ', ':']));
            missing.extend(files.filter(|name| !exists(name)).map(|name| format!("{document}:{}: {name}", index + 1)));
        }
    }
    assert!(missing.is_empty(), "there are no such files (any more); name those there are:\n{}", missing.join("\n"));
}
