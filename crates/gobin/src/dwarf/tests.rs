//! DWARF made by hand: what Go's compiler writes seldom, and what it never would.

use std::fmt::Write;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use gimli::constants as dw;

use super::*;
use crate::types::Kind;

const UNIT: u8 = 1;
const FUNCTION: u8 = 2;
const ABSTRACT: u8 = 3;
const COPY: u8 = 4;
const PARAM: u8 = 5;
const COPIED_PARAM: u8 = 6;
const CAPTURED: u8 = 7;
const BASE: u8 = 8;
const TYPEDEF: u8 = 9;
const STRUCT: u8 = 10;
const MEMBER: u8 = 11;
const POINTER: u8 = 12;
const BLOCK: u8 = 13;
const VARIABLE: u8 = 14;
const RANGED_UNIT: u8 = 15;

/// Attributes of Go's own have numbers only.
const GO_KIND: u16 = 0x2900;
const GO_CLOSURE_OFFSET: u16 = 0x2907;

type Attributes = &'static [(u16, dw::DwForm)];

/// Every kind of entry that these tests write: number, tag, children, attributes.
const ABBREVIATIONS: [(u8, dw::DwTag, bool, Attributes); 15] = [
    (
        UNIT,
        dw::DW_TAG_compile_unit,
        true,
        &[
            (dw::DW_AT_language.0, dw::DW_FORM_data1),
            (dw::DW_AT_low_pc.0, dw::DW_FORM_addr),
            (dw::DW_AT_high_pc.0, dw::DW_FORM_udata),
        ],
    ),
    (
        FUNCTION,
        dw::DW_TAG_subprogram,
        true,
        &[(dw::DW_AT_name.0, dw::DW_FORM_string), (dw::DW_AT_low_pc.0, dw::DW_FORM_addr)],
    ),
    (
        ABSTRACT,
        dw::DW_TAG_subprogram,
        true,
        &[(dw::DW_AT_name.0, dw::DW_FORM_string), (dw::DW_AT_decl_line.0, dw::DW_FORM_udata)],
    ),
    (
        COPY,
        dw::DW_TAG_subprogram,
        true,
        &[(dw::DW_AT_abstract_origin.0, dw::DW_FORM_ref_addr), (dw::DW_AT_low_pc.0, dw::DW_FORM_addr)],
    ),
    (
        PARAM,
        dw::DW_TAG_formal_parameter,
        false,
        &[
            (dw::DW_AT_name.0, dw::DW_FORM_string),
            (dw::DW_AT_variable_parameter.0, dw::DW_FORM_flag),
            (dw::DW_AT_type.0, dw::DW_FORM_ref_addr),
            (dw::DW_AT_location.0, dw::DW_FORM_block1),
        ],
    ),
    (
        COPIED_PARAM,
        dw::DW_TAG_formal_parameter,
        false,
        &[(dw::DW_AT_abstract_origin.0, dw::DW_FORM_ref_addr), (dw::DW_AT_location.0, dw::DW_FORM_block1)],
    ),
    (
        CAPTURED,
        dw::DW_TAG_variable,
        false,
        &[
            (dw::DW_AT_name.0, dw::DW_FORM_string),
            (dw::DW_AT_type.0, dw::DW_FORM_ref_addr),
            (GO_CLOSURE_OFFSET, dw::DW_FORM_udata),
        ],
    ),
    (
        BASE,
        dw::DW_TAG_base_type,
        false,
        &[
            (dw::DW_AT_name.0, dw::DW_FORM_string),
            (dw::DW_AT_byte_size.0, dw::DW_FORM_data1),
            (GO_KIND, dw::DW_FORM_data1),
        ],
    ),
    (
        TYPEDEF,
        dw::DW_TAG_typedef,
        false,
        &[(dw::DW_AT_name.0, dw::DW_FORM_string), (dw::DW_AT_type.0, dw::DW_FORM_ref_addr)],
    ),
    (
        STRUCT,
        dw::DW_TAG_structure_type,
        true,
        &[(dw::DW_AT_name.0, dw::DW_FORM_string), (dw::DW_AT_byte_size.0, dw::DW_FORM_udata)],
    ),
    (
        MEMBER,
        dw::DW_TAG_member,
        false,
        &[
            (dw::DW_AT_name.0, dw::DW_FORM_string),
            (dw::DW_AT_data_member_location.0, dw::DW_FORM_udata),
            (dw::DW_AT_type.0, dw::DW_FORM_ref_addr),
        ],
    ),
    (POINTER, dw::DW_TAG_pointer_type, false, &[(dw::DW_AT_name.0, dw::DW_FORM_string)]),
    (BLOCK, dw::DW_TAG_lexical_block, true, &[]),
    (
        VARIABLE,
        dw::DW_TAG_variable,
        false,
        &[
            (dw::DW_AT_name.0, dw::DW_FORM_string),
            (dw::DW_AT_location.0, dw::DW_FORM_block1),
            (dw::DW_AT_type.0, dw::DW_FORM_ref_addr),
        ],
    ),
    (
        RANGED_UNIT,
        dw::DW_TAG_compile_unit,
        false,
        &[
            (dw::DW_AT_language.0, dw::DW_FORM_data1),
            (dw::DW_AT_low_pc.0, dw::DW_FORM_addr),
            (dw::DW_AT_ranges.0, dw::DW_FORM_sec_offset),
        ],
    ),
];

fn uleb(mut n: u64, out: &mut Vec<u8>) {
    while n > 0x7f {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn abbreviations() -> Vec<u8> {
    let mut out = Vec::new();
    for (code, tag, children, attributes) in ABBREVIATIONS {
        out.push(code);
        uleb(u64::from(tag.0), &mut out);
        out.push(u8::from(children));
        for (name, form) in attributes {
            uleb(u64::from(*name), &mut out);
            uleb(u64::from(form.0), &mut out);
        }
        out.extend([0, 0]);
    }
    out.push(0);
    out
}

/// `.debug_info` while it is written.
#[derive(Default)]
struct Info {
    bytes: Vec<u8>,
    unit: usize,
}

impl Info {
    /// A unit of Go for addresses 0x1000 to 0x2000.
    fn of_go() -> Info {
        let mut info = Info::default();
        info.begin_unit(0);
        info.entry(UNIT).byte(dw::DW_LANG_Go.0 as u8).word(0x1000).number(0x1000);
        info
    }

    fn begin_unit(&mut self, abbreviations: u32) {
        self.unit = self.bytes.len();
        self.bytes.extend([0, 0, 0, 0, 5, 0, dw::DW_UT_compile.0, 8]);
        self.bytes.extend(abbreviations.to_le_bytes());
    }

    fn end_unit(&mut self) {
        let length = (self.bytes.len() - self.unit - 4) as u32;
        self.bytes[self.unit..][..4].copy_from_slice(&length.to_le_bytes());
    }

    fn entry(&mut self, code: u8) -> &mut Info {
        self.byte(code)
    }

    fn here(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn byte(&mut self, byte: u8) -> &mut Info {
        self.bytes.push(byte);
        self
    }

    fn text(&mut self, text: &str) -> &mut Info {
        self.bytes.extend(text.as_bytes());
        self.byte(0)
    }

    fn number(&mut self, n: u64) -> &mut Info {
        uleb(n, &mut self.bytes);
        self
    }

    fn offset(&mut self, at: u32) -> &mut Info {
        self.bytes.extend(at.to_le_bytes());
        self
    }

    fn word(&mut self, n: u64) -> &mut Info {
        self.bytes.extend(n.to_le_bytes());
        self
    }

    fn block(&mut self, bytes: &[u8]) -> &mut Info {
        self.byte(bytes.len() as u8);
        self.bytes.extend(bytes);
        self
    }

    /// `int`, and where it stands.
    fn int(&mut self) -> u32 {
        let at = self.here();
        self.entry(BASE).text("int").byte(8).byte(2);
        at
    }

    fn param(&mut self, name: &str, result: bool, ty: u32, location: &[u8]) -> &mut Info {
        self.entry(PARAM).text(name).byte(u8::from(result)).offset(ty).block(location)
    }

    fn dwarf(mut self) -> Dwarf {
        self.byte(0).end_unit();
        dwarf(&[(".debug_info", &self.bytes), (".debug_abbrev", &abbreviations())])
    }
}

/// An executable of nothing but these sections.
fn dwarf(sections: &[(&str, &[u8])]) -> Dwarf {
    let named: Vec<(&str, &[u8])> = [("", &[][..])].into_iter().chain(sections.iter().copied()).collect();
    let mut names = Vec::new();
    let mut data = Vec::new();
    let mut headers = Vec::new();
    let mut header = |name: usize, kind: u32, offset: usize, size: usize| {
        for word in [name as u32, kind] {
            headers.extend(word.to_le_bytes());
        }
        for word in [0, 0, 64 + offset as u64, size as u64, 0, 0, 0] {
            headers.extend(word.to_le_bytes());
        }
    };
    for (name, bytes) in named {
        header(names.len(), 1, data.len(), bytes.len());
        names.extend(name.as_bytes());
        names.push(0);
        data.extend(bytes);
    }
    header(0, 3, data.len(), names.len());
    data.extend(names);
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [0, 0, 64 + data.len() as u64] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 0, 0, 64, 0]);
    file.extend((sections.len() as u16 + 2).to_le_bytes());
    file.extend((sections.len() as u16 + 1).to_le_bytes());
    file.extend(data);
    file.extend(headers);
    Dwarf::of(Arc::new(Elf::parse(file).expect("an ELF file"))).expect("it has DWARF")
}

/// All that is said of the function at 0x1000.
fn check(info: Info, expect: Expect) {
    let dwarf = info.dwarf();
    let mut out = String::new();
    if let Some(f) = dwarf.function_at(VAddr(0x1000)) {
        let line = f.line.map_or(String::new(), |n| format!(" line {n}"));
        writeln!(out, "{}{line}", f.name).expect("a string takes all");
        for (kind, params) in [("arg", &f.args), ("result", &f.results)] {
            for p in params {
                let ty = dwarf.resolve(p.ty).map_or("?".to_owned(), |t| t.name.clone());
                writeln!(out, "{kind} {} {ty} {:?}", p.name, dwarf.entry_location(&f, p)).expect("a string takes all");
            }
        }
    }
    expect.assert_eq(&out);
}

/// A function whose copy with code describes these parameters: `a` and `b` of the original, others its own.
fn copy_with(params: &[&str]) -> Info {
    let mut info = Info::of_go();
    let int = info.int();
    let original = info.here();
    info.entry(ABSTRACT).text("main.f").number(7);
    let a = info.here();
    info.param("a", false, int, &[]);
    let b = info.here();
    info.param("b", false, int, &[]).byte(0);
    info.entry(COPY).offset(original).word(0x1000);
    for &param in params {
        match param {
            "a" => info.entry(COPIED_PARAM).offset(a).block(&[dw::DW_OP_fbreg.0, 16]),
            "b" => info.entry(COPIED_PARAM).offset(b).block(&[dw::DW_OP_reg3.0]),
            other => info.param(other, other.starts_with("~r"), int, &[]),
        };
    }
    info.byte(0);
    info
}

#[test]
fn a_copy_has_names_from_the_original_and_order_and_places_of_its_own() {
    check(
        copy_with(&["~p0", "a", ".dict", "b", "~r0"]),
        expect![[r#"
            main.f line 7
            arg ~p0 int Silent
            arg a int Stack(16)
            arg b int Registers([Some(Register { arch: Amd64, float: false, index: 1 })])
            result ~r0 int Silent
        "#]],
    );
}

#[test]
fn a_copy_that_lacks_a_parameter_is_refused_but_one_without_any_is_as_the_original() {
    check(copy_with(&["b", "~r0"]), expect![[""]]);
    check(
        copy_with(&[]),
        expect![[r#"
            main.f line 7
            arg a int Silent
            arg b int Silent
        "#]],
    );
}

#[test]
fn a_result_described_twice_is_one_result() {
    let mut info = Info::of_go();
    let int = info.int();
    info.entry(FUNCTION).text("main.f").word(0x1000);
    info.param("n", true, int, &[]).param("err", true, int, &[]).param("n", true, int, &[]).byte(0);
    check(
        info,
        expect![[r#"
            main.f
            result n int Silent
            result err int Silent
        "#]],
    );
}

#[test]
fn parameters_of_a_block_inside_belong_to_what_was_inlined() {
    let mut info = Info::of_go();
    let int = info.int();
    info.entry(FUNCTION).text("main.f").word(0x1000);
    info.param("a", false, int, &[]).entry(CAPTURED).text("&x").offset(int).number(8);
    info.entry(BLOCK).param("other", false, int, &[]).byte(0).byte(0);
    check(
        info,
        expect![[r#"
            main.f
            arg a int Silent
        "#]],
    );
}

#[test]
fn a_function_that_is_a_copy_of_itself_has_no_name() {
    let mut info = Info::of_go();
    let own = info.here();
    info.entry(COPY).offset(own).word(0x1000).byte(0);
    check(info, expect![[""]]);
}

#[test]
fn what_other_compilers_describe_is_passed_over() {
    let mut info = Info::default();
    info.begin_unit(0);
    info.entry(UNIT).byte(dw::DW_LANG_C99.0 as u8).word(0x1000).number(0x1000);
    info.entry(FUNCTION).text("main").word(0x1000).byte(0);
    check(info, expect![[""]]);
}

#[test]
fn a_typedef_that_leads_to_itself_is_unknown() {
    let mut info = Info::of_go();
    let own = info.here();
    info.entry(TYPEDEF).text("main.T").offset(own);
    let dwarf = info.dwarf();
    let ty = dwarf.resolve(TypeRef::Dwarf(u64::from(own))).expect("it has a name");
    assert_eq!((ty.kind.clone(), ty.size), (Kind::Unknown, 0));
}

#[test]
fn a_struct_that_holds_itself_is_read_one_level_deep() {
    let mut info = Info::of_go();
    let own = info.here();
    info.entry(STRUCT).text("main.T").number(8);
    info.entry(MEMBER).text("own").number(0).offset(own).byte(0);
    let dwarf = info.dwarf();
    let ty = dwarf.resolve(TypeRef::Dwarf(u64::from(own))).expect("it is a struct");
    let Kind::Struct(fields) = &ty.kind else { panic!("{ty:?}") };
    assert_eq!(fields[0].ty, TypeRef::Dwarf(u64::from(own)));
    assert_eq!(crate::abi::Shapes::default().of(fields[0].ty, &dwarf), None);
}

#[test]
fn a_name_is_found_only_where_an_entry_begins() {
    let mut info = Info::of_go();
    // Its last letters look like the beginning of another pointer type.
    info.entry(POINTER).text("\u{c}main.T");
    let dwarf = info.dwarf();
    assert_eq!(dwarf.find_type("main.T"), None);
    assert!(dwarf.find_type("\u{c}main.T").is_some());
}

#[test]
fn a_variable_has_an_address() {
    let mut info = Info::of_go();
    let int = info.int();
    let at = |a: u8| [&[dw::DW_OP_addr.0, a], &[0; 7][..]].concat();
    info.entry(VARIABLE).text("main.x").block(&at(0x42)).offset(int);
    info.entry(VARIABLE).text("main.y").block(&[dw::DW_OP_fbreg.0, 8]).offset(int);
    let dwarf = info.dwarf();
    assert_eq!(dwarf.find_variable("main.x"), Some((VAddr(0x42), TypeRef::Dwarf(u64::from(int)))));
    assert_eq!(dwarf.find_variable("main.y"), None);
    assert_eq!(dwarf.find_variable("int"), None);
}

/// Asks for everything; what comes back is nonsense, but it comes back.
fn ask(dwarf: &Dwarf) {
    for entry in dwarf.functions().take(100) {
        let Some(f) = dwarf.function_at(entry) else { continue };
        for param in f.args.iter().chain(&f.results) {
            std::hint::black_box((dwarf.entry_location(&f, param), dwarf.dictionary_index(param.ty)));
            crate::abi::Shapes::default().of(param.ty, dwarf);
        }
    }
    for name in ["main.T", "main.f", "int", "x"] {
        std::hint::black_box((dwarf.find_type(name).and_then(|t| dwarf.resolve(t)), dwarf.find_variable(name)));
    }
    (0..300).for_each(|at| drop(dwarf.resolve(TypeRef::Dwarf(at))));
}

#[test]
fn damage_neither_panics_nor_takes_for_ever() {
    let mut info = Info::of_go();
    let int = info.int();
    info.entry(STRUCT).text("main.T").number(8).entry(MEMBER).text("x").number(0).offset(int).byte(0);
    info.entry(FUNCTION).text("main.f").word(0x1000);
    info.param("a", false, int, &[dw::DW_OP_fbreg.0, 8]).byte(0);
    info.entry(VARIABLE).text("x").block(&[dw::DW_OP_addr.0, 1, 2, 3, 4, 5, 6, 7, 8]).offset(int).byte(0);
    info.end_unit();
    let (whole, table) = (info.bytes, abbreviations());
    for n in 0..whole.len() {
        ask(&dwarf(&[(".debug_info", &whole[..n]), (".debug_abbrev", &table)]));
    }
    for n in 0..table.len() {
        ask(&dwarf(&[(".debug_info", &whole), (".debug_abbrev", &table[..n])]));
    }
    for (at, change) in (0..whole.len()).flat_map(|at| [1, 0x7f, 0x80, 0xff].map(|change| (at, change))) {
        let mut broken = whole.clone();
        broken[at] ^= change;
        ask(&dwarf(&[(".debug_info", &broken), (".debug_abbrev", &table)]));
    }
}

#[test]
fn units_that_all_point_into_one_long_list_cost_no_more_than_reading_it() {
    let table = abbreviations().repeat(2000);
    let mut info = Info::default();
    for i in 0..20_000u32 {
        info.begin_unit(i % 1000);
        info.entry(RANGED_UNIT).byte(dw::DW_LANG_Go.0 as u8).word(0).offset(i % 5000);
        info.end_unit();
    }
    let ranges = [dw::DW_RLE_offset_pair.0, 1, 2].repeat(200_000);
    let dwarf = dwarf(&[(".debug_info", &info.bytes), (".debug_abbrev", &table), (".debug_rnglists", &ranges)]);
    let start = Instant::now();
    ask(&dwarf);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// A file whose only unit has these entries behind its root; `table` describes what they are, from number 2 on.
fn unit_of(entries: &[u8], table: &[u8], strings: &[u8]) -> Dwarf {
    let mut info = Info::of_go();
    info.bytes.extend(entries);
    info.byte(0).end_unit();
    let first = &abbreviations()[..11];
    let table = [first, table, &[0]].concat();
    dwarf(&[(".debug_info", &info.bytes), (".debug_abbrev", &table), (".debug_str", strings)])
}

#[test]
fn attributes_that_take_no_bytes_do_not_make_an_entry_dear() {
    let attributes = [dw::DW_AT_declaration.0 as u8, dw::DW_FORM_flag_present.0 as u8].repeat(100_000);
    let table = [&[2, dw::DW_TAG_member.0 as u8, 0][..], &attributes, &[0, 0]].concat();
    let start = Instant::now();
    ask(&unit_of(&[2].repeat(1_000_000), &table, b""));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn fields_that_share_one_long_name_are_not_kept() {
    let strp = dw::DW_FORM_strp.0 as u8;
    let (name, data1, offset) =
        (dw::DW_AT_name.0 as u8, dw::DW_FORM_data1.0 as u8, dw::DW_AT_data_member_location.0 as u8);
    let ty = [dw::DW_AT_type.0 as u8, dw::DW_FORM_ref1.0 as u8];
    let table = [
        &[2, dw::DW_TAG_structure_type.0 as u8, 1, name, strp, dw::DW_AT_byte_size.0 as u8, data1, 0, 0][..],
        &[3, dw::DW_TAG_member.0 as u8, 0, name, strp, ty[0], ty[1], offset, data1, 0, 0],
    ]
    .concat();
    let of = |fields: usize| {
        let strings = [&[b'x'; 60_000][..], b"\0"].concat();
        let entries = [&[2, 0, 0, 0, 0, 8][..], &[3, 0, 0, 0, 0, 0, 0].repeat(fields), &[0]].concat();
        let dwarf = unit_of(&entries, &table, &strings);
        let root = Info::of_go().bytes.len() as u64;
        let ty = dwarf.resolve(TypeRef::Dwarf(root)).expect("there is a type");
        if let Kind::Struct(fields) = &ty.kind { Some(fields.len()) } else { None }
    };
    assert_eq!((of(10), of(100_000)), (Some(10), None));
}

#[test]
fn a_list_of_ranges_at_the_end_of_all_numbers_is_no_list() {
    let table = [1, dw::DW_TAG_compile_unit.0 as u8, 0, dw::DW_AT_language.0 as u8, dw::DW_FORM_data1.0 as u8];
    let ranges = [dw::DW_AT_ranges.0 as u8, dw::DW_FORM_sec_offset.0 as u8, 0, 0, 0];
    let body = [&[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 1, dw::DW_LANG_Go.0 as u8][..], &[0xff; 8]].concat();
    let info = [&[0xff; 4][..], &(body.len() as u64).to_le_bytes(), &body].concat();
    let dwarf = dwarf(&[(".debug_info", &info), (".debug_abbrev", &[&table[..], &ranges].concat())]);
    assert!(dwarf.function_at(VAddr(0x1000)).is_none());
}
