#!/usr/bin/env bash
# jsonc-parser 0.34.0 with the features `serde`, `serde_json` and `cst`, beside serde_json 1.0.154.
#
# Expected: the crate's three ways to a `serde_json::Value` (its syntax tree, its concrete syntax tree, and serde) agree
#   with each other; what is beyond an f64 is an error in each; a number with a leading zero is an error, as the default
#   options are about comments and commas after the last item.
# Seen: beyond an f64 serde gives an error, and both trees give a *string* with the number's text (`1e309` is "1e309").
#   -0 is the float -0.0 in both trees and the integer 0 by serde. `[01]` is a list of two numbers in all three, since
#   commas may be missing by default; without `allow_missing_commas` it is an error.
# What it means: a value that was checked through one of them may be another through the next. Ostler reads the files of
#   MCP clients through the syntax tree alone, with all but comments and a last comma switched off, and checks types of
#   what it takes over.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --name probe
cargo add --quiet jsonc-parser@=0.34.0 --features serde,serde_json,cst
cargo add --quiet serde_json@=1.0.154
cat >src/main.rs <<'RUST'
use jsonc_parser::{CollectOptions, ParseOptions, cst::CstRootNode, parse_to_ast, parse_to_serde_value};
use serde_json::Value;

fn readings(text: &str, options: &ParseOptions) -> [String; 3] {
    let tree = parse_to_ast(text, &CollectOptions::default(), options).ok().and_then(|it| it.value).map(Value::from);
    let concrete = CstRootNode::parse(text, options).ok().and_then(|it| it.to_serde_value());
    let serde = parse_to_serde_value::<Value>(text, options).ok();
    [tree, concrete, serde].map(|it| it.map_or("error".into(), |it| it.to_string()))
}

fn main() {
    let default = ParseOptions::default();
    let commas = ParseOptions { allow_missing_commas: false, ..ParseOptions::default() };
    for (text, options, expected) in [
        ("[1e309]", &default, [r#"["1e309"]"#, r#"["1e309"]"#, "error"]),
        ("[-0]", &default, ["[-0.0]", "[-0.0]", "[0]"]),
        ("[01]", &default, ["[0,1]"; 3]),
        ("[01]", &commas, ["error"; 3]),
    ] {
        let found = readings(text, options);
        let plain = serde_json::from_str::<Value>(text).map_or("error".into(), |it| it.to_string());
        println!("{text}: tree, concrete tree, serde: {found:?}; serde_json: {plain}");
        assert_eq!(found, expected);
    }
}
RUST
cargo run --quiet
