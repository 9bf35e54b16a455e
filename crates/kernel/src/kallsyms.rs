//! The kernel's functions by their addresses, as `/proc/kallsyms` has them.
//!
//! Without CAP_SYSLOG the kernel shows every address as 0 (`kptr_restrict`); then there are no names.

use std::io;

/// What the kernel says of itself, read once.
#[derive(Debug)]
pub struct Symbols {
    names: String,
    /// Address, and where the name stands; by address.
    functions: Vec<(u64, u32, u32)>,
}

impl Symbols {
    /// Reads them: some megabytes.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn read() -> io::Result<Symbols> {
        std::fs::read_to_string("/proc/kallsyms").map(Symbols::parse)
    }

    fn parse(names: String) -> Symbols {
        let start = names.as_ptr() as usize;
        let function = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let (addr, kind, name) = (words.next()?, words.next()?, words.next()?);
            let addr = u64::from_str_radix(addr, 16).ok().filter(|addr| *addr != 0)?;
            let at = u32::try_from(name.as_ptr() as usize - start).ok()?;
            matches!(kind, "t" | "T" | "w" | "W").then_some((addr, at, u32::try_from(name.len()).ok()?))
        };
        let mut functions: Vec<_> = names.lines().filter_map(function).collect();
        functions.sort_by_key(|&(addr, ..)| addr);
        Symbols { names, functions }
    }

    /// The function that an address is in, and how far in.
    #[must_use]
    pub fn at(&self, address: u64) -> Option<(&str, u64)> {
        let after = self.functions.partition_point(|&(addr, ..)| addr <= address);
        // Of several names for one address the first is the one that stack traces have.
        let (start, ..) = *self.functions.get(after.checked_sub(1)?)?;
        let first = self.functions.partition_point(|&(addr, ..)| addr < start);
        let (_, at, len) = *self.functions.get(first)?;
        // Behind the last one there may be anything.
        let known = after < self.functions.len() || address == start;
        known.then_some((self.names.get(at as usize..(at + len) as usize)?, address - start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_function_before_it() {
        let text = "ffffffff81000010 T second\nffffffff81000000 T first\nffffffff81000000 t alias\n\
                    ffffffff81000018 D data\nffffffff81000020 t last\t[module]\n0000000000000000 T hidden\n";
        let symbols = Symbols::parse(text.to_owned());
        let at = |low: u64| symbols.at(0xffff_ffff_8100_0000 + low);
        assert_eq!(at(0), Some(("first", 0)));
        assert_eq!(at(0xf), Some(("first", 0xf)));
        assert_eq!(at(0x1f), Some(("second", 0xf)));
        assert_eq!(at(0x20), Some(("last", 0)));
        assert_eq!((at(0x21), symbols.at(16)), (None, None));
    }
}
