//! The folders that are a contained server's own, as its guard makes them.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
};

use crate::supervisor::{
    guard::spec::Spec,
    temporary::{self, MadeTemporary},
};

/// Makes its home, with the settings that are copied there, and its folder for temporary files, which `spec` grants and
/// names from then on. What the server made of its home stays, and no link of its making is followed.
pub(super) fn prepare(spec: &mut Spec) -> io::Result<Option<MadeTemporary>> {
    let Some(containment) = &mut spec.containment else { return Ok(None) };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&containment.home)?;
    for (name, text) in &containment.settings {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(containment.home.join(name));
        unless_there(file.and_then(|mut file| file.write_all(text.as_bytes())))?;
    }
    let Some(temporary) = &spec.temporary else { return Ok(None) };
    let (made, path) = temporary.make()?;
    containment.write.push(temporary.folder().to_owned());
    // An operator may let servers have another.
    if let Some(variable) = spec.env.get_mut(temporary::VARIABLE).filter(|variable| *variable == temporary::LINKS) {
        *variable = path.display().to_string();
    }
    Ok(Some(made))
}

fn unless_there(made: io::Result<()>) -> io::Result<()> {
    made.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
}
