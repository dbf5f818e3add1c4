//! A copy of the installed toolchain with the sources of its standard library, and the tools of the system.
//!
//! Debian's backports have the sources for recent compilers as the package `rust-src`. The copy consists of hard links
//! where the filesystem allows them, and the installed toolchain does not change. If the installed toolchain has the
//! sources, it is used without a copy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::shell::capture;

/// A toolchain that can build its own standard library.
pub(crate) struct Toolchain {
    pub(crate) root: PathBuf,
    pub(crate) sysroot: PathBuf,
    pub(crate) version: String,
}

impl Toolchain {
    /// The directory for everything that is fetched or built.
    pub(crate) fn scratch(&self) -> PathBuf {
        scratch(&self.root)
    }

    /// `cargo` with the unstable options that build the standard library.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(self.sysroot.join("bin/cargo"));
        cargo.current_dir(&self.root).env("RUSTC_BOOTSTRAP", "1");
        cargo.env("RUSTC", self.sysroot.join("bin/rustc")).env("RUSTDOC", self.sysroot.join("bin/rustdoc"));
        cargo.env("CARGO_TARGET_DIR", self.scratch().join("target"));
        // Set by the cargo that runs this program, for another toolchain.
        cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        cargo
    }
}

fn scratch(root: &Path) -> PathBuf {
    root.join("target/platforms")
}

pub(crate) fn toolchain(root: &Path) -> anyhow::Result<Toolchain> {
    let installed = installed(root)?;
    let found = |(sysroot, version): &(PathBuf, String)| Toolchain {
        root: root.to_owned(),
        sysroot: sysroot.clone(),
        version: version.clone(),
    };
    if let Some(complete) = installed.iter().find(|(sysroot, _)| has_sources(sysroot)) {
        return Ok(found(complete));
    }
    let sources = sources(&scratch(root))?;
    let Some((sysroot, version)) =
        installed.iter().find(|(_, version)| minor(version) == minor(&sources.version))
    else {
        let versions: Vec<_> = installed.iter().map(|(_, version)| version.as_str()).collect();
        bail!("the backports have the sources of Rust {}, and here are {versions:?}", sources.version);
    };
    let copy = scratch(root).join(format!("toolchain-{version}"));
    if !has_sources(&copy) {
        link_tree(sysroot, &copy)?;
        let place = copy.join("lib/rustlib/src");
        fs::create_dir_all(&place)?;
        std::os::unix::fs::symlink(&sources.place, place.join("rust"))?;
    }
    Ok(found(&(copy, format!("{version}, and the standard library of {}", sources.version))))
}

/// The installed toolchains and their versions. The active one comes first.
fn installed(root: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let active = capture(Command::new("rustc").current_dir(root).args(["--print", "sysroot"]))?;
    let mut sysroots = vec![PathBuf::from(active.trim())];
    // Without rustup there is only one.
    let others = capture(Command::new("rustup").args(["toolchain", "list", "--verbose"])).unwrap_or_default();
    sysroots.extend(others.lines().filter_map(|line| Some(PathBuf::from(line.split_whitespace().last()?))));
    let version = |sysroot: PathBuf| {
        let verbose = capture(Command::new(sysroot.join("bin/rustc")).arg("-vV")).ok()?;
        let release = verbose.lines().find_map(|line| line.strip_prefix("release: "))?.to_owned();
        Some((sysroot, release))
    };
    Ok(sysroots.into_iter().filter_map(version).collect())
}

/// `1.97` of `1.97.0-nightly`. The library of a version builds with each compiler of that version.
fn minor(version: &str) -> Vec<&str> {
    version.split('.').take(2).collect()
}

fn has_sources(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").exists()
}

fn link_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    let copy = |how: &str| capture(Command::new("cp").arg(how).args([from, to])).map(drop);
    // A toolchain on another filesystem cannot be linked, so it is copied.
    copy("-al").or_else(|_| {
        if to.exists() {
            fs::remove_dir_all(to)?;
        }
        copy("-a")
    })
}

/// The unpacked sources of the standard library.
struct Sources {
    /// The directory with `library`.
    place: PathBuf,
    version: String,
}

/// Finds the sources below a directory that holds the unpacked package.
fn unpacked(dir: &Path) -> Option<Sources> {
    let each = fs::read_dir(dir.join("usr/src")).ok()?;
    each.filter_map(|entry| Some(entry.ok()?.path())).find_map(|place| {
        let version = place.file_name()?.to_str()?.strip_prefix("rustc-")?.to_owned();
        place.join("library/Cargo.lock").exists().then_some(Sources { place, version })
    })
}

/// Fetches the package `rust-src` from the backports suite and unpacks it.
fn sources(scratch: &Path) -> anyhow::Result<Sources> {
    let dir = scratch.join("rust-src");
    if let Some(there) = unpacked(&dir) {
        return Ok(there);
    }
    let apt = scratch.join("apt");
    for dir in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(dir))?;
    }
    let list = apt.join("sources.list");
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(&list, format!("deb [signed-by={keys}] {} trixie-backports main\n", mirror()?))?;
    let private = |tool: &str| {
        let mut command = Command::new(tool);
        command.current_dir(&apt).args(["-o", "APT::Sandbox::User=root"]);
        for (option, path) in [
            ("Dir::Etc::SourceList", list.clone()),
            ("Dir::Etc::SourceParts", PathBuf::from("-")),
            ("Dir::State::Lists", apt.join("lists")),
            ("Dir::Cache", apt.join("cache")),
        ] {
            command.arg("-o").arg(format!("{option}={}", path.display()));
        }
        command
    };
    capture(private("apt-get").arg("update")).context("no list of the backports")?;
    capture(private("apt-get").args(["download", "rust-src"]))?;
    let packages = fs::read_dir(&apt)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = packages
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        .find(|path| path.to_string_lossy().contains("rust-src_"))
        .context("apt-get has left no package")?;
    capture(Command::new("dpkg").arg("-x").args([&package, &dir]))?;
    unpacked(&dir).with_context(|| format!("{} has no sources of the standard library", package.display()))
}

/// The mirror that apt uses for Debian.
fn mirror() -> anyhow::Result<String> {
    let format = ["indextargets", "--format", "$(ORIGIN) $(REPO_URI)"];
    let targets = capture(Command::new("apt-get").args(format))?;
    let debian = targets.lines().find_map(|line| line.strip_prefix("Debian "));
    debian.map(str::to_owned).context("apt has no list of Debian; run apt-get update")
}

/// A program, and the Debian packages that bring it.
pub(crate) type Tool = (&'static str, &'static str);

/// Installs the missing tools of the system if this process is root on Debian. Otherwise fails, and the error says how
/// to get them.
pub(crate) fn ensure(tools: &[Tool]) -> anyhow::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).exists());
    let missing = tools.iter().filter(|(name, _)| !has(name));
    let missing: Vec<_> = missing.flat_map(|(_, packages)| packages.split(' ')).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if capture(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("missing: {list}; get them with: sudo apt-get install {list}");
    }
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(["install", "-q", "-y", "--no-install-recommends"]).args(&missing);
    eprintln!("    $ apt-get install {list}");
    capture(&mut apt).map(drop)
}
