//! Signatures and places, types and variables of real executables, against what their sources say and against DWARF's
//! own locations, for every Go release.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use expect_test::{Expect, expect};
use gobin::dwarf::Dwarf;
use gobin::signature::{Arg, Compiled, Disagreement, Signature, Signatures};
use gobin::types::{Field, Kind, TypeRef, TypeSource};
use gobin::{Elf, Image, VAddr};
use gospect_fixtures::claims::{Value, Want, claims};
use gospect_fixtures::{Arch, Fixture, Variant, build, need, on_every_go};

/// An executable as these tests look at it.
struct Program {
    image: Image,
    elf: Arc<Elf>,
    dwarf: Dwarf,
}

impl Program {
    fn open(path: &Path) -> Program {
        let bytes: Arc<[u8]> = std::fs::read(path).expect("the fixture was just built").into();
        let elf = Arc::new(Elf::parse(bytes.clone()).expect("an ELF file"));
        let dwarf = Dwarf::of(elf.clone()).expect("it has DWARF");
        Program { image: Image::parse(bytes).expect("a Go program"), elf, dwarf }
    }

    fn signatures(&self) -> Signatures<'_> {
        Signatures::new(&self.dwarf, &self.elf, self.image.release())
    }

    fn signature(&self, name: &str) -> Option<Signature> {
        let signatures = self.signatures();
        self.image.named(name).find_map(|f| signatures.at(&f.compiled()))
    }

    /// Signature and places of one function.
    fn shown(&self, name: &str) -> String {
        let Some(signature) = self.signature(name) else { return format!("no {name}\n") };
        let place = |arg: &Arg| format!("{}: {}\n", arg.name, arg.place);
        let dictionary = signature.dictionary.iter().map(|place| format!("dictionary: {place}\n"));
        let places = signature.args.iter().map(place).chain(dictionary).chain(signature.rets.iter().map(place));
        format!("{signature}\n{}", places.collect::<String>())
    }

    /// A type and what it is made of.
    fn described(&self, name: &str) -> String {
        let Some(ty) = self.dwarf.find_type(name).and_then(|at| self.dwarf.resolve(at)) else {
            return format!("no {name}\n");
        };
        let name_of = |at: TypeRef| self.dwarf.resolve(at).map_or("?".to_owned(), |t| t.name.clone());
        let field = |f: &Field| {
            let embedded = if f.embedded { " embedded" } else { "" };
            format!("\n{:4} {} {}{embedded}", f.offset, f.name, name_of(f.ty))
        };
        let made_of = match &ty.kind {
            Kind::Struct(fields) => fields.iter().map(field).collect(),
            Kind::Map { key, elem } => format!(", map of {} to {}", name_of(*key), name_of(*elem)),
            Kind::Interface { empty: false } => ", interface with methods".to_owned(),
            other => format!(", {other:?}"),
        };
        format!("{name}: {} bytes{made_of}\n", ty.size)
    }
}

/// What a source says of a function that DWARF of this release cannot tell: arguments without names.
fn tellable(want: &Want, go: &str) -> Want {
    let mut want = want.clone();
    want.args.retain(|arg| go != "1.21" || !arg.name.starts_with('~'));
    want
}

fn told(function: &str, signature: &Signature) -> Want {
    let value =
        |arg: &Arg| Value { name: arg.name.to_string(), ty: arg.type_name.to_string(), place: arg.place.to_string() };
    Want {
        function: function.to_owned(),
        args: signature.args.iter().map(value).collect(),
        results: signature.rets.iter().map(value).collect(),
    }
}

fn signatures_are_as_the_sources_say(go: &'static str) {
    for variant in [Variant::Plain, Variant::Pie, Variant::Unoptimised] {
        let program = Program::open(&need!(build(&Fixture::new("shapes", go, variant))));
        for want in claims("shapes").wants.iter().map(|want| tellable(want, go)) {
            let found = program.signature(&want.function).map(|s| told(&want.function, &s));
            let assembly = program.image.named(&want.function).any(|f| f.is_assembly());
            assert_eq!(found.map(|f| f.to_string()), (!assembly).then(|| want.to_string()), "{variant:?}");
        }
    }
}
on_every_go!(signatures_are_as_the_sources_say);

/// Arguments that DWARF places by the value that the function gives them at its very start.
const OVERWRITTEN_AT_ONCE: [(&str, &str); 11] = [
    ("context.(*cancelCtx).cancel", "cause"),
    ("crypto/ecdsa.leftPadBytesEqual", "b"),
    ("internal/strconv.fmtEFG", "prec"),
    ("math/big.(*Int).And", "y"),
    ("math/big.(*Int).Or", "y"),
    ("math/big.(*Int).Xor", "y"),
    ("math/big.euclidUpdate", "Ub"),
    ("math/big.nat.expNNMontgomery", "x"),
    ("net.newTCPConn", "keepAliveCfg"),
    ("runtime.(*pallocData).findScavengeCandidate", "max"),
    ("vendor/golang.org/x/crypto/chacha20.(*Cipher).XORKeyStream", "dst"),
];

/// Slices on the stack of which DWARF, up to Go 1.21, places some parts twice or the length alone.
const PARTLY_PLACED: [(&str, &str); 4] = [
    ("crypto/elliptic.(*nistCurve[go.shape.*uint8]).CombinedMult", "s2"),
    ("html/template.tAttr", "s"),
    ("html/template.tError", "s"),
    ("text/template.(*state).evalCall", "args"),
];

fn places_equal_the_locations_of_dwarf(go: &'static str) {
    for arch in Arch::ALL {
        let program = Program::open(&need!(build(&Fixture::new("server", go, Variant::Plain).on(arch))));
        let signatures = program.signatures();
        let (mut equal, mut different) = (0, Vec::new());
        for f in program.image.functions() {
            let Some(found) = signatures.compare(&f.compiled()) else { continue };
            equal += found.equal;
            different.extend(found.different.into_iter().map(|d| (f.name().to_owned(), d)));
        }
        let unexplained = |(name, d): &&(String, Disagreement)| {
            let place = (name.as_str(), d.arg.as_str());
            !(OVERWRITTEN_AT_ONCE.contains(&place) || go == "1.21" && PARTLY_PLACED.contains(&place))
        };
        assert_eq!(different.iter().find(unexplained), None, "{arch:?}");
        let few = if go == "1.21" { equal / 500 } else { equal / 1000 };
        assert!(different.len() < few, "{arch:?}: {} of {equal}", different.len());
        assert!(equal > 5000, "{arch:?}: only {equal}");
    }
}
on_every_go!(places_equal_the_locations_of_dwarf);

fn every_function_of_go_is_described(go: &'static str) {
    let program = Program::open(&need!(build(&Fixture::new("server", go, Variant::Plain))));
    let missing = |f: &gobin::Function<'_>| program.dwarf.function_at(f.entry()).is_none();
    let names: Vec<&str> = program.image.functions().filter(missing).map(|f| f.name()).collect();
    assert!(names.iter().all(|name| name.starts_with("go:")), "{names:?}");
}
on_every_go!(every_function_of_go_is_described);

fn variables_are_where_their_symbols_are(go: &'static str) {
    let program = Program::open(&need!(build(&Fixture::new("shapes", go, Variant::Plain))));
    let symbols: BTreeMap<&str, VAddr> = program.elf.symbols().map(|s| (s.name, s.addr)).collect();
    for name in ["runtime.allgs", "runtime.allp", "runtime.sched", "main.sinkString"] {
        let (at, ty) = program.dwarf.find_variable(name).expect(name);
        assert_eq!(Some(&at), symbols.get(name), "{name}");
        assert!(program.dwarf.resolve(ty).is_some(), "{name}");
    }
    assert_eq!(program.dwarf.find_variable("runtime.alls"), None);
}
on_every_go!(variables_are_where_their_symbols_are);

fn check(go: &'static str, show: impl Fn(&Program) -> String, expect: Expect) {
    let program = Program::open(&need!(build(&Fixture::new("shapes", go, Variant::Plain))));
    expect.assert_eq(&show(&program));
}

fn code_shared_by_type_arguments_takes_a_dictionary_behind_the_receiver(go: &'static str) {
    let show = |p: &Program| p.shown("main.(*stack[go.shape.*uint8]).push") + &p.shown("main.sum[go.shape.float64]");
    check(
        go,
        show,
        expect![[r#"
            func(s *main.stack[go.shape.*uint8], v go.shape.*uint8)
            s: rax
            v: rcx
            dictionary: rbx
            func(in []go.shape.float64) (total go.shape.float64)
            in: rbx, rcx, rdi
            dictionary: rax
            total: xmm0
        "#]],
    );
}
on_every_go!(code_shared_by_type_arguments_takes_a_dictionary_behind_the_receiver);

#[test]
fn a_receiver_without_a_name_is_missing_up_to_1_21() {
    let show = |p: &Program| p.shown("main.(*circle).Anonymous");
    check(
        "1.21",
        show,
        expect![[r#"
        func(…, n int) int
        n: rbx
        ~r0: rax
    "#]],
    );
    check(
        "1.22",
        show,
        expect![[r#"
        func(_ *main.circle, n int) int
        ~p0: rax
        n: rbx
        ~r0: rax
    "#]],
    );
}

fn check_nameless(go: &'static str, names: &[&str], expect: Expect) {
    let program = Program::open(&need!(build(&Fixture::new("nameless", go, Variant::Plain))));
    expect.assert_eq(&names.iter().map(|name| program.shown(name)).collect::<String>());
}

#[test]
fn arguments_without_a_name_push_others_along_though_dwarf_does_not_tell_up_to_1_21() {
    let names = ["main.pushed", "main.tail", "main.config.apply", "main.float", "main.nothing"];
    check_nameless(
        "1.21",
        &names,
        expect![[r#"
        func(…, row int, m [2]int) [2]int
        row: rax
        m: stack+32
        ~r0: unknown
        func(a int, …) (r [2]int)
        a: rax
        r: unknown
        func(…, k [2]int, n int) int
        k: stack+16
        n: rax
        ~r0: rax
        func(…, x float64, n int) float64
        x: xmm1
        n: rax
        ~r0: xmm0
        func(…) int
        ~r0: rax
    "#]],
    );
}

#[test]
fn what_the_words_leave_open_is_unknown() {
    check_nameless(
        "1.21",
        &["main.many", "main.unused", "main.twins"],
        expect![[r#"
            func(a int, b int, c int, d int, e int, f int, g int, h int, i int, last int, …?) int
            a: rax
            b: rbx
            c: rcx
            d: rdi
            e: rsi
            f: r8
            g: r9
            h: r10
            i: r11
            last: unknown
            ~r0: rax
            func(a float64, b int, …, c struct { x int; y int }) float64
            a: xmm0
            b: rax
            c: rdi, rsi
            ~r0: xmm0
            func(…, x int)
            x: rbx
        "#]],
    );
}

fn results_without_a_name_may_be_missing_where_a_loop_over_a_function_is_left(go: &'static str) {
    if matches!(go, "1.21" | "1.22") {
        return;
    }
    let names = ["main.found", "main.partial", "main.find", "main.sum", "main.deferred"];
    check_nameless(
        go,
        &names,
        expect![[r#"
        func(xs []int, want int) (ok bool, …?)
        xs: rax, rbx, rcx
        want: rdi
        ok: unknown
        func(xs []int, want int) (at int, err error, …?)
        xs: rax, rbx, rcx
        want: rdi
        at: unknown
        err: unknown
        func(next iter.Seq2[int,int], want int) ?
        next: rax
        want: rbx
        func(xs []int) (int, int)
        xs: rax, rbx, rcx
        ~r0: rax
        ~r1: rbx
        func(a int) (_ int, ok bool)
        a: rax
        ~r0: rax
        ok: rbx
    "#]],
    );
}
on_every_go!(results_without_a_name_may_be_missing_where_a_loop_over_a_function_is_left);

#[test]
fn a_wrapper_takes_what_the_method_takes() {
    check(
        "1.27",
        |p| p.shown("main.(*labelled).Shape"),
        expect![[r#"
        func(c *main.labelled, n int) int
        c: rax
        n: rbx
        ~r0: rax
    "#]],
    );
}

#[test]
fn what_assembly_takes_is_not_known() {
    check("1.26", |p| p.shown("main.addAssembly"), expect![["no main.addAssembly\n"]]);
}

#[test]
fn assembly_calls_go_with_all_arguments_on_the_stack() {
    let adapter = |p: &Program| {
        let leaf = p.elf.symbols().find(|s| s.name == "main.leaf.abi0").expect("assembly calls it");
        let same = p.image.named("main.leaf").next().expect("it is called from Go too").compiled();
        let signature = p.signatures().at(&Compiled { entry: leaf.addr, ..same }).expect("it is described");
        told("main.leaf", &signature).to_string()
    };
    check("1.26", adapter, expect!["main.leaf(a int: stack+0; b int: stack+8) (~r0 int: stack+16)"]);
}

fn types_are_what_the_source_says(go: &'static str) {
    let names = ["main.everyKind", "main.ring", "main.forest", "main.tree", "main.shaper", "main.celsius"];
    let show = |p: &Program| names.map(|t| p.described(t)).join("\n");
    check(
        go,
        show,
        expect![[r#"
            main.everyKind: 272 bytes
               0 Bool bool
               8 Int int
              16 Int8 int8
              18 Int16 int16
              20 Int32 int32
              24 Int64 int64
              32 Uint uint
              40 Uint8 uint8
              42 Uint16 uint16
              44 Uint32 uint32
              48 Uint64 uint64
              56 Uintptr uintptr
              64 Float32 float32
              72 Float64 float64
              80 Complex64 complex64
              88 Complex128 complex128
             104 Array [3]uint16
             112 Chan chan int
             120 ChanRecv <-chan string
             128 ChanSend chan<- error
             136 Func func(int, ...string) (bool, error)
             144 Interface main.shaper
             160 Any interface {}
             176 Map map[string][]main.pair
             184 Pointer *main.everyKind
             192 Slice []*main.circle
             216 String string
             232 Struct struct { A int "json:\"a,omitempty\" doc:\"a tag\""; _ int32; b bool }
             248 Unsafe unsafe.Pointer
             256 celsius main.celsius embedded
             264 square *main.square embedded

            main.ring: 24 bytes
               0 Next *main.ring
               8 Value interface {}

            main.forest: 8 bytes, map of string to main.tree

            main.tree: 24 bytes
               0 Kids main.forest
               8 Tag string

            main.shaper: 16 bytes, interface with methods

            main.celsius: 8 bytes, Float
        "#]],
    );
}
on_every_go!(types_are_what_the_source_says);

#[test]
fn a_name_that_only_ends_like_a_type_is_not_that_type() {
    let names = ["string", "ring", "tring", " everyKind", ""];
    check(
        "1.26",
        |p| names.map(|t| p.described(t)).concat(),
        expect![[r#"
        string: 16 bytes, String
        no ring
        no tring
        no  everyKind
        no 
    "#]],
    );
}

#[test]
fn threads_share_what_one_of_them_read() {
    let program = Program::open(&need!(build(&Fixture::new("shapes", "1.26", Variant::Plain))));
    let read = || {
        let signatures = program.signatures();
        let all = program.image.functions().filter_map(|f| signatures.at(&f.compiled()));
        all.map(|s| s.to_string()).collect::<Vec<_>>()
    };
    let (one, other) = std::thread::scope(|s| {
        let other = s.spawn(read);
        (read(), other.join().expect("it does not panic"))
    });
    assert!(one.len() > 1000);
    assert_eq!(one, other);
}
