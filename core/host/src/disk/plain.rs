//! Files as they are appended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::replace::{Readers, replace};

/// A file that is made of the bytes that are appended.
#[derive(Debug)]
pub(super) struct Plain {
    path: PathBuf,
    file: File,
}

impl Plain {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        make_folder(path)?;
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self { path: path.into(), file })
    }

    pub(super) fn append(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)
    }

    pub(super) fn replace(&mut self, data: &[u8]) -> io::Result<()> {
        replace(&self.path, data, Readers::Default)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        Ok(())
    }

    pub(super) fn finish(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// A new file whose beginning can be written again. One that is there already is not touched.
pub(super) fn create(path: &Path) -> io::Result<File> {
    make_folder(path)?;
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

fn make_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}
