//! The runtime's type descriptors in real executables: all of them readable, the same with and without symbols, and
//! as DWARF has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gobin::arginfo::{self, Guess, Known, Node};
use gobin::rtype::{Receiver, RuntimeTypes};
use gobin::signature::Arg;
use gobin::types::{Field, Kind, TypeRef, TypeSource};
use gobin::{Image, VAddr, abi};
use gospect_fixtures::{Arch, Fixture, Variant, build, need, on_every_go};

fn open(path: &Path) -> Image {
    Image::parse(std::fs::read(path).expect("the fixture was just built")).expect("a Go program")
}

fn types(image: &Image) -> RuntimeTypes<'_> {
    let module = image.module().expect("moduledata is found");
    RuntimeTypes::new(image.elf(), module, image.go()).expect("its layout is known")
}

/// Every listed type has a name and a kind, and everything that looks like code starts a function.
fn check(fixture: &Fixture, image: &Image) {
    let types = types(image);
    let all = types.all();
    let unreadable: Vec<_> = all.iter().filter(|&&at| types.resolve(TypeRef::Runtime(at)).is_none()).collect();
    assert!(unreadable.is_empty(), "{unreadable:?} in {fixture}");
    assert!(all.len() > 300, "{fixture} has only {} types", all.len());

    let entries: BTreeSet<VAddr> = image.functions().map(|f| f.entry()).collect();
    let itabs = types.itabs();
    let slots: Vec<VAddr> = itabs.iter().flat_map(|i| i.methods.iter().copied()).collect();
    let astray: Vec<_> = slots.iter().filter(|at| !entries.contains(at)).collect();
    assert!(slots.len() > 10 && astray.is_empty(), "{astray:?} of {} itab slots of {fixture}", slots.len());
    let methods: Vec<VAddr> = all.iter().flat_map(|&at| types.methods(at)).filter_map(|m| m.entry).collect();
    let astray: Vec<_> = methods.iter().filter(|at| !entries.contains(at)).collect();
    assert!(methods.len() > 50 && astray.is_empty(), "{astray:?} of {} methods of {fixture}", methods.len());

    let data = image.module().and_then(|m| m.data.as_ref()).expect("its layout is known");
    match data.itablinks {
        Some((_, links)) => assert_eq!(itabs.len() as u64, links, "itabs of {fixture}"),
        None => {
            let size = |i: &gobin::rtype::Itab| 24 + 8 * i.methods.len().max(1) as u64;
            assert_eq!(Some(itabs.iter().map(size).sum()), data.itabs.map(|(_, len)| len), "itabs of {fixture}");
        }
    }
}

fn every_descriptor_is_read_in_every_variant(go: &'static str) {
    for variant in [Variant::Plain, Variant::Stripped, Variant::PieStripped, Variant::NoSections] {
        for arch in Arch::ALL {
            let fixture = Fixture::new("shapes", go, variant).on(arch);
            check(&fixture, &open(&need!(build(&fixture))));
        }
    }
    let shared = Fixture::new("shared", go, Variant::CShared);
    check(&shared, &open(&need!(build(&shared))));
}
on_every_go!(every_descriptor_is_read_in_every_variant);

/// Names of all types, with their sizes.
fn inventory(image: &Image) -> BTreeMap<String, u64> {
    let types = types(image);
    let size = |at: VAddr| types.resolve(TypeRef::Runtime(at)).map_or(0, |t| t.size);
    types.all().into_iter().filter_map(|at| Some((types.full_name(at)?, size(at)))).collect()
}

fn a_stripped_file_has_the_same_types(go: &'static str) {
    let plain = open(&need!(build(&Fixture::new("shapes", go, Variant::Plain))));
    let stripped = open(&need!(build(&Fixture::new("shapes", go, Variant::NoSections))));
    assert_eq!(inventory(&plain), inventory(&stripped));
}
on_every_go!(a_stripped_file_has_the_same_types);

/// A type that nothing but an instruction names is found all the same, with and without symbols; every descriptor that
/// DWARF knows of is among those found.
fn types_that_only_code_names_are_found(go: &'static str) {
    let dynamic = |image: &Image| -> BTreeSet<String> {
        let types = types(image);
        types.dynamic().into_iter().filter_map(|at| types.full_name(at)).collect()
    };
    for (program, variant) in [("server", Variant::NoSections), ("server", Variant::PieStripped)] {
        let plain = open(&need!(build(&Fixture::new(program, go, Variant::Plain))));
        let stripped = open(&need!(build(&Fixture::new(program, go, variant))));
        let types = types(&plain);
        let (all, found) = (types.all(), types.dynamic());
        assert!(all.iter().all(|at| found.contains(at)) && found.len() > all.len(), "{} of {}", found.len(), all.len());
        assert!(found.iter().all(|&at| types.full_name(at).is_some()));
        assert_eq!(dynamic(&plain), dynamic(&stripped), "{go} {variant:?}");
    }
}
on_every_go!(types_that_only_code_names_are_found);

/// Every struct that DWARF has under the same name has the same size, fields and place.
fn structs_are_as_dwarf_has_them(go: &'static str) {
    let image = open(&need!(build(&Fixture::new("server", go, Variant::Plain))));
    let (types, dwarf) = (types(&image), image.dwarf().expect("it has DWARF"));
    let places = |fields: &[Field]| fields.iter().map(|f| (f.name.clone(), f.offset)).collect::<Vec<_>>();
    let mut compared = 0;
    for at in types.all() {
        let Some(ty) = types.resolve(TypeRef::Runtime(at)) else { continue };
        let (Kind::Struct(fields), Some(name)) = (&ty.kind, types.full_name(at)) else { continue };
        let Some(other) = dwarf.find_type(&name).and_then(|at| dwarf.resolve(at)) else { continue };
        let Kind::Struct(others) = &other.kind else { panic!("{name} is {:?} in DWARF", other.kind) };
        assert_eq!((ty.size, places(fields)), (other.size, places(others)), "{name}");
        assert_eq!(ty.runtime_offset, other.runtime_offset.or(ty.runtime_offset), "{name}");
        compared += 1;
    }
    assert!(compared > 100, "only {compared} structs compared");
}
on_every_go!(structs_are_as_dwarf_has_them);

/// Arguments and results of methods, by their method sets, are those that DWARF says.
fn method_sets_say_what_dwarf_says(go: &'static str) {
    let image = open(&need!(build(&Fixture::new("server", go, Variant::Plain))));
    let (types, signatures) = (types(&image), image.dwarf_signatures().expect("it has DWARF"));
    let name = |ty: &TypeRef| match ty {
        TypeRef::Runtime(at) => types.full_name(*at).unwrap_or_default(),
        TypeRef::Dwarf(_) | TypeRef::Made(_) => panic!("a descriptor refers to something else"),
    };
    // DWARF numbers types that are declared in functions, and does not know all results.
    let names = |args: &[Arg]| args.iter().map(|a| a.type_name.replace("·1", "")).collect::<Vec<_>>();
    let (mut compared, mut different) = (0, Vec::new());
    let unreachable = image.runtime_function("runtime.unreachableMethod").map(|f| f.entry());
    for (entry, method) in types.method_signatures(unreachable) {
        let f = image.function_at(entry).expect("a method has code");
        let Some(signature) = signatures.at(&f.compiled()) else { continue };
        let receiver = match method.receiver {
            Receiver::Value(at) => name(&TypeRef::Runtime(at)),
            Receiver::Pointer(at) => format!("*{}", name(&TypeRef::Runtime(at))),
        };
        let args: Vec<String> = std::iter::once(receiver).chain(method.func.params.iter().map(name)).collect();
        let results: Vec<String> = method.func.results.iter().map(name).collect();
        let nameless = go == "1.21" && signature.args.len() < args.len();
        if !signature.omitted.is_none() || nameless || f.name().contains('[') {
            continue;
        }
        compared += 1;
        if args != names(&signature.args) || !signature.rets_omitted && results != names(&signature.rets) {
            different.push(format!("{}: {args:?} {results:?} but {signature}", f.name()));
        }
    }
    println!("go{go}: {compared} methods, {} different", different.len());
    assert!(different.is_empty(), "{} of {compared}: {:#?}", different.len(), &different[..different.len().min(20)]);
    assert!(compared > 500, "only {compared} methods compared");
}
on_every_go!(method_sets_say_what_dwarf_says);

/// Where a guess gives registers to a function without floats, they are the right ones.
fn guesses_are_right_where_no_floats_are(go: &'static str) {
    for arch in Arch::ALL {
        let image = open(&need!(build(&Fixture::new("server", go, Variant::Plain).on(arch))));
        let signatures = image.dwarf_signatures().expect("it has DWARF");
        let registers = match arch {
            Arch::Amd64 => 9,
            Arch::Arm64 => 16,
        };
        let (mut right, mut unclear, mut wrong) = (0, 0, Vec::new());
        for f in image.functions().filter(|f| !f.is_assembly()) {
            let Some(nodes) = f.arg_info().map(|data| arginfo::words(data).expect("a list that ends")) else {
                continue;
            };
            let Some(signature) = signatures.at(&f.compiled()) else { continue };
            if !signature.omitted.is_none() || signature.dictionary.is_some() || signature.abi != abi::Abi::Internal {
                continue;
            }
            let hidden = arginfo::hidden(f.name());
            let listed = &signature.args[usize::from(hidden == Some(1)).min(signature.args.len())..];
            if nodes.len() != listed.len() && nodes.last() != Some(&Node::More) {
                continue; // DWARF leaves out arguments without a name
            }
            let floats = |a: &Arg| matches!(&a.place, abi::Place::Registers(ps) if ps.iter().any(|p| p.register.float));
            if signature.args.iter().any(floats) {
                continue;
            }
            let known = Known { registers, hidden, spilled_from: f.spilled_from() };
            for (guess, arg) in arginfo::guess(&nodes, known).iter().zip(listed) {
                let agrees = match (guess, &arg.place) {
                    // Up to Go 1.21 an argument of which DWARF is silent may have a neighbour that it leaves out.
                    (Guess::Unclear, _) | (_, abi::Place::Unknown) => {
                        unclear += 1;
                        continue;
                    }
                    (Guess::Registers(range), abi::Place::Registers(pieces)) => {
                        range.clone().eq(pieces.iter().map(|p| usize::from(p.register.index)))
                    }
                    (Guess::Stack(at), abi::Place::Stack(offset)) => u64::from(*at) == *offset,
                    (Guess::Nothing, abi::Place::Empty) => true,
                    _ => false,
                };
                if agrees { right += 1 } else { wrong.push(format!("{}: {guess:?} is {}", f.name(), arg.place)) }
            }
        }
        println!("go{go} {arch:?}: {right} right, {unclear} unclear, {} wrong", wrong.len());
        assert!(wrong.is_empty(), "{right} right, {} wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
        assert!(right > 10 * unclear, "{right} right, {unclear} unclear");
    }
}
on_every_go!(guesses_are_right_where_no_floats_are);

/// The bytes of a small program with one in a few hundred of its type descriptors' bytes changed.
fn damaged(bytes: &[u8], span: std::ops::Range<usize>, seed: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..span.len() / 300 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = span.start + usize::try_from(state >> 20).expect("64 bits") % span.len();
        bytes[at] = if state & 1 == 0 { 0xff } else { (state >> 8) as u8 };
    }
    bytes
}

fn damage_is_survived(go: &'static str) {
    let path = need!(build(&Fixture::new("shapes", go, Variant::Stripped)));
    let bytes = std::fs::read(path).expect("the fixture was just built");
    let image = Image::parse(bytes.clone()).expect("a Go program");
    let data = image.module().and_then(|m| m.data.clone()).expect("its layout is known");
    let offset = |at| image.elf().file_offset(at).and_then(|o| usize::try_from(o.0).ok()).expect("it is in the file");
    let span = offset(data.types)..offset(data.types) + data.etypes.since(data.types).expect("a span") as usize;
    for seed in 0..8 {
        let image = Image::parse(damaged(&bytes, span.clone(), seed)).expect("only types are damaged");
        let Some(module) = image.module().filter(|m| m.data.is_some()) else { continue };
        let types = RuntimeTypes::new(image.elf(), module, image.go()).expect("its layout is known");
        let all = types.all();
        let named = all.iter().filter(|&&at| types.full_name(at).is_some()).count();
        let resolved = all.iter().filter(|&&at| types.resolve(TypeRef::Runtime(at)).is_some()).count();
        assert!(named <= all.len() && resolved <= all.len());
        assert!(types.method_signatures(None).len() <= image.functions().count() * 4);
    }
}
on_every_go!(damage_is_survived);
