//! Words that stand for values, and functions that give them.

use std::ops::RangeInclusive;

use gobin::pattern::Pattern;

use crate::ast::{self, BinaryOp, ExprKind as Ast, Span};
use crate::diagnostic::Diagnostic;
use crate::words::{self, Function, Meaning, Places, Row, Value};
use plan::limits;
use plan::machine::Register;
use plan::target::{HookKind, Runtime};
use plan::{ExprKind, Id, Prelude, SyscallEvent, Type, Word};

use super::path::{self, Use};
use super::scope::{Request, Scope, Typed, answer};
use super::types::{INT, Sure, UINT, describe};

impl Places {
    /// Whether a body that runs on this is among them.
    pub(super) fn has(self, prelude: Prelude) -> bool {
        use Prelude::{
            GoCode, GoEntry, GoInlined, GoReturn, Goroutine, Interval, NativeCode, NativeReturn, Once, Profile,
            Syscall, Tracepoint,
        };
        let user = matches!(prelude, GoEntry | GoInlined | GoReturn | GoCode | NativeCode | NativeReturn);
        match self {
            Places::Everywhere => true,
            Places::User => user,
            Places::Entries => matches!(prelude, GoEntry | NativeCode),
            Places::Returns => matches!(prelude, GoReturn | NativeReturn),
            Places::GoReturns => prelude == GoReturn,
            Places::Ends => matches!(prelude, GoReturn | Syscall(SyscallEvent::Exit)),
            Places::GoCode => prelude.is_go_code(),
            Places::GoCalls => matches!(prelude, GoEntry | GoReturn),
            Places::Goroutines => {
                matches!(
                    prelude,
                    GoEntry | GoInlined | GoReturn | GoCode | Tracepoint | Profile | Goroutine(_) | Syscall(_)
                )
            }
            Places::Programs => !matches!(prelude, Interval | Once),
            Places::Arguments => {
                matches!(prelude, GoEntry | GoInlined | GoReturn | Tracepoint | Goroutine(_) | Syscall(_))
            }
        }
    }

    /// Where that is, in a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Places::Everywhere => "everywhere",
            Places::User => "in probes on programs: `go:FUNC`, `uprobe:BIN:FUNC` and their returns",
            Places::Entries => "where a call begins: `go:FUNC`, `uprobe:BIN:FUNC`",
            Places::Returns => "where a call returns: `goret:FUNC`, `uretprobe:BIN:FUNC`",
            Places::GoReturns => "where a call of a Go function returns: `goret:FUNC`",
            Places::Ends => "where a call of a Go function returns, `goret:FUNC`, and in `syscall:exit`",
            Places::GoCode => "in probes on Go functions: `go:FUNC`, `goret:FUNC` and the like",
            Places::GoCalls => "where a call of a Go function begins or returns: `go:FUNC`, `goret:FUNC`",
            Places::Goroutines => {
                "in probes on Go functions, tracepoints, profiles, `goroutine:EVENT` and `syscall:EVENT`"
            }
            Places::Programs => "where a program runs: in probes on programs, tracepoints and profiles",
            Places::Arguments => {
                "where a call of a Go function begins or returns, in tracepoints, `goroutine:EVENT` and `syscall:EVENT`"
            }
        }
    }
}

impl<'s> Scope<'_, 's, '_> {
    /// Whether a word means something here; says so if not.
    pub(super) fn allowed(&mut self, name: &str, called: bool, span: Span) -> Option<&'static Row> {
        let row = words::word(name, called)?;
        if row.places.has(self.setting.prelude) {
            return Some(row);
        }
        let message = format!("`{name}` means nothing here");
        self.say(Diagnostic::error(span, message).help(format!("it does {}", row.places.words())));
        None
    }

    /// Whether some program runs here; says so if not.
    pub(super) fn in_a_program(&mut self, span: Span, what: &str) -> Option<()> {
        if Places::Programs.has(self.setting.prelude) {
            return Some(());
        }
        let message = format!("{what} is not there: no program runs here");
        self.error(span, message);
        None
    }

    pub(super) fn word(&mut self, span: Span, name: &str) -> Option<Typed> {
        let Some(row) = words::word(name, false) else {
            self.no_such_word(span, name);
            return None;
        };
        self.allowed(name, false, span)?;
        let Meaning::Value(value) = row.meaning else { return None };
        match value {
            Value::Word(word) => self.plain_word(span, name, word),
            Value::Bool(b) => Some(self.literal(span, i64::from(b))),
            Value::Nil => {
                self.say(Diagnostic::error(span, "nil is only compared with").help("`args.p != nil`"));
                None
            }
            Value::RetVal => match self.setting.prelude {
                Prelude::GoReturn => self.request(Request::Result, name.to_owned(), span),
                _ => self.known(span, ExprKind::Register(Register::result(self.setting.arch)), UINT),
            },
            Value::Failed => self.failed(span, name),
            Value::Arg => self.argument(span, name, words::numbered(name, "arg").unwrap_or(0)),
            Value::StackArg => self.stack_argument(span, name, words::numbered(name, "sarg").unwrap_or(0)),
            Value::Args | Value::Ret | Value::Rets => None, // paths, which were told apart before
        }
    }

    fn no_such_word(&mut self, span: Span, name: &str) {
        let names = words::ROWS.iter().filter(|row| !row.is_called()).map(|row| row.name);
        let help = if let Some(row) = words::word(name, true) {
            Some(format!("it is written `{}`", row.usage))
        } else if self.var(name).is_some() {
            Some(format!("did you mean `${name}`?"))
        } else if self.shared.maps.find(&format!("@{name}")).is_some() {
            Some(format!("did you mean `@{name}`?"))
        } else {
            words::instead_of(name).map(str::to_owned).or_else(|| words::near(name, names))
        };
        self.say(Diagnostic::error(span, format!("there is no word `{name}`")).maybe_help(help));
    }

    fn plain_word(&mut self, span: Span, name: &str, word: Word) -> Option<Typed> {
        if let Some(field) = runtime_field(word) {
            self.of_goroutine(span, name, field)?;
        }
        let ty = match word {
            Word::Pid | Word::Tid | Word::Cpu => Type::Int { signed: false, bytes: 4 },
            Word::Nsecs | Word::Goid | Word::ParentGoid => UINT,
            Word::Elapsed => {
                self.needs.frames |= self.setting.prelude == Prelude::GoReturn;
                UINT
            }
            Word::Comm => Type::Str { max: 16 },
            Word::GoState => Type::Id(Id::GoState),
            Word::WaitReason => Type::Id(Id::WaitReason),
            Word::StartFunc => Type::Id(Id::StartFunc),
            Word::Func => Type::Id(Id::Func),
            Word::Probe => Type::Id(Id::Probe),
            Word::UStack => {
                self.needs.stacks = true;
                Type::Id(Id::UStack(32))
            }
            Word::Caller => {
                self.known_caller(span)?;
                Type::Id(Id::Usym)
            }
        };
        self.known(span, ExprKind::Word(word), ty)
    }

    /// Elsewhere the address is in a register that code may use for something else by then.
    fn known_caller(&mut self, span: Span) -> Option<()> {
        if self.setting.arch == gobin::Arch::Amd64 {
            return Some(());
        }
        self.say(Diagnostic::error(span, "`caller` is for amd64 only").help("`ustack(2)` has the caller, too"));
        None
    }

    fn failed(&mut self, span: Span, name: &str) -> Option<Typed> {
        let left = Box::new(self.request(Request::Failed, name.to_owned(), span)?.expr);
        let right = Box::new(self.literal(span, 0).expr);
        self.known(span, ExprKind::Binary { op: BinaryOp::Ne, left, right }, INT)
    }

    /// Words about the goroutine need a Go program, and its runtime's layout.
    pub(super) fn of_goroutine(&mut self, span: Span, name: &str, field: &str) -> Option<()> {
        let Some(runtime) = self.setting.runtime() else {
            let (why, help) = match self.setting.one_of_many {
                true => ("several Go programs are being looked at", "look at one of them"),
                false => ("no Go program is being looked at", "name the target on the command line"),
            };
            self.say(Diagnostic::error(span, format!("`{name}` means nothing here: {why}")).help(help));
            return None;
        };
        let by_thread = matches!(self.setting.prelude, Prelude::Tracepoint | Prelude::Profile);
        let known = runtime.field(field).map(|_| ());
        if let Err(why) = known.and_then(|()| if by_thread { threads_are_seen(runtime) } else { Ok(()) }) {
            self.error(span, format!("`{name}` cannot be read: {why}"));
            return None;
        }
        self.needs.goid = true;
        self.needs.g_of_thread |= by_thread;
        Some(())
    }

    fn argument(&mut self, span: Span, name: &str, n: usize) -> Option<Typed> {
        if self.setting.prelude == Prelude::GoEntry {
            return self.request(Request::Register(n, span), name.to_owned(), span);
        }
        let Some(register) = Register::argument(self.setting.arch, false, n) else {
            let message = format!("there is no register for argument {n}");
            self.say(Diagnostic::error(span, message).help("arguments without a register are on the stack: sarg0, …"));
            return None;
        };
        self.known(span, ExprKind::Register(register), UINT)
    }

    fn stack_argument(&mut self, span: Span, name: &str, n: usize) -> Option<Typed> {
        if n >= 256 {
            self.error(span, "no function has so many arguments");
            return None;
        }
        if self.setting.prelude == Prelude::GoEntry {
            return self.request(Request::Stack(n), name.to_owned(), span);
        }
        self.known(span, ExprKind::StackWord(n as u64 * 8), UINT)
    }

    // Functions.

    pub(super) fn call(&mut self, span: Span, name: &ast::Spanned<String>, args: &'s [ast::Expr]) -> Option<Typed> {
        let Some(row) = words::word(&name.value, true) else {
            self.no_such_function(name);
            return None;
        };
        match row.meaning {
            Meaning::Function(function) => {
                self.arity(row, span, args.len())?;
                self.allowed(&name.value, true, span)?;
                self.function(span, function, args)
            }
            Meaning::Aggregation(_) => {
                let message = format!("`{}` is what is assigned to a map", row.usage);
                let help = format!("`@name = {};`", row.usage);
                self.say(Diagnostic::error(span, message).help(help));
                None
            }
            _ => {
                self.error(span, format!("`{}` does something, but gives no value", row.name));
                None
            }
        }
    }

    pub(super) fn no_such_function(&mut self, name: &ast::Spanned<String>) {
        let value = words::word(&name.value, false).map(|row| format!("`{}` stands without parentheses", row.name));
        let names = words::ROWS.iter().filter(|row| row.is_called()).map(|row| row.name);
        let foreign = || words::instead_of(&name.value).map(str::to_owned);
        let help = value.or_else(foreign).or_else(|| words::near(&name.value, names));
        let message = format!("there is no function `{}`", name.value);
        self.say(Diagnostic::error(name.span, message).maybe_help(help));
    }

    /// Whether the number of arguments fits; says so if not.
    pub(super) fn arity(&mut self, row: &Row, span: Span, given: usize) -> Option<()> {
        let most = if row.params.more { usize::MAX } else { row.params.of.len() };
        if (row.params.least..=most).contains(&given) {
            return Some(());
        }
        let message = match given {
            1 => format!("`{}` is given one argument", row.name),
            n => format!("`{}` is given {n} arguments", row.name),
        };
        self.say(Diagnostic::error(span, message).help(format!("it is written `{}`", row.usage)));
        None
    }

    fn function(&mut self, span: Span, function: Function, args: &'s [ast::Expr]) -> Option<Typed> {
        match (function, args) {
            (Function::Str, [of, rest @ ..]) => self.str(span, of, rest.first()),
            (Function::Buf, [of, rest @ ..]) => self.buf(span, of, rest.first()),
            (Function::Len, [of]) => self.len(span, of),
            (Function::Hex, [of]) => self.shown_as(span, of, Id::Hex),
            (Function::Ksym, [of]) => self.shown_as(span, of, Id::Ksym),
            (Function::Usym, [of]) => self.shown_as(span, of, Id::Usym),
            (Function::Reg, [name]) => self.reg(span, name),
            (Function::Strftime, [format, of]) => {
                let format = self.literal_text(format)?;
                let format = self.shared.strings.add(&format);
                self.shown_as(span, of, Id::Time(format))
            }
            (Function::Under, [of]) => self.under(span, of),
            (Function::Strncmp, [a, b, n]) => self.strncmp(span, a, b, n),
            (Function::UStack, frames) => {
                let frames = match frames.first() {
                    Some(n) => self.number(n, 1, i64::from(limits::FRAMES))?,
                    None => 32,
                };
                self.needs.stacks = true;
                let ty = Type::Id(Id::UStack(u32::try_from(frames).ok()?));
                self.known(span, ExprKind::Word(Word::UStack), ty)
            }
            _ => None, // the arity was checked
        }
    }

    fn shown_as(&mut self, span: Span, of: &'s ast::Expr, id: Id) -> Option<Typed> {
        let of = self.int_expr(of, "this argument")?;
        self.known(span, ExprKind::Cast(Box::new(of.expr)), Type::Id(id))
    }

    fn reg(&mut self, span: Span, name: &'s ast::Expr) -> Option<Typed> {
        let text = self.literal_text(name)?;
        if let Some(register) = Register::named(self.setting.arch, &text) {
            return self.known(span, ExprKind::Register(register), UINT);
        }
        let arch = self.setting.arch;
        let near = words::near(&text, Register::names(arch));
        let listed = format!("there are {}", words::listed(Register::names(arch)));
        let message = format!("{} has no register `{text}` that a probe is shown", arch.name());
        self.say(Diagnostic::error(name.span, message).help(near.unwrap_or(listed)));
        None
    }

    fn len(&mut self, span: Span, of: &'s ast::Expr) -> Option<Typed> {
        if self.is_go_path(of) {
            self.allowed(path::root(of).unwrap_or_default(), false, of.span)?;
            return self.request(Request::Path(of, Use::Len), format!("len({of})"), span);
        }
        self.expr(of)?;
        self.say(Diagnostic::error(of.span, "only values of Go have a length").help("`len(args.s)`, `len(rets.0)`"));
        None
    }

    pub(super) fn is_go_path(&self, e: &ast::Expr) -> bool {
        let go = self.setting.prelude.is_go_code();
        path::root(e).is_some() && go
    }

    fn str(&mut self, span: Span, of: &'s ast::Expr, len: Option<&'s ast::Expr>) -> Option<Typed> {
        if let Ast::Param(n) = of.kind {
            let text = self.shared.params.get((n as usize).wrapping_sub(1)).cloned().unwrap_or_default();
            return Some(self.text(span, &text));
        }
        if self.is_go_path(of) && self.leads_to_text(of) {
            let most = self.most(len)?;
            let path = most.map_or_else(|| of.to_string(), |most| format!("str({of}, {most})"));
            return self.request(Request::Path(of, Use::Text(most)), path, span);
        }
        let at = self.expr(of)?;
        match at.expr.ty {
            Type::Str { .. } if len.is_none() => Some(at),
            Type::Int { .. } => self.bytes_at(span, at, len, false),
            ref ty => {
                let message = format!("text is read at an address, and this is {}", describe(ty));
                self.error(of.span, message);
                None
            }
        }
    }

    fn buf(&mut self, span: Span, of: &'s ast::Expr, len: Option<&'s ast::Expr>) -> Option<Typed> {
        if self.is_go_path(of) && self.leads_to_text(of) {
            let most = self.most(len)?;
            let path = format!("buf({of}, {})", most.unwrap_or(limits::STRING));
            return self.request(Request::Path(of, Use::Bytes(most)), path, span);
        }
        let at = self.int_expr(of, "the address of bytes")?;
        if len.is_none() {
            self.say(Diagnostic::error(span, "how many bytes?").help("`buf(address, 16)`"));
            return None;
        }
        self.bytes_at(span, at, len, true)
    }

    fn leads_to_text(&self, of: &'s ast::Expr) -> bool {
        answer(self.setting, &Request::Path(of, Use::Text(None))).is_ok()
            || answer(self.setting, &Request::Path(of, Use::Value)).is_err()
    }

    /// How much of a text is wanted, if that is said.
    fn most(&mut self, len: Option<&'s ast::Expr>) -> Option<Option<u32>> {
        let Some(len) = len else { return Some(None) };
        self.number(len, 1, i64::from(limits::LONGEST_STRING)).and_then(|n| u32::try_from(n).ok()).map(Some)
    }

    fn bytes_at(&mut self, span: Span, at: Typed, len: Option<&'s ast::Expr>, raw: bool) -> Option<Typed> {
        self.in_a_program(span, "the memory of a program")?;
        let len = match len {
            Some(len) => Some((self.int_expr(len, "a length")?, len.span)),
            None => None,
        };
        let max = match &len {
            Some((len, span)) => match len.number() {
                Some(n) if !(1..=i64::from(limits::LONGEST_STRING)).contains(&n) => {
                    let message = format!("a length lies between 1 and {}", limits::LONGEST_STRING);
                    self.error(*span, message);
                    return None;
                }
                Some(n) => u32::try_from(n).ok()?,
                None => limits::STRING,
            },
            None => limits::STRING,
        };
        let ty = if raw { Type::Buf { max } } else { Type::Str { max } };
        let len = len.map(|(len, _)| Box::new(len.expr));
        self.known(span, ExprKind::ReadBytes { at: Box::new(at.expr), len }, ty)
    }

    /// Which functions that means is found out when all executables are known ([`super::unders`]).
    fn under(&mut self, span: Span, of: &'s ast::Expr) -> Option<Typed> {
        let pattern = self.literal_text(of)?;
        let binary = self.setting.binary.as_ref().map(|(number, ..)| *number);
        let Some(no) = self.shared.unders.add(&pattern, of.span, binary) else {
            let message = format!("`under` is asked about more than {} functions", limits::UNDERS);
            self.say(Diagnostic::error(of.span, message).help("a pattern counts as one: `under(\"main.*\")`"));
            return None;
        };
        self.known(span, ExprKind::Under(no), INT)
    }

    fn strncmp(&mut self, span: Span, a: &'s ast::Expr, b: &'s ast::Expr, n: &'s ast::Expr) -> Option<Typed> {
        let sides = [a, b].map(|side| {
            let typed = self.expr(side)?;
            if matches!(typed.expr.ty, Type::Str { .. }) {
                return Some(Box::new(typed.expr));
            }
            let message = format!("`strncmp` compares texts, and this is {}", describe(&typed.expr.ty));
            self.error(side.span, message);
            None
        });
        let first = self.number(n, 1, i64::from(limits::LONGEST_STRING)).and_then(|n| u32::try_from(n).ok());
        let [left, right] = sides;
        let kind = ExprKind::SameText { left: left?, right: right?, first: Some(first?), negated: true };
        Some(self.typed(span, kind, INT, Sure::Literal))
    }

    /// A number that is known now, within limits.
    pub(super) fn number(&mut self, e: &'s ast::Expr, least: i64, most: i64) -> Option<i64> {
        let typed = self.int_expr(e, "this argument")?;
        match typed.number() {
            Some(n) if (least..=most).contains(&n) => Some(n),
            Some(_) => {
                self.error(e.span, format!("this has to lie between {least} and {most}"));
                None
            }
            None => {
                self.error(e.span, "this number has to stand in the script");
                None
            }
        }
    }

    /// A text that is known now.
    pub(super) fn literal_text(&mut self, e: &'s ast::Expr) -> Option<String> {
        let param = |n: u32| self.shared.params.get((n as usize).wrapping_sub(1)).cloned().unwrap_or_default();
        match &e.kind {
            Ast::Str(text) => Some(text.clone()),
            Ast::Param(n) => Some(param(*n)),
            Ast::Call { name, args } if name.value == "str" => match args.first().map(|arg| &arg.kind) {
                Some(Ast::Param(n)) => Some(param(*n)),
                _ => self.no_literal_text(e),
            },
            Ast::Bad => None,
            _ => self.no_literal_text(e),
        }
    }

    fn no_literal_text(&mut self, e: &'s ast::Expr) -> Option<String> {
        self.error(e.span, "this text has to stand in the script, in quotes");
        None
    }

    /// The numbers that a name stands for where an id is compared with it, or a pattern where that is about goroutines.
    pub(super) fn numbers_of(&mut self, id: Id, name: &str, span: Span) -> Option<Vec<RangeInclusive<u64>>> {
        let each = |numbers: Vec<u64>| numbers.into_iter().map(|n| n..=n).collect();
        match id {
            Id::Func => Some(each(self.rows_of(name, span))),
            Id::Probe => {
                let numbers = self.shared.probes.get(name).cloned().unwrap_or_default();
                if numbers.is_empty() && self.shared.last {
                    let near = words::near(name, self.shared.probes.keys().map(String::as_str));
                    let message = format!("no probe of this script is called `{name}`");
                    self.say(Diagnostic::warning(span, message).maybe_help(near));
                }
                Some(each(numbers))
            }
            Id::StartFunc => match Pattern::new(name) {
                pattern if pattern.is_literal() => self.start_functions(name, span).map(each),
                pattern => self.start_functions_like(&pattern, span),
            },
            Id::GoState => {
                let states = self.setting.runtime().map(|r| r.g_states.clone()).unwrap_or_default();
                self.numbered_names("state of goroutines", &states, name, span).map(each)
            }
            Id::WaitReason => {
                let (binary, reasons) = match (&self.setting.binary, self.setting.runtime()) {
                    (Some(binary), Some(runtime)) => (u64::from(binary.0), runtime.wait_reasons.clone()),
                    _ => (0, Vec::new()),
                };
                let numbers = self.numbered_names("reason to wait", &reasons, name, span)?;
                Some(each(numbers.into_iter().map(|number| number | binary << 32).collect()))
            }
            Id::UStack(_) | Id::Ksym | Id::Usym | Id::Time(_) | Id::Hex => {
                self.error(span, format!("{} is not compared with text", describe(&Type::Id(id))));
                None
            }
        }
    }

    fn rows_of(&mut self, name: &str, span: Span) -> Vec<u64> {
        let rows = self.shared.functions.get(name);
        let rows: Vec<u64> = rows.into_iter().flatten().map(|row| u64::from(row.0)).collect();
        if rows.is_empty() && self.shared.last {
            let near = words::near(name, self.shared.functions.keys().map(String::as_str));
            let message = format!("no probe is in a function called `{name}`");
            self.say(Diagnostic::warning(span, message).maybe_help(near));
        }
        rows
    }

    fn start_functions(&mut self, name: &str, span: Span) -> Option<Vec<u64>> {
        let (binary, target, _) = self.setting.binary.as_ref()?;
        let pattern = Pattern::new(name);
        let found = target.matching(&pattern).into_iter().filter(|f| f.name == name);
        let mut entries: Vec<u64> = found.map(|f| f.entry.0).collect();
        if entries.is_empty() {
            // Of what is inlined wherever it is called only wrappers are left.
            let starts = self.setting.runtime().map(|runtime| runtime.starts.as_slice()).unwrap_or_default();
            entries.extend(starts.iter().find(|start| start.name == name).map(|start| start.shown.0));
        }
        let numbers: Vec<u64> = entries.into_iter().map(|entry| entry | u64::from(*binary) << 48).collect();
        if numbers.is_empty() {
            let near: Vec<String> = target.suggest(name).iter().map(|name| format!("`{name}`")).collect();
            let help = (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")));
            self.say(Diagnostic::error(span, format!("there is no function `{name}`")).maybe_help(help));
            return None;
        }
        Some(numbers)
    }

    /// Functions stand in the order of their packages, so those that a pattern matches are few runs of neighbours.
    fn start_functions_like(&mut self, pattern: &Pattern, span: Span) -> Option<Vec<RangeInclusive<u64>>> {
        let (binary, target, _) = self.setting.binary.as_ref()?;
        let runtime = self.setting.runtime();
        let mut all: Vec<(u64, bool)> = target
            .matching(&Pattern::new("*"))
            .into_iter()
            .map(|function| {
                // What stands for a function that is nowhere else is meant by that one's name.
                let name = runtime.and_then(|runtime| runtime.start_name(function.entry));
                (function.entry.0, pattern.matches(name.unwrap_or(&function.name)))
            })
            .collect();
        all.sort_unstable();
        let runs = all.chunk_by(|a, b| a.1 == b.1).filter_map(|run| match run {
            [(first, true), ..] => Some(*first..=run.last()?.0),
            _ => None,
        });
        let at = |entry: u64| entry | u64::from(*binary) << 48;
        let runs: Vec<_> = runs.map(|run| at(*run.start())..=at(*run.end())).collect();
        let wrong = match runs.len() {
            1..=limits::RUNS_OF_FUNCTIONS => return Some(runs),
            0 => Diagnostic::error(span, format!("no function is called like `{}`", pattern.text())),
            many => {
                let message = format!("functions like `{}` stand in {many} places of the program", pattern.text());
                let help = format!("at most {} are compared with: name their package", limits::RUNS_OF_FUNCTIONS);
                Diagnostic::error(span, message).help(help)
            }
        };
        self.say(wrong);
        None
    }

    /// Which of the runtime's names that is, or are like it.
    fn numbered_names(&mut self, what: &str, names: &[String], name: &str, span: Span) -> Option<Vec<u64>> {
        let pattern = Pattern::new(name);
        let is_meant = |known: &str| known == name || !known.is_empty() && pattern.matches(known);
        let numbers: Vec<u64> = (0..).zip(names).filter(|(_, known)| is_meant(known)).map(|(n, _)| n).collect();
        if !numbers.is_empty() {
            return Some(numbers);
        }
        let known = || names.iter().map(String::as_str).filter(|name| !name.is_empty());
        let near = words::near(name, known());
        let help = near.or_else(|| (!names.is_empty()).then(|| format!("there are {}", words::listed(known()))));
        self.say(Diagnostic::error(span, format!("`{name}` is no {what} of this Go version")).maybe_help(help));
        None
    }
}

/// Whether what leads from threads to goroutines is known.
fn threads_are_seen(runtime: &Runtime) -> Result<(), String> {
    for kind in [HookKind::ThreadStart, HookKind::ThreadEnd] {
        if runtime.hooks(kind).next().is_none() {
            let missing = runtime.missing.iter().find(|(missing, _)| *missing == kind);
            return Err(
                missing.map_or_else(|| "threads of the runtime are not seen".to_owned(), |(_, why)| why.clone())
            );
        }
    }
    ["g.m", "m.curg"].iter().try_for_each(|field| runtime.field(field).map(|_| ()))
}

/// The field of `g` that a word about goroutines is read from.
fn runtime_field(word: Word) -> Option<&'static str> {
    Some(match word {
        Word::Goid => "g.goid",
        Word::ParentGoid => "g.parentGoid",
        Word::GoState => "g.atomicstatus",
        Word::WaitReason => "g.waitreason",
        Word::StartFunc => "g.startpc",
        _ => return None,
    })
}
