//! The policy of the overhead budget: when the load is too high, and which functions are detached then.
//!
//! Arithmetic on counted hits only. The load exceeds the budget when it did in each [`WINDOW`] of [`SUSTAINED`]: neither a
//! short peak nor a short pause counts. A duty cycle ([`super::super::duty_cycle`]) rests after each peak, since nothing is
//! lost by that.

use std::collections::VecDeque;
use std::time::Duration;

/// How long the load must exceed the budget until functions are detached.
const SUSTAINED: Duration = Duration::from_secs(3);
/// Over how much time the load is averaged.
const WINDOW: Duration = Duration::from_secs(1);

/// What to do about the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::run) enum Verdict {
    /// It is within the budget.
    Within,
    /// It has begun to be above it.
    Begins,
    /// It is above it, but not for long enough.
    Above,
    /// It has been above it for too long.
    Enough,
}

/// Watches the load.
#[derive(Debug)]
pub(in crate::run) struct Breaker {
    /// How much of a CPU is allowed.
    limit: f64,
    /// How long each look was, and how much CPU time was spent in it, in seconds.
    recent: VecDeque<(Duration, f64)>,
    /// For how long it has been above.
    above: Option<Duration>,
}

impl Breaker {
    /// For a budget of so much of a CPU.
    pub fn new(limit: f64) -> Breaker {
        Breaker { limit, recent: VecDeque::new(), above: None }
    }

    /// Takes how many seconds of CPU time were spent in a while.
    pub fn sample(&mut self, took: Duration, spent: f64) -> Verdict {
        self.recent.push_back((took, spent));
        let mut long = self.recent.iter().map(|(took, _)| *took).sum::<Duration>();
        while let Some((first, _)) = self.recent.front().filter(|(first, _)| long - *first >= WINDOW) {
            long -= *first;
            self.recent.pop_front();
        }
        let spent: f64 = self.recent.iter().map(|(_, spent)| spent).sum();
        if long < WINDOW || spent <= self.limit * long.as_secs_f64() {
            self.above = None;
            return Verdict::Within;
        }
        let before = self.above.replace(self.above.unwrap_or(long) + self.above.map_or(Duration::ZERO, |_| took));
        match (before, self.above) {
            (_, Some(above)) if above >= SUSTAINED => Verdict::Enough,
            (None, _) => Verdict::Begins,
            _ => Verdict::Above,
        }
    }

    /// Something was done: what was before says nothing any more.
    pub fn begin_anew(&mut self) {
        self.recent.clear();
        self.above = None;
    }
}

/// Which of several loads go, dearest first: as few as bring what is left within the limit, and no more than `most`.
/// `fixed` is what stays in any case.
pub(in crate::run) fn dearest(loads: &[f64], fixed: f64, limit: f64, most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..loads.len()).filter(|&n| loads[n] > 0.0).collect();
    order.sort_by(|&a, &b| loads[b].total_cmp(&loads[a]));
    let mut left = fixed + loads.iter().sum::<f64>();
    let mut gone = Vec::new();
    for n in order {
        if left <= limit || gone.len() >= most {
            break;
        }
        left -= loads[n];
        gone.push(n);
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of looks four times a second, each at so many percent of a CPU.
    fn check(limit: f64, percents: &[f64]) -> String {
        let mut breaker = Breaker::new(limit);
        let look = Duration::from_millis(250);
        let verdicts = percents.iter().map(|percent| match breaker.sample(look, percent / 100.0 * 0.25) {
            Verdict::Within => '.',
            Verdict::Begins => 'b',
            Verdict::Above => 'a',
            Verdict::Enough => '!',
        });
        verdicts.collect()
    }

    #[test]
    fn it_takes_three_seconds_above_the_budget() {
        assert_eq!(check(0.25, &[300.0; 14]), "...baaaaaaa!!!");
        assert_eq!(check(0.25, &[25.0; 14]), "..............");
        assert_eq!(check(4.0, &[300.0; 14]), "..............");
    }

    #[test]
    fn a_short_pause_is_no_relief_and_a_short_peak_no_alarm() {
        let pause = [[300.0; 6], [0.0, 0.0, 300.0, 300.0, 300.0, 300.0]].concat();
        assert_eq!(check(0.25, &pause), "...baaaaaaa!");
        let peak = [&[0.0; 4][..], &[300.0], &[0.0; 12]].concat();
        assert_eq!(check(0.25, &peak), "....baaa.........");
    }

    #[test]
    fn what_was_before_is_forgotten_once_something_was_done() {
        let mut breaker = Breaker::new(0.25);
        let second = Duration::from_secs(1);
        assert_eq!(
            [1.0, 1.0, 1.0].map(|spent| breaker.sample(second, spent)),
            [Verdict::Begins, Verdict::Above, Verdict::Enough]
        );
        breaker.begin_anew();
        assert_eq!(breaker.sample(second, 1.0), Verdict::Begins);
    }

    #[test]
    fn as_few_go_as_it_takes() {
        assert_eq!(dearest(&[0.1, 2.0, 0.5], 0.0, 0.7, 9), [1]);
        assert_eq!(dearest(&[0.1, 2.0, 0.5], 0.0, 0.3, 9), [1, 2]);
        assert_eq!(dearest(&[0.1, 2.0, 0.5], 0.0, 0.3, 1), [1]);
        assert_eq!(dearest(&[0.1, 2.0, 0.0], 1.0, 0.3, 9), [1, 0]);
        assert!(dearest(&[0.1], 0.0, 0.3, 9).is_empty());
    }
}
