//! The folder that is a contained server's home, as its guard makes it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
};

use crate::supervisor::containment::Containment;

/// The folder in it for temporary files.
const TEMPORARY: &str = "tmp";

/// Makes it, with the folder for temporary files and the settings that are copied there. What the server made of them
/// stays, and no link of its making is followed.
pub(super) fn prepare(containment: &Containment) -> io::Result<()> {
    let private = |recursive| {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(recursive).mode(0o700);
        builder
    };
    private(true).create(&containment.home)?;
    unless_there(private(false).create(containment.home.join(TEMPORARY)))?;
    for (name, text) in &containment.settings {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(containment.home.join(name));
        unless_there(file.and_then(|mut file| file.write_all(text.as_bytes())))?;
    }
    Ok(())
}

fn unless_there(made: io::Result<()>) -> io::Result<()> {
    made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}
