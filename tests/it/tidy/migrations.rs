//! Versions of migrations.

use std::{collections::BTreeMap, fs, path::Path};

/// Diesel takes the digits for the version, and passes over a second migration that has the same.
#[test]
fn each_migration_has_a_version_of_its_own_in_both_databases() {
    let of = |database: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            versions.entry(name.split('_').next().unwrap().to_owned()).or_default().push(name);
        }
        versions
    };
    let (sqlite, postgres) = (of("sqlite"), of("postgres"));
    assert!(sqlite.values().all(|names| names.len() == 1), "{sqlite:#?}");
    assert_eq!(sqlite, postgres);
}
