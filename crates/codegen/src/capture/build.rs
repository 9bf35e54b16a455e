//! The tables, out of what executables say about their types.
//!
//! A type gets a number the first time that anything refers to it, is described when that is needed, and its pointers
//! are listed when something leads to it. Each of the three happens once, and none recurses into what pointers lead to,
//! so that types that refer to each other need no care.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use event::go::{BYTES, Dynamic, GoField, GoKind, GoType, TypeRow, Types};
use gobin::abi::Shapes;
use gobin::types::{self, TypeRef, TypeSource};

use super::maps::Part;
use super::opaque::Opaques;
use super::{Captures, Tables};
use plan::BinaryNo;
use plan::capture::Limits;
use plan::target::Target;
use program::capture::{Count, Kind, MOST_CHUNK, Mask, Op, Type, dynamic_key, flag, layout};

/// Values nested deeper in each other are damage.
const NESTED: usize = 48;
/// Chunks may always be so large.
const LEAST_CHUNK: u32 = 256;
/// So many pointers of arrays are listed one by one.
const FLAT: u64 = 8;
/// Of a channel: how much is in it, and how much it holds.
// +rtype hchan.qcount uint @0
// +rtype hchan.dataqsiz uint @8
const CHAN: u32 = 16;
/// Of a function value: where its code is.
// +rtype funcval.fn uintptr @0
const FUNC: u32 = 8;

/// The tables in the making.
pub(super) struct Builder<'t> {
    pub(super) limits: &'t Limits,
    opaques: Opaques,
    binaries: BTreeMap<u32, Binary<'t>>,
    pub(super) types: Types,
    rows: HashMap<(u32, TypeRef), TypeRow>,
    facts: Vec<Fact>,
    /// Rows that something leads to and whose pointers are not listed yet.
    waiting: Vec<TypeRow>,
    listed: BTreeMap<TypeRow, Listed>,
    /// Those of them that are in the tables already.
    laid: BTreeSet<TypeRow>,
    /// Binaries with interfaces that a capture can reach, and whether all their types are in the tables for that reason.
    reached: BTreeMap<u32, bool>,
    dynamic: Vec<(u64, Op)>,
    pub(super) captures: Captures,
}

/// An executable.
struct Binary<'t> {
    target: &'t dyn Target,
    shapes: Shapes,
}

/// What is left when the tables are made, so that more can be added to them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Making {
    rows: HashMap<(u32, TypeRef), TypeRow>,
    facts: Vec<Fact>,
    /// Rows whose pointers are in the tables.
    laid: BTreeSet<TypeRow>,
}

/// What is known of a row besides its type.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fact {
    /// The bytes of strings.
    Bytes,
    /// A type of a binary; described or not.
    Type { binary: u32, at: TypeRef, described: bool, pointers: Option<bool> },
    /// A part of a map.
    Part { binary: u32, part: Part },
}

/// A row's pointers.
#[derive(Clone, Default)]
pub(super) struct Listed {
    pub(super) ops: Vec<Op>,
    pub(super) mask: Mask,
    pub(super) stride: u32,
}

/// What resolves the types of a target.
struct Source<'t>(&'t dyn Target);

impl TypeSource for Source<'_> {
    fn resolve(&self, at: TypeRef) -> Option<Arc<types::Type>> {
        self.0.resolve(at)
    }
}

impl<'t> Builder<'t> {
    pub(super) fn new(limits: &'t Limits, registers: u8) -> Builder<'t> {
        Builder {
            limits,
            opaques: Opaques::new(&limits.opaque),
            binaries: BTreeMap::new(),
            types: Types::default(),
            rows: HashMap::new(),
            facts: vec![Fact::Bytes],
            waiting: Vec::new(),
            listed: BTreeMap::new(),
            laid: BTreeSet::new(),
            reached: BTreeMap::new(),
            dynamic: Vec::new(),
            captures: Captures { registers, ..Captures::default() },
        }
    }

    /// Goes on where tables that were made ended.
    pub(super) fn resume(limits: &'t Limits, mut captures: Captures) -> Builder<'t> {
        let Making { rows, facts, laid } = std::mem::take(&mut captures.making);
        let (types, registers) = (std::mem::take(&mut captures.types), captures.registers);
        let listed = laid.iter().map(|&row| (row, Listed::default())).collect();
        Builder { rows, facts, laid, listed, types, captures, ..Builder::new(limits, registers) }
    }

    /// Says who answers for a binary.
    pub(super) fn binary(&mut self, number: BinaryNo, target: &'t dyn Target) {
        self.binaries.entry(number.0).or_insert_with(|| Binary { target, shapes: Shapes::default() });
    }

    pub(super) fn target(&self, binary: u32) -> Option<&'t dyn Target> {
        self.binaries.get(&binary).map(|binary| binary.target)
    }

    /// Bytes of a chunk at most: what is large leaves room for something else.
    pub(super) fn chunk(&self) -> u32 {
        (self.limits.bytes / 2).clamp(LEAST_CHUNK, MOST_CHUNK)
    }

    // Numbers.

    /// The row of a type. The runtime's own description stands for it where there is one, since interfaces lead there.
    pub(super) fn row(&mut self, binary: u32, at: TypeRef) -> TypeRow {
        if let Some(&row) = self.rows.get(&(binary, at)) {
            return row;
        }
        let resolved = self.target(binary).and_then(|target| Some((target, target.resolve(at)?)));
        if resolved.as_ref().is_some_and(|(_, ty)| is_byte(ty)) {
            self.rows.insert((binary, at), BYTES);
            return BYTES;
        }
        let same = resolved.and_then(|(target, ty)| target.described(&ty)).filter(|&same| same != at);
        let row = match same {
            Some(same) => self.row(binary, same),
            None => self.add(Fact::Type { binary, at, described: false, pointers: None }),
        };
        self.rows.insert((binary, at), row);
        row
    }

    fn add(&mut self, fact: Fact) -> TypeRow {
        self.facts.push(fact);
        self.types.add(unknown())
    }

    /// A row for a part of a map.
    pub(super) fn part(&mut self, binary: u32, name: &str, size: u32, part: Part) -> TypeRow {
        let row = self.add(Fact::Part { binary, part });
        self.types.set(row, GoType { name: name.to_owned(), size, kind: GoKind::Unknown });
        row
    }

    /// Says what a part is that refers to itself.
    pub(super) fn set_part(&mut self, row: TypeRow, part: Part) {
        if let Some(Fact::Part { part: place, .. }) = self.facts.get_mut(row.0 as usize) {
            *place = part;
        }
    }

    /// Size and alignment.
    pub(super) fn extent(&self, binary: u32, at: TypeRef) -> Option<(u64, u64)> {
        let Binary { target, shapes } = self.binaries.get(&binary)?;
        shapes.of(at, &Source(*target)).map(|shape| (shape.size(), shape.align()))
    }

    // Descriptions.

    /// What a type is, described if it was not yet.
    pub(super) fn ty(&mut self, row: TypeRow) -> GoType {
        if let Some(Fact::Type { binary, at, described, .. }) = self.facts.get_mut(row.0 as usize)
            && !std::mem::replace(described, true)
        {
            let (binary, at) = (*binary, *at);
            let ty = self.describe(binary, at).unwrap_or_else(unknown);
            self.types.set(row, ty);
        }
        self.types.get(row).cloned().unwrap_or_else(unknown)
    }

    fn describe(&mut self, binary: u32, at: TypeRef) -> Option<GoType> {
        let target = self.target(binary)?;
        let ty = target.resolve(at)?;
        let name = target.full_name(at).unwrap_or_else(|| ty.name.clone());
        let kind = match &ty.kind {
            types::Kind::Bool => GoKind::Bool,
            types::Kind::Int { signed } => GoKind::Int { signed: *signed },
            types::Kind::Float => GoKind::Float,
            types::Kind::Complex => GoKind::Complex,
            types::Kind::String => GoKind::String,
            types::Kind::UnsafePointer => GoKind::UnsafePointer,
            // Pointers of all types have this shape, so that nobody knows what is behind one.
            types::Kind::Pointer(_) if ty.name == "go.shape.*uint8" => GoKind::UnsafePointer,
            types::Kind::Pointer(to) => GoKind::Pointer(to.map(|to| self.row(binary, to))),
            types::Kind::Slice(elem) => GoKind::Slice(self.row(binary, *elem)),
            types::Kind::Array { elem, len } => {
                GoKind::Array { elem: self.row(binary, *elem), len: u32::try_from(*len).ok()? }
            }
            types::Kind::Struct(fields) => {
                let kept: Option<Vec<String>> = self.opaques.fields(&name).map(<[String]>::to_vec);
                GoKind::Struct(fields.iter().map(|f| self.field(binary, f, kept.as_deref())).collect())
            }
            types::Kind::Interface { empty } => GoKind::Interface { empty: *empty },
            types::Kind::Map { key, elem } => match self.map(binary, *key, *elem) {
                Some(map) => GoKind::Map(Box::new(map)),
                None => GoKind::Unknown,
            },
            types::Kind::Chan(_) => GoKind::Chan,
            types::Kind::Func => GoKind::Func,
            types::Kind::Unknown => GoKind::Unknown,
        };
        Some(GoType { name, size: u32::try_from(ty.size).ok()?, kind })
    }

    fn field(&mut self, binary: u32, field: &types::Field, kept: Option<&[String]>) -> GoField {
        GoField {
            name: field.name.clone(),
            ty: self.row(binary, field.ty),
            offset: u32::try_from(field.offset).unwrap_or(u32::MAX),
            embedded: field.embedded,
            hidden: kept.is_some_and(|kept| !kept.contains(&field.name)),
        }
    }

    fn binary_of(&self, row: TypeRow) -> Option<u32> {
        match self.facts.get(row.0 as usize)? {
            Fact::Bytes => None,
            Fact::Type { binary, .. } | Fact::Part { binary, .. } => Some(*binary),
        }
    }

    // Pointers.

    /// The pointers of a value of a type that is `at` bytes behind something of which `room` bytes are there.
    pub(super) fn list(&mut self, row: TypeRow, at: u64, room: u64, nested: usize, ops: &mut Vec<Op>) {
        if nested > NESTED || ops.len() > MOST_CHUNK as usize {
            return;
        }
        let ty = self.ty(row);
        let words = |n: u64| at.checked_add(8 * n).is_some_and(|end| end <= room && end <= u64::from(u16::MAX));
        match &ty.kind {
            GoKind::Struct(fields) => {
                let kept: Option<Vec<String>> = self.opaques.fields(&ty.name).map(<[String]>::to_vec);
                for field in fields {
                    if kept.as_ref().is_none_or(|kept| kept.contains(&field.name)) {
                        self.list(field.ty, at.saturating_add(u64::from(field.offset)), room, nested + 1, ops);
                    }
                }
            }
            GoKind::Array { elem, len } => self.array(*elem, u64::from(*len), at, room, nested, ops),
            GoKind::String if words(2) => ops.push(self.text(at, BYTES, flag::FREE)),
            GoKind::Slice(elem) if words(2) => ops.extend(self.slice(*elem, at)),
            GoKind::Interface { empty } if words(2) => {
                if let Some(binary) = self.binary_of(row) {
                    self.reached.entry(binary).or_default();
                }
                ops.push(interface(at, *empty, &ty.name));
            }
            _ if words(1) => ops.extend(self.pointer(&ty.kind, at)),
            _ => {}
        }
    }

    fn array(&mut self, elem: TypeRow, len: u64, at: u64, room: u64, nested: usize, ops: &mut Vec<Op>) {
        let size = u64::from(self.ty(elem).size);
        let mut one = Vec::new();
        self.list(elem, 0, room.min(u64::from(MOST_CHUNK)), nested + 1, &mut one);
        if one.is_empty() || size == 0 {
            return;
        }
        if len.saturating_mul(one.len() as u64) <= FLAT {
            return (0..len).for_each(|n| self.list(elem, at.saturating_add(n * size), room, nested + 1, ops));
        }
        let there = room.saturating_sub(at) / size;
        let max = len.min(there).min(u64::from(self.limits.elements.max(1)));
        if max > 0 && at <= u64::from(u16::MAX) {
            self.want(elem);
            ops.push(Op { kind: Kind::Inside, max: max as u16, row: elem, ..plain(at) });
        }
    }

    fn text(&self, at: u64, row: TypeRow, flags: u8) -> Op {
        let max = self.limits.string.min(self.chunk() as u16);
        Op { max, count: Count::Length, size: 1, row, flags: flags | flag::LEAF, ..plain(at) }
    }

    fn slice(&mut self, elem: TypeRow, at: u64) -> Option<Op> {
        let size = self.ty(elem).size.min(self.chunk());
        let leaf = self.leaf(elem);
        match size {
            0 => None,
            1 if leaf != 0 => Some(self.text(at, elem, 0)),
            _ => {
                let max = (self.chunk() / size).min(u32::from(self.limits.elements)).max(1) as u16;
                Some(Op { max, count: Count::Length, size, row: elem, flags: leaf, ..plain(at) })
            }
        }
    }

    /// Those that are one word and lead to one thing.
    fn pointer(&mut self, kind: &GoKind, at: u64) -> Option<Op> {
        match kind {
            GoKind::Pointer(Some(to)) => self.to(*to, at),
            GoKind::Map(map) => {
                let flags = flag::VISIT | self.leaf(map.header);
                Some(Op { size: gobin::maps::HEADER as u32, row: map.header, flags, ..plain(at) })
            }
            GoKind::Chan => Some(Op { size: CHAN, flags: flag::LEAF, ..plain(at) }),
            GoKind::Func => Some(Op { size: FUNC, flags: flag::LEAF | flag::FREE, ..plain(at) }),
            _ => None,
        }
    }

    /// A pointer to one value.
    pub(super) fn to(&mut self, row: TypeRow, at: u64) -> Option<Op> {
        let size = self.ty(row).size.min(self.chunk());
        let flags = flag::VISIT | self.leaf(row);
        (size > 0).then(|| Op { size, row, flags, ..plain(at) })
    }

    /// Whether nothing in it is followed; else it will be gone through.
    pub(super) fn leaf(&mut self, row: TypeRow) -> u8 {
        if self.leads_on(row) {
            self.want(row);
            0
        } else {
            flag::LEAF
        }
    }

    /// Whether something in a value is followed: by kinds alone, without a look at what pointers lead to.
    pub(super) fn leads_on(&mut self, row: TypeRow) -> bool {
        match self.facts.get(row.0 as usize) {
            None | Some(Fact::Bytes) => false,
            Some(&Fact::Part { part, .. }) => self.part_leads_on(part),
            Some(Fact::Type { .. }) => self.may_lead_on(row, 0),
        }
    }

    fn may_lead_on(&mut self, row: TypeRow, nested: usize) -> bool {
        let known = |facts: &[Fact]| match facts.get(row.0 as usize) {
            Some(Fact::Type { pointers, .. }) => *pointers,
            _ => None,
        };
        if let Some(known) = known(&self.facts) {
            return known;
        }
        let ty = self.ty(row);
        let leads = match &ty.kind {
            _ if nested > NESTED => false,
            GoKind::Struct(fields) => {
                let kept: Option<Vec<String>> = self.opaques.fields(&ty.name).map(<[String]>::to_vec);
                let followed = |field: &&GoField| kept.as_ref().is_none_or(|kept| kept.contains(&field.name));
                fields.iter().filter(followed).any(|field| self.may_lead_on(field.ty, nested + 1))
            }
            GoKind::Array { elem, len } => *len > 0 && self.may_lead_on(*elem, nested + 1),
            GoKind::String
            | GoKind::Slice(_)
            | GoKind::Interface { .. }
            | GoKind::Pointer(Some(_))
            | GoKind::Map(_)
            | GoKind::Chan
            | GoKind::Func => true,
            _ => false,
        };
        if let Some(Fact::Type { pointers, .. }) = self.facts.get_mut(row.0 as usize) {
            *pointers = Some(leads);
        }
        leads
    }

    pub(super) fn want(&mut self, row: TypeRow) {
        if let std::collections::btree_map::Entry::Vacant(place) = self.listed.entry(row) {
            place.insert(Listed::default());
            self.waiting.push(row);
        }
    }

    // The end.

    /// Lists all that something leads to, and describes what was only referred to.
    pub(super) fn finish(mut self) -> Captures {
        loop {
            self.list_waiting();
            let Some((&binary, is_known)) = self.reached.iter_mut().find(|(_, is_known)| !**is_known) else { break };
            *is_known = true;
            self.know_all(binary);
        }
        self.describe_all();
        self.lay_out()
    }

    fn list_waiting(&mut self) {
        while let Some(row) = self.waiting.pop() {
            let listed = self.list_row(row);
            self.listed.insert(row, listed);
        }
    }

    fn describe_all(&mut self) {
        let mut row = 0;
        while row < self.types.len() {
            self.ty(TypeRow(row as u32));
            row += 1;
        }
    }

    /// Adds what an interface holds whose type was met only now; all that it leads to is in the tables then.
    pub(super) fn meet(mut self, binary: u32, ty: TypeRef, direct: bool) -> (Captures, Dynamic, u32) {
        let row = self.row(binary, ty);
        let op = self.op_of(row, direct);
        self.list_waiting();
        self.describe_all();
        let mut captures = self.lay_out();
        captures.tables.ops.push(op);
        let last = captures.tables.ops.len() as u32 - 1;
        (captures, Dynamic { ty: row, direct }, last)
    }

    /// The op for an interface's second word.
    fn op_of(&mut self, row: TypeRow, direct: bool) -> Op {
        let op = if direct { self.direct(row) } else { self.to(row, 0) };
        op.unwrap_or(Op { kind: Kind::Nothing, ..plain(0) })
    }

    fn list_row(&mut self, row: TypeRow) -> Listed {
        if let Some(&Fact::Part { part, .. }) = self.facts.get(row.0 as usize) {
            return self.list_part(part);
        }
        let size = self.ty(row).size;
        let mut ops = Vec::new();
        self.list(row, 0, u64::from(size.min(self.chunk())), 0, &mut ops);
        Listed { ops, mask: Mask::None, stride: size }
    }

    /// All types that interfaces of a binary can hold.
    fn know_all(&mut self, binary: u32) {
        let Some(target) = self.target(binary) else { return };
        for found in target.dynamic_types() {
            let ty = self.row(binary, found.ty);
            let op = self.op_of(ty, found.direct);
            self.types.add_dynamic(binary, found.address.0, Dynamic { ty, direct: found.direct });
            self.dynamic.push((dynamic_key(binary, found.address.0), op));
        }
    }

    /// The only pointer of a value that is one.
    fn direct(&mut self, row: TypeRow) -> Option<Op> {
        let mut ops = Vec::new();
        self.list(row, 0, 8, 0, &mut ops);
        ops.into_iter().next().filter(|op| op.kind == Kind::Pointer)
    }

    fn lay_out(mut self) -> Captures {
        let Tables { ops, types, dynamic, .. } = &mut self.captures.tables;
        types.resize(self.types.len(), Type::default());
        let mut done = Vec::new();
        for (row, listed) in self.listed.into_iter().filter(|(row, _)| !self.laid.contains(row)) {
            let (first, count) = (ops.len() as u32, u16::try_from(listed.ops.len()).unwrap_or(u16::MAX));
            ops.extend(&listed.ops);
            if let Some(place) = types.get_mut(row.0 as usize) {
                *place = Type { first, ops: count, mask: listed.mask, stride: listed.stride };
            }
            done.push(row);
        }
        self.laid.extend(done);
        let mut known: HashMap<[u8; 16], u32> = HashMap::new();
        for (key, op) in self.dynamic {
            let at = *known.entry(layout::op(&op)).or_insert_with(|| {
                ops.push(op);
                ops.len() as u32 - 1
            });
            dynamic.insert(key, at);
        }
        self.captures.types = self.types;
        self.captures.making = Making { rows: self.rows, facts: self.facts, laid: self.laid };
        self.captures
    }
}

fn unknown() -> GoType {
    GoType { name: "?".to_owned(), size: 0, kind: GoKind::Unknown }
}

fn is_byte(ty: &types::Type) -> bool {
    ty.kind == types::Kind::Int { signed: false } && ty.size == 1 && matches!(ty.name.as_str(), "uint8" | "byte")
}

/// A pointer to nothing yet.
pub(super) fn plain(at: u64) -> Op {
    let (kind, at) = (Kind::Pointer, u16::try_from(at).unwrap_or(u16::MAX));
    Op { kind, flags: 0, at, max: 1, count: Count::One, size: 0, row: BYTES }
}

/// A chain of contexts is followed to its end: what a request carries is at the other one.
fn interface(at: u64, empty: bool, name: &str) -> Op {
    let kind = if empty { Kind::Eface } else { Kind::Iface };
    let flags = if name == "context.Context" { flag::FREE | flag::NO_DEPTH } else { 0 };
    Op { kind, flags, ..plain(at) }
}
