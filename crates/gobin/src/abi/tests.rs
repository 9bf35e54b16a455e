use std::cell::RefCell;
use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::types::Field;

/// Places of a signature such as `arm64 abi0 func(a, b int, s struct{x int8; y float64}) (n int, err error)`.
fn check(signature: &str, expect: Expect) {
    let arch = if signature.starts_with("arm64 ") { Arch::Arm64 } else { Arch::Amd64 };
    let abi = if signature.contains("abi0 ") { Abi::Zero } else { Abi::Internal };
    let types = Types::default();
    let text = &signature[signature.find("func(").expect("a signature")..];
    let (args, results) = Parser { text, types: &types }.signature();
    let shapes = Shapes::default();
    let shape = |values: &Values| values.iter().map(|v| shapes.of(v.1, &types)).collect::<Vec<_>>();
    let frame = assign(arch, abi, &shape(&args), &shape(&results));
    let mut out = String::new();
    for ((name, _), place) in args.iter().zip(&frame.args).chain(results.iter().zip(&frame.results)) {
        writeln!(out, "{name}: {place}").expect("a string takes all");
    }
    expect.assert_eq(&out);
}

/// Names and types, in order.
type Values = Vec<(String, TypeRef)>;

/// Types made up by the parser below, referred to by their number.
#[derive(Default)]
struct Types(RefCell<Vec<Arc<Type>>>);

impl TypeSource for Types {
    fn resolve(&self, at: TypeRef) -> Option<Arc<Type>> {
        let TypeRef::Dwarf(n) = at else { return None };
        self.0.borrow().get(usize::try_from(n).ok()?).cloned()
    }
}

impl Types {
    fn add(&self, name: &str, size: u64, kind: Kind) -> TypeRef {
        let mut all = self.0.borrow_mut();
        all.push(Arc::new(Type { name: name.into(), size, kind, runtime_offset: None }));
        TypeRef::Dwarf(all.len() as u64 - 1)
    }

    fn layout(&self, fields: Vec<(String, TypeRef)>) -> TypeRef {
        let (mut end, mut widest) = (0u64, 1);
        let place = |(name, ty): (String, TypeRef)| {
            let shape = Shapes::default().of(ty, self).expect("a known type");
            let offset = end.next_multiple_of(shape.align);
            (end, widest) = (offset + shape.size, widest.max(shape.align));
            Field { name, ty, offset, embedded: false }
        };
        let fields = fields.into_iter().map(place).collect();
        self.add("struct", end.next_multiple_of(widest), Kind::Struct(fields))
    }
}

/// As much of Go's grammar as the tests need.
struct Parser<'t> {
    text: &'t str,
    types: &'t Types,
}

impl Parser<'_> {
    fn signature(&mut self) -> (Values, Values) {
        assert!(self.eat("func("));
        let args = self.values(")", ",");
        let results = if self.eat("(") { self.values(")", ",") } else { Vec::new() };
        assert_eq!(self.text, "", "all of it is read");
        (args, results)
    }

    /// `a, b int, s string)`.
    fn values(&mut self, end: &str, separator: &str) -> Values {
        let mut values = Vec::new();
        let mut names = Vec::new();
        while !self.eat(end) {
            names.push(self.word());
            if !self.eat(",") {
                let ty = self.ty();
                values.extend(names.drain(..).map(|name| (name, ty)));
                self.eat(separator);
            }
        }
        values
    }

    fn ty(&mut self) -> TypeRef {
        let int = |signed| Kind::Int { signed };
        if self.eat("*") {
            let elem = self.ty();
            return self.types.add("*", 8, Kind::Pointer(Some(elem)));
        }
        if self.eat("[]") {
            let elem = self.ty();
            return self.types.add("[]", 24, Kind::Slice(elem));
        }
        if self.eat("[") {
            let len = self.word().parse().expect("a length");
            assert!(self.eat("]"));
            let elem = self.ty();
            let size = len * self.types.resolve(elem).expect("the element").size;
            return self.types.add("[n]", size, Kind::Array { elem, len });
        }
        if self.eat("struct{") {
            let fields = self.values("}", ";");
            return self.types.layout(fields);
        }
        let (size, kind) = match self.word().as_str() {
            "bool" => (1, Kind::Bool),
            "int8" => (1, int(true)),
            "uint16" => (2, int(false)),
            "int32" => (4, int(true)),
            "int" | "uintptr" => (8, int(true)),
            "float32" => (4, Kind::Float),
            "float64" => (8, Kind::Float),
            "complex64" => (8, Kind::Complex),
            "complex128" => (16, Kind::Complex),
            "string" => (16, Kind::String),
            "error" => (16, Kind::Interface { empty: false }),
            "any" => (16, Kind::Interface { empty: true }),
            "fn" => (8, Kind::Func),
            "damage" => (8, Kind::Unknown),
            "v128" => (0, Kind::Struct(Vec::new())),
            other => panic!("{other}?"),
        };
        let name = if size == 0 { "simd/archsimd.v128" } else { "basic" };
        self.types.add(name, size, kind)
    }

    fn eat(&mut self, token: &str) -> bool {
        self.text = self.text.trim_start();
        self.text.strip_prefix(token).inspect(|rest| self.text = rest).is_some()
    }

    fn word(&mut self) -> String {
        self.text = self.text.trim_start();
        let end = self.text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        assert!(!word.is_empty(), "a word at {rest}");
        word.into()
    }
}

#[test]
fn scalars_take_registers_in_order_and_floats_have_their_own() {
    check(
        "func(a int, f float64, b bool, g float32, p *int, m fn)",
        expect![[r#"
            a: rax
            f: xmm0
            b: rbx
            g: xmm1
            p: rcx
            m: rdi
        "#]],
    );
}

#[test]
fn arm64_has_more_registers_under_other_names() {
    check(
        "arm64 func(s []int, f float32, e error, a, b, c, d, g, h, i, j, k, l, m int)",
        expect![[r#"
            s: x0, x1, x2
            f: v0
            e: x3, x4
            a: x5
            b: x6
            c: x7
            d: x8
            g: x9
            h: x10
            i: x11
            j: x12
            k: x13
            l: x14
            m: x15
        "#]],
    );
}

#[test]
fn string_is_never_split_between_registers_and_stack() {
    check(
        "func(a,b,c,d,e,f,g,h int, s string)",
        expect![[r#"
            a: rax
            b: rbx
            c: rcx
            d: rdi
            e: rsi
            f: r8
            g: r9
            h: r10
            s: stack+0
        "#]],
    );
}

#[test]
fn a_smaller_value_still_gets_the_register_that_a_larger_one_left() {
    check(
        "func(a,b,c,d,e,f,g,h int, s string, last int, over int)",
        expect![[r#"
            a: rax
            b: rbx
            c: rcx
            d: rdi
            e: rsi
            f: r8
            g: r9
            h: r10
            s: stack+0
            last: r11
            over: stack+16
        "#]],
    );
}

#[test]
fn a_struct_goes_to_registers_field_by_field() {
    check(
        "func(s struct{a int8; b float32; c string; d complex128}, n int)",
        expect![[r#"
            s: rax, xmm0, rbx, rcx, xmm1, xmm2
            n: rdi
        "#]],
    );
}

#[test]
fn an_array_of_one_is_its_element_and_of_two_is_on_the_stack_with_all_that_holds_it() {
    check(
        "func(one [1]string, two [2]int8, both struct{a int; b [2]int8}, n int, none [0]int)",
        expect![[r#"
            one: rax, rbx
            two: stack+0
            both: stack+8
            n: rcx
            none: none
        "#]],
    );
}

#[test]
fn values_without_bytes_take_no_register_but_align_the_stack() {
    check(
        "func(e struct{}, big [2]int8, none [0]int, small [2]int8, n int)",
        expect![[r#"
            e: none
            big: stack+0
            none: none
            small: stack+8
            n: rax
        "#]],
    );
}

#[test]
fn results_start_again_with_all_registers_and_go_on_with_the_stack() {
    check(
        "func(a [3]int8, n int) (r int, f float64, err error, big [2]int32, s string, t []int, over string)",
        expect![[r#"
            a: stack+0
            n: rax
            r: rax
            f: xmm0
            err: rbx, rcx
            big: stack+8
            s: rdi, rsi
            t: r8, r9, r10
            over: stack+16
        "#]],
    );
}

#[test]
fn abi0_puts_everything_on_the_stack() {
    check(
        "abi0 func(a int8, b uint16, s string) (r int32, ok bool)",
        expect![[r#"
            a: stack+0
            b: stack+2
            s: stack+8
            r: stack+24
            ok: stack+28
        "#]],
    );
}

#[test]
fn a_vector_of_the_simd_experiment_is_one_register() {
    check(
        "func(v struct{tag v128; vals [4]float32}, f float64)",
        expect![[r#"
            v: xmm0
            f: xmm1
        "#]],
    );
}

#[test]
fn behind_a_type_that_cannot_be_read_only_results_in_registers_are_certain() {
    check(
        "func(a int, d damage, n int) (r int, big [2]int)",
        expect![[r#"
            a: rax
            d: unknown
            n: unknown
            r: rax
            big: unknown
        "#]],
    );
}

#[test]
fn a_type_that_holds_itself_has_no_shape() {
    let types = Types::default();
    let field = |name: &str, offset| Field { name: name.into(), ty: TypeRef::Dwarf(0), offset, embedded: false };
    let own = types.add("T", 16, Kind::Struct(vec![field("a", 0), field("b", 8)]));
    assert_eq!(Shapes::default().of(own, &types), None);
}

#[test]
fn a_field_behind_the_end_of_its_struct_has_no_shape() {
    let types = Types::default();
    let ty = types.add("int", 8, Kind::Int { signed: true });
    let at = |offset| Kind::Struct(vec![Field { name: "a".into(), ty, offset, embedded: false }]);
    assert_eq!(Shapes::default().of(types.add("T", 8, at(4)), &types), None);
    assert_eq!(Shapes::default().of(types.add("T", 8, at(u64::MAX)), &types), None);
    assert!(Shapes::default().of(types.add("T", 8, at(0)), &types).is_some());
}

#[test]
fn dwarf_numbers_name_the_registers_that_go_uses() {
    let names = |arch: Arch, numbers: &[u16]| {
        let name = |&n: &u16| Register::from_dwarf(arch, n).map_or("-", Register::name);
        numbers.iter().map(name).collect::<Vec<_>>().join(" ")
    };
    expect!["rax rbx rcx rdi rsi r8 r9 r10 r11 - - xmm0 xmm14 -"]
        .assert_eq(&names(Arch::Amd64, &[0, 3, 2, 5, 4, 8, 9, 10, 11, 1, 14, 17, 31, 32]));
    expect!["x0 x15 - - v0 v15 -"].assert_eq(&names(Arch::Arm64, &[0, 15, 16, 28, 64, 79, 80]));
}

#[test]
fn an_array_whose_element_does_not_fit_has_no_shape() {
    let types = Types::default();
    let byte = types.add("int8", 1, Kind::Int { signed: true });
    let far = Field { name: "f".into(), ty: byte, offset: u64::MAX - 1, embedded: false };
    let huge = types.add("huge", u64::MAX, Kind::Struct(vec![far]));
    let array = types.add("[1]huge", 8, Kind::Array { elem: huge, len: 1 });
    let second = Field { name: "a".into(), ty: array, offset: 8, embedded: false };
    let outer = types.add("outer", 16, Kind::Struct(vec![second]));
    let many = types.add("[n]huge", 8, Kind::Array { elem: huge, len: u64::MAX });
    for ty in [array, outer, many] {
        assert_eq!(Shapes::default().of(ty, &types), None);
    }
}
