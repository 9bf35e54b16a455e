use event::stream::{Decoder, Item, Output, Tally};
use expect_test::expect;
use gobin::insn::{self, Class};
use gobin::pattern::Pattern;
use plan::target::Target as _;

use super::*;

fn own() -> gobin::elf::Elf {
    gobin::elf::Elf::parse(kernel::map_file("/proc/self/exe".as_ref()).unwrap()).unwrap()
}

#[test]
fn the_middle_of_an_even_number_is_between_two() {
    assert_eq!([vec![3.0, 1.0, 2.0], vec![4.0, 1.0, 3.0, 2.0]].map(median), [2.0, 2.5]);
}

#[test]
fn rounds_are_compared_each_with_itself() {
    let empty = less(&[501.0, 1001.0, 701.0], &[1.0, 1.0, 1.0]);
    let count = less(&[551.0, 1101.0, 771.0], &[1.0, 1.0, 1.0]);
    let hit = hit((Sited::Emulated, Body::Count), &count, &empty);
    assert_eq!((hit.ns.round(), (hit.ratio * 100.0).round()), (770.0, 110.0));
    let hist = super::hit((Sited::Emulated, Body::Hist), &[1200.0; 3], &[500.0; 3]);
    assert_eq!((hist.ns, hist.ratio), (600.0, 1.2));
}

#[test]
fn what_is_measured_is_what_a_user_would_type() {
    let texts: Vec<String> = all().skip(BODIES.len()).map(|(site, body)| text(slot(site, body), body)).collect();
    expect![[r#"
        go:emulated.5 { call() }
        go:emulated.6 { call() }
        go:emulated.7 { call() }
        go:stepped.16 { @ = count() }
        go:stepped.17 { @ = count() }
        go:stepped.18 { printf("%d stepped.18(a=%d, b=%d, c=%d, d=%d)\n", goid, args.a, args.b, args.c, args.d) }
        goret:stepped.19 { @[goid] = hist(elapsed) }"#]]
    .assert_eq(&texts.join("\n"));
}

#[test]
fn no_two_cases_have_a_function_in_common() {
    let mut all: Vec<usize> = all().map(|(site, body)| slot(site, body)).chain([BARE, THEIRS]).collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7, 15, 16, 17, 18, 19]);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn sites_are_instructions_of_the_class_that_is_claimed() {
    let elf = own();
    let sample = Sample::new(own(), bias(elf.entry.0).unwrap());
    let mut seen = Vec::new();
    for found in ["emulated.*", "stepped.*", "many.*"].iter().flat_map(|p| sample.matching(&Pattern::new(p))) {
        let sites = sample.sites(&found).unwrap();
        let entry = sites.entry.unwrap();
        let returns = sites.returns.unwrap().into_iter().map(|r| (r.offset, r.class));
        let jumps = sites.tail_jumps.into_iter().map(|jump| (jump.offset, jump.class.unwrap()));
        for (offset, class) in [(entry.offset, entry.class)].into_iter().chain(returns).chain(jumps) {
            let code = elf.read(found.entry.plus(u64::from(offset)), 8).unwrap();
            assert_eq!(insn::price(gobin::Arch::Amd64, code), Ok(class), "{}+{offset}", found.name);
            seen.push(class);
        }
    }
    let count = |class| seen.iter().filter(|&&seen| seen == class).count();
    assert_eq!([Class::Emulated, Class::Stepped].map(count), [32 + 10_000, 32 + 10_000]);
}

#[test]
fn calls_that_were_not_seen_make_figures_worthless() {
    let seen = |hits, lost, unpaired| {
        let summary = Summary { hits, lost, unpaired, ..Summary::default() };
        all_seen("emulated.3", 2000, &summary).map_err(|refusal| refusal.sentence)
    };
    assert_eq!(seen(2000, 0, 0), Ok(()));
    expect![[r#"
        what probes cost cannot be said: 1990 of 2000 calls of emulated.3 were seen, 0 of them lost, 0 not paired
        what probes cost cannot be said: 2000 of 2000 calls of emulated.3 were seen, 7 of them lost, 0 not paired
        what probes cost cannot be said: 2000 of 2000 calls of emulated.3 were seen, 0 of them lost, 5 not paired"#]]
    .assert_eq(&[seen(1990, 0, 0), seen(2000, 7, 0), seen(2000, 0, 5)].map(Result::unwrap_err).join("\n"));
}

#[test]
fn a_process_that_has_ended_is_a_sentence() {
    expect!["the process to be probed has ended: broken pipe"]
        .assert_eq(&gone(&io::ErrorKind::BrokenPipe.into()).to_string());
}

/// Has a function called a few times once its probes are in place, and keeps what its calls are seen to begin with.
struct Seen<'b> {
    specimen: &'b mut Specimen,
    slot: usize,
    arguments: [u64; 6],
    calls: Vec<Vec<(String, event::go::GoValue)>>,
    summary: Option<Summary>,
    decoder: Decoder,
}

impl Sink for Seen<'_> {
    fn take(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Attached(_) => return self.specimen.calls_with(self.slot, 3, self.arguments).map(drop),
            Item::Record(bytes) => {
                let Ok(Some(Output::Ends(call))) = self.decoder.read(bytes) else { return Ok(()) };
                let (values, _) = self.decoder.values(&call).unwrap();
                self.calls.push(values.args.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
            }
            Item::Summary(summary) => self.summary = Some((*summary).clone()),
            item => self.decoder.learn(item),
        }
        Ok(())
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rescue(&mut self, _: bool) {}

    fn tally(&self) -> Tally {
        Tally { shown: self.calls.len() as u64, calls: self.decoder.finished(), damaged: 0 }
    }
}

#[test]
fn what_is_recorded_is_all_that_pointers_lead_to() {
    if !specimen::exists() {
        return;
    }
    let started =
        || Bench::start(EngineChoice::default()).map_err(|why| gospect_fixtures::Missing { why: why.to_string() });
    let mut bench = gospect_fixtures::need!(started());
    for body in RECORDED {
        let prepared = bench.compile(text(slot(Sited::Emulated, body), body)).unwrap();
        let (slot, arguments) = (slot(Sited::Emulated, body), bench.goods.registers(body).unwrap());
        let mut seen = Seen {
            specimen: &mut bench.specimen,
            slot,
            arguments,
            calls: Vec::new(),
            summary: None,
            decoder: Decoder::default(),
        };
        let limits = Limits { printed: Some(3), duration: Some(Duration::from_secs(20)), ..Limits::default() };
        prepared.run(limits, &mut seen).unwrap();
        let Seen { calls, summary, .. } = seen;
        let Summary { hits, printed, lost, .. } = summary.unwrap();
        assert_eq!((hits, printed, lost, calls.len()), (3, 3, 0, 3), "{body:?}");
        let texts = ["Missing", "Unreadable", "Unknown", "Cut"];
        let shown = format!("{:?}", calls[0]);
        assert!(!texts.iter().any(|text| shown.contains(text)), "{shown}");
        let within = match body {
            Body::Words | Body::Struct => &["a name"][..],
            _ => &[
                "somebody",
                "a name",
                "three",
                "a",
                "2",
                "file does not exist",
                "the body of a request, which is not long",
            ],
        };
        let bytes = |text: &str| format!("bytes: {:?}", text.as_bytes());
        within.iter().for_each(|text| assert!(shown.contains(&bytes(text)), "{text} in {shown}"));
    }
}
