//! The inputs that are kept, and inputs near them.

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// The inputs of a target by their names: its seeds, and what once broke its property.
fn kept(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut inputs: Vec<_> = files.map(|file| (file.display().to_string(), fs::read(file).unwrap())).collect();
    inputs.sort();
    inputs
}

#[test]
fn properties_hold_of_every_input_that_is_kept() {
    for (name, target) in FUZZ_TARGETS {
        let inputs = kept(name);
        assert!(inputs.len() > 1, "{name} has no seeds");
        for (file, input) in inputs {
            // Captured, and so shown where the property does not hold.
            println!("{file}");
            target(&input);
        }
    }
}

#[test]
fn every_target_has_a_program() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    for (name, _) in FUZZ_TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn properties_hold_of_inputs_near_those_that_are_kept(
        target in 0..FUZZ_TARGETS.len(), one: Index, other: Index, at: Index, length in 0_usize..12,
        bytes in vec(any::<u8>(), 0..6), splices: bool,
    ) {
        let (name, target) = FUZZ_TARGETS[target];
        let inputs = kept(name);
        let mut input = one.get(&inputs).1.clone();
        let start = at.index(input.len() + 1);
        let end = input.len().min(start + length);
        let tail = if splices { other.get(&inputs).1.clone() } else { bytes };
        input.splice(start..end, tail);
        target(&input);
    }
}
