//! The functions that `go` statements name, found behind the wrappers that goroutines start in.

use std::collections::BTreeSet;
use std::path::Path;

use expect_test::expect;
use gobin::Image;
use gospect_fixtures::{Arch, Fixture, Variant, build, need, on_every_go};

fn open(path: &Path) -> Image {
    Image::parse(std::fs::read(path).expect("the fixture was just built")).expect("a Go program")
}

/// The program's own, as `wrapper → function`.
fn own_starts(image: &Image) -> Vec<String> {
    let name = |at| image.function_at(at).map_or("?", |function| function.name());
    let ours = image.starts().into_iter().filter(|start| start.name.starts_with("main."));
    ours.map(|start| {
        assert!(image.function_at(start.shown).is_some_and(|f| f.entry() == start.shown), "{start:?}");
        format!("{} → {}", name(start.wrapper), start.name)
    })
    .collect()
}

fn every_statement_leads_to_its_function(go: &'static str) {
    for arch in Arch::ALL {
        for variant in [Variant::Plain, Variant::Stripped, Variant::PieStripped, Variant::Unoptimised] {
            if variant == Variant::PieStripped && arch == Arch::Arm64 {
                continue;
            }
            let image = open(&need!(build(&Fixture::new("states", go, variant).on(arch))));
            let starts = own_starts(&image);
            let found: BTreeSet<&str> = starts.iter().filter_map(|start| Some(start.split_once(" → ")?.1)).collect();
            let mut wanted = BTreeSet::from([
                "main.burn",
                "main.calls",
                "main.child",
                "main.locks",
                "main.receives",
                "main.selects",
                "main.sends",
                "main.sleeps",
                "main.starts",
                "main.write",
            ]);
            wanted.extend(image.release().is_some_and(|release| release.minor >= 23).then_some("main.pulls"));
            assert_eq!(found, wanted, "go{go} {} {}: {starts:?}", variant.name(), arch.goarch());
        }
    }
}
on_every_go!(every_statement_leads_to_its_function);

#[test]
fn what_is_inlined_into_its_wrapper_has_its_name_there() {
    let image = open(&need!(build(&Fixture::new("server", "1.26", Variant::Stripped))));
    let starts = image.starts().into_iter();
    let inlined = starts.filter(|start| image.function_at(start.shown).is_none_or(|f| f.name() != start.name));
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let shown = inlined.map(|start| {
        let at = |at| image.function_at(at).map_or("?".to_owned(), |f| last(f.name()));
        format!("{} is in {}, which stands for it as {}\n", last(&start.name), at(start.wrapper), at(start.shown))
    });
    expect![[r#"
        evict is in func1, which stands for it as func1
        evict is in func1, which stands for it as func1
    "#]]
    .assert_eq(&shown.collect::<String>());
}
