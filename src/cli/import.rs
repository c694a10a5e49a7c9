//! `lvs-agents import` makes a `ldirectord.cf` of what another load balancer is configured with.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;

use super::{DIFFERENT, ExitStatus, SUCCESS};
use crate::convert::{Conversion, IncludedFile, KeepalivedSource, import_ipvsadm, import_keepalived};

/// What is read.
#[derive(Subcommand)]
pub enum ImportSource {
    /// What `ipvsadm --save --numeric` writes
    IpvsadmSave {
        /// The file; "-" is standard input
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// The configuration of keepalived, with all files that it includes
    #[command(name = "keepalived.conf")]
    KeepalivedConf {
        /// The file
        #[arg(default_value = "/etc/keepalived/keepalived.conf")]
        file: PathBuf,
        /// Take the lines for this director ("@ID ..."), as keepalived's option of this name
        #[arg(long)]
        config_id: Option<String>,
    },
}

/// Prints the result, and on standard error what it does not say. The exit status says whether something was left out.
pub fn run(source: &ImportSource, out: &mut impl Write) -> anyhow::Result<ExitStatus> {
    let conversion = match source {
        ImportSource::IpvsadmSave { file } => import_ipvsadm(&name(file), &read(file)?),
        ImportSource::KeepalivedConf { file, config_id } => import_keepalived(&KeepalivedSource {
            file: &name(file),
            text: &read(file)?,
            config_id: config_id.as_deref(),
            include: &include,
        }),
    };
    let Conversion { text, remarks } = &conversion;
    out.write_all(text.as_bytes())?;
    for remark in remarks {
        // There is no place to report that standard error is closed.
        let _ = writeln!(std::io::stderr(), "{remark}");
    }
    Ok(if conversion.leaves_out() { DIFFERENT } else { SUCCESS })
}

fn is_input(file: &Path) -> bool {
    file == Path::new("-")
}

fn name(file: &Path) -> String {
    if is_input(file) { "standard input".into() } else { file.display().to_string() }
}

/// The largest file that is read, in bytes. A device that never ends must not fill the memory.
const LARGEST: u64 = 64 << 20;

fn read(file: &Path) -> anyhow::Result<String> {
    let text = if is_input(file) { read_whole(std::io::stdin()) } else { File::open(file).and_then(read_whole) };
    text.with_context(|| format!("{}: read", name(file)))
}

/// Comments are often in the encoding of their time.
fn read_whole(file: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    if file.take(LARGEST + 1).read_to_end(&mut bytes)? as u64 > LARGEST {
        return Err(io::Error::other(format!("larger than {} MiB", LARGEST >> 20)));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The files that an `include` in `file` names: a path or a pattern, relative to the folder of that file.
fn include(file: &str, pattern: &str) -> Vec<IncludedFile> {
    let pattern = Path::new(file).parent().unwrap_or(Path::new("")).join(pattern);
    let paths = glob::glob(&pattern.to_string_lossy()).into_iter().flatten().filter_map(Result::ok);
    let one = |path: PathBuf| IncludedFile {
        text: File::open(&path).and_then(read_whole).map_err(|cause| cause.to_string()),
        name: path.display().to_string(),
    };
    paths.filter(|path| !path.is_dir()).map(one).collect()
}
