//! Attaching is all or nothing, and the kernel does not say which place it did not like. So halves are tried, and what
//! went in stays in.

use std::io;

use super::{Part, RefusedSite, Site};
use crate::loader::map::ENOTSUPP;

/// So many bad places are looked for. It takes some ten tries for each, and each try some hundredths of a second;
/// whoever gives us more than that has not looked at what is there.
const MOST_REFUSED: usize = 256;

/// What came of it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) parts: Vec<Part>,
    pub(super) refused: Vec<RefusedSite>,
}

/// Attaches as many sites as the kernel takes.
pub(super) fn attach(sites: &[Site], try_all: impl FnMut(&[Site]) -> io::Result<Part>) -> io::Result<Found> {
    let mut found = Found::default();
    let parts = halves(sites, try_all, &mut found.refused)?;
    found.parts = parts;
    Ok(found)
}

fn halves<T>(
    sites: &[Site],
    mut try_all: impl FnMut(&[Site]) -> io::Result<T>,
    refused: &mut Vec<RefusedSite>,
) -> io::Result<Vec<T>> {
    let (mut parts, mut waiting) = (Vec::new(), vec![sites]);
    while let Some(some) = waiting.pop() {
        match (try_all(some), some) {
            (Ok(part), _) => parts.push(part),
            (Err(error), &[site]) if is_about_a_site(&error) => refused.push(RefusedSite { site, error }),
            (Err(error), _) if is_about_a_site(&error) && refused.len() >= MOST_REFUSED => {
                let again = || error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                refused.extend(some.iter().map(|&site| RefusedSite { site, error: again() }));
            }
            (Err(error), _) if is_about_a_site(&error) => {
                let (first, second) = some.split_at(some.len() / 2);
                waiting.extend([second, first]);
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(parts)
}

/// What the kernel answers to an instruction that it cannot step over, decode or read.
fn is_about_a_site(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENOTSUPP | libc::EOPNOTSUPP | libc::ENOEXEC | libc::EIO))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attaches 0 to `n` in a kernel that does not take `bad`; answers what was attached in how many tries.
    fn check(n: u64, bad: &[u64], error: i32) -> (Result<Vec<Vec<u64>>, i32>, Vec<u64>, usize) {
        let sites: Vec<Site> = (0..n).map(|offset| Site { offset, cookie: offset }).collect();
        let (mut tries, mut refused) = (0, Vec::new());
        let kernel = |some: &[Site]| {
            tries += 1;
            let offsets: Vec<u64> = some.iter().map(|site| site.offset).collect();
            if offsets.iter().any(|o| bad.contains(o)) { Err(io::Error::from_raw_os_error(error)) } else { Ok(offsets) }
        };
        let parts = halves(&sites, kernel, &mut refused).map_err(|error| error.raw_os_error().unwrap());
        (parts, refused.iter().map(|r| r.site.offset).collect(), tries)
    }

    #[test]
    fn without_a_bad_site_there_is_one_try() {
        assert_eq!(check(5, &[], ENOTSUPP), (Ok(vec![vec![0, 1, 2, 3, 4]]), vec![], 1));
    }

    #[test]
    fn bad_sites_are_found_and_the_others_are_attached_once_in_their_order() {
        for bad in [&[0][..], &[9], &[3, 4], &[0, 5, 9], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let (parts, refused, _) = check(10, bad, ENOTSUPP);
            assert_eq!(refused, bad);
            let good: Vec<u64> = (0..10).filter(|n| !bad.contains(n)).collect();
            assert_eq!(parts.unwrap().concat(), good);
        }
    }

    #[test]
    fn one_bad_site_in_thousands_takes_few_tries() {
        let (_, refused, tries) = check(10_000, &[7_777], ENOTSUPP);
        assert!(refused == [7_777] && tries < 30, "{tries}");
    }

    #[test]
    fn nobody_looks_for_bad_sites_for_ever() {
        let odd: Vec<u64> = (0..100_000).filter(|n| n % 2 == 1).collect();
        let (parts, refused, tries) = check(100_000, &odd, ENOTSUPP);
        assert!(tries < 1500, "{tries}");
        assert_eq!(parts.unwrap().concat().len() + refused.len(), 100_000);
    }

    #[test]
    fn an_error_about_something_else_ends_it() {
        assert_eq!(check(10, &[3], libc::ESRCH), (Err(libc::ESRCH), vec![], 1));
    }
}
