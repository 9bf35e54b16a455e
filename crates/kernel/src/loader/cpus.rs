//! The lists of CPUs in `/sys/devices/system/cpu`.

/// More than any kernel can be built for; a bound for what a file may make us do.
const MOST: u32 = 1 << 16;

/// The numbers in a list such as `0-3,5`.
pub(crate) fn numbers(list: &str) -> Vec<u32> {
    let number = |text: &str| text.trim().parse().ok().filter(|&n| n < MOST);
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(number(first)?..=number(last)?)
    });
    ranges.flatten().collect()
}

/// How many they are.
pub(crate) fn count(list: &str) -> u32 {
    numbers(list).len() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_numbers_are_counted() {
        assert_eq!(numbers("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!([count("0\n"), count("0-127"), count(""), count("x,0-9999999999")], [1, 128, 0, 0]);
    }
}
