//! Whole Go values: the tables by which one program follows the pointers of any function's arguments and results, and
//! what the bytes that it brings back are.
//!
//! A plan says which calls are recorded and which values printed; executables say what their types are. The tables are
//! made once, out of both; ten thousand functions are ten thousand rows. The program that [`emit`](crate::emit()) makes
//! goes by them. [`program::capture`] says how they lie in memory.

mod build;
mod maps;
mod opaque;
mod printed;
mod roots;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use event::go::{self, Call, Types};
use gobin::abi::Register;
use gobin::types::TypeRef;
use plan::capture::Limits;
use plan::target::{Found, Target};
use plan::world::World;
use plan::{Access, AccessNo, Base, BinaryNo, Expr, Plan, Stmt, StmtKind, VariantNo, Whole};
use program::capture::{Function, Hidden, Op, Type};

use build::Builder;
use roots::Subject;

/// What records of calls and of printed values are made by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Captures {
    /// What records are, in the order of `Tables::functions`.
    pub(crate) calls: Vec<Call>,
    /// The types that they speak of.
    pub types: Types,
    /// The same for whoever follows pointers.
    pub tables: Tables,
    /// By number of the plan's function: those of [`Plan::recorded`].
    pub(crate) rows: BTreeMap<u32, Recorded>,
    /// Functions with type arguments: by number of the plan's function, and by [`program::capture::dynamic_key`] of their dictionary.
    pub(crate) instances: BTreeMap<(u32, u64), Instance>,
    /// What is printed as a whole: by the plan's variant, and by what it reads, one after the other in one record.
    pub(crate) printed: BTreeMap<(VariantNo, Vec<AccessNo>), Print>,
    /// Integer registers in a record: those that carry arguments, and where a call was inlined all that hold values.
    pub(crate) registers: u8,
    making: build::Making,
}

/// A type that is in no file, as an interface of a process held it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Met {
    /// The process's number.
    pub process: u32,
    /// Where the process has the type.
    pub address: u64,
    /// The binary whose types it is made of.
    pub binary: u32,
    /// The type, for who answers for that binary.
    pub ty: TypeRef,
    /// The interface's second word is the value itself.
    pub direct: bool,
}

/// What is new in the tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grown {
    /// Rows of types that are others than before.
    pub types: Vec<u32>,
    /// Ops that were added.
    pub ops: Range<u32>,
    /// What the met type leads to, one of these.
    pub op: u32,
}

impl Captures {
    /// Makes the tables of a plan, from the executables of the world that it was checked in.
    #[must_use]
    pub fn of(plan: &Plan, world: &dyn World) -> Captures {
        let printed = printed(plan);
        if plan.recorded.is_empty() && printed.is_empty() {
            return Captures::default();
        }
        let target = |binary: BinaryNo| world.binary(&plan.binaries.get(binary.index())?.path).ok();
        let mut builder = Builder::new(&plan.values, registers(plan));
        for (&number, &calls) in &plan.recorded {
            let Some(function) = plan.functions.get(number.index()) else { continue };
            let Some(target) = target(function.binary) else { continue };
            builder.binary(function.binary, target);
            let (name, entry, inlined) = (function.name.clone(), function.entry, function.inlined.clone());
            let found = Found { index: calls.index, name, entry, inlined };
            let (signature, sites) = (target.signature(&found).ok(), target.sites(&found));
            let subject = Subject {
                binary: function.binary.0,
                number: number.0,
                name: &function.name,
                entry: function.entry,
                inlined: function.inlined.as_ref(),
                signature: signature.as_deref(),
                restored: sites.as_ref().and_then(|sites| sites.restored.as_ref()),
            };
            builder.function(plan.arch, subject, &target.instantiations(&found));
        }
        for (variant, accesses) in printed {
            let of = plan.variants.get(variant.index()).map_or(&[][..], |variant| &variant.accesses);
            let whole = |access: &AccessNo| match of.get(access.index()) {
                Some(Access::Go(whole)) => Some(whole),
                _ => None,
            };
            let of: Vec<(AccessNo, Option<&Whole>)> = accesses.iter().map(|access| (*access, whole(access))).collect();
            let binary = of.iter().find_map(|(_, whole)| *whole).map(|whole| whole.binary);
            if let Some((binary, target)) = binary.and_then(|binary| Some((binary, target(binary)?))) {
                builder.binary(binary, target);
            }
            builder.print(variant, &of);
        }
        builder.finish()
    }

    /// Whether nothing is recorded or printed as a whole.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.printed.is_empty()
    }

    /// Adds a type that was met while programs run by the tables.
    pub fn meet(&mut self, met: Met, limits: &Limits, target: &dyn Target) -> Grown {
        let (types, ops) = (self.tables.types.clone(), self.tables.ops.len() as u32);
        let mut builder = Builder::resume(limits, std::mem::take(self));
        builder.binary(BinaryNo(met.binary), target);
        let (mut captures, dynamic, op) = builder.meet(met.binary, met.ty, met.direct);
        captures.types.add_runtime_type(met.process, met.address, dynamic);
        captures.tables.met.insert((met.process, met.address), op);
        *self = captures;
        let now = self.tables.types.iter().zip(0..);
        let changed = now.filter(|(ty, row)| types.get(*row as usize) != Some(ty)).map(|(_, row)| row).collect();
        Grown { types: changed, ops: ops..self.tables.ops.len() as u32, op }
    }
}

/// Whole values in one record, which is none of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Print {
    /// What they are.
    pub values: go::Printed,
    /// How they are followed; places of its ops count from where the values start.
    pub by: Function,
    /// Where the dictionary is, if they are of a generic function, and how they are followed with it, by [`program::capture::dynamic_key`].
    pub dictionary: Option<Base>,
    /// See there.
    pub instances: BTreeMap<u64, Function>,
}

/// A function whose calls are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Recorded {
    /// What is recorded where it begins, a number in [`Captures::calls`].
    pub begins: u32,
    /// The same where it returns.
    pub returns: u32,
    /// Where its dictionary is, if there are [`Captures::instances`] of it.
    pub dictionary: Option<Hidden>,
}

/// What is recorded of a generic function whose type arguments are known: numbers in [`Captures::calls`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Instance {
    /// See [`Recorded::begins`].
    pub begins: u32,
    /// See [`Recorded::returns`].
    pub returns: u32,
}

/// So many [`Captures::instances`] there are at most.
pub(crate) const MOST_INSTANCES: usize = 1 << 16;

/// What the program in the kernel goes by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tables {
    /// What is captured of a function's arguments, or results.
    pub functions: Vec<Function>,
    /// By [`go::TypeRow`].
    pub types: Vec<Type>,
    /// Pointers to follow.
    pub ops: Vec<Op>,
    /// What an interface's first word means: [`program::capture::dynamic_key`] → a number of an op.
    pub dynamic: BTreeMap<u64, u32>,
    /// The same of types that processes have made themselves: by process and address.
    pub met: BTreeMap<(u32, u64), u32>,
}

/// What is printed as a whole, by the variant that does so, each record's values once.
fn printed(plan: &Plan) -> BTreeSet<(VariantNo, Vec<AccessNo>)> {
    let mut all = BTreeSet::new();
    for (variant, number) in plan.variants.iter().zip(0..) {
        if let Some(body) = plan.bodies.get(variant.body.index()) {
            printed_by(&body.code, &mut |accesses| _ = all.insert((VariantNo(number), accesses)));
        }
    }
    all
}

fn printed_by(code: &[Stmt], each: &mut dyn FnMut(Vec<AccessNo>)) {
    for stmt in code {
        match &stmt.kind {
            StmtKind::Printf { args, .. } => each_record(args.iter(), each),
            StmtKind::Print(value) => each_record(std::iter::once(value), each),
            StmtKind::If { then, otherwise, .. } => {
                printed_by(then, each);
                printed_by(otherwise, each);
            }
            StmtKind::Repeat { body, .. } => printed_by(body, each),
            _ => {}
        }
    }
}

fn each_record<'p>(values: impl Iterator<Item = &'p Expr>, each: &mut dyn FnMut(Vec<AccessNo>)) {
    let accesses: Vec<AccessNo> = values.filter_map(Expr::whole).collect();
    if !accesses.is_empty() {
        each(accesses);
    }
}

/// How many integer registers there are in a record.
fn registers(plan: &Plan) -> u8 {
    let inlined = plan.functions.iter().any(|function| function.inlined.is_some());
    let registers = if inlined { Register::count_all(plan.arch) } else { Register::count(plan.arch, false) };
    u8::try_from(registers).unwrap_or(u8::MAX)
}
