//! Whole values that are printed: what a record has of them, and which of their pointers are followed.

use std::collections::{BTreeMap, HashMap};

use event::go::{Piece, Printed, Root, Source, Start, TypeRow};
use event::record;

use gobin::VAddr;
use gobin::types::TypeRef;

use super::Print;
use super::build::Builder;
use plan::{AccessNo, BinaryNo, RegisterPart, VariantNo, Whole, WholeAt};
use program::capture::{Function, MOST_BYTES, Op, dynamic_key, flag};

impl Builder<'_> {
    /// Adds the values of one record, all of one binary. Nothing stands for those that are never to be had.
    pub(super) fn print(&mut self, variant: VariantNo, of: &[(AccessNo, Option<&Whole>)]) {
        let binary = of.iter().find_map(|(_, whole)| *whole).map_or(BinaryNo(0), |whole| whole.binary).0;
        let (values, by, bytes) = self.starts(of, None);
        let mut print = Print {
            values: Printed { binary, bytes, values, instances: HashMap::new() },
            by,
            dictionary: None,
            instances: BTreeMap::new(),
        };
        // All are arguments of one function, which has one dictionary.
        let generic = of.iter().find_map(|(_, whole)| whole.and_then(|whole| whole.generic.as_ref()));
        for &(dictionary, _) in generic.map_or(&[][..], |generic| &generic.types) {
            let (values, by, _) = self.starts(of, Some(dictionary));
            print.values.instances.insert(dictionary.0, values);
            print.instances.insert(dynamic_key(binary, dictionary.0), by);
        }
        if !print.instances.is_empty() {
            print.dictionary = generic.map(|generic| generic.dictionary);
            print.values.bytes += 8;
        }
        let accesses = of.iter().map(|(access, _)| *access).collect();
        self.captures.printed.insert((variant, accesses), print);
    }

    /// What the values start with, how they are followed, and how many bytes that is: of a generic function with that
    /// dictionary.
    fn starts(&mut self, of: &[(AccessNo, Option<&Whole>)], dictionary: Option<VAddr>) -> (Vec<Start>, Function, u32) {
        let (mut values, mut ops, mut at) = (Vec::new(), Vec::new(), 0);
        for (_, whole) in of {
            values.push(whole.map_or_else(nothing, |whole| {
                let ty = dictionary.and_then(|dictionary| whole.generic.as_ref()?.with(dictionary));
                self.start(whole, ty.unwrap_or(whole.ty), at, &mut ops)
            }));
            at += whole.map_or(0, Whole::bytes);
        }
        let first = self.captures.tables.ops.len() as u32;
        let by = Function {
            first,
            ops: u16::try_from(ops.len()).unwrap_or(u16::MAX),
            stack: 0,
            bytes: self.limits.bytes.saturating_add(record::ORIGIN as u32).min(MOST_BYTES),
            depth: u32::from(self.limits.depth),
        };
        self.captures.tables.ops.extend(ops);
        (values, by, at)
    }

    /// What begins `at` bytes behind the first value.
    fn start(&mut self, whole: &Whole, ty: TypeRef, at: u32, ops: &mut Vec<Op>) -> Start {
        let ty = self.row(whole.binary.0, ty);
        let (name, from) = (whole.name.clone(), Printed::FROM as u32 + at);
        let WholeAt::Registers(parts) = &whole.at else {
            // What is there is no deeper than the value: no pointer of the program leads to it.
            let behind = self.to(ty, u64::from(at));
            ops.extend(behind.map(|op| Op { flags: op.flags | flag::FREE | flag::NO_DEPTH, ..op }));
            return Start::At { name, ty, word: from };
        };
        let size = u64::from(self.ty(ty).size);
        let mut own = Vec::new();
        self.list(ty, 0, size, 0, &mut own);
        let mut pieces = Vec::new();
        let mut word = 0;
        for &RegisterPart { offset, size, base } in parts {
            let Some(_) = base else {
                pieces.push(Piece { at: offset, size, from: Source::FloatRegister });
                continue;
            };
            pieces.push(Piece { at: offset, size, from: Source::Record(from + word) });
            let place = u16::try_from(at + word).unwrap_or(u16::MAX);
            let here = own.iter().filter(|op| size == 8 && u32::from(op.at) == offset);
            ops.extend(here.map(|op| Op { at: place, ..*op }));
            word += 8;
        }
        Start::Here(Root { name, ty, pieces, lost_if: None })
    }
}

/// A value that is not there.
fn nothing() -> Start {
    Start::Here(Root { name: String::new(), ty: TypeRow(u32::MAX), pieces: Vec::new(), lost_if: None })
}
