//! The intervals of a script, which the run loop keeps.

use std::time::Duration;

use plan::On;
use program::EventProgram;

/// Which of a program's events fire by the clock, and when they do next.
pub(in crate::run) struct Intervals {
    each: Vec<Interval>,
}

struct Interval {
    event: usize,
    period: Duration,
    next: Duration,
}

impl Intervals {
    /// All of them, first due one period from now.
    pub fn new(events: &[EventProgram], now: Duration) -> Intervals {
        let interval = |(event, of): (usize, &EventProgram)| match of.on {
            On::Interval { period_ns } => {
                let period = Duration::from_nanos(period_ns.max(1));
                Some(Interval { event, period, next: now + period })
            }
            _ => None,
        };
        Intervals { each: events.iter().enumerate().filter_map(interval).collect() }
    }

    /// Those that are due, each once, however many periods have passed.
    pub fn due(&mut self, now: Duration) -> Vec<usize> {
        let due = self.each.iter_mut().filter(|interval| interval.next <= now);
        due.map(|interval| {
            interval.next += interval.period;
            if interval.next <= now {
                interval.next = now + interval.period;
            }
            interval.event
        })
        .collect()
    }

    /// How long it is until the next one is due.
    pub fn until_next(&self, now: Duration) -> Option<Duration> {
        self.each.iter().map(|interval| interval.next.saturating_sub(now)).min()
    }
}
