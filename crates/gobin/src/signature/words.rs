//! Whether DWARF describes every argument, by the words that tracebacks print.
//!
//! Up to Go 1.21 DWARF leaves out arguments without a name, and the algorithm, which then does not see them, puts those
//! behind them in wrong places. The words have a group for every argument, named or not, and where each is kept; the
//! function table has the size of all of it. If both are what DWARF's list makes, nothing is missing. Otherwise a place
//! is certain only if it is the same in every reading of the words: some of the groups are DWARF's arguments in their
//! order, the others are missing ones of whatever kinds.
//!
//! Follows cmd/compile/internal/ssagen (`EmitArgInfo`) and internal/abi/abiutils.go (`FrameOffset`).

use std::sync::Arc;

use super::comparison::allows;
use super::{Compiled, Gaps, Places, Signatures};
use crate::abi::{self, Abi, Frame, Place, Shape, Shapes};
use crate::arginfo::{self, Node};
use crate::dwarf::{Function, Location};
use crate::elf::Arch;
use crate::types::{Kind, TypeRef, TypeSource};

/// What is certain although not all arguments are described.
pub(super) struct Remaining {
    /// The place of each argument that is described, [`Place::Unknown`] where that is not certain.
    pub args: Vec<Place>,
    /// Where others are missing.
    pub gaps: Gaps,
}

/// The list ends after so many words, and a group after so many levels.
const MOST_WORDS: usize = 10;
const DEEPEST: usize = 5;
/// More ways to read the words than this are not tried.
const MOST_READINGS: usize = 20_000;

impl Signatures<'_> {
    /// What is left of the algorithm's places where arguments are missing, or may be; `None` where none are.
    pub(super) fn remaining(&self, of: &Compiled, function: &Function, places: &Places) -> Option<Remaining> {
        let known = self.described(function, places)?;
        let Some(Words { nodes, total }) = Words::of(of) else { return Some(known.nothing()) };
        let (listed, hidden) = known.listed(self, places, of.name);
        let cut = has_more(&nodes) || nodes.iter().any(is_far);
        let as_described = listed == nodes;
        let as_large = as_described && known.total() == Some(total);
        if as_large && (!cut || known.is_packed(total)) {
            return None;
        }
        if cut || hidden {
            return Some(known.by_location(as_large));
        }
        Some(known.read(&nodes, total))
    }

    /// `None` if some type is not known: nothing can be said then, and the algorithm says so itself.
    fn described(&self, function: &Function, places: &Places) -> Option<Described> {
        let shapes = |params: &[crate::dwarf::Param]| -> Option<Vec<Arc<Shape>>> {
            params.iter().map(|p| self.shapes.of(p.ty, self.dwarf)).collect()
        };
        Some(Described {
            arch: self.elf.arch,
            abi: places.abi,
            args: shapes(&function.args)?,
            types: function.args.iter().map(|p| p.ty).collect(),
            trees: function.args.iter().map(|p| tree(p.ty, self.dwarf)).collect(),
            locations: function.args.iter().map(|p| self.dwarf.entry_location(function, p)).collect(),
            results: shapes(&function.results)?,
            dictionary: places.hidden,
            frame: places.frame.clone(),
        })
    }
}

/// What the function table says.
struct Words {
    nodes: Vec<Node>,
    total: u64,
}

impl Words {
    fn of(function: &Compiled) -> Option<Words> {
        let nodes = match function.words? {
            Some(list) => arginfo::words(list).ok()?,
            None => Vec::new(),
        };
        Some(Words { nodes, total: u64::try_from(function.frame).ok()? })
    }
}

/// What DWARF says.
struct Described {
    arch: Arch,
    abi: Abi,
    args: Vec<Arc<Shape>>,
    types: Vec<TypeRef>,
    trees: Vec<Node>,
    locations: Vec<Location>,
    results: Vec<Arc<Shape>>,
    /// How many arguments stand before the hidden dictionary.
    dictionary: Option<usize>,
    /// The algorithm's places, the dictionary's not among them.
    frame: Frame,
}

impl Described {
    /// All arguments with the dictionary.
    fn whole(&self) -> Vec<Arc<Shape>> {
        let mut all = self.args.clone();
        if let Some(at) = self.dictionary {
            all.insert(at.min(all.len()), Arc::new(Shape::pointer()));
        }
        all
    }

    fn layout(&self) -> Option<Layout> {
        Layout::of(self.arch, self.abi, &self.whole(), &self.results)
    }

    fn total(&self) -> Option<u64> {
        Some(self.layout()?.total)
    }

    /// Whether not a byte would be left for another argument.
    fn is_packed(&self, total: u64) -> bool {
        let args: u64 = self.whole().iter().map(|s| s.size()).sum();
        let on_stack =
            |(shape, place): (&Arc<Shape>, &Place)| if let Place::Stack(_) = place { shape.size() } else { 0 };
        args + self.results.iter().zip(&self.frame.results).map(on_stack).sum::<u64>() == total
    }

    /// The list that the compiler would have written of these arguments, and whether it leaves one of them out.
    fn listed(&self, signatures: &Signatures, places: &Places, name: &str) -> (Vec<Node>, bool) {
        let hidden = name.contains('[');
        let Some(layout) = self.layout() else { return (vec![Node::Far], hidden) };
        let mut types: Vec<Option<TypeRef>> = self.types.iter().copied().map(Some).collect();
        if let Some(at) = places.hidden {
            types.insert(at.min(types.len()), None);
        }
        let mut writer = Writer { types: signatures.dwarf, written: 0 };
        let mut nodes = Vec::new();
        for (ty, offset) in types.into_iter().zip(layout.offsets).skip(usize::from(hidden)) {
            let goes_on = match ty {
                Some(ty) => writer.visit(ty, offset, 0, &mut nodes),
                None => writer.word(offset, 8, &mut nodes),
            };
            if !goes_on {
                break;
            }
        }
        (nodes, hidden)
    }

    /// Without the words no place is certain.
    fn nothing(&self) -> Remaining {
        Remaining { args: vec![Place::Unknown; self.args.len()], gaps: Gaps::Somewhere }
    }

    /// The places on which DWARF's locations and the algorithm agree; `complete` if no more than what fits into a
    /// gap can be missing. If more is, what looks like the stack may be the slot of a register.
    fn by_location(&self, complete: bool) -> Remaining {
        let certain = |(place, location): (&Place, &Location)| match location {
            Location::Registers(_) if allows(location, place, None) => place.clone(),
            Location::Stack(0..) if complete && matches!(place, Place::Stack(_)) && allows(location, place, None) => {
                place.clone()
            }
            _ => Place::Unknown,
        };
        let args = self.frame.args.iter().zip(&self.locations).map(certain).collect();
        Remaining { args, gaps: Gaps::Somewhere }
    }

    /// The places on which all readings of the words agree.
    fn read(&self, nodes: &[Node], total: u64) -> Remaining {
        let mut search = Search { known: self, nodes, total, tried: 0, found: Vec::new() };
        let tried = search.from(0, 0, &mut Vec::new());
        let Some((first, others)) = search.found.split_first().filter(|_| tried.is_some()) else {
            return self.nothing();
        };
        let agreed = |i: usize| {
            let place = first.args.get(i)?;
            others.iter().all(|o| o.args.get(i) == Some(place)).then(|| place.clone())
        };
        let args = (0..self.args.len()).map(|i| agreed(i).unwrap_or(Place::Unknown)).collect();
        let same = others.iter().all(|o| o.gaps == first.gaps);
        Remaining { args, gaps: if same { Gaps::Before(first.gaps.clone()) } else { Gaps::Somewhere } }
    }
}

/// One way to read the words.
struct Reading {
    /// The places of the arguments that are described.
    args: Vec<Place>,
    /// How many of them stand before each gap.
    gaps: Vec<usize>,
}

/// All ways to read the words.
struct Search<'s> {
    known: &'s Described,
    nodes: &'s [Node],
    total: u64,
    tried: usize,
    found: Vec<Reading>,
}

/// An argument in a reading: one that is described, or one of this shape that is not.
#[derive(Clone)]
enum Member {
    Described(usize),
    Missing(Shape),
}

impl Search<'_> {
    /// Goes through all readings of the groups from `node` on with the arguments from `arg` on; `None` if there are
    /// too many.
    fn from(&mut self, node: usize, arg: usize, members: &mut Vec<Member>) -> Option<()> {
        let Some(group) = self.nodes.get(node) else {
            self.tried += 1;
            if arg == self.known.args.len()
                && let Some(reading) = self.fits(members)
            {
                self.found.push(reading);
            }
            return (self.tried < MOST_READINGS).then_some(());
        };
        if self.nodes.len() - node < self.known.args.len() - arg {
            return Some(());
        }
        if self.known.trees.get(arg).is_some_and(|tree| same_form(tree, group)) {
            members.push(Member::Described(arg));
            self.from(node + 1, arg + 1, members)?;
            members.pop();
        }
        for shape in shapes_of(group) {
            members.push(Member::Missing(shape));
            self.from(node + 1, arg, members)?;
            members.pop();
        }
        Some(())
    }

    /// The reading, if the compiler would have put everything where the words and DWARF's locations say.
    fn fits(&self, members: &[Member]) -> Option<Reading> {
        let shape = |m: &Member| match m {
            Member::Described(i) => self.known.args[*i].clone(),
            Member::Missing(shape) => Arc::new(shape.clone()),
        };
        let shapes: Vec<Arc<Shape>> = members.iter().map(shape).collect();
        let layout = Layout::of(self.known.arch, self.known.abi, &shapes, &self.known.results)?;
        let placed = |(node, &at): (&Node, &u64)| first_word(node).is_none_or(|first| u64::from(first) == at);
        if layout.total != self.total || !self.nodes.iter().zip(&layout.offsets).all(placed) {
            return None;
        }
        let mut reading = Reading { args: Vec::new(), gaps: Vec::new() };
        for ((member, place), &offset) in members.iter().zip(layout.frame.args).zip(&layout.offsets) {
            match member {
                Member::Described(i) if !allows(&self.known.locations[*i], &place, Some(offset)) => return None,
                Member::Described(_) => reading.args.push(place),
                Member::Missing(_) if reading.gaps.last() == Some(&reading.args.len()) => {}
                Member::Missing(_) => reading.gaps.push(reading.args.len()),
            }
        }
        Some(reading)
    }
}

/// Where arguments are kept, those in registers too: each has a slot that it is spilled to.
struct Layout {
    frame: Frame,
    /// What the words would say for each argument's first byte.
    offsets: Vec<u64>,
    /// Bytes of everything, slots included.
    total: u64,
}

impl Layout {
    fn of(arch: Arch, abi: Abi, args: &[Arc<Shape>], results: &[Arc<Shape>]) -> Option<Layout> {
        let known = |shapes: &[Arc<Shape>]| shapes.iter().cloned().map(Some).collect::<Vec<_>>();
        let frame = abi::assign(arch, abi, &known(args), &known(results));
        let (mut stack, mut spill) = (0u64, 0u64);
        let mut offsets = Vec::new();
        for (shape, place) in args.iter().zip(&frame.args) {
            let end = if matches!(place, Place::Registers(_)) { &mut spill } else { &mut stack };
            let start = end.checked_next_multiple_of(shape.align())?;
            *end = start.checked_add(shape.size())?;
            offsets.push((matches!(place, Place::Registers(_)), start));
        }
        stack = stack.checked_next_multiple_of(8)?;
        for (shape, place) in results.iter().zip(&frame.results) {
            if !matches!(place, Place::Registers(_)) {
                stack = stack.checked_next_multiple_of(shape.align())?.checked_add(shape.size())?;
            }
        }
        let slots = stack.checked_next_multiple_of(8)?;
        let offsets = offsets.iter().map(|&(spilled, at)| if spilled { slots + at } else { at }).collect();
        Some(Layout { frame, offsets, total: slots.checked_add(spill.checked_next_multiple_of(8)?)? })
    }
}

/// Whether the compiler would have noted what it did of a function that takes and gives values of these types; so it is
/// where it noted nothing.
pub(crate) fn fits(
    of: &Compiled,
    arch: Arch,
    shapes: &Shapes,
    types: &dyn TypeSource,
    args: &[TypeRef],
    results: &[TypeRef],
) -> bool {
    let Some(Words { nodes, total }) = Words::of(of).filter(|_| !of.assembly) else { return true };
    let all = |refs: &[TypeRef]| refs.iter().map(|&ty| shapes.of(ty, types)).collect::<Option<Vec<_>>>();
    let (Some(arg_shapes), Some(result_shapes)) = (all(args), all(results)) else { return false };
    let Some(layout) = Layout::of(arch, Abi::Internal, &arg_shapes, &result_shapes) else { return false };
    let (mut writer, mut listed) = (Writer { types, written: 0 }, Vec::new());
    let _ = args.iter().zip(layout.offsets).all(|(&ty, offset)| writer.visit(ty, offset, 0, &mut listed));
    listed == nodes && layout.total == total
}

/// The compiler's writer of the list.
struct Writer<'t> {
    types: &'t dyn TypeSource,
    written: usize,
}

impl Writer<'_> {
    /// Writes a type at an offset; false when the list is full.
    fn visit(&mut self, ty: TypeRef, at: u64, depth: usize, out: &mut Vec<Node>) -> bool {
        if self.written >= MOST_WORDS {
            out.push(Node::More);
            return false;
        }
        let Some(resolved) = self.types.resolve(ty) else { return self.word(u64::MAX, 8, out) };
        let mut parts = Vec::new();
        if depth + 1 >= DEEPEST && is_group(&resolved.kind) {
            parts.push(Node::More);
            self.written += 1;
        } else {
            match &resolved.kind {
                Kind::String | Kind::Interface { .. } => self.words(2, 8, at, &mut parts),
                Kind::Slice(_) => self.words(3, 8, at, &mut parts),
                Kind::Complex => self.words(2, resolved.size / 2, at, &mut parts),
                Kind::Array { len: 0, .. } => self.written += 1,
                Kind::Array { elem, len } => {
                    let size = resolved.size / len;
                    let all = (0..*len).map(|i| (*elem, at.saturating_add(i * size)));
                    self.all(all, depth + 1, &mut parts);
                }
                Kind::Struct(fields) if fields.is_empty() => self.written += 1,
                Kind::Struct(fields) => {
                    self.all(fields.iter().map(|f| (f.ty, at.saturating_add(f.offset))), depth + 1, &mut parts);
                }
                _ => return self.word(at, resolved.size, out),
            }
        }
        out.push(Node::Group(parts));
        true
    }

    fn all(&mut self, mut parts: impl Iterator<Item = (TypeRef, u64)>, depth: usize, out: &mut Vec<Node>) {
        while let Some((ty, at)) = parts.next()
            && self.visit(ty, at, depth, out)
        {}
    }

    fn words(&mut self, count: u64, size: u64, at: u64, out: &mut Vec<Node>) {
        for i in 0..count {
            if !self.word(at.saturating_add(i * size), size, out) {
                break;
            }
        }
    }

    fn word(&mut self, at: u64, size: u64, out: &mut Vec<Node>) -> bool {
        if self.written >= MOST_WORDS {
            out.push(Node::More);
            return false;
        }
        self.written += 1;
        out.push(match (u8::try_from(at), u8::try_from(size)) {
            (Ok(offset), Ok(size)) if offset < arginfo::SPECIAL => Node::Word { offset, size },
            _ => Node::Far,
        });
        true
    }
}

/// The words of a value at offset 0.
fn tree(ty: TypeRef, types: &dyn TypeSource) -> Node {
    let mut nodes = Vec::new();
    Writer { types, written: 0 }.visit(ty, 0, 0, &mut nodes);
    nodes.pop().unwrap_or(Node::Far)
}

fn is_group(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::String | Kind::Interface { .. } | Kind::Slice(_) | Kind::Complex | Kind::Array { .. } | Kind::Struct(_)
    )
}

fn has_more(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node {
        Node::More => true,
        Node::Group(parts) => has_more(parts),
        Node::Word { .. } | Node::Far => false,
    })
}

fn is_far(node: &Node) -> bool {
    match node {
        Node::Far => true,
        Node::Group(parts) => parts.iter().any(is_far),
        Node::Word { .. } | Node::More => false,
    }
}

fn first_word(node: &Node) -> Option<u8> {
    match node {
        Node::Word { offset, .. } => Some(*offset),
        Node::Group(parts) => parts.iter().find_map(first_word),
        Node::Far | Node::More => None,
    }
}

/// The words of a node as offset from its first one, and size.
fn leaves(node: &Node) -> Vec<(u64, u64)> {
    fn collect(node: &Node, found: &mut Vec<(u8, u8)>) {
        match node {
            Node::Word { offset, size } => found.push((*offset, *size)),
            Node::Group(parts) => parts.iter().for_each(|part| collect(part, found)),
            Node::Far | Node::More => {}
        }
    }
    let mut found = Vec::new();
    collect(node, &mut found);
    let first = found.first().map_or(0, |f| f.0);
    found.into_iter().map(|(offset, size)| (u64::from(offset.wrapping_sub(first)), u64::from(size))).collect()
}

/// Whether two nodes are the same but for where they begin.
fn same_form(one: &Node, other: &Node) -> bool {
    fn same_groups(one: &Node, other: &Node) -> bool {
        match (one, other) {
            (Node::Word { .. }, Node::Word { .. }) | (Node::More, Node::More) => true,
            (Node::Group(a), Node::Group(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_groups(a, b)),
            _ => false,
        }
    }
    same_groups(one, other) && leaves(one) == leaves(other)
}

/// The shapes that an argument of these words can have: any of them may be floats, and a group may be an array.
fn shapes_of(node: &Node) -> Vec<Shape> {
    let leaves = leaves(node);
    if leaves.is_empty() {
        return vec![Shape::of_words(&[], 0, true)];
    }
    let mut shapes: Vec<Shape> = (0..1u32 << leaves.len().min(MOST_WORDS))
        .filter(|kinds| leaves.iter().enumerate().all(|(i, l)| kinds >> i & 1 == 0 || l.1 == 4 || l.1 == 8))
        .map(|kinds| Shape::of_words(&leaves, kinds, true))
        .collect();
    if matches!(node, Node::Group(_)) {
        shapes.push(Shape::of_words(&leaves, 0, false));
    }
    shapes
}
