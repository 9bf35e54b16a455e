//! Hits that a limit holds back: how many, which, and that they are counted.

use bpf::Caps;

use super::paired::Calls;
use super::{Restraint, Trial};
use program::counter;

/// Of an attach point: hits, those that a condition refused, those held back, and the records.
fn counts(run: &Trial, point: u32) -> [u64; 4] {
    [counter::HITS, counter::FILTERED, counter::LIMITED, counter::PRINTED].map(|field| run.counter(1 + point, field))
}

fn each(text: &str, restraint: Restraint, check: impl Fn(&mut Calls)) {
    for caps in [Caps::linux_7_0(), Caps::linux_5_10()] {
        check(&mut Calls::held_back(text, caps, restraint));
    }
}

#[test]
fn a_rate_is_by_second_and_by_probe_and_counts_what_is_shown() {
    let restraint = Restraint { rate: Some(3), sample: None };
    each("go:main.fib /args.n > 1/ { print(args.n) } go:main.small { print(1) }", restraint, |calls| {
        for second in 1..=2 {
            calls.run.vm.task.boot_ns = second * 1_000_000_000;
            for n in 0..10 {
                calls.enter("main.fib", 64, n);
            }
            calls.enter("main.small", 64, 0);
        }
        assert_eq!(counts(&calls.run, 0), [20, 4, 10, 6]);
        assert_eq!(counts(&calls.run, 1), [2, 0, 0, 2]);
    });
}

#[test]
fn a_sample_is_one_in_so_many() {
    let restraint = Restraint { rate: None, sample: Some(4) };
    each("go:main.fib /args.n > 0/ { print(args.n) }", restraint, |calls| {
        (0..1000).for_each(|n| calls.enter("main.fib", 64, n % 10));
        let [hits, filtered, held, shown] = counts(&calls.run, 0);
        assert_eq!((hits, filtered, held + shown), (1000, 100, 900));
        assert!((150..300).contains(&shown), "{shown}");
    });
    each("go:main.fib { print(1) }", Restraint { rate: None, sample: Some(1) }, |calls| {
        (0..10).for_each(|n| calls.enter("main.fib", 64, n));
        assert_eq!(counts(&calls.run, 0), [10, 0, 0, 10]);
    });
}

#[test]
fn a_return_is_shown_if_its_entry_was() {
    let text = "go:main.fib { print(args.n) } goret:main.fib { print(args.n + elapsed * 0) }";
    for restraint in [Restraint { rate: None, sample: Some(3) }, Restraint { rate: Some(7), sample: None }] {
        each(text, restraint, |calls| {
            calls.run.vm.task.boot_ns = 1_000_000_000;
            for n in 0..50 {
                calls.enter("main.fib", 64, 2 * n);
                calls.enter("main.fib", 128, 2 * n + 1);
                calls.leave("main.fib", 128, 0);
                calls.leave("main.fib", 64, 0);
            }
            let outcome = calls.outcome();
            let mut shown: Vec<&str> = outcome.lines().filter(|line| line.starts_with("print ")).collect();
            assert!(shown.len() > 6 && shown.len() < 200 && shown.len().is_multiple_of(2), "{}", shown.len());
            // Each twice: when it began and when it ended.
            shown.sort_unstable();
            assert!(shown.chunks(2).all(|pair| pair[0] == pair[1]), "{shown:?}");
            let [hits, _, held, printed] = counts(&calls.run, 0);
            assert_eq!((counts(&calls.run, 1), hits), ([hits, 0, held, printed], 100));
        });
    }
}

#[test]
fn a_return_without_code_at_its_entry_is_limited_by_itself() {
    each("goret:main.fib { print(elapsed) }", Restraint { rate: Some(2), sample: None }, |calls| {
        for _ in 0..5 {
            calls.enter("main.fib", 64, 0);
            calls.leave("main.fib", 64, 0);
        }
        assert_eq!(counts(&calls.run, 0), [5, 0, 3, 2]);
    });
}

#[test]
fn what_is_no_user_probe_is_never_held_back() {
    let sketch = "BEGIN { print(1) } interval:s:1 { print(2) }";
    each(sketch, Restraint { rate: Some(1), sample: Some(1000) }, |calls| {
        for _ in 0..5 {
            calls.run.event(0, &super::World::default());
            calls.run.event(1, &super::World::default());
        }
        assert_eq!((counts(&calls.run, 0), counts(&calls.run, 1)), ([5, 0, 0, 5], [5, 0, 0, 5]));
    });
}
