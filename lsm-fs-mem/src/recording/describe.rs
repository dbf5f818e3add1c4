//! Describes a crash state: the last event, the surviving changes, the lost ones, and the files.

use std::{collections::BTreeMap, fmt::Write};

use super::Recording;
use crate::{
    crash::{Axis, Crash, Foreign, Group},
    machine::Event,
    micro::{Change, Ino, Kind, Micro, Name, Seq},
    profile::SyncCall,
    tree::{Node, Tree},
};

/// The last name of each inode.
struct Paths(BTreeMap<Ino, (Ino, Name)>);

impl Paths {
    fn of(recording: &Recording, point: usize) -> Self {
        let mut names = BTreeMap::new();
        for (dir, inode) in recording.start.image.iter() {
            if let Node::Dir(entries) = &inode.node {
                names.extend(entries.iter().map(|(name, ino)| (ino, (dir, Name::clone(name)))));
            }
        }
        let done = recording.events.iter().take(point).filter_map(|event| match event {
            Event::Micro(micro) => Some(micro),
            _ => None,
        });
        for micro in recording.start.journal.iter().chain(done).filter(|micro| micro.is_link()) {
            if let Some((dir, name, ino)) = micro.binding() {
                names.insert(ino, (dir, Name::clone(name)));
            }
        }
        for (covered, root) in recording.hardware.mounts() {
            if let Some(place) = names.get(&covered).cloned() {
                names.insert(root, place);
            }
        }
        Self(names)
    }

    fn path(&self, ino: Ino) -> String {
        let mut path = String::new();
        let mut at = ino;
        // These are the last names over time, so a directory can appear below itself. The number of steps is therefore
        // bounded.
        for _ in 0..self.0.len() {
            let Some((dir, name)) = self.0.get(&at) else { break };
            path.insert_str(0, &format!("/{}", name.display()));
            at = *dir;
        }
        if path.is_empty() { "/".to_owned() } else { path }
    }

    fn entry(&self, dir: Ino, name: &Name) -> String {
        let dir = self.path(dir);
        if dir == "/" { format!("/{}", name.display()) } else { format!("{dir}/{}", name.display()) }
    }

    fn micro(&self, micro: &Micro) -> String {
        match &micro.change {
            Change::Data { ino, range, .. } => {
                format!("bytes {}..{} of {}", range.start, range.end, self.path(*ino))
            }
            Change::Size { ino, from, to, .. } => format!("length of {}: {from} to {to}", self.path(*ino)),
            Change::Link { dir, name, kind, creates: true, .. } => {
                let what = if *kind == Kind::Dir { "directory" } else { "file" };
                format!("new {what} {}", self.entry(*dir, name))
            }
            Change::Link { dir, name, ino, .. } => {
                format!("name {} for inode {ino}", self.entry(*dir, name))
            }
            Change::Permissions { ino, to, .. } => {
                format!("mode {:04o} and owner {}:{} of {}", to.mode, to.owner, to.group, self.path(*ino))
            }
            Change::Unlink { dir, name, .. } => format!("removal of {}", self.entry(*dir, name)),
        }
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Micro(micro) => self.micro(micro),
            Event::Sync(call) => self.call(*call),
            Event::Dropped(ino) => format!("failed sync of {} dropped its dirty pages", self.path(*ino)),
            Event::Note(note) => format!("note \"{note}\""),
        }
    }

    fn call(&self, call: SyncCall) -> String {
        match call {
            SyncCall::File { ino, .. } => format!("fsync of {}", self.path(ino)),
            SyncCall::FileData { ino, .. } => format!("fdatasync of {}", self.path(ino)),
            SyncCall::Dir { ino, .. } => format!("fsync of directory {}", self.path(ino)),
            SyncCall::Volume(volume) => format!("syncfs of volume {}", volume + 1),
            SyncCall::Everything => "sync of everything".to_owned(),
        }
    }
}

impl Recording {
    /// Describes a crash and the tree that it leaves.
    pub(crate) fn describe(&self, crash: &Crash, found: &Tree) -> String {
        let explorer = self.at(crash);
        let paths = Paths::of(self, crash.point);
        let mut text = String::new();
        self.describe_moment(crash, &paths, &mut text);
        let (mut survived, mut lost) = (Vec::new(), Vec::new());
        let axes = explorer.axes(true);
        let lines = |seqs: &mut dyn Iterator<Item = Seq>| {
            let micros = seqs.filter_map(|seq| explorer.disk.journal.get(seq));
            micros.map(|micro| paths.micro(micro)).collect::<Vec<_>>()
        };
        let group = |group: &Group| lines(&mut group.seqs()).join(", with ");
        for (axis, value) in axes.axes.iter().zip(&crash.choice) {
            match axis {
                Axis::Group(one) if *value == 0 => lost.push(group(one)),
                Axis::Group(one) if *value == axis.full() => survived.push(group(one)),
                Axis::Group(one) => {
                    survived.extend(lines(&mut one.kept(*value)));
                    lost.extend(lines(&mut std::iter::once(one.first)));
                }
                Axis::Prefix(groups) => {
                    survived.extend(groups.iter().take(*value as usize).map(group));
                    lost.extend(groups.iter().skip(*value as usize).map(group));
                }
                Axis::Names(names) => {
                    let kept = names.sets.get(*value as usize).map_or(&[][..], Vec::as_slice);
                    let pending = explorer.disk.journal.iter().filter(|micro| micro.volume == names.volume);
                    for micro in pending.filter(|micro| micro.is_of_directory()) {
                        let list = if kept.contains(&micro.seq) { &mut survived } else { &mut lost };
                        list.push(paths.micro(micro));
                    }
                }
                Axis::File { ino, variants, .. } => {
                    let description = variants.get(*value as usize).description;
                    let line = format!("content of {}: {description}", paths.path(*ino));
                    if *value == 0 { lost.push(line) } else { survived.push(line) }
                }
            }
        }
        list(&mut text, "pending changes that were lost", &lost);
        list(&mut text, "pending changes that survived", &survived);
        list(&mut text, "files after the crash", &tree_lines(found, &self.hardware.roots()));
        text
    }

    fn describe_moment(&self, crash: &Crash, paths: &Paths, text: &mut String) {
        let last = crash.point.checked_sub(1).and_then(|last| self.events.get(last));
        let last = last.map_or_else(|| "the start".to_owned(), |event| paths.event(event));
        let _ = writeln!(text, "crash after event {} of {}: {last}", crash.point, self.events.len());
        if let Some(killed_after) = crash.killed_after {
            let last = killed_after.checked_sub(1).and_then(|last| self.events.get(last));
            let last = last.map_or_else(|| "the start".to_owned(), |event| paths.event(event));
            let _ = writeln!(
                text,
                "the process was killed after event {killed_after}: {last}; the next one went on from there"
            );
        }
        if let Some(next) = self.events.get(crash.point) {
            let _ = writeln!(text, "next would have been: {}", Paths::of(self, crash.point + 1).event(next));
        }
        if let Some(foreign @ Foreign { after, .. }) = crash.foreign {
            let call = paths.call(self.foreign_call(foreign));
            let _ = writeln!(text, "another process, after event {after}: {call}");
        }
        let notes = self.notes_until(crash.point);
        if !notes.is_empty() {
            let _ = writeln!(text, "notes before the crash: {}", notes.join(", "));
        }
    }
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    let _ = writeln!(text, "{title}:{}", if lines.is_empty() { " none" } else { "" });
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// Lists every path with its length. A list of the open directories takes the place of a recursion, because a tree may
/// be deeper than the stack.
fn tree_lines(tree: &Tree, roots: &[Ino]) -> Vec<String> {
    let names = |dir: Ino| tree.dir(dir).into_iter().flat_map(|dir| dir.iter());
    let mut lines = Vec::new();
    for root in roots {
        let mut path = String::new();
        let mut open = vec![(0, names(*root))];
        while let Some((end, rest)) = open.last_mut() {
            path.truncate(*end);
            match rest.next() {
                None => drop(open.pop()),
                Some((name, ino)) => {
                    let _ = write!(path, "/{}", name.display());
                    match tree.file(ino) {
                        Some(file) => lines.push(format!("{path}  inode {ino}, {} bytes", file.len)),
                        None => {
                            lines.push(format!("{path}/"));
                            open.push((path.len(), names(ino)));
                        }
                    }
                }
            }
        }
    }
    lines
}
