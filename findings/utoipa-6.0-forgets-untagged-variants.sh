#!/usr/bin/env bash
# utoipa 6.0.0 (utoipa-gen 6.0.1), `ToSchema` derived for an enum of which one variant is `#[serde(untagged)]`, beside
# what serde 1.0.229 writes.
#
# Expected: the schema of that variant is that of its content, as serde writes it, and as the schema is where the whole
#   enum is `untagged`; or the derive does not compile.
# Seen: it is an object with the variant's name as its member. serde writes `["a"]`, the schema asks for
#   `{"hosts": ["a"]}`. The other variants are right.
# What it means: a client that is generated from the description sends what the server refuses, and its types do not fit
#   what it gets. Ostler implements `PartialSchema` by hand for such an enum.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo init --quiet --name probe
cargo add --quiet utoipa@=6.0.0
cargo add --quiet serde@=1.0.229 --features derive
cargo add --quiet serde_json@=1.0.154
cargo update --quiet utoipa-gen --precise 6.0.1
cat >src/main.rs <<'RUST'
use serde::Serialize;
use serde_json::{Value, json, to_value};
use utoipa::{PartialSchema, ToSchema};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Network {
    Full,
    #[serde(untagged)]
    Hosts(Vec<String>),
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Hosts {
    List(Vec<String>),
    One(String),
}

fn schemas<T: PartialSchema>() -> Vec<Value> {
    let schema = to_value(T::schema()).unwrap();
    println!("{schema}");
    schema["oneOf"].as_array().unwrap().clone()
}

fn main() {
    let written = [Network::Full, Network::Hosts(vec!["a".into()])].map(|network| to_value(network).unwrap());
    println!("{written:?}");
    assert_eq!(written, [json!("full"), json!(["a"])]);
    assert_eq!(to_value([Hosts::List(vec![]), Hosts::One("a".into())]).unwrap(), json!([[], "a"]));

    let list = json!({"type": "array", "items": {"type": "string"}});
    assert_eq!(schemas::<Hosts>(), [list.clone(), json!({"type": "string"})]);
    let [full, hosts] = schemas::<Network>().try_into().unwrap();
    assert_eq!(full, json!({"type": "string", "enum": ["full"]}));
    assert_eq!(hosts, json!({"type": "object", "required": ["hosts"], "properties": {"hosts": list}}));
}
RUST
cargo run --quiet
