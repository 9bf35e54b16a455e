//! A tree as text that reads as the same tree again: every operator in parentheses, every name of code in quotes where
//! it needs them. What `--emit=ast` shows.

use std::fmt::{self, Display, Formatter, Write};

use super::{Attach, Block, Clause, Code, Expr, ExprKind, MapDecl, Script, Stmt, StmtKind, User};

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.maps.iter().try_for_each(|decl| writeln!(f, "{decl}"))?;
        self.clauses.iter().try_for_each(|clause| writeln!(f, "{clause}"))
    }
}

impl Display for MapDecl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "let {} = ", self.name.value)?;
        match &self.capacity {
            Some(capacity) => write!(f, "{}({capacity});", word(&self.kind.value)),
            None => write!(f, "{}();", word(&self.kind.value)),
        }
    }
}

/// The kind is kept as it was written, arguments and all, only where it makes no sense.
fn word(kind: &str) -> &str {
    kind.split('(').next().unwrap_or(kind)
}

impl Display for Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let points = self.points.iter().map(|p| p.attach.to_string());
        let except = self.except.iter().map(|name| format!("!{}", quoted(&name.value)));
        let points: Vec<String> = points.chain(except).collect();
        write!(f, "{} ", points.join(", "))?;
        if let Some(predicate) = &self.predicate {
            write!(f, "/{predicate}/ ")?;
        }
        block(&self.body, 0, f)
    }
}

impl Display for Attach {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Attach::Begin => f.write_str("BEGIN"),
            Attach::End => f.write_str("END"),
            Attach::Interval(clock) => write!(f, "interval:{}", ticks(clock)),
            Attach::Profile(clock) => write!(f, "profile:{}", ticks(clock)),
            Attach::Tracepoint { category, name } => write!(f, "tracepoint:{}:{}", category.value, name.value),
            Attach::User(user) => user.fmt(f),
            Attach::Goroutine(event) => write!(f, "goroutine:{}", event.value),
            Attach::Collector(event) => write!(f, "gc:{}", event.value),
            Attach::Syscall(event) => write!(f, "syscall:{}", event.value),
            Attach::Bad => f.write_str("<bad>"),
        }
    }
}

fn ticks(clock: &super::Clock) -> String {
    match clock.unit.value.as_str() {
        "ns" => format!("{}ns", clock.count.value),
        unit => format!("{unit}:{}", clock.count.value),
    }
}

impl Display for User {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match (self.short, self.ret) {
            _ if self.inlined => "inlined",
            (true, false) => "go",
            (true, true) => "goret",
            (false, false) => "uprobe",
            (false, true) => "uretprobe",
        };
        write!(f, "{kind}:")?;
        if !self.short {
            write!(f, "{}:", quoted(&self.binary.value))?;
        }
        match &self.code.value {
            Code::Address(at) => write!(f, "{at:#x}"),
            Code::Function { pattern, signature, offset } => {
                let signature = signature.as_ref().map_or("", |signature| &signature.value);
                f.write_str(&quoted(&format!("{pattern}{signature}")))?;
                offset.map_or(Ok(()), |offset| write!(f, "+{offset:#x}"))
            }
        }
    }
}

/// In quotes, if it has anything that would end it.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_./-*()[]".contains(c);
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    let open = name.matches(['(', '[']).count() != name.matches([')', ']']).count();
    if name.chars().all(plain) && !digit && !open { name.to_owned() } else { literal(name) }
}

fn literal(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_ascii_control() => _ = write!(out, "\\x{:02x}", c as u32),
            c => out.push(c),
        }
    }
    out + "\""
}

fn block(block: &Block, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("{\n")?;
    for s in &block.stmts {
        write!(f, "{:1$}", "", depth * 2 + 2)?;
        stmt(s, depth + 1, f)?;
        f.write_str("\n")?;
    }
    write!(f, "{:1$}}}", "", depth * 2)
}

fn stmt(stmt: &Stmt, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
    match &stmt.kind {
        StmtKind::Expr(e) => write!(f, "{e};"),
        StmtKind::Assign { to, op, value } => write!(f, "{to} {}= {value};", op.map_or("", super::BinaryOp::text)),
        StmtKind::If { cond, then, otherwise } => {
            write!(f, "if ({cond}) ")?;
            block(then, depth, f)?;
            otherwise.as_ref().map_or(Ok(()), |otherwise| {
                f.write_str(" else ")?;
                block(otherwise, depth, f)
            })
        }
        StmtKind::Unroll { times, body } => {
            write!(f, "unroll ({times}) ")?;
            block(body, depth, f)
        }
        StmtKind::Return => f.write_str("return;"),
        StmtKind::Block(inner) => block(inner, depth, f),
    }
}

fn list(exprs: &[Expr]) -> String {
    let exprs: Vec<String> = exprs.iter().map(ToString::to_string).collect();
    exprs.join(", ")
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Int(n) => write!(f, "{n}"),
            ExprKind::Str(text) => f.write_str(&literal(text)),
            ExprKind::Param(n) => write!(f, "${n}"),
            ExprKind::ParamCount => f.write_str("$#"),
            ExprKind::Word(word) => f.write_str(word),
            ExprKind::Var(name) => write!(f, "${name}"),
            ExprKind::Map { name, key } if key.is_empty() => f.write_str(&name.value),
            ExprKind::Map { name, key } => write!(f, "{}[{}]", name.value, list(key)),
            ExprKind::Call { name, args } => write!(f, "{}({})", name.value, list(args)),
            ExprKind::Field { of, name } => write!(f, "{of}.{}", name.value),
            ExprKind::Index { of, index } => write!(f, "{of}[{index}]"),
            ExprKind::Unary { op, of } => write!(f, "({}{of})", op.text()),
            ExprKind::Step { of, up, prefix } => {
                let sign = if *up { "++" } else { "--" };
                if *prefix { write!(f, "({sign}{of})") } else { write!(f, "({of}{sign})") }
            }
            ExprKind::Binary { op, left, right } => write!(f, "({left} {} {right})", op.text()),
            ExprKind::Ternary { cond, then, otherwise } => write!(f, "({cond} ? {then} : {otherwise})"),
            ExprKind::Cast { to, stars, of } => {
                write!(f, "(({}{}){of})", to.value, "*".repeat(*stars as usize))
            }
            ExprKind::Tuple(exprs) => write!(f, "({})", list(exprs)),
            ExprKind::Bad => f.write_str("<bad>"),
        }
    }
}
