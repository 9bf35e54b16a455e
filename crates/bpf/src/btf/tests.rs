use crate::asm::Assembler;
use crate::insn::Reg;
use crate::map::Maps;
use crate::notes::{Linkage, Pos, Source};
use crate::program::{Kind, Program};
use expect_test::{Expect, expect};
use std::fmt::Write as _;

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Reads the sections again, by the format's description.
struct Reader<'b> {
    types: &'b [u8],
    strings: &'b [u8],
}

impl Reader<'_> {
    fn of(bytes: &[u8]) -> Reader<'_> {
        assert_eq!(bytes[..4], [0x9f, 0xeb, 1, 0], "magic, version, flags");
        let header = word(bytes, 4);
        let (types, strings) = (header + word(bytes, 8), header + word(bytes, 16));
        assert_eq!(strings + word(bytes, 20), bytes.len());
        Reader { types: &bytes[types..types + word(bytes, 12)], strings: &bytes[strings..] }
    }

    fn string(&self, at: usize) -> &str {
        let rest = &self.strings[at..];
        std::str::from_utf8(&rest[..rest.iter().position(|&b| b == 0).unwrap()]).unwrap()
    }

    fn types(&self) -> String {
        let (mut out, mut at, mut id) = (String::new(), 0, 0);
        while at < self.types.len() {
            let [name, info, last] = [0, 4, 8].map(|n| word(self.types, at + n));
            let (kind, count, name) = (info >> 24, info & 0xffff, self.string(name));
            at += 12;
            id += 1;
            let _ = write!(out, "{id} ");
            let _ = match kind {
                1 => writeln!(out, "int {name} size {last} {:#x}", word(self.types, at)),
                2 => writeln!(out, "pointer to {last}"),
                12 => writeln!(out, "function {name} type {last} linkage {count}"),
                _ => {
                    let params = (0..count).map(|n| {
                        let [name, of] = [0, 4].map(|m| word(self.types, at + 8 * n + m));
                        format!("{}: {of}", self.string(name))
                    });
                    writeln!(out, "prototype ({}) → {last}", params.collect::<Vec<_>>().join(", "))
                }
            };
            at += [0, 4, 0][kind.min(2)] + if kind == 13 { 8 * count } else { 0 };
        }
        out
    }
}

fn check(program: &Program, expect: Expect) {
    let btf = program.btf();
    let reader = Reader::of(&btf.types);
    let mut out = reader.types();
    for info in btf.func_info.chunks(8) {
        let _ = writeln!(out, "slot {} is function {}", word(info, 0), word(info, 4));
    }
    for line in btf.line_info.chunks(16) {
        let [slot, file, text, pos] = [0, 4, 8, 12].map(|n| word(line, n));
        let (file, text) = (reader.string(file), reader.string(text));
        let _ = writeln!(out, "slot {slot} is {file}:{}:{} `{text}`", pos >> 10, pos & 1023);
    }
    expect.assert_eq(&out);
}

fn source() -> Source {
    Source { name: "probe".into(), text: "go:main.f /args.n > 10/\n{\n  @n = count();\n}\n".into() }
}

#[test]
fn the_kernel_is_told_of_functions_and_lines() {
    let mut asm = Assembler::new("main", Kind::Uprobe, source());
    let step = asm.declare("step", Linkage::Global, &["slot"]);
    let turn = asm.declare("turn", Linkage::Static, &["slot", "index"]);
    let at = |line, column| Some(Pos { line, column });
    asm.comment("registers").number(Reg::R1, 1 << 40).comment("which call").mov(Reg::R2, 2);
    asm.at(at(1, 12)).mov(Reg::R0, 0).comment("not told: the line says more").mov(Reg::R0, 0);
    asm.at(at(3, 3)).call(step).at(None).exit();
    asm.begin(step).mov(Reg::R2, 0).call(turn).exit();
    asm.begin(turn).comment("one turn").mov(Reg::R0, 0).exit();
    check(
        &asm.finish(&Maps::new()).unwrap(),
        expect![[r#"
        1 int int size 4 0x1000020
        2 pointer to 0
        3 prototype (ctx: 2) → 1
        4 function main type 3 linkage 1
        5 int u64 size 8 0x40
        6 prototype (slot: 5) → 1
        7 function step type 6 linkage 1
        8 prototype (slot: 5, index: 5) → 1
        9 function turn type 8 linkage 0
        slot 0 is function 4
        slot 7 is function 7
        slot 10 is function 9
        slot 0 is probe:0:0 `registers`
        slot 2 is probe:0:0 `which call`
        slot 3 is probe:1:12 `go:main.f /args.n > 10/`
        slot 5 is probe:3:3 `@n = count();`
        slot 6 is probe:0:0 `main`
        slot 7 is probe:0:0 `step`
        slot 10 is probe:0:0 `one turn`
    "#]],
    );
}

#[test]
fn places_beyond_what_the_table_can_hold_are_cut() {
    let mut asm = Assembler::new("main", Kind::Uprobe, Source::default());
    asm.at(Some(Pos { line: u32::MAX, column: 5000 })).mov(Reg::R0, 0).exit();
    check(
        &asm.finish(&Maps::new()).unwrap(),
        expect![[r#"
        1 int int size 4 0x1000020
        2 pointer to 0
        3 prototype (ctx: 2) → 1
        4 function main type 3 linkage 1
        slot 0 is function 4
        slot 0 is :4194303:1023 ``
    "#]],
    );
}
