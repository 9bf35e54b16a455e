//! Plans made by hand: one clause on one Go function, unless more is said.

use std::collections::BTreeMap;

use gobin::insn::ArgumentRegisters;
use gobin::sites::Restored;
use gobin::{Arch, FileOff, VAddr};

use plan::machine::Register;
use plan::target::{InlinedPlaces, Runtime};
use plan::*;
use plan::{BinaryOp, Span, UnaryOp};

pub(super) const I64: Type = Type::Int { signed: true, bytes: 8 };
pub(super) const U64: Type = Type::Int { signed: false, bytes: 8 };

/// A plan in the making: everything that its one body is made of.
pub(super) struct Sketch {
    pub(super) plan: Plan,
    pub(super) body: Body,
    places: Vec<Access>,
    line: u32,
}

pub(super) fn expr(kind: ExprKind, ty: Type) -> Expr {
    Expr { kind, ty, pos: Pos { line: 1, column: 1 } }
}

pub(super) fn int(n: i64) -> Expr {
    expr(ExprKind::Int(n), I64)
}

pub(super) fn uint(n: u64) -> Expr {
    expr(ExprKind::Int(n as i64), U64)
}

pub(super) fn word(word: Word) -> Expr {
    let ty = match word {
        Word::Comm => Type::Str { max: 16 },
        Word::Func => Type::Id(Id::Func),
        Word::Probe => Type::Id(Id::Probe),
        Word::StartFunc => Type::Id(Id::StartFunc),
        Word::GoState => Type::Id(Id::GoState),
        Word::WaitReason => Type::Id(Id::WaitReason),
        Word::UStack => Type::Id(Id::UStack(32)),
        _ => U64,
    };
    expr(ExprKind::Word(word), ty)
}

pub(super) fn reg(name: &str) -> Expr {
    expr(ExprKind::Register(Register::named(Arch::Amd64, name).unwrap()), U64)
}

pub(super) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let ty = left.ty.clone();
    expr(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, ty)
}

pub(super) fn unary(op: UnaryOp, of: Expr) -> Expr {
    let ty = of.ty.clone();
    expr(ExprKind::Unary { op, of: Box::new(of) }, ty)
}

pub(super) fn cast(signed: bool, bytes: u8, of: Expr) -> Expr {
    expr(ExprKind::Cast(Box::new(of)), Type::Int { signed, bytes })
}

pub(super) fn ternary(cond: Expr, then: Expr, otherwise: Expr) -> Expr {
    let ty = then.ty.clone();
    let (cond, then, otherwise) = (Box::new(cond), Box::new(then), Box::new(otherwise));
    expr(ExprKind::Ternary { cond, then, otherwise }, ty)
}

pub(super) fn str_at(at: Expr, len: Option<Expr>, max: u32) -> Expr {
    expr(ExprKind::ReadBytes { at: Box::new(at), len: len.map(Box::new) }, Type::Str { max })
}

pub(super) fn buf_at(at: Expr, len: Expr, max: u32) -> Expr {
    expr(ExprKind::ReadBytes { at: Box::new(at), len: Some(Box::new(len)) }, Type::Buf { max })
}

pub(super) fn same(left: Expr, right: Expr, first: Option<u32>) -> Expr {
    expr(ExprKind::SameText { left: Box::new(left), right: Box::new(right), first, negated: false }, U64)
}

pub(super) fn tuple(parts: Vec<Expr>) -> Expr {
    let types = parts.iter().map(|part| part.ty.clone()).collect();
    expr(ExprKind::Tuple(parts), Type::Tuple(types))
}

/// In a register, behind these pointers.
pub(super) fn location(register: &str, hops: &[u64], bytes: u8, signed: bool) -> Location {
    let register = Register::named(Arch::Amd64, register).unwrap();
    let argument = ["ax", "bx", "cx", "di", "si"].iter().position(|name| *name == register.name).map(|n| n as u8);
    Location { base: Base::Register { register, argument }, hops: hops.to_vec(), bytes, signed }
}

pub(super) fn value(location: Location) -> Value {
    Value { bounds: Vec::new(), location }
}

pub(super) fn runtime() -> Runtime {
    let fields = [
        ("g.goid", 152),
        ("g.m", 48),
        ("m.curg", 184),
        ("g.parentGoid", 280),
        ("g.atomicstatus", 144),
        ("g.waitreason", 176),
        ("g.startpc", 296),
    ];
    let release = Some(gobin::release::Release::of(26));
    Runtime { release, fields: fields.map(|(name, at)| (name, Ok(at))).to_vec(), ..Runtime::default() }
}

impl Sketch {
    pub(super) fn new(prelude: Prelude) -> Sketch {
        let source = plan::Source { name: "test".into(), text: "go:main.f { … }".into() };
        let plan = Plan {
            arch: Arch::Amd64,
            source,
            strings: Vec::new(),
            maps: Vec::new(),
            points: Vec::new(),
            binaries: vec![Binary { path: String::new(), go: true, runtime: Some(runtime()), start: None }],
            functions: Vec::new(),
            sites: Vec::new(),
            bodies: Vec::new(),
            variants: Vec::new(),
            groups: Vec::new(),
            unders: Vec::new(),
            saves: Vec::new(),
            events: Vec::new(),
            needs: Needs::default(),
            recorded: BTreeMap::new(),
            values: plan::capture::Limits::default(),
        };
        let mut sketch = Sketch { plan, body: fresh(prelude), places: Vec::new(), line: 1 };
        sketch.function("main.f");
        sketch.point("go:main.f");
        sketch
    }

    pub(super) fn function(&mut self, name: &str) -> FuncNo {
        let at = self.plan.functions.len() as u64;
        let entry = VAddr(0x40_1000 + 0x100 * at);
        self.plan.functions.push(Function {
            binary: BinaryNo(0),
            name: name.into(),
            entry,
            frames: false,
            marks: 0,
            panics: false,
            elsewhere: false,
            inlined: None,
        });
        FuncNo(at as u32)
    }

    pub(super) fn point(&mut self, text: &str) -> PointNo {
        let (matched, attached) = (1, 1);
        let (prefix, suffix) = ("go:".into(), String::new());
        let (skipped, notes, span) = (Vec::new(), Vec::new(), Span::new(0, 1));
        self.plan.points.push(Point {
            ours: false,
            text: text.into(),
            prefix,
            suffix,
            clause: 0,
            matched,
            attached,
            skipped,
            notes,
            inlined: InlinedPlaces::default(),
            span,
        });
        PointNo(self.plan.points.len() as u32 - 1)
    }

    pub(super) fn text(&mut self, text: &str) -> StringNo {
        let at = self.plan.strings.iter().position(|have| have == text).unwrap_or_else(|| {
            self.plan.strings.push(text.into());
            self.plan.strings.len() - 1
        });
        StringNo(at as u32)
    }

    pub(super) fn literal(&mut self, text: &str) -> Expr {
        expr(ExprKind::Str(self.text(text)), Type::Str { max: text.len().max(1) as u32 })
    }

    pub(super) fn map(&mut self, name: &str, key: Vec<Type>, value: MapValue) -> MapNo {
        let span = Span::new(0, 1);
        self.plan.maps.push(Map { name: name.into(), key, value, capacity: 16, span });
        MapNo(self.plan.maps.len() as u32 - 1)
    }

    pub(super) fn var(&mut self, name: &str, ty: Type) -> VarNo {
        self.body.vars.push(Var { name: name.into(), ty });
        VarNo(self.body.vars.len() as u32 - 1)
    }

    pub(super) fn var_expr(&self, var: VarNo) -> Expr {
        expr(ExprKind::Var(var), self.body.vars[var.index()].ty.clone())
    }

    pub(super) fn access(&mut self, path: &str, ty: Type, place: Access) -> Expr {
        self.body.accesses.push(Accessed { path: path.into(), ty: ty.clone() });
        self.places.push(place);
        expr(ExprKind::Access(AccessNo(self.places.len() as u32 - 1)), ty)
    }

    pub(super) fn stmt(&mut self, kind: StmtKind) -> &mut Sketch {
        let stmt = self.make(kind);
        self.body.code.push(stmt);
        self
    }

    pub(super) fn make(&mut self, kind: StmtKind) -> Stmt {
        self.line += 1;
        Stmt { kind, pos: Pos { line: self.line, column: 3 } }
    }

    pub(super) fn printf(&mut self, format: &str, args: Vec<Expr>) -> &mut Sketch {
        let format = self.text(format);
        self.stmt(StmtKind::Printf { format, args })
    }

    /// Ends the body; the group runs it on behalf of the first point.
    pub(super) fn end_body(&mut self, point: PointNo) -> GroupNo {
        let prelude = self.body.prelude;
        let body = std::mem::replace(&mut self.body, fresh(prelude));
        self.plan.bodies.push(body);
        let body = BodyNo(self.plan.bodies.len() as u32 - 1);
        self.plan.variants.push(Variant { body, accesses: std::mem::take(&mut self.places), jump: false });
        let variant = VariantNo(self.plan.variants.len() as u32 - 1);
        self.plan.groups.push(Group { runs: vec![Run { variant, point }] });
        GroupNo(self.plan.groups.len() as u32 - 1)
    }

    /// A site at the next byte of a function.
    pub(super) fn site(&mut self, function: FuncNo, group: GroupNo) -> &mut Site {
        let offset = self.plan.sites.iter().filter(|site| site.function == function).count() as u32;
        let entry = self.plan.functions[function.index()].entry;
        self.plan.sites.push(Site {
            function,
            offset,
            at: entry.plus(u64::from(offset)),
            file: FileOff(entry.0 - 0x40_0000 + u64::from(offset)),
            class: None,
            entry: Some(Entry { group: Some(group), sp_adjust: 0, loop_head: false, saves: None, restored: None }),
            exit: None,
            here: None,
            syscall: None,
            also: Vec::new(),
            over: Vec::new(),
            native_return: false,
        });
        self.plan.sites.last_mut().unwrap()
    }

    /// The plan with one site, which runs the body.
    pub(super) fn plan(mut self) -> Plan {
        let group = self.end_body(PointNo(0));
        self.site(FuncNo(0), group);
        self.plan
    }

    /// The same with the entry behind a stack check.
    pub(super) fn plan_grown(mut self, registers: u16) -> Plan {
        let group = self.end_body(PointNo(0));
        let site = self.site(FuncNo(0), group);
        site.entry.as_mut().unwrap().restored =
            Some(Restored { registers: ArgumentRegisters { ints: registers, floats: 0 }, behind_call: 0x40 });
        self.plan
    }

    /// The plan with one event, which runs the body.
    pub(super) fn plan_on(mut self, on: On) -> Plan {
        let group = self.end_body(PointNo(0));
        self.plan.events.push(Event { on, group });
        self.plan
    }
}

fn fresh(prelude: Prelude) -> Body {
    let (vars, accesses, code) = (Vec::new(), Vec::new(), Vec::new());
    Body { clause: 0, prelude, vars, accesses, predicate: None, code, span: Span::new(0, 1) }
}
