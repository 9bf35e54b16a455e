//! Records of calls, made by hand: what is in registers and what memory was read.

use event::calls::{CallValues, Calls, Finished, Reader, Record};
use event::decode::Header;
use event::go::redact::Secrets;
use event::go::{Call, Dynamic, GoKind, Limits, Piece, Root, Source, Types, World, call, chunk};
use event::record;
use event::schema::RowId;
use expect_test::Expect;
use ui::call::Shown;
use ui::go::{Json, Style};

use crate::declare::Declared;

/// By how much the process's addresses are greater than the file's.
pub const BIAS: u64 = 0x1000;

/// A call with what is known of it.
pub struct Case {
    declared: Declared,
    call: Call,
    args: Vec<u8>,
    chunks: Vec<u8>,
    stat: u32,
    pub limits: Limits,
    pub style: Style,
    secrets: Secrets,
}

/// A process in which one function and one text are known.
pub struct Process;

impl World for Process {
    fn bias(&self) -> u64 {
        BIAS
    }

    fn function(&self, address: u64) -> Option<String> {
        (address == 0x4000).then(|| "main.handle".to_owned())
    }

    fn itab(&self, address: u64) -> Option<u64> {
        (address == 0x3000).then_some(0x6000)
    }

    fn constant(&self, address: u64, most: usize) -> Option<&[u8]> {
        let text: &[u8] = b"constant";
        (address == 0x5000).then(|| text.get(..most).unwrap_or(text))
    }
}

/// Words of 8 bytes.
pub fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|n| n.to_le_bytes()).collect()
}

impl Case {
    /// Declarations, and at last a function: `func f(n int; p *main.T)`.
    pub fn new(go: &str) -> Case {
        Case::with(go, false)
    }

    /// The same with maps as up to Go 1.23.
    pub fn before_1_24(go: &str) -> Case {
        Case::with(go, true)
    }

    fn with(go: &str, old_maps: bool) -> Case {
        let lines: Vec<&str> = go.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let (function, types) = lines.split_last().unwrap();
        let mut declared = Declared::new(types, old_maps);
        let args = function.strip_prefix("func f(").and_then(|rest| rest.strip_suffix(')')).unwrap();
        let mut at = call::REGISTERS as u32;
        let mut values = Vec::new();
        for arg in args.split("; ").filter(|arg| !arg.is_empty()) {
            let (name, ty) = arg.split_once(' ').unwrap();
            let ty = declared.ty(ty);
            let size = declared.size(ty);
            let pieces = vec![Piece { at: 0, size, from: Source::Record(at) }];
            values.push(Root { name: name.to_owned(), ty, pieces, lost_if: None });
            at += size.next_multiple_of(8);
        }
        let call = Call {
            binary: 3,
            function: 1,
            name: "main.f".to_owned(),
            returns: false,
            registers: 0,
            stack: 0,
            values,
            incomplete: false,
            inlined: None,
            type_args: vec![],
        };
        Case {
            declared,
            call,
            args: vec![],
            chunks: vec![],
            stat: 0,
            limits: Limits::default(),
            style: Style::default(),
            secrets: Secrets::default(),
        }
    }

    /// The words that the arguments are made of.
    pub fn args(mut self, args: &[u64]) -> Case {
        self.args = words(args);
        self.call.registers = args.len() as u8;
        self
    }

    /// Memory that was read as that type.
    pub fn chunk(mut self, address: u64, ty: &str, bytes: impl AsRef<[u8]>) -> Case {
        let bytes = bytes.as_ref();
        self.head(address, ty, bytes.len() as u32);
        self.chunks.extend(bytes);
        self.chunks.resize(self.chunks.len().next_multiple_of(8), 0);
        self
    }

    /// Memory that could not be read.
    pub fn failed(mut self, address: u64, ty: &str) -> Case {
        self.head(address, ty, 16 | chunk::FAILED);
        self
    }

    fn head(&mut self, address: u64, ty: &str, length: u32) {
        let row = self.declared.ty(ty);
        self.chunks.extend(address.to_le_bytes());
        self.chunks.extend(length.to_le_bytes());
        self.chunks.extend(row.0.to_le_bytes());
    }

    /// What an interface with that first word holds.
    pub fn dynamic(mut self, word: u64, ty: &str) -> Case {
        let ty = self.declared.ty(ty);
        let kind = &self.declared.types.get(ty).unwrap().kind;
        let direct =
            matches!(kind, GoKind::Pointer(_) | GoKind::Map(_) | GoKind::Chan | GoKind::Func | GoKind::UnsafePointer);
        self.declared.types.add_dynamic(3, word - BIAS, Dynamic { ty, direct });
        self
    }

    /// What was not to be had.
    pub fn stat(mut self, stat: u32) -> Case {
        self.stat = stat;
        self
    }

    /// Takes out what has such names.
    pub fn secrets(mut self, globs: &[&str]) -> Case {
        self.secrets = Secrets::like(globs.iter().copied());
        self
    }

    /// Says anew where arguments are.
    pub fn places(mut self, change: impl FnOnce(&mut Vec<Root>)) -> Case {
        change(&mut self.call.values);
        self
    }

    /// How the record is described, for those who want to describe it otherwise.
    pub fn described(&mut self) -> (&mut Types, &mut Call) {
        (&mut self.declared.types, &mut self.call)
    }

    /// All bytes of the record.
    pub fn record(&self) -> Vec<u8> {
        let mut bytes = vec![0; call::REGISTERS];
        bytes[record::STAT..record::STAT + 4].copy_from_slice(&self.stat.to_le_bytes());
        [bytes, self.args.clone(), self.chunks.clone()].concat()
    }

    /// The call as text and as JSON.
    pub fn shown(&self, record: &[u8]) -> (String, String) {
        let (call, told) = self.told(record);
        let types = &self.declared.types;
        let shown = Shown { call: &call, told: &told, types, ts: 7, style: self.style };
        let mut head = String::new();
        shown.head(&mut head);
        let json = serde_json::to_string(&shown).unwrap();
        (head, json)
    }

    fn told(&self, record: &[u8]) -> (Finished, CallValues<'_>) {
        let mut calls = Calls::default();
        let header = Header {
            time: 5,
            pid: 10,
            tid: 11,
            goid: 1,
            row: RowId(0),
            stat: self.stat,
            process: 10,
            place: Some(0),
            g: 0,
        };
        let key = calls.begins(header, Record { call: 0, bytes: record.to_vec() }).unwrap();
        let call = calls.get(key).unwrap();
        let (types, secrets, limits) = (&self.declared.types, &self.secrets, self.limits);
        let reader = Reader { types, calls: std::slice::from_ref(&self.call), secrets, limits };
        let told = reader.read(&call, &Process).unwrap();
        (call, told)
    }

    /// Each argument as text and as JSON.
    pub fn each(&self) -> Vec<(String, String)> {
        let types = &self.declared.types;
        let json = |value| serde_json::to_string(&Json { value, types }).unwrap();
        let (_, told) = self.told(&self.record());
        told.args.iter().map(|(_, value)| (ui::go::text(value, types, self.style), json(value))).collect()
    }

    /// Holds that against lines.
    pub fn check(&self, expect: Expect) {
        let names = self.call.values.iter().map(|root| &root.name);
        let lines = names.zip(self.each()).map(|(name, (text, json))| format!("{name} = {text}\n    {json}\n"));
        expect.assert_eq(&lines.collect::<String>());
    }
}
