//! A disk as a journaled file system keeps it, played from a trace: what of each file is durable, what is still under
//! way, and what a power cut leaves of that. It knows nothing of what the files hold.
//!
//! The model: what was written before a file's last completed sync is durable. Of the writes after it any subset survives,
//! each whole, torn at a sector, or as a size without data. The names in a directory change in order, so that a prefix of
//! the changes after the directory's last sync survives, whatever became of the data. A failed sync makes durable nothing
//! that was written before it, also if a later one succeeds: the system has forgotten those pages.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::trace::Call;

/// A file or directory, whatever it is called.
pub(crate) type Node = usize;

const ROOT: Node = 0;

/// The smallest piece that a disk writes whole.
const SECTOR_BYTES: usize = 512;
/// … and that of others.
const PAGE_BYTES: usize = 4096;

/// What becomes of one write that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    Kept,
    Dropped,
    /// Only what stands before a boundary of this size in the middle of it.
    Head(usize),
    /// Only what stands behind it.
    Tail(usize),
    /// Every second sector.
    Striped,
    /// The file has grown, but its new part is zeros.
    Hollow,
}

impl Fate {
    pub(crate) const TORN: [Self; 6] = [
        Self::Head(SECTOR_BYTES),
        Self::Head(PAGE_BYTES),
        Self::Tail(SECTOR_BYTES),
        Self::Tail(PAGE_BYTES),
        Self::Striped,
        Self::Hollow,
    ];
}

/// Decides what a power cut leaves.
pub(crate) trait Fates {
    /// What becomes of the write `place` of the `count` that are under way in a file.
    fn write(&mut self, place: usize, count: usize) -> Fate;
    /// How many of the `count` changes to a directory survive.
    fn names(&mut self, count: usize) -> usize;
}

#[derive(Clone, Copy)]
enum Change {
    /// The call with this number: a write or a new size.
    Call(usize),
    Emptied(usize),
}

#[derive(Clone)]
enum Renaming {
    Add(String, Node),
    Remove(String),
    Move(String, String),
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Changes that no later sync makes durable.
    forgotten: Vec<Change>,
}

#[derive(Default)]
struct Directory {
    durable: BTreeMap<String, Node>,
    pending: Vec<(usize, Renaming)>,
}

enum Kind {
    File(File),
    Directory(Directory),
}

/// See the module.
pub(crate) struct Disk<'t> {
    calls: &'t [Call],
    done: usize,
    nodes: Vec<Kind>,
    /// What the processes see.
    live: BTreeMap<String, Node>,
    open: HashMap<i64, Node>,
    syncing: HashMap<i64, (Node, usize)>,
}

/// A file as a power cut leaves it.
pub(crate) struct Left<'d> {
    pub(crate) path: String,
    pub(crate) node: Node,
    pub(crate) data: Cow<'d, [u8]>,
    /// Whether every byte of it is durable.
    pub(crate) settled: bool,
}

impl<'t> Disk<'t> {
    pub(crate) fn new(calls: &'t [Call]) -> Self {
        let nodes = vec![Kind::Directory(Directory::default())];
        let live = BTreeMap::from([(String::new(), ROOT)]);
        Self { calls, done: 0, nodes, live, open: HashMap::new(), syncing: HashMap::new() }
    }

    /// Plays the next call.
    pub(crate) fn step(&mut self) {
        let number = self.done;
        self.done += 1;
        match &self.calls[number] {
            Call::Started => {
                self.open.clear();
                self.syncing.clear();
            }
            Call::Opened { fd, path, created, emptied } => {
                if *created {
                    let node = self.make(Kind::File(File::default()));
                    self.rename(number, path, |name| Renaming::Add(name, node));
                    self.live.insert(path.clone(), node);
                }
                let node = *self.live.get(path).unwrap_or_else(|| panic!("{path} was opened, but is not there"));
                self.open.insert(*fd, node);
                if *emptied {
                    self.file(node).pending.push(Change::Emptied(number));
                }
            }
            Call::Closed { fd } => {
                self.open.remove(fd);
            }
            Call::Written { fd, .. } | Call::Resized { fd, .. } => {
                let node = self.open[fd];
                self.file(node).pending.push(Change::Call(number));
            }
            Call::Syncing { fd, number: sync } => {
                let node = self.open[fd];
                self.syncing.insert(*sync, (node, number));
            }
            Call::Synced { number: sync, .. } => {
                let (node, begun) = self.syncing.remove(sync).expect("a sync that was begun");
                self.settle(node, begun);
            }
            Call::SyncFailed { fd } => {
                let node = self.open[fd];
                if let Kind::File(file) = &mut self.nodes[node] {
                    file.forgotten.append(&mut file.pending);
                }
            }
            Call::Renamed { from, to } => {
                assert_eq!(parent(from).0, parent(to).0, "a name that moves to another directory is not modelled");
                let to_name = parent(to).1.to_owned();
                self.rename(number, from, |name| Renaming::Move(name, to_name));
                let node = self.live.remove(from).expect("what is renamed");
                self.live.insert(to.clone(), node);
            }
            Call::Removed { path } => {
                self.rename(number, path, Renaming::Remove);
                self.live.remove(path);
            }
            Call::Made { path } => {
                let node = self.make(Kind::Directory(Directory::default()));
                self.rename(number, path, |name| Renaming::Add(name, node));
                self.live.insert(path.clone(), node);
            }
            Call::Answered { .. } => {}
        }
    }

    fn make(&mut self, kind: Kind) -> Node {
        self.nodes.push(kind);
        self.nodes.len() - 1
    }

    fn file(&mut self, node: Node) -> &mut File {
        match &mut self.nodes[node] {
            Kind::File(file) => file,
            Kind::Directory(_) => panic!("a directory is written to"),
        }
    }

    fn rename(&mut self, number: usize, path: &str, change: impl FnOnce(String) -> Renaming) {
        let (folder, name) = parent(path);
        let node = self.live[folder];
        let Kind::Directory(directory) = &mut self.nodes[node] else { panic!("{folder} is no directory") };
        directory.pending.push((number, change(name.to_owned())));
    }

    /// What was under way when a sync began is durable.
    fn settle(&mut self, node: Node, begun: usize) {
        let calls = self.calls;
        match &mut self.nodes[node] {
            Kind::Directory(directory) => {
                let done = directory.pending.partition_point(|(number, _)| *number < begun);
                for (_, change) in directory.pending.drain(..done) {
                    apply_name(&mut directory.durable, &change);
                }
            }
            Kind::File(file) => {
                let done = file.pending.partition_point(|change| change.number() < begun);
                for change in file.pending.drain(..done).collect::<Vec<_>>() {
                    change.apply(calls, &mut file.durable, Fate::Kept);
                }
            }
        }
    }

    /// How many writes and changes of names are under way.
    pub(crate) fn pending(&self) -> usize {
        let pending = self.nodes.iter().map(|kind| match kind {
            Kind::File(file) => file.pending.len() + file.forgotten.len(),
            Kind::Directory(directory) => directory.pending.len(),
        });
        pending.sum()
    }

    /// What a power cut now leaves: directories, outer ones first, and files.
    pub(crate) fn cut(&self, fates: &mut dyn Fates) -> (Vec<String>, Vec<Left<'_>>) {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        let mut todo = vec![(String::new(), ROOT)];
        while let Some((path, node)) = todo.pop() {
            match &self.nodes[node] {
                Kind::Directory(directory) => {
                    let mut names = directory.durable.clone();
                    let count = directory.pending.len();
                    let surviving = fates.names(count).min(count);
                    directory.pending[..surviving].iter().for_each(|(_, change)| apply_name(&mut names, change));
                    let inside = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    todo.extend(names.iter().map(|(name, node)| (inside(name), *node)));
                    folders.push(path);
                }
                Kind::File(file) => {
                    let mut data = Cow::Borrowed(file.durable.as_slice());
                    let mut under_way: Vec<_> = file.forgotten.iter().chain(&file.pending).copied().collect();
                    under_way.sort_by_key(Change::number);
                    for (place, change) in under_way.iter().enumerate() {
                        change.apply(self.calls, data.to_mut(), fates.write(place, under_way.len()));
                    }
                    files.push(Left { path, node, data, settled: under_way.is_empty() });
                }
            }
        }
        (folders, files)
    }
}

impl Change {
    fn number(&self) -> usize {
        let (Self::Call(number) | Self::Emptied(number)) = self;
        *number
    }

    fn apply(self, calls: &[Call], data: &mut Vec<u8>, fate: Fate) {
        if fate == Fate::Dropped {
            return;
        }
        match (self, &calls[self.number()]) {
            (Self::Emptied(_), _) => data.clear(),
            (Self::Call(_), Call::Resized { size, .. }) => data.resize(place(*size), 0),
            (Self::Call(_), Call::Written { offset, data: new, .. }) => {
                let start = place(*offset);
                let kept = |at: usize| match fate {
                    Fate::Head(piece) => at < middle(start, new.len(), piece),
                    Fate::Tail(piece) => at >= middle(start, new.len(), piece),
                    Fate::Striped => (at / SECTOR_BYTES).is_multiple_of(2),
                    Fate::Hollow => false,
                    Fate::Kept | Fate::Dropped => true,
                };
                let end = match fate {
                    Fate::Head(piece) => middle(start, new.len(), piece),
                    _ => start + new.len(),
                };
                if end > data.len() && end > start {
                    data.resize(end, 0);
                }
                let mut at = start;
                while at < start + new.len() {
                    let next = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(start + new.len());
                    if kept(at) {
                        data[at..next].copy_from_slice(&new[at - start..next - start]);
                    }
                    at = next;
                }
            }
            _ => panic!("a change of a file is a write or a new size"),
        }
    }
}

/// The boundary of pieces nearest to the middle of a write; its start, if it lies within one piece.
fn middle(start: usize, length: usize, piece: usize) -> usize {
    let boundary = (start + length / 2).next_multiple_of(piece);
    if boundary < start + length { boundary } else { start.max((start + length / 2) / piece * piece) }
}

fn apply_name(names: &mut BTreeMap<String, Node>, change: &Renaming) {
    match change {
        Renaming::Add(name, node) => {
            names.insert(name.clone(), *node);
        }
        Renaming::Remove(name) => {
            names.remove(name);
        }
        Renaming::Move(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
    }
}

/// A path's directory and its name.
fn parent(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}
