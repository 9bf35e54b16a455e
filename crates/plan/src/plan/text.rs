//! A plan as text: what `--emit=plan` shows, and what tests hold it against.

use std::fmt::{self, Display, Formatter};

use crate::{
    Access, Base, Body, Expr, ExprKind, FieldForm, Group, Id, Kept, Location, Map, MapValue, On, Period, Plan, Point,
    Prelude, Recording, RegisterPart, Site, Stmt, StmtKind, StringNo, Syscall, Type, Value, Variant, Whole, WholeAt,
    Word,
};

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.points.iter().enumerate().try_for_each(|(i, point)| self.point(i, point, f))?;
        for (i, binary) in self.binaries.iter().enumerate() {
            let what = if binary.go { "go" } else { "native" };
            let runtime = if binary.runtime.is_some() { ", runtime" } else { "" };
            writeln!(f, "binary {i}: {:?} {what}{runtime}", binary.path)?;
        }
        for (i, function) in self.functions.iter().enumerate() {
            let frames = if function.frames { " frames" } else { "" };
            let marks = if function.marks == 0 { String::new() } else { format!(" marks {:#b}", function.marks) };
            let panics = if function.panics { " panics" } else { "" };
            let inlined =
                function.inlined.as_ref().map(|of| format!(" inlined into {} at {}:{}", of.into, of.file, of.line));
            let (name, entry, inlined) = (&function.name, function.entry, inlined.unwrap_or_default());
            writeln!(f, "func {i}: {name} at {entry} in binary {}{frames}{marks}{panics}{inlined}", function.binary.0)?;
        }
        self.sites.iter().try_for_each(|s| site(s, f))?;
        for event in &self.events {
            writeln!(f, "event {}: group {}", on(&event.on), event.group.0)?;
        }
        self.groups.iter().enumerate().try_for_each(|(i, g)| group(i, g, f))?;
        self.variants.iter().enumerate().try_for_each(|(i, v)| variant(i, v, f))?;
        for (i, saved) in self.saves.iter().enumerate() {
            let saved: Vec<String> = saved.iter().map(kept).collect();
            writeln!(f, "save {i}: {}", saved.join(", "))?;
        }
        self.maps.iter().enumerate().try_for_each(|(i, m)| self.map(i, m, f))?;
        self.bodies.iter().enumerate().try_for_each(|(i, b)| Shown { plan: self, body: b }.body(i, f))?;
        if !self.recorded.is_empty() {
            writeln!(f, "records calls of {} functions", self.recorded.len())?;
        }
        self.shown_needs(f)
    }
}

impl Plan {
    fn point(&self, i: usize, point: &Point, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "point {i}: {}", point.text)?;
        if point.matched > 0 {
            write!(f, ": matched {}, attached {}", point.matched, point.attached)?;
        }
        writeln!(f)?;
        for skipped in &point.skipped {
            writeln!(f, "  skipped {}: {}", skipped.function, skipped.why)?;
        }
        for of in &point.inlined.first {
            writeln!(f, "  not seen: {} inlined into {} at {}:{}", of.name, of.into, of.file, of.line)?;
        }
        point.notes.iter().try_for_each(|note| writeln!(f, "  note: {note}"))
    }

    fn map(&self, i: usize, map: &Map, f: &mut Formatter<'_>) -> fmt::Result {
        let key: Vec<String> = map.key.iter().map(|ty| self.ty(ty)).collect();
        let value = match &map.value {
            MapValue::Plain(ty) => self.ty(ty),
            MapValue::Count => "count".to_owned(),
            MapValue::Sum { signed } => format!("sum {}", sign(*signed)),
            MapValue::Avg { signed } => format!("avg {}", sign(*signed)),
            MapValue::Min { signed } => format!("min {}", sign(*signed)),
            MapValue::Max { signed } => format!("max {}", sign(*signed)),
            MapValue::Stats { signed } => format!("stats {}", sign(*signed)),
            MapValue::Hist { bits: 0 } => "hist".to_owned(),
            MapValue::Hist { bits } => format!("hist {bits}"),
            MapValue::LinearHist { min, max, step } => format!("lhist {min} {max} {step}"),
            MapValue::Quantiles => "quantiles".to_owned(),
        };
        writeln!(f, "map {i}: {}[{}] {value} ({})", map.name, key.join(", "), map.capacity)
    }

    fn shown_needs(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let needs = [
            ("frames", self.needs.frames),
            ("goid", self.needs.goid),
            ("g of thread", self.needs.g_of_thread),
            ("goroutines", self.needs.goroutines),
            ("stacks", self.needs.stacks),
        ];
        let needs: Vec<&str> = needs.into_iter().filter(|need| need.1).map(|need| need.0).collect();
        if needs.is_empty() { Ok(()) } else { writeln!(f, "needs {}", needs.join(", ")) }
    }

    fn string(&self, no: StringNo) -> String {
        self.strings.get(no.index()).map_or_else(|| "?".to_owned(), |text| format!("{text:?}"))
    }

    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Int { signed, bytes } => format!("{}{}", sign(*signed), bytes * 8),
            Type::Str { max } => format!("str{max}"),
            Type::Buf { max } => format!("buf{max}"),
            Type::Id(id) => self.id(*id),
            Type::Go => "go".to_owned(),
            Type::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|ty| self.ty(ty)).collect();
                format!("({})", parts.join(", "))
            }
        }
    }

    fn id(&self, id: Id) -> String {
        match id {
            Id::Func => "func".to_owned(),
            Id::Probe => "probe".to_owned(),
            Id::StartFunc => "startfunc".to_owned(),
            Id::GoState => "gostate".to_owned(),
            Id::WaitReason => "waitreason".to_owned(),
            Id::UStack(frames) => format!("ustack{frames}"),
            Id::Ksym => "ksym".to_owned(),
            Id::Usym => "usym".to_owned(),
            Id::Time(format) => format!("time {}", self.string(format)),
            Id::Hex => "hex".to_owned(),
        }
    }
}

fn sign(signed: bool) -> &'static str {
    if signed { "i" } else { "u" }
}

fn site(site: &Site, f: &mut Formatter<'_>) -> fmt::Result {
    let class = site.class.map_or("", |class| class.word());
    let native = if site.native_return { " uretprobe" } else { "" };
    match site.syscall {
        Some(_) => write!(f, "site func {} at {:?}", site.function.0, site.at)?,
        None => write!(f, "site func {}+{:#x}", site.function.0, site.offset)?,
    }
    write!(f, " file {:?} {class}{native}", site.file)?;
    if let Some(entry) = &site.entry {
        write!(f, " entry{}", of_group(entry.group))?;
        if entry.sp_adjust > 0 {
            write!(f, " sp+{}", entry.sp_adjust)?;
        }
        if entry.loop_head {
            f.write_str(" loop")?;
        }
        if let Some(save) = entry.saves {
            write!(f, " save {}", save.0)?;
        }
        if let Some(restored) = entry.restored {
            write!(f, " restored {:#b} behind +{:#x}", restored.registers.ints, restored.behind_call)?;
        }
    }
    if let Some(exit) = &site.exit {
        write!(f, " {}{}", if exit.tail { "jump" } else { "return" }, of_group(exit.group))?;
    }
    if let Some(Syscall { event, keeps }) = site.syscall {
        write!(f, " syscall {event:?}{}", if keeps { " kept" } else { "" })?;
    }
    if site.here.is_some() {
        write!(f, " here{}", of_group(site.here))?;
    }
    for over in &site.over {
        write!(f, " over func {} group {}", over.function.0, over.group.0)?;
    }
    for also in &site.also {
        write!(f, " also func {} group {} sp+{}", also.function.0, also.group.0, also.sp_adjust)?;
    }
    writeln!(f)
}

fn of_group(group: Option<crate::GroupNo>) -> String {
    group.map_or_else(String::new, |group| format!(" group {}", group.0))
}

fn on(on: &On) -> String {
    match on {
        On::Begin => "BEGIN".to_owned(),
        On::End => "END".to_owned(),
        On::Interval { period_ns } => format!("interval {period_ns}ns"),
        On::Profile { period: Period::Hz(hz) } => format!("profile {hz}hz"),
        On::Profile { period: Period::Nanos(nanos) } => format!("profile {nanos}ns"),
        On::Tracepoint { category, name } => format!("tracepoint {category}:{name}"),
        On::Goroutine { binary, event } => format!("goroutine {event:?} of binary {}", binary.0),
    }
}

fn group(i: usize, group: &Group, f: &mut Formatter<'_>) -> fmt::Result {
    let runs: Vec<String> =
        group.runs.iter().map(|run| format!("variant {} for point {}", run.variant.0, run.point.0)).collect();
    writeln!(f, "group {i}: {}", runs.join(", "))
}

fn variant(i: usize, variant: &Variant, f: &mut Formatter<'_>) -> fmt::Result {
    let accesses: Vec<String> = variant.accesses.iter().map(access).collect();
    writeln!(f, "variant {i}: body {} ({})", variant.body.0, accesses.join(", "))
}

fn access(access: &Access) -> String {
    match access {
        Access::Int(v) => value(v),
        Access::Str { data, len, most } => text(data, len, *most),
        Access::Go(Whole { ty, at, .. }) => format!("type {ty:?} {}", whole(at)),
        Access::Saved(word) => format!("saved {word}"),
        Access::SavedText(word) => format!("saved text {word}"),
        Access::Unreadable => "unreadable".to_owned(),
        Access::Zero => "0".to_owned(),
    }
}

fn kept(kept: &Kept) -> String {
    match kept {
        Kept::Int(v) => value(v),
        Kept::Text { data, len, most } => text(data, len, *most),
    }
}

fn text(data: &Value, len: &Value, most: Option<u32>) -> String {
    let most = most.map(|most| format!(", at most {most}")).unwrap_or_default();
    format!("text at {}, length {}{most}", value(data), value(len))
}

fn whole(at: &WholeAt) -> String {
    match at {
        WholeAt::Registers(parts) => {
            let part = |part: &RegisterPart| {
                let from = part.base.map_or_else(|| "float".to_owned(), base);
                format!("{}..{} in {from}", part.offset, part.offset.saturating_add(part.size))
            };
            parts.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        WholeAt::Stack(at) => format!("in {}", base(Base::Stack(*at))),
        WholeAt::Memory(of) => format!("in the memory of {}", value(of)),
    }
}

fn value(value: &Value) -> String {
    let bounds = value.bounds.iter().map(|b| format!("if {} > {}: ", location(&b.len), b.index));
    bounds.collect::<String>() + &location(&value.location)
}

/// `ax+16→8:i64`: the word 16 behind the pointer in ax, of what it points to the word at 8.
fn location(location: &Location) -> String {
    let hops: String = location.hops.iter().map(|hop| format!("→{hop}")).collect();
    format!("{}{hops}:{}{}", base(location.base), sign(location.signed), location.bytes * 8)
}

fn base(base: Base) -> String {
    match base {
        Base::Register { register, argument: Some(n) } => format!("{register}#{n}"),
        Base::Register { register, argument: None } => register.to_string(),
        Base::Stack(offset) => format!("stack+{offset}"),
    }
}

/// A body with what its numbers mean.
struct Shown<'p> {
    plan: &'p Plan,
    body: &'p Body,
}

impl Shown<'_> {
    fn body(&self, i: usize, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "body {i}: clause {} on {}", self.body.clause, prelude(self.body.prelude))?;
        for accessed in &self.body.accesses {
            writeln!(f, "  reads {}: {}", accessed.path, self.plan.ty(&accessed.ty))?;
        }
        for var in &self.body.vars {
            writeln!(f, "  var ${}: {}", var.name, self.plan.ty(&var.ty))?;
        }
        if let Some(predicate) = &self.body.predicate {
            writeln!(f, "  /{}/", self.expr(predicate))?;
        }
        self.stmts(&self.body.code, 1, f)
    }

    fn stmts(&self, stmts: &[Stmt], depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt, depth, f))
    }

    fn stmt(&self, stmt: &Stmt, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
        let indent = "  ".repeat(depth);
        match &stmt.kind {
            StmtKind::If { cond, then, otherwise } => {
                writeln!(f, "{indent}if {}", self.expr(cond))?;
                self.stmts(then, depth + 1, f)?;
                if !otherwise.is_empty() {
                    writeln!(f, "{indent}else")?;
                }
                self.stmts(otherwise, depth + 1, f)
            }
            StmtKind::Repeat { times, body } => {
                writeln!(f, "{indent}repeat {times}")?;
                self.stmts(body, depth + 1, f)
            }
            simple => writeln!(f, "{indent}{}", self.simple(simple)),
        }
    }

    fn simple(&self, stmt: &StmtKind) -> String {
        match stmt {
            StmtKind::SetVar { var, value } => format!("{} = {}", self.var(*var), self.expr(value)),
            StmtKind::SetMap { map, key, value } => format!("{} = {}", self.entry(*map, key), self.expr(value)),
            StmtKind::Aggregate { map, key, value } => {
                let value = value.as_ref().map_or_else(String::new, |value| format!(" {}", self.expr(value)));
                format!("add to {}{value}", self.entry(*map, key))
            }
            StmtKind::Do(e) => self.expr(e),
            StmtKind::Delete { map, key } => format!("delete {}", self.entry(*map, key)),
            StmtKind::Clear(map) => format!("clear {}", self.map(*map)),
            StmtKind::Zero(map) => format!("zero {}", self.map(*map)),
            StmtKind::Printf { format, args } => format!("printf {} {}", self.plan.string(*format), self.list(args)),
            StmtKind::PrintMap { map, top, div } => format!("print {} top {top} div {div}", self.map(*map)),
            StmtKind::Print(e) => format!("print {}", self.expr(e)),
            StmtKind::Time(format) => format!("time {}", self.plan.string(*format)),
            StmtKind::Exit(None) => "exit".to_owned(),
            StmtKind::Exit(Some(status)) => format!("exit {}", self.expr(status)),
            StmtKind::Return => "return".to_owned(),
            StmtKind::Call { recording, stack } => {
                let what = match recording {
                    Recording::Start => "call",
                    Recording::Begin => "call begins",
                    Recording::Return => "call returns",
                    Recording::End => "call ends",
                };
                if *stack > 0 { format!("{what}, {stack} frames") } else { what.to_owned() }
            }
            StmtKind::Event { parent: false } => "event".to_owned(),
            StmtKind::Event { parent: true } => "event, its parent".to_owned(),
            StmtKind::If { .. } | StmtKind::Repeat { .. } => String::new(), // written by `stmt`
        }
    }

    fn var(&self, no: crate::VarNo) -> String {
        self.body.vars.get(no.index()).map_or_else(|| "$?".to_owned(), |var| format!("${}", var.name))
    }

    fn map(&self, no: crate::MapNo) -> &str {
        self.plan.maps.get(no.index()).map_or("@?", |map| &map.name)
    }

    fn entry(&self, no: crate::MapNo, key: &[Expr]) -> String {
        if key.is_empty() { self.map(no).to_owned() } else { format!("{}[{}]", self.map(no), self.list(key)) }
    }

    fn list(&self, exprs: &[Expr]) -> String {
        let exprs: Vec<String> = exprs.iter().map(|e| self.expr(e)).collect();
        exprs.join(", ")
    }

    /// An expression with its type, but for numbers that need none.
    fn expr(&self, e: &Expr) -> String {
        let ty = self.plan.ty(&e.ty);
        let shown = match &e.kind {
            ExprKind::Int(n) if matches!(e.ty, Type::Int { signed: false, .. }) => (*n as u64).to_string(),
            ExprKind::Int(n) => n.to_string(),
            ExprKind::Str(no) => self.plan.string(*no),
            ExprKind::Word(word) => name(*word).to_owned(),
            ExprKind::Access(no) => self.body.accesses.get(no.index()).map_or("?", |a| &a.path).to_owned(),
            ExprKind::Field { offset, bytes, form } => match form {
                FieldForm::Int => format!("field+{offset}"),
                FieldForm::Chars => format!("chars+{offset}[{bytes}]"),
                FieldForm::DataLoc => format!("data_loc+{offset}"),
            },
            ExprKind::Event(field) => format!("event {field:?}"),
            ExprKind::Under(no) => {
                let under = self.plan.unders.get(usize::from(*no)).map_or("?", |under| &under.pattern);
                format!("under({under:?})")
            }
            ExprKind::Register(register) => format!("reg {register}"),
            ExprKind::StackWord(offset) => format!("stack+{offset}"),
            ExprKind::Var(no) => self.var(*no),
            ExprKind::Map { map, key } => self.entry(*map, key),
            ExprKind::MapAdd { map, key, by, before } => {
                format!("({} += {}, value {})", self.entry(*map, key), self.expr(by), moment(*before))
            }
            ExprKind::VarAdd { var, by, before } => {
                format!("({} += {by}, value {})", self.var(*var), moment(*before))
            }
            ExprKind::Unary { op, of } => format!("({}{})", op.text(), self.expr(of)),
            ExprKind::Binary { op, left, right } => {
                format!("({} {} {})", self.expr(left), op.text(), self.expr(right))
            }
            ExprKind::SameText { left, right, first, negated } => {
                let first = first.map_or_else(String::new, |n| format!(" first {n}"));
                let sign = if *negated { "differs from" } else { "is" };
                format!("({} {sign} {}{first})", self.expr(left), self.expr(right))
            }
            ExprKind::Ternary { cond, then, otherwise } => {
                format!("({} ? {} : {})", self.expr(cond), self.expr(then), self.expr(otherwise))
            }
            ExprKind::Cast(of) => format!("cast({})", self.expr(of)),
            ExprKind::Read(at) => format!("*({})", self.expr(at)),
            ExprKind::ReadBytes { at, len } => {
                let len = len.as_ref().map_or_else(String::new, |len| format!(", {}", self.expr(len)));
                format!("bytes({}{len})", self.expr(at))
            }
            ExprKind::Tuple(parts) => format!("({})", self.list(parts)),
        };
        match &e.kind {
            ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Tuple(_) => shown,
            _ => format!("{shown}:{ty}"),
        }
    }
}

fn moment(before: bool) -> &'static str {
    if before { "before" } else { "after" }
}

fn name(word: Word) -> &'static str {
    match word {
        Word::Nsecs => "nsecs",
        Word::Elapsed => "elapsed",
        Word::Pid => "pid",
        Word::Tid => "tid",
        Word::Cpu => "cpu",
        Word::Comm => "comm",
        Word::Goid => "goid",
        Word::ParentGoid => "parent_goid",
        Word::GoState => "gostate",
        Word::WaitReason => "waitreason",
        Word::StartFunc => "startfunc",
        Word::Func => "func",
        Word::Probe => "probe",
        Word::UStack => "ustack",
        Word::Caller => "caller",
    }
}

fn prelude(prelude: Prelude) -> String {
    match prelude {
        Prelude::GoEntry => "a Go call".to_owned(),
        Prelude::GoInlined => "an inlined Go call".to_owned(),
        Prelude::GoReturn => "a Go return".to_owned(),
        Prelude::GoCode => "a Go instruction".to_owned(),
        Prelude::NativeCode => "native code".to_owned(),
        Prelude::NativeReturn => "a native return".to_owned(),
        Prelude::Tracepoint => "a tracepoint".to_owned(),
        Prelude::Profile => "a profile".to_owned(),
        Prelude::Interval => "an interval".to_owned(),
        Prelude::Once => "nothing".to_owned(),
        Prelude::Goroutine(event) => format!("goroutine {event:?}"),
        Prelude::Syscall(event) => format!("system calls {event:?}"),
    }
}
