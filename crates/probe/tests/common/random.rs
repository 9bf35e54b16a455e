//! Random scripts over the whole language, all of them right.
//!
//! The same seed makes the same script. Maps and variables have fixed types by their names, so that nothing ever fails
//! to fit; everything else is left to chance: kinds of probes, conditions, statements, expressions, actions.

/// What the program has that the scripts are about.
#[derive(Clone, Copy)]
pub struct Names<'n> {
    /// Functions, each with paths of integers and of texts that its calls have.
    pub calls: &'n [(&'n str, &'n [&'n str], &'n [&'n str])],
    /// Functions, each with paths of integers and of texts that its returns have.
    pub returns: &'n [(&'n str, &'n [&'n str], &'n [&'n str])],
    /// Tracepoints with fields of integers and of texts.
    pub tracepoints: &'n [(&'n str, &'n [&'n str], &'n [&'n str])],
    /// Events of the runtime may be among the probes, and threads may be asked for their goroutine.
    pub goroutines: bool,
}

/// What the checker's world of its own tests has.
pub const NAMES: Names<'static> = Names {
    calls: &[
        ("main.fib", &["args.n"], &[]),
        (
            "main.handle",
            &["args.n", "args.r.ID", "len(args.s)", "(args.r.Next == nil)", "args.r.Small"],
            &["args.s", "args.r.Tags[1]", "str(args.r.Name, 8)"],
        ),
        ("main.*", &[], &[]),
        ("main.fib, go:main.other", &[], &[]),
        ("main.small", &["args.n", "args.ok", "*args.p", "args.xs[2]"], &[]),
        ("main.wide", &["args.w.B[3]"], &[]),
        ("main.Map[...]", &["args.n"], &[]),
        ("main.many", &["len(args.m)", "(args.e != nil)", "args.arr[1]"], &["str(args.b)", "args.a"]),
        ("net/http.(*conn).serve", &["args.n"], &["args.c.Addr"]),
    ],
    returns: &[
        ("main.fib", &["ret", "args.n"], &[]),
        ("main.handle", &["rets.count", "(rets.err != nil)", "args.r.ID"], &[]),
        ("main.small", &["ret", "args.n", "*args.p", "len(args.xs)"], &[]),
        ("main.forward", &["ret", "args.n"], &[]),
        ("main.*", &[], &[]),
    ],
    tracepoints: &[
        ("sched:sched_switch", &["args.prev_pid", "args.prev_state"], &["args.prev_comm"]),
        ("sched:sched_process_exec", &[], &["args.filename"]),
    ],
    goroutines: true,
};

/// Makes a script.
pub fn script(seed: u64, names: Names<'_>) -> String {
    let mut random = Random::new(seed);
    let clauses = random.below(4) + 1;
    whole(seed, clauses, 1, &mut random, names)
}

/// Makes a script of many clauses with many statements each.
#[allow(dead_code, reason = "not everybody who takes this file in asks for it")]
pub fn large(seed: u64, names: Names<'_>) -> String {
    let mut random = Random::new(seed);
    // Many small ones, or few large ones.
    let clauses = 1 + random.below(40);
    let width = 1 + random.below(40 / clauses + 1);
    whole(seed, clauses, width, &mut random, names)
}

fn whole(seed: u64, clauses: usize, width: usize, random: &mut Random, names: Names<'_>) -> String {
    let mut text = format!("// seed {seed}\nlet @k = hash(100);\nBEGIN {{ {} }}\n", FIRST.join(" "));
    for _ in 0..clauses {
        let (ints, texts, place): (_, _, _) = (&[][..], &[][..], Place::Nowhere);
        let mut clause = Clause { random, names, ints, texts, place, width, depth: 0, keys: 0 };
        text.push_str(&clause.whole());
        text.push('\n');
    }
    text
}

/// Everything that is read somewhere has to be assigned somewhere.
const FIRST: [&str; 9] = [
    "@i = 0;",
    "@k[0] = 0;",
    "@u[0, \"\"] = nsecs;",
    "@t[0] = \"\";",
    "@s = \"start\";",
    "@p = (1, \"\");",
    "@w[probe, 0] = (0, probe);",
    "@count[0, \"\", probe] = count();",
    "@hist[0, \"\", probe] = hist(0);",
];

/// A small generator of numbers: xorshift64*.
struct Random {
    state: u64,
}

impl Random {
    fn new(seed: u64) -> Random {
        Random { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Where a clause runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No program.
    Nowhere,
    Call,
    Return,
    /// At an instruction of a Go function.
    Inside,
    /// Where a call of a program begins that is not Go's.
    NativeCall,
    NativeReturn,
    Tracepoint,
    Profile,
    Goroutine,
}

struct Clause<'r, 'n> {
    random: &'r mut Random,
    names: Names<'n>,
    ints: &'n [&'n str],
    texts: &'n [&'n str],
    place: Place,
    /// How many times more statements there are than usual.
    width: usize,
    depth: usize,
    /// Keys in keys.
    keys: usize,
}

impl Clause<'_, '_> {
    fn whole(&mut self) -> String {
        let point = self.point();
        let condition = if self.random.below(3) == 0 { format!(" / {}/", self.condition()) } else { String::new() };
        let locals = "$x = 0; $y = nsecs; $z = \"\"; $p = (0, \"\", probe);";
        format!("{point}{condition} {{ {locals} {} }}", self.block())
    }

    /// A condition knows no variables yet.
    fn condition(&mut self) -> String {
        self.int().replace("$x++", "@i++").replace("$x", "7").replace("$y", "nsecs").replace("$z", "comm")
    }

    fn point(&mut self) -> String {
        let (of, place, kind) = match self.random.below(10) {
            0..=2 => (self.names.calls, Place::Call, self.random.one_of(&["go:", "uprobe::"])),
            3 | 4 => (self.names.returns, Place::Return, self.random.one_of(&["goret:", "uretprobe::"])),
            5 => (self.names.tracepoints, Place::Tracepoint, "tracepoint:"),
            6 => (&[][..], Place::Goroutine, "goroutine:"),
            7 => return self.instruction(),
            8 => return self.native(),
            _ => (&[][..], Place::Nowhere, ""),
        };
        self.place = place;
        if let Some(&(name, ints, texts)) = of.get(self.random.below(of.len())) {
            (self.ints, self.texts) = (ints, texts);
            return format!("{kind}{name}");
        }
        if place == Place::Goroutine && self.names.goroutines {
            let (event, ints): (_, &[&str]) = match self.random.below(5) {
                0 => ("goroutine:create", &["args.goid", "args.parent"]),
                1 => (
                    "goroutine:state",
                    &["args.goid", "args.for", "(args.from == args.to)", "(args.reason == \"chan receive\")"],
                ),
                2 => ("syscall:enter", &["args.goid", "args.nr"]),
                3 => ("syscall:exit", &["args.goid", "args.nr", "args.ret", "elapsed"]),
                _ => ("goroutine:exit", &["args.goid"]),
            };
            self.ints = ints;
            if event.starts_with("syscall:") {
                // It has the same words.
                self.place = Place::Tracepoint;
            }
            return event.to_owned();
        }
        self.place = Place::Nowhere;
        match self.random.below(4) {
            0 => "END".to_owned(),
            1 => {
                self.place = Place::Profile;
                "profile:hz:99".to_owned()
            }
            _ => self.random.one_of(&["interval:s:1", "interval:ms:50"]).to_owned(),
        }
    }

    fn instruction(&mut self) -> String {
        self.place = Place::Inside;
        (self.ints, self.texts) = (&[], &[]);
        self.random.one_of(&["uprobe::main.fib+16", "uprobe:/bin/app:0x401202", "uprobe::main.handle+0x20"]).to_owned()
    }

    fn native(&mut self) -> String {
        (self.ints, self.texts) = (&[], &[]);
        let ret = self.random.below(2) == 0;
        self.place = if ret { Place::NativeReturn } else { Place::NativeCall };
        let function = self.random.one_of(&["malloc", "free", "*"]);
        format!("{}:/lib/libc.so.6:{function}", if ret { "uretprobe" } else { "uprobe" })
    }

    fn block(&mut self) -> String {
        self.depth += 1;
        let width = if self.depth == 1 { self.width } else { 1 };
        let count = self.random.below((5 - self.depth.min(3)) * width) + 1;
        let stmts: Vec<String> = (0..count).map(|_| self.stmt()).collect();
        self.depth -= 1;
        stmts.join(" ")
    }

    fn stmt(&mut self) -> String {
        match self.random.below(if self.depth < 3 { 32 } else { 28 }) {
            0 => format!("$x = {};", self.int()),
            1 => format!(
                "$x {} {};",
                self.random.one_of(&["+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "|=", "^="]),
                self.divisor()
            ),
            2 => format!("$z = {};", self.text()),
            3 => self.random.one_of(&["$x++;", "--$x;", "@i++;", "$y++;"]).to_owned(),
            4 => format!("@k[{}] += {};", self.one(), self.int()),
            5 => format!("@k[{}]--;", self.one()),
            6 => format!("@u[{}] = nsecs;", self.pair()),
            7 => format!("@t[{}] = {};", self.one(), self.text()),
            8 => format!("@s = {};", self.text()),
            9 => format!("@p = ({}, {});", self.int(), self.text()),
            10 => format!("@count[{}] = count();", self.key()),
            11 => {
                let add = self.random.one_of(&["sum", "avg", "min", "max", "stats", "hist", "quantiles"]);
                format!("@{add}[{}] = {add}({});", self.key(), self.int())
            }
            12 => format!("@lhist = lhist({}, -100, 1000, 50);", self.int()),
            13 => format!("delete(@k[{}]);", self.one()),
            14 => format!("delete(@u[{}]);", self.pair()),
            15 => format!(
                "printf(\"%d %s %x %5u %-8s\\n\", {}, {}, {}, {}, {});",
                self.int(),
                self.text(),
                self.int(),
                self.int(),
                self.name()
            ),
            16 => format!("print(({}, {}));", self.int(), self.text()),
            17 => format!("print({});", self.name()),
            18 => self
                .random
                .one_of(&[
                    "print(@k);",
                    "print(@i);",
                    "clear(@k);",
                    "zero(@k);",
                    "time(\"%H:%M:%S\\n\");",
                    "print(@k, 5, 2);",
                ])
                .to_owned(),
            19 => format!("@i = {};", self.int()),
            20 => self.leave(),
            21 => format!("@w[{}, {}] = ({}, probe);", self.id(), self.int(), self.int()),
            22 => format!("$p = ({}, {}, {});", self.int(), self.text(), self.id()),
            23 if matches!(self.place, Place::Call | Place::Return) => self.whole_values(),
            23 => format!("print({});", self.random.one_of(&["$p", "@w[probe, 0]", "@count[1, \"a\", probe]", "@p"])),
            24 if self.place != Place::Nowhere && self.place != Place::Goroutine => {
                format!("printf(\"%r %c %p %o\\n\", {}, {}, hex({}), $y);", self.bytes(), self.int(), self.int())
            }
            24 | 25 => self.wide_printf(),
            26 => {
                let fine = self.random.one_of(&["1", "3", "5"]);
                format!("@fine{fine}[{}] = hist({}, {fine});", self.id(), self.int())
            }
            27 => format!("@last = stats({}); delete(@hist[{}]);", self.int(), self.key()),
            28 => format!("if ({}) {{ {} }}", self.int(), self.block()),
            29 => format!("if ({}) {{ {} }} else {{ {} }}", self.int(), self.block(), self.block()),
            _ => format!("unroll ({}) {{ {} }}", self.random.below(4) + 1, self.block()),
        }
    }

    fn leave(&mut self) -> String {
        match self.random.below(4) {
            0 => format!("if ({}) {{ return; }}", self.int()),
            1 => format!("if ({}) {{ exit({}); }}", self.int(), self.random.one_of(&["", "$x", "3"])),
            _ => "@i = 1;".to_owned(),
        }
    }

    /// Arguments or results as a whole.
    fn whole_values(&mut self) -> String {
        let start = if self.place == Place::Return { "ret" } else { "args." };
        let paths: Vec<&str> = self.ints.iter().copied().filter(|path| path.starts_with(start)).collect();
        let Some(path) = paths.first().map(|_| self.random.one_of(&paths)) else { return self.wide_printf() };
        let parts = if path.starts_with("ret.") || path == "ret" { 1 } else { 2 };
        let root = path.split(['.', '[']).take(parts).collect::<Vec<_>>().join(".");
        match self.random.below(3) {
            0 => format!("print({root});"),
            1 => format!("printf(\"%v %d %v\\n\", {root}, {}, {path});", self.int()),
            _ => format!("printf(\"%v %s\\n\", {root}, {});", self.text()),
        }
    }

    /// Many values at once.
    fn wide_printf(&mut self) -> String {
        let count = self.random.below(8) + 4;
        let values: Vec<String> = (0..count).map(|_| self.text()).collect();
        format!("printf(\"{}\", {});", "%s ".repeat(count), values.join(", "))
    }

    /// The number of a probe, with its name.
    fn id(&mut self) -> String {
        match self.random.below(3) {
            0 => format!("({} ? probe : probe)", self.small_int()),
            _ => "probe".to_owned(),
        }
    }

    fn bytes(&mut self) -> String {
        match self.place {
            Place::Call | Place::Inside => "buf(reg(\"ax\"), 16)".to_owned(),
            Place::NativeCall => "buf(arg0, arg1)".to_owned(),
            _ => "buf($1, 8)".to_owned(),
        }
    }

    /// Something with a name, or a text.
    fn name(&mut self) -> String {
        let named: &[&str] = match self.place {
            Place::Call => {
                &["func", "probe", "startfunc", "gostate", "waitreason", "ustack", "usym(reg(\"ip\"))", "ustack(3)"]
            }
            Place::Return => &["func", "probe", "startfunc", "ustack"],
            Place::Inside => &["func", "probe", "startfunc", "gostate", "ustack", "usym(reg(\"ip\"))"],
            Place::NativeCall | Place::NativeReturn => &["func", "probe", "ustack", "ustack(127)"],
            Place::Tracepoint | Place::Profile if self.names.goroutines => {
                &["probe", "gostate", "waitreason", "startfunc", "ustack", "comm"]
            }
            Place::Tracepoint | Place::Profile => &["probe", "ustack", "usym($1)", "comm"],
            Place::Goroutine => &["probe", "args.startfunc", "startfunc"],
            Place::Nowhere => &["probe", "comm", "strftime(\"%H:%M:%S\", nsecs)", "ksym(7)", "hex(@i)"],
        };
        if self.random.below(3) == 0 { self.text() } else { self.random.one_of(named).to_owned() }
    }

    /// The key of an aggregation.
    fn key(&mut self) -> String {
        format!("{}, probe", self.pair())
    }

    fn pair(&mut self) -> String {
        self.keys += 1;
        let pair = format!("{}, {}", self.int(), self.text());
        self.keys -= 1;
        pair
    }

    fn one(&mut self) -> String {
        self.keys += 1;
        let one = self.int();
        self.keys -= 1;
        one
    }

    fn int(&mut self) -> String {
        self.depth += 1;
        let int = if self.depth > 5 || self.keys > 2 { self.small_int() } else { self.any_int() };
        self.depth -= 1;
        int
    }

    fn small_int(&mut self) -> String {
        let everywhere = [
            "0",
            "1",
            "-1",
            "7",
            "1000",
            "0xffffffff",
            "1ms",
            "pid",
            "tid",
            "cpu",
            "nsecs",
            "$x",
            "$y",
            "@i",
            "$1",
            "true",
        ];
        let here: &[&str] = match self.place {
            Place::Call => &["goid", "parent_goid", "reg(\"sp\")", "arg0", "arg2", "sarg0", "sarg3"],
            Place::Return => &["goid", "elapsed", "retval"],
            Place::Inside => &["goid", "parent_goid", "reg(\"bx\")"],
            Place::NativeCall => &["arg0", "arg1", "reg(\"di\")"],
            Place::NativeReturn => &["retval"],
            Place::Tracepoint | Place::Profile if !self.names.goroutines => &["cpu", "$#"],
            Place::Tracepoint | Place::Profile | Place::Goroutine => &["goid"],
            Place::Nowhere => &["2"],
        };
        match self.random.below(3) {
            0 if !self.ints.is_empty() => self.random.one_of(self.ints).to_owned(),
            1 => self.random.one_of(here).to_owned(),
            _ => self.random.one_of(&everywhere).to_owned(),
        }
    }

    fn any_int(&mut self) -> String {
        match self.random.below(16) {
            0..=4 => self.small_int(),
            5 => {
                let op =
                    self.random.one_of(&["+", "-", "*", "&", "|", "^", "<", "<=", ">", ">=", "==", "!=", "&&", "||"]);
                format!("({} {op} {})", self.int(), self.int())
            }
            6 => format!("({} {} {})", self.int(), self.random.one_of(&["/", "%", "<<", ">>"]), self.divisor()),
            7 => format!("({} {})", self.random.one_of(&["-", "~", "!"]), self.int()),
            8 => format!("({} ? {} : {})", self.int(), self.int(), self.int()),
            9 => format!(
                "(({}){})",
                self.random.one_of(&["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]),
                self.int()
            ),
            10 => format!("@k[{}]", self.one()),
            11 => format!("@u[{}]", self.pair()),
            12 => format!("({} {} {})", self.text(), self.random.one_of(&["==", "!="]), self.text()),
            13 => format!("strncmp({}, {}, 3)", self.text(), self.text()),
            14 => "($x++)".to_owned(),
            _ if self.place == Place::Call => self
                .random
                .one_of(&[
                    "(func == \"main.nothing\")",
                    "(waitreason == \"chan receive\")",
                    "*(uint32 *)reg(\"sp\")",
                    "*(int8 *)0",
                ])
                .to_owned(),
            _ => "(@k[1]++)".to_owned(),
        }
    }

    /// An integer that nobody minds to divide or shift by.
    fn divisor(&mut self) -> String {
        if self.random.below(2) == 0 {
            self.random.one_of(&["1", "3", "8", "$x", "pid"]).to_owned()
        } else {
            format!("(1 + {})", self.int())
        }
    }

    fn text(&mut self) -> String {
        self.depth += 1;
        let text = match self.random.below(if self.depth > 5 || self.keys > 2 { 4 } else { 7 }) {
            0 if !self.texts.is_empty() => self.random.one_of(self.texts).to_owned(),
            0 | 1 => "comm".to_owned(),
            2 => self
                .random
                .one_of(&["\"\"", "\"a\"", "\"a longer text, with more than eight bytes\"", "str($1)"])
                .to_owned(),
            3 => self.random.one_of(&["$z", "@s"]).to_owned(),
            4 => format!("@t[{}]", self.one()),
            5 => format!("({} ? {} : {})", self.int(), self.text(), self.text()),
            _ if self.place == Place::Call => {
                self.random.one_of(&["str(reg(\"ax\"), 16)", "str(reg(\"bx\"))", "str(arg0, arg1)"]).to_owned()
            }
            _ => "comm".to_owned(),
        };
        self.depth -= 1;
        text
    }
}
