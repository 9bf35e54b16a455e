//! Programs made up at random: functions small enough to be inlined, and functions that call them in many ways, each with
//! a twin that does the same and counts its calls. What is shown of the calls in the one must be what the other counts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use gospect_fixtures::{Missing, toolchain};

use crate::running::Scratch;

/// Where a call stands: the function around it, the line, and the function that is called.
pub type Site = (String, u32, String);

/// A program, and for each number that it counts by where that call stands in the function that does not count.
pub struct Twins {
    pub text: String,
    pub sites: Vec<Site>,
}

/// Numbers that look random (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// A body or a statement, with numbers for `K`.
    fn filled(&mut self, text: &str) -> String {
        text.split('K').enumerate().fold(String::new(), |all, (n, part)| match n {
            0 => part.to_owned(),
            _ => format!("{all}{}{part}", 1 + self.below(40)),
        })
    }
}

/// What stands before all.
const HEAD: &str = "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\ntype S struct {\n\ta, b int\n\tq *S\n}\n\n\
    var g, h int\nvar arr [8]int\nvar counts [1000]int\n\n//go:noinline\nfunc note(n int) int { h += n; return h & 15 }\n\n\
    //go:noinline\nfunc use(n int) { g ^= n }\n\nfunc c(k int) bool { counts[k]++; return true }\n\n\
    func reset() *S {\n\tg, h = 3, 5\n\tfor i := range arr {\n\t\tarr[i] = i * 3\n\t}\n\
    \treturn &S{a: 1, b: 2, q: &S{a: 9, b: 4}}\n}\n";

/// Bodies of functions that take and give an `int`, give a `bool`, take `(p *S, n int)`, or take a `*S` and give an `int`.
const KINDS: [(&str, &str, &[&str]); 4] = [
    (
        "f",
        "(n int) int",
        &[
            "return n*K + K",
            "return n ^ K",
            "if n < 0 { return -n }; return n",
            "if n > K { return K }; return n",
            "for n > K { n -= 3 + K }; return n",
            "return arr[n&7] + K",
            "return note(n + K)",
            "g += n; return g & K",
            "if n == -12345 { panic(0) }; return n - K",
            "return n / K",
            "x := n + K; if x > K { x = K }; return x",
            "arr[n&7] = n; return arr[(n+1)&7]",
            "t := 0; for i := 0; i < n&3; i++ { t += i*n }; return t",
            "switch n & 3 { case 0: return K; case 1: return g; case 2: return note(n) }; return n",
            "n++; return note(n)",
            "if h > n { return K }; return h",
        ],
    ),
    ("b", "(n int) bool", &["return n%K == 1", "return n > 5 && n < 20", "return arr[n&7] > K", "return note(n) > 7"]),
    (
        "v",
        "(p *S, n int)",
        &["p.a = n", "p.a += n; p.b = K", "if n > 3 { p.a = n }", "if p.q != nil { p.q.a = n }", "use(n)", "g = n"],
    ),
    (
        "p",
        "(p *S) int",
        &["return p.a", "if p == nil { return 0 }; return p.b", "p.a++; return p.a", "return p.q.a + p.b"],
    ),
];

/// Of each kind so many.
const OF_A_KIND: u64 = 6;
/// Functions that call them.
const CALLERS: u64 = 30;

/// Statements: the kind of function that `F` stands for, and the lines; before the call `#` stands for its being counted,
/// which is nothing or `c(N) &&` within a condition, `c(N);` before a statement.
const STATEMENTS: [(&str, &str); 15] = [
    ("f", "#; x = F(y)"),
    ("f", "if x > K {\n#; y = F(z)\n}"),
    ("f", "if w {\n#; z = F(x)\n} else {\nz += y\n}"),
    ("f", "for i := 0; i < y&3; i++ {\n#; x += F(i)\n}"),
    ("f", "for i := 0; i < 4; i++ {\n#; z ^= F(y) + i\n}"),
    ("f", "#; switch F(y) & 3 {\ncase 0: x++\ncase 1: use(y)\ncase 2: z--\n}"),
    ("f", "#; x = arr[F(z)&7]"),
    ("f", "{\n#; u := F(x)\nif g > h { use(u) }\n}"),
    ("b", "if & F(y) {\nx += 1\n}"),
    ("b", "if z > K && & F(x) {\nz ^= x\n}"),
    ("b", "for k := 0; & F(x) && k < 5; k++ {\nx--\n}"),
    ("v", "#; F(p, y)"),
    ("v", "for i := range arr {\n#; F(p, arr[i])\n}"),
    ("p", "#; x += F(p)"),
    ("p", "if y&1 == 1 {\n#; y = F(p)\n}"),
];

/// Makes up a program.
pub fn made_up(seed: u64) -> Twins {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut twins = Twins { text: HEAD.to_owned(), sites: Vec::new() };
    for (kind, takes, bodies) in KINDS {
        for n in 0..OF_A_KIND {
            let body = random.one(bodies);
            let body = random.filled(body);
            let _ = writeln!(twins.text, "\nfunc {kind}{n}{takes} {{ {body} }}");
        }
    }
    for n in 0..CALLERS {
        twins.caller(n, &mut random);
    }
    twins.text += "\nfunc main() {\n\tfor i := -3; i < 12; i++ {\n";
    for n in 0..CALLERS {
        let args = "(i, i*5+1, 40-i*i, i&1 == 0, reset())";
        let _ = writeln!(twins.text, "\t\tif plain{n}{args} != twin{n}{args} {{\n\t\t\tpanic({n})\n\t\t}}");
    }
    twins.text += "\t}\n\tfor k, n := range counts {\n\t\tfmt.Fprintln(os.Stderr, \"counted\", k, n)\n\t}\n}\n";
    twins
}

impl Twins {
    /// A function and its twin.
    fn caller(&mut self, n: u64, random: &mut Random) {
        let (mut plain, mut twin, mut calls) = (String::new(), String::new(), Vec::new());
        for _ in 0..2 + random.below(6) {
            let (kind, text) = STATEMENTS[random.below(STATEMENTS.len() as u64) as usize];
            let called = format!("{kind}{}", random.below(OF_A_KIND));
            let text = random.filled(text).replace('F', &called);
            let number = self.sites.len() + calls.len();
            let line =
                text.lines().position(|line| line.contains(['#']) || line.contains("& ") && line.contains(&called));
            calls.push((plain.lines().count() + line.expect("each statement calls"), called.clone()));
            let asked = format!("& {called}(");
            plain += &text.replace("#; ", "").replace(&asked, &format!("{called}("));
            twin += &text.replace('#', &format!("c({number})")).replace(&asked, &format!("c({number}) && {called}("));
            plain.push('\n');
            twin.push('\n');
        }
        let head = |name: &str| format!("\n//go:noinline\nfunc {name}{n}(x, y, z int, w bool, p *S) int {{\n");
        let end = "if w { x++ }\nreturn x + y*3 + z*7\n}\n";
        self.text += &head("plain");
        let first = self.text.lines().count() + 1;
        let site = |(line, called): (usize, String)| {
            (format!("main.plain{n}"), (first + line) as u32, format!("main.{called}"))
        };
        self.sites.extend(calls.into_iter().map(site));
        let _ = write!(self.text, "{plain}{end}{}{twin}{end}", head("twin"));
    }

    /// Builds it.
    pub fn build(&self, go: &str, scratch: &Scratch, name: &str) -> Result<PathBuf, Missing> {
        let dir = scratch.0.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("go.mod"), "module example.com/twins\n\ngo 1.21\n").unwrap();
        std::fs::write(dir.join("main.go"), &self.text).unwrap();
        let built = toolchain(go)?.go().args(["build", "-o", "twins", "."]).current_dir(&dir).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Ok(dir.join("twins"))
    }

    /// What the twins have counted, by where the same call stands in those that do not count.
    pub fn counted(&self, said: &str) -> BTreeMap<Site, u64> {
        let mut all = BTreeMap::new();
        for line in said.lines().filter_map(|line| line.strip_prefix("counted ")) {
            let (number, times) = line.split_once(' ').unwrap();
            if let Some(site) = self.sites.get(number.parse::<usize>().unwrap()) {
                *all.entry(site.clone()).or_default() += times.parse::<u64>().unwrap();
            }
        }
        all
    }
}
