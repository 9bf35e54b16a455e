//! Functions: names, arguments and results.

use gimli::{Attribute, AttributeValue, constants};

use super::Dwarf;
use super::location::Claim;
use super::section::{Id, Reader};
use super::unit::{Unit, attributes, skip};
use crate::addr::VAddr;
use crate::types::TypeRef;

/// A function as DWARF describes it.
#[derive(Clone, Debug)]
pub struct Function<'d> {
    /// Its first instruction.
    pub entry: VAddr,
    /// Its name; generic functions have their shapes in it, `main.Map[go.shape.int]`.
    pub name: &'d str,
    /// The line of its declaration.
    pub line: Option<u64>,
    /// Made by the compiler to call another one.
    pub trampoline: bool,
    /// The arguments, receiver first. Up to Go 1.21 those without a name are missing.
    pub args: Vec<Param<'d>>,
    /// The results.
    pub results: Vec<Param<'d>>,
    /// How many arguments are described before the hidden dictionary of generic code, if that is described (from Go
    /// 1.27).
    pub dictionary: Option<usize>,
    pub(super) unit: usize,
}

/// An argument or a result.
#[derive(Clone, Copy, Debug)]
pub struct Param<'d> {
    /// Its name: `~p0` or `_` for arguments without one, `~r0` for such results.
    pub name: &'d str,
    /// Its type; in generic functions perhaps one that [`Dwarf::dictionary_index`] knows more of.
    pub ty: TypeRef,
    pub(super) claim: Claim<'d>,
}

/// A function of more parameters than this is damage.
const MAX_PARAMS: usize = 300;
/// Parameters stand among the first children.
const MAX_CHILDREN: usize = 10_000;

/// What an entry says about a function or a parameter.
#[derive(Clone, Copy, Default)]
pub(super) struct Described<'d> {
    pub(super) name: Option<&'d str>,
    line: Option<u64>,
    low_pc: Option<u64>,
    trampoline: bool,
    pub(super) origin: Option<usize>,
    ty: Option<TypeRef>,
    result: bool,
    pub(super) claim: Claim<'d>,
}

/// A function's entry with those of its children that matter.
#[derive(Default)]
pub(super) struct Subprogram<'d> {
    pub(super) own: Described<'d>,
    pub(super) params: Vec<Child<'d>>,
}

/// A parameter's entry, and where it stands.
pub(super) struct Child<'d> {
    pub(super) offset: usize,
    pub(super) says: Described<'d>,
}

impl Dwarf {
    /// The function described `offset` bytes behind the beginning of `unit`.
    pub(super) fn read_function<'d>(&'d self, unit: &'d Unit, offset: usize) -> Option<Function<'d>> {
        let mut found = self.subprogram(unit, unit.start.checked_add(offset)?)?;
        if let Some(origin) = found.own.origin {
            self.complete(&mut found, origin)?;
        }
        let mut function = Function {
            line: found.own.line,
            trampoline: found.own.trampoline,
            ..Function::unplaced(VAddr(found.own.low_pc?), found.own.name?, unit.start)
        };
        found.params.into_iter().for_each(|param| function.add(&param.says));
        Some(function)
    }

    /// Takes from the abstract entry of an inlinable function what its copy with code leaves out. The copy has all
    /// parameters in order; the original lacks those without a name. `None` if the copy lacks one.
    fn complete<'d>(&'d self, copy: &mut Subprogram<'d>, origin: usize) -> Option<()> {
        let original = self.subprogram(self.units().at(origin)?, origin)?;
        copy.own.name = copy.own.name.or(original.own.name);
        copy.own.line = copy.own.line.or(original.own.line);
        if copy.params.is_empty() {
            copy.params = original.params;
            return Some(());
        }
        let mut copied = 0;
        for param in &mut copy.params {
            let Some(origin) = param.says.origin else { continue };
            let i = original.params.binary_search_by_key(&origin, |p| p.offset).ok()?;
            param.says = Described { claim: param.says.claim, ..original.params[i].says };
            copied += 1;
        }
        (copied == original.params.len()).then_some(())
    }

    /// Reads a function's entry and its parameters: they stand before everything that has children of its own.
    pub(super) fn subprogram<'d>(&'d self, unit: &'d Unit, offset: usize) -> Option<Subprogram<'d>> {
        let mut entries = unit.entries(self.sections.bytes(Id::Info), offset)?;
        let abbreviation = entries.read_abbreviation().ok()??;
        if abbreviation.tag() != constants::DW_TAG_subprogram {
            return None;
        }
        let mut found = Subprogram::default();
        attributes(&mut entries, abbreviation, |a| found.own.note(self, unit, a)).ok()?;
        if !abbreviation.has_children() {
            return Some(found);
        }
        for _ in 0..MAX_CHILDREN {
            let offset = entries.next_offset().0;
            let Ok(Some(child)) = entries.read_abbreviation() else { break };
            if child.has_children() {
                break;
            }
            let mut says = Described::default();
            match child.tag() {
                constants::DW_TAG_formal_parameter if found.params.len() == MAX_PARAMS => return None,
                constants::DW_TAG_formal_parameter => {
                    attributes(&mut entries, child, |a| says.note(self, unit, a)).ok()?;
                    found.params.push(Child { offset, says });
                }
                _ => skip(&mut entries, child).ok()?,
            }
        }
        Some(found)
    }
}

impl<'d> Described<'d> {
    pub(super) fn note(&mut self, dwarf: &'d Dwarf, unit: &Unit, attribute: &Attribute<Reader<'d>>) {
        let value = attribute.raw_value();
        match attribute.name() {
            constants::DW_AT_name => self.name = dwarf.text(&value),
            constants::DW_AT_decl_line => self.line = value.udata_value(),
            constants::DW_AT_low_pc => self.low_pc = unit.address(&value, &dwarf.sections),
            constants::DW_AT_trampoline => self.trampoline = value == AttributeValue::Flag(true),
            constants::DW_AT_abstract_origin => self.origin = unit.reference(&value),
            constants::DW_AT_type => self.ty = unit.reference(&value).map(|at| TypeRef::Dwarf(at as u64)),
            constants::DW_AT_variable_parameter => self.result = value == AttributeValue::Flag(true),
            constants::DW_AT_location => self.claim = Claim::of(&value),
            _ => {}
        }
    }
}

impl<'d> Function<'d> {
    /// A function of which nothing else is known.
    pub(super) fn unplaced(entry: VAddr, name: &'d str, unit: usize) -> Function<'d> {
        let (args, results) = (Vec::new(), Vec::new());
        Function { entry, name, line: None, trampoline: false, args, results, dictionary: None, unit }
    }

    /// Sorts a parameter in. Up to Go 1.26 functions with `defer` describe a named result twice.
    pub(super) fn add(&mut self, says: &Described<'d>) {
        let (Some(name), Some(ty)) = (says.name, says.ty) else { return };
        let param = Param { name, ty, claim: says.claim };
        if name == ".dict" {
            self.dictionary = Some(self.args.len());
        } else if !says.result {
            self.args.push(param);
        } else if !self.results.iter().any(|r| r.name == name && name != "_") {
            self.results.push(param);
        }
    }
}
