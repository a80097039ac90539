//! Installations in an archive, for machines without a network.

use std::{io::Read, path::Path, process::Command};

use tar::{Archive, Builder, EntryType, Header};

use super::*;
use crate::support::registry::{Registry, path_with_uv};

/// Runs `ostler packages WORDS` on a data folder: exit code, standard output, standard error.
fn packages(setup: &Setup, words: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(&setup.program);
    let ran = command.env_clear().envs(&setup.environment).arg("packages").args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code().unwrap(), text(&ran.stdout), text(&ran.stderr))
}

/// A set-up without a registry.
fn without_registry(path: &str) -> Setup {
    let setup = Setup::new().env("PATH", path).env("UV_DEFAULT_INDEX", NOWHERE).env("PIP_INDEX_URL", NOWHERE);
    setup.env("NPM_CONFIG_REGISTRY", NOWHERE)
}

fn spec(command: &str, args: Value) -> Spec {
    Spec::new(command, args).named(command).enabled()
}

/// A running Ostler with the witness of npm and, if that is wanted, that of PyPI; its registry is gone.
fn with_witnesses(path: &str, has_python: bool) -> Ostler {
    let setup = Setup::new().env("PATH", path);
    let registry = Registry::start(&setup);
    registry.publish_witness();
    let ostler = registry.asked_by(setup).spawn();
    runs(&ostler.admin().register(spec("npx", json!(["-y", "witness", "--key=of-this-server"]))));
    if has_python {
        runs(&ostler.admin().register(spec("uvx", json!(["witness"]))));
    }
    ostler
}

#[test]
fn what_is_exported_runs_on_another_machine_without_a_registry() {
    let Some(path) = path_with_uv() else { return };
    let target = without_registry(&path);
    let file = target.home.join("packages.tar");
    let file = file.to_str().unwrap();
    let (code, _, err) = packages(&target, &["export", file]);
    assert!(code == 1 && err.contains("no package is installed"), "{err}");
    {
        let source = with_witnesses(&path, true);
        let (code, _, err) = packages(&source.setup, &["export", file, "witness", "other"]);
        assert!(code == 1 && err.contains("other is not installed; what is: witness"), "{err}");
        assert!(!Path::new(file).exists());
        let (code, out, err) = packages(&source.setup, &["export", file]);
        assert_eq!((code, out.as_str()), (0, "witness 1.0.0\nwitness 1.0.0\n"), "{err}");
    }
    let archive = fs::read(file).unwrap();
    assert!(!archive.windows(14).any(|bytes| bytes == b"of-this-server"), "arguments of servers are no one else's");
    let (code, _, err) = packages(&target.clone().env("PATH", "/nowhere"), &["import", file]);
    assert!(code == 1 && err.contains("needs python3.") && err.contains("install it"), "{err}");

    let (code, out, err) = packages(&target, &["import", file]);
    assert!(code == 0 && out.lines().count() == 2, "{out}{err}");
    let mut ostler = target.spawn();
    let mut servers = vec![
        ostler.admin().register(spec("npx", json!(["-y", "witness@1.0.0"]))),
        ostler.admin().register(spec("uvx", json!(["witness", "--an-option"]))),
    ];
    for server in &servers {
        runs(server);
        server.call("witness", json!({})).is(200);
        server.details().has("/package/pinned/version", "1.0.0");
    }
    let (code, out, err) = packages(&ostler.setup, &["import", file]);
    assert!(code == 0 && out.matches("(was there already)").count() == 2, "{out}{err}");
    // It stays, also where no server runs it.
    servers.pop().unwrap().remove().is(204);
    ostler.terminate();
    ostler.start_again();
    runs(&ostler.admin().register(spec("uvx", json!(["witness"]))));
    runs(&ostler.admin().server(&servers[0].id));
}

/// An entry of an archive.
struct Packet {
    name: String,
    kind: EntryType,
    data: Vec<u8>,
}

fn read(file: &Path) -> Vec<Packet> {
    let mut archive = Archive::new(fs::File::open(file).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let (name, kind) = (entry.path().unwrap().to_str().unwrap().to_owned(), entry.header().entry_type());
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        Packet { name, kind, data }
    });
    entries.collect()
}

fn write(file: &Path, packets: &[Packet]) {
    let mut archive = Builder::new(fs::File::create(file).unwrap());
    for Packet { name, kind, data } in packets {
        let mut header = Header::new_gnu();
        // The library would refuse some.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(data.len().try_into().unwrap());
        header.set_cksum();
        archive.append(&header, data.as_slice()).unwrap();
    }
    archive.finish().unwrap();
}

/// Changes the list of an archive.
fn change_list(packets: &mut [Packet], change: impl FnOnce(&mut Value)) {
    let mut list: Value = serde_json::from_slice(&packets[0].data).unwrap();
    change(&mut list);
    packets[0].data = list.to_string().into_bytes();
}

/// Changes what a list says of the program of the witness.
fn change_entry(packets: &mut [Packet], change: impl FnOnce(&mut serde_json::Map<String, Value>, &str)) {
    change_list(packets, |list| {
        let manifest = list["packages"][0]["manifest"].as_object_mut().unwrap();
        change(manifest, "node_modules/witness/witness.js");
    });
}

type Change = fn(&mut Vec<Packet>);

/// Changes of an archive, with the words of their refusals.
fn changes() -> [(&'static str, Change); 12] {
    [
        ("witness.js\" is not what its list says", |all| last(all).data[40] ^= 1),
        ("\"../../outside\" is not in its list", |all| {
            all.push(Packet { name: "../../outside".into(), kind: EntryType::Regular, data: vec![1] });
        }),
        ("witness.js\" is not in its list, or twice", |all| {
            let Packet { name, kind, data } = last(all);
            let again = Packet { name: name.clone(), kind: *kind, data: data.clone() };
            all.push(again);
        }),
        ("witness.js\" is no plain file", |all| last(all).kind = EntryType::Symlink),
        ("witness.js\" is no plain file", |all| last(all).kind = EntryType::Char),
        ("witness.js\" has", |all| last(all).data.push(b'/')),
        ("witness.js\" is missing", |all| all.retain(|packet| !packet.name.ends_with("/witness.js"))),
        ("\"node_modules/../../outside\" is no path within it", |all| {
            change_entry(all, |manifest, program| {
                let entry = manifest.remove(program).unwrap();
                manifest.insert("node_modules/../../outside".into(), entry);
            });
        }),
        ("\"node_modules/witness/witness.js\" is a link that leads outside, to \"../../../x\"", |all| {
            change_entry(all, |manifest, program| manifest[program]["content"] = json!("link:../../../x"));
        }),
        ("\"node_modules/witness/witness.js\" has the permissions 4755", |all| {
            change_entry(all, |manifest, program| manifest[program]["mode"] = json!(0o4755));
        }),
        ("its list of files is not that of its pin", |all| {
            change_entry(all, |manifest, program| drop(manifest.remove(program)));
        }),
        ("it is for another, and this machine is linux-", |all| {
            change_list(all, |list| list["platform"] = json!("another"));
        }),
    ]
}

#[test]
fn an_archive_that_is_not_as_it_was_written_is_refused_by_name_and_leaves_nothing() {
    let Some(path) = path_with_uv() else { return };
    let target = without_registry(&path);
    let (good, bad) = (target.home.join("good.tar"), target.home.join("bad.tar"));
    assert_eq!(packages(&with_witnesses(&path, false).setup, &["export", good.to_str().unwrap()]).0, 0);
    let is_refused = |why: &str| {
        let (code, _, err) = packages(&target, &["import", bad.to_str().unwrap()]);
        assert!(code == 1 && err.contains("nothing was imported") && err.contains(why), "{why}: {err}");
        let left: Vec<_> = fs::read_dir(target.home.join("data/packages")).unwrap().collect();
        assert!(left.is_empty(), "{why}: {left:?}");
    };
    for (why, change) in changes() {
        let mut packets = read(&good);
        change(&mut packets);
        write(&bad, &packets);
        is_refused(why);
    }
    let bytes = fs::read(&good).unwrap();
    for length in [0, 100, 700, bytes.len() / 2] {
        fs::write(&bad, &bytes[..length]).unwrap();
        is_refused("nothing was imported");
    }
    fs::copy(&good, &bad).unwrap();
    assert_eq!(packages(&target, &["import", bad.to_str().unwrap()]).0, 0);
    fs::remove_dir_all(target.home).unwrap();
}

/// The program of the witness.
fn last(packets: &mut [Packet]) -> &mut Packet {
    packets.iter_mut().find(|packet| packet.name.ends_with("/witness.js")).unwrap()
}

#[test]
fn an_installation_that_was_changed_is_not_exported() {
    let Some(path) = path_with_uv() else { return };
    let source = with_witnesses(&path, false);
    let [installation] = installations(&source.setup, "npm").try_into().unwrap();
    fs::write(installation.join("node_modules/witness/witness.js"), "").unwrap();
    let file = source.setup.home.join("packages.tar");
    let (code, _, err) = packages(&source.setup, &["export", file.to_str().unwrap()]);
    assert!(code == 1 && err.contains("is not as it was installed") && err.contains("witness.js differs"), "{err}");
    assert!(!file.exists());
}
