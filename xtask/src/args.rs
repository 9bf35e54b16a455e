//! Flags and words behind the name of a chore.

use std::str::FromStr;
use std::time::Duration;

/// The arguments not yet read.
pub struct Args(Vec<String>);

impl Args {
    pub fn new(args: &[String]) -> Args {
        Args(args.to_vec())
    }

    /// The positive number behind a flag, or the default without the flag.
    pub fn number<N: FromStr + PartialOrd + Default>(&mut self, flag: &str, default: N) -> Result<N, String> {
        let Some(at) = self.0.iter().position(|word| word == flag) else { return Ok(default) };
        let word = self.0.get(at + 1).cloned().unwrap_or_default();
        self.0.drain(at..self.0.len().min(at + 2));
        let number = word.parse().ok().filter(|number| *number > N::default());
        number.ok_or_else(|| format!("`{flag}` needs a number above 0, not `{word}`"))
    }

    /// A number of such units, at most a day.
    pub fn time(&mut self, flag: &str, unit: Duration, default: f64) -> Result<Duration, String> {
        const DAY: f64 = 86_400.0;
        let number = self.number(flag, default)?;
        Ok(unit.mul_f64(number.min(DAY / unit.as_secs_f64())))
    }

    /// Whether a flag is there.
    pub fn flag(&mut self, flag: &str) -> bool {
        let count = self.0.len();
        self.0.retain(|word| word != flag);
        self.0.len() < count
    }

    /// The remaining words.
    pub fn rest(self) -> Vec<String> {
        self.0
    }

    /// The remaining words, all from a list of names.
    pub fn words(self, names: &[&str]) -> Result<Vec<String>, String> {
        match self.0.iter().find(|word| !names.contains(&word.as_str())) {
            Some(word) => Err(format!("unexpected argument `{word}`; the names are: {}", names.join(", "))),
            None => Ok(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        Args::new(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_and_words_come_in_any_order() {
        let mut all = args("a --rounds 3 --short b --minutes 0.5");
        assert_eq!((all.flag("--short"), all.flag("--short")), (true, false));
        assert_eq!(all.number("--rounds", 5), Ok(3));
        assert_eq!(all.number("--rounds", 5), Ok(5));
        assert_eq!(all.time("--minutes", Duration::from_secs(60), 30.0), Ok(Duration::from_secs(30)));
        assert_eq!(all.words(&["a", "b"]), Ok(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn wrong_arguments_are_named() {
        let rounds = |text| args(text).number("--rounds", 5_usize);
        assert_eq!(rounds("--rounds 0"), Err("`--rounds` needs a number above 0, not `0`".to_owned()));
        assert_eq!(rounds("--rounds"), Err("`--rounds` needs a number above 0, not ``".to_owned()));
        assert!(args("--minutes -1").time("--minutes", Duration::from_secs(60), 1.0).is_err());
        assert_eq!(args("c").words(&["a", "b"]), Err("unexpected argument `c`; the names are: a, b".to_owned()));
    }
}
