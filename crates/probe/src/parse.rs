//! Text to tree. It never fails: what does not read is complained about once and left out, and reading goes on behind
//! it, so that all mistakes are told at once.
//!
//! The grammar is bpftrace's, as far as the language goes, and people's scripts decide where its documentation is
//! silent. Attach points have a module of their own, [`point`], because Go's names need other rules than code does.

use plan::Source;

use crate::ast::{BinaryOp, Block, Clause, Expr, ExprKind, MapDecl, Script, Span, Spanned, Stmt, StmtKind, UnaryOp};
use crate::diagnostic::{self, Diagnostic};
use crate::lex::{Lexer, Token};

mod point;
#[cfg(test)]
mod tests;

/// A longer text is no script.
const LONGEST: usize = 1 << 20;
/// Blocks in blocks go no deeper.
const DEEPEST_BLOCK: usize = 24;
/// Parentheses in parentheses go no deeper, blocks around them included.
const DEEPEST: usize = 64;
/// One expression has no more parts.
const MOST_PARTS: usize = 512;

/// So many parts has a statement of which nothing more is read, because it was too much.
const GIVEN_UP: usize = usize::MAX;

/// Reads a text.
#[must_use]
pub fn parse(source: &Source) -> (Script, Vec<Diagnostic>) {
    if source.text.len() > LONGEST {
        let message = format!("a script has at most {LONGEST} bytes, this has {}", source.text.len());
        return (Script::default(), vec![Diagnostic::error(Span::default(), message)]);
    }
    let mut parser = Parser::new(&source.text);
    let script = parser.script();
    let mut messages = parser.lexer.messages;
    diagnostic::sort(&mut messages);
    (script, messages)
}

/// Reads tokens one ahead.
struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    span: Span,
    /// Where the token before this one ended.
    last_end: usize,
    depth: usize,
    parts: usize,
    /// Inside `/…/`, where a slash before a brace is no division.
    in_predicate: bool,
}

/// What a type's name may begin with, so that `(uint32)x` is told from `(x)`.
pub(crate) const TYPE_WORDS: [&str; 33] = [
    "bool", "byte", "char", "int", "int8", "int16", "int32", "int64", "int8_t", "int16_t", "int32_t", "int64_t",
    "long", "rune", "s8", "s16", "s32", "s64", "short", "size_t", "u8", "u16", "u32", "u64", "uint", "uint8", "uint16",
    "uint32", "uint64", "uintptr", "unsigned", "struct", "void",
];

/// Words that begin something that the language does not have, and what to do instead.
const ABSENT: [(&str, &str); 10] = [
    ("for", "there are no loops; `unroll (N) { … }` repeats code"),
    ("while", "there are no loops; `unroll (N) { … }` repeats code"),
    ("struct", "Go's types come from the program; there are no others"),
    ("union", "Go's types come from the program; there are no others"),
    ("enum", "Go's types come from the program; there are no others"),
    ("config", "gospect's options are given on its command line"),
    ("macro", "there are no macros"),
    ("fn", "there are no functions of one's own"),
    ("import", "a script is one file"),
    ("subprog", "there are no functions of one's own"),
];

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Parser<'t> {
        let span = Span::default();
        let lexer = Lexer::new(text);
        Parser { lexer, token: Token::End, span, last_end: 0, depth: 0, parts: 0, in_predicate: false }
    }

    // Tokens.

    fn advance(&mut self) -> Token {
        self.last_end = self.span.end as usize;
        let (token, span) = self.lexer.next();
        self.span = span;
        std::mem::replace(&mut self.token, token)
    }

    /// Looks at the text again from the current token on.
    fn rewind(&mut self) {
        self.lexer.go(self.span.start as usize);
    }

    fn at(&self, sign: &str) -> bool {
        matches!(self.token, Token::Sign(s) if s == sign)
    }

    fn at_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(w) if w == word)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.at(sign);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, sign: &str, what_for: &str) -> bool {
        let found = self.take(sign);
        if !found && self.in_predicate && self.at("=") {
            self.assigns();
        } else if !found {
            self.complain(self.span, format!("`{sign}` is missing {what_for}, {} stands there", self.shown()));
        }
        found
    }

    /// A condition has `=` where it means `==`.
    fn assigns(&mut self) {
        let message = Diagnostic::error(self.span, "`=` assigns, and a condition only asks");
        self.lexer.messages.push(message.help("`==` compares"));
    }

    /// The current token in a sentence.
    fn shown(&self) -> String {
        match self.token {
            Token::End => "the end".to_owned(),
            _ => format!("`{}`", self.lexer.slice(self.span).lines().next().unwrap_or_default()),
        }
    }

    /// Says what is wrong, unless the statement was given up already.
    fn complain(&mut self, span: Span, message: impl Into<String>) {
        if self.parts != GIVEN_UP {
            self.lexer.messages.push(Diagnostic::error(span, message));
        }
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.last_end.max(start))
    }

    fn start(&self) -> usize {
        self.span.start as usize
    }

    // What stands outside of blocks.

    fn script(&mut self) -> Script {
        let mut script = Script::default();
        loop {
            self.lexer.skip_space();
            let rest = self.lexer.rest();
            if rest.is_empty() {
                return script;
            }
            if rest.starts_with(';') {
                self.lexer.go(self.lexer.at() + 1);
            } else if rest.starts_with('#') {
                self.directive();
            } else if let Some(word) = first_word(rest).filter(|w| *w == "let" || absent(w).is_some()) {
                self.declaration(word, &mut script);
            } else {
                let clause = self.clause();
                script.clauses.extend(clause);
            }
        }
    }

    fn directive(&mut self) {
        let start = self.lexer.at();
        self.lexer.skip_line();
        let help = "Go's types come from the program, and a script is one file";
        let message = Diagnostic::error(Span::new(start, self.lexer.at()), "there is no preprocessor");
        self.lexer.messages.push(message.help(help));
    }

    /// `let @m = hash(N);`, or something that only bpftrace has.
    fn declaration(&mut self, word: &str, script: &mut Script) {
        self.advance_to_here();
        if let Some(help) = absent(word) {
            self.absent_word(help);
            self.skip_item();
            return;
        }
        let decl = self.map_decl();
        script.maps.extend(decl);
        self.rewind();
    }

    /// Makes the token at the lexer's place the current one.
    fn advance_to_here(&mut self) {
        self.span = Span::new(self.lexer.at(), self.lexer.at());
        self.advance();
    }

    fn absent_word(&mut self, help: &str) {
        let message = format!("there is no {} in this language", self.shown());
        self.lexer.messages.push(Diagnostic::error(self.span, message).help(help));
    }

    /// Skips up to `;` or `}`, or to the end of `{ … }`; whether it was the latter.
    fn skip_item(&mut self) -> bool {
        while !matches!(self.token, Token::End | Token::Sign("{" | "}" | ";")) {
            self.advance();
        }
        let block = self.at("{");
        if block {
            self.skip_block();
        }
        block
    }

    /// Skips from an opening brace to behind the closing one.
    fn skip_block(&mut self) {
        let mut open = 0usize;
        loop {
            match self.token {
                Token::Sign("{") => open += 1,
                Token::Sign("}") => open = open.saturating_sub(1),
                Token::End => return,
                _ => {}
            }
            if open == 0 {
                return; // the lexer stands behind the brace
            }
            self.advance();
        }
    }

    fn map_decl(&mut self) -> Option<MapDecl> {
        let start = self.start();
        self.advance();
        let name_span = self.span;
        let Token::Map(name) = self.token.clone() else {
            self.complain(self.span, "outside of blocks `let` declares a map: `let @name = hash(1000);`");
            self.skip_item();
            self.leave_item();
            return None;
        };
        self.advance();
        if !self.expect("=", "behind the map's name") {
            self.skip_item();
            self.leave_item();
            return None;
        }
        let kind = Spanned { value: self.lexer.slice(self.span).to_owned(), span: self.span };
        let capacity = match self.expr().kind {
            ExprKind::Call { mut args, .. } if args.len() <= 1 => args.pop(),
            ExprKind::Bad => None,
            _ => {
                self.complain(
                    self.span_from(kind.span.start as usize),
                    "a map is declared by its kind and capacity: `hash(1000)`",
                );
                None
            }
        };
        let span = self.span_from(start);
        if self.at(";") {
            self.leave_item();
        } else {
            self.expect(";", "behind the declaration");
        }
        Some(MapDecl { name: Spanned { value: name, span: name_span }, kind, capacity, span })
    }

    /// Leaves the sign at the end of an item behind, without reading on: attach points may follow.
    fn leave_item(&mut self) {
        self.span = Span::new(self.lexer.at(), self.lexer.at());
    }

    /// Attach points, predicate, block. Something is consumed in any case.
    fn clause(&mut self) -> Option<Clause> {
        let start = self.lexer.at();
        let (points, except) = self.points();
        self.advance_to_here();
        let predicate = if self.at("/") { self.predicate() } else { None };
        if !self.at("{") {
            let said = points.iter().any(|p| p.span.start == p.span.end);
            self.no_block(start, said);
            return None;
        }
        let body = self.block();
        Some(Clause { points, except, predicate, body, span: self.span_from(start) })
    }

    fn no_block(&mut self, start: usize, said: bool) {
        let before = self.lexer.slice(Span::new(start, self.start())).trim_end();
        let message = format!("`{{` is missing behind the probe, {} stands there", self.shown());
        let slash = before.rfind('/').filter(|_| !matches!(self.token, Token::End));
        let help =
            slash.map(|_| "a condition begins with a slash behind a space: `go:main.f /pid > 1/ { … }`".to_owned());
        let signature =
            before.ends_with(')').then(|| "a signature is put in quotes: `go:\"main.f(n int) int\"`".to_owned());
        let help = help.or(signature);
        let message = Diagnostic::error(self.span, message).maybe_help(help);
        self.lexer.messages.extend((!said).then_some(message));
        self.skip_item();
        if matches!(self.token, Token::End) {
            self.rewind();
        }
    }

    fn predicate(&mut self) -> Option<Expr> {
        self.in_predicate = true;
        self.parts = 0;
        self.advance();
        let predicate = self.expr();
        self.in_predicate = false;
        if self.at("=") {
            self.assigns();
            while !self.at("{") && !matches!(self.token, Token::End) {
                self.advance();
            }
        } else if !self.take("/") {
            let message = format!("the condition is not closed by `/`, {} stands there", self.shown());
            self.complain(self.span, message);
            while !self.at("{") && !matches!(self.token, Token::End) {
                self.advance();
            }
        }
        Some(predicate)
    }

    // Statements.

    /// A block; the current token is its opening brace.
    fn block(&mut self) -> Block {
        let start = self.start();
        self.depth += 1;
        if self.depth > DEEPEST_BLOCK {
            self.complain(self.span, format!("blocks are nested more than {DEEPEST_BLOCK} deep"));
            self.parts = GIVEN_UP;
            self.skip_block();
            self.advance_over_block();
            self.depth -= 1;
            return Block { stmts: Vec::new(), span: self.span_from(start) };
        }
        self.advance();
        let mut stmts = Vec::new();
        while !self.at("}") && !matches!(self.token, Token::End) {
            let before = self.start();
            stmts.extend(self.stmt());
            if self.start() == before && !self.at("}") {
                self.advance(); // whatever happened, go on
            }
        }
        self.close_block(start);
        self.depth -= 1;
        Block { stmts, span: self.span_from(start) }
    }

    /// Behind the closing brace the text may be attach points: nothing is read there before it is known.
    fn close_block(&mut self, start: usize) {
        if matches!(self.token, Token::End) {
            let message = Diagnostic::error(Span::new(start, start + 1), "this block does not end");
            self.lexer.messages.push(message.help("`}` closes it"));
            self.last_end = self.start();
        } else if self.depth == 1 {
            self.last_end = self.span.end as usize;
        } else {
            self.advance();
        }
    }

    fn advance_over_block(&mut self) {
        if self.depth > 1 {
            self.advance();
        }
    }

    /// A statement, if it does anything.
    fn stmt(&mut self) -> Option<Stmt> {
        self.parts = 0;
        let start = self.start();
        if self.take(";") {
            return None;
        }
        let (kind, block) = match &self.token {
            Token::Word(word) if word == "if" => (Some(self.if_stmt()), true),
            Token::Word(word) if word == "unroll" => (Some(self.unroll()), true),
            Token::Word(word) if word == "return" => {
                self.advance();
                (Some(StmtKind::Return), false)
            }
            Token::Word(word) if word == "let" => (self.let_stmt(), false),
            Token::Word(word) if word == "else" => (self.stray_else(), true),
            Token::Word(word) => match absent(word) {
                Some(help) => (self.absent_stmt(help), true),
                None => (self.simple(), false),
            },
            Token::Sign("{") => (Some(StmtKind::Block(self.block())), true),
            _ => (self.simple(), false),
        };
        let span = self.span_from(start);
        if !block && kind.is_some() {
            self.end_of_stmt();
        }
        kind.map(|kind| Stmt { kind, span })
    }

    fn absent_stmt(&mut self, help: &str) -> Option<StmtKind> {
        self.absent_word(help);
        if self.skip_item() {
            self.advance();
        }
        None
    }

    fn stray_else(&mut self) -> Option<StmtKind> {
        self.complain(self.span, "this `else` belongs to no `if`");
        self.advance();
        None
    }

    fn end_of_stmt(&mut self) {
        if self.take(";") || self.at("}") || matches!(self.token, Token::End) {
            return;
        }
        let at = Span::new(self.last_end, self.last_end);
        if self.lexer.slice(Span::new(self.last_end, self.start())).contains('\n') {
            self.complain(at, "`;` is missing behind this statement");
            return;
        }
        if self.lexer.messages.last().is_none_or(|said| said.span != self.span) {
            let message = format!("{} stands where the statement should end", self.shown());
            self.lexer.messages.push(Diagnostic::error(self.span, message).help("statements end with `;`"));
        }
        self.skip_stmt();
    }

    /// Skips to behind the next semicolon, or to the end of the block.
    fn skip_stmt(&mut self) {
        let mut open = 0usize;
        loop {
            match self.token {
                Token::End => return,
                Token::Sign("{") => open += 1,
                Token::Sign("}") if open == 0 => return,
                Token::Sign("}") => open -= 1,
                Token::Sign(";") if open == 0 => {
                    self.advance();
                    return;
                }
                _ => {}
            }
            self.advance();
        }
    }

    fn if_stmt(&mut self) -> StmtKind {
        self.advance();
        let cond = self.expr();
        let then = self.needed_block("behind the condition");
        let otherwise = if self.at_word("else") { Some(self.else_block()) } else { None };
        StmtKind::If { cond, then, otherwise }
    }

    fn else_block(&mut self) -> Block {
        self.advance();
        if !self.at_word("if") {
            return self.needed_block("behind `else`");
        }
        let start = self.start();
        self.depth += 1;
        if self.depth > DEEPEST_BLOCK {
            self.complain(self.span, format!("more than {DEEPEST_BLOCK} conditions hang on one another"));
            self.skip_stmt();
            self.depth -= 1;
            return Block::default();
        }
        self.parts = 0;
        let kind = self.if_stmt();
        self.depth -= 1;
        let span = self.span_from(start);
        Block { stmts: vec![Stmt { kind, span }], span }
    }

    fn needed_block(&mut self, place: &str) -> Block {
        if self.at("{") {
            return self.block();
        }
        let message = format!("`{{` is missing {place}, {} stands there", self.shown());
        self.complain(self.span, message);
        self.skip_stmt();
        Block::default()
    }

    fn unroll(&mut self) -> StmtKind {
        self.advance();
        let times = self.expr();
        let body = self.needed_block("behind the number");
        StmtKind::Unroll { times, body }
    }

    /// `let $x = e`: in this language a variable needs no declaration, but may have one.
    fn let_stmt(&mut self) -> Option<StmtKind> {
        self.advance();
        if !matches!(self.token, Token::Var(_)) {
            self.complain(self.span, format!("`let` declares a variable here, not {}", self.shown()));
            self.skip_stmt();
            return None;
        }
        if !self.followed_by("=") {
            self.advance();
            if !self.at(";") && !self.at("}") {
                self.complain(self.span, "a variable takes the type of what is assigned to it: `let $x = (uint32)1;`");
                self.skip_stmt();
            }
            return None;
        }
        self.simple()
    }

    /// Whether the token behind the current one is this sign.
    fn followed_by(&mut self, sign: &str) -> bool {
        let (at, said) = (self.lexer.at(), self.lexer.messages.len());
        let (token, _) = self.lexer.next();
        self.lexer.go(at);
        self.lexer.messages.truncate(said);
        matches!(token, Token::Sign(s) if s == sign)
    }

    /// An expression or an assignment.
    fn simple(&mut self) -> Option<StmtKind> {
        let left = self.expr();
        let Some(op) = self.assignment() else {
            if left.kind == ExprKind::Bad {
                self.skip_stmt(); // said already
                return None;
            }
            return Some(StmtKind::Expr(left));
        };
        self.advance();
        let value = self.expr();
        Some(StmtKind::Assign { to: left, op, value })
    }

    /// The operator of an assignment, if one stands here: `Some(None)` for `=`.
    fn assignment(&self) -> Option<Option<BinaryOp>> {
        let Token::Sign(sign) = self.token else { return None };
        if sign == "=" {
            return Some(None);
        }
        let op = sign.strip_suffix('=')?;
        BinaryOp::ALL.iter().find(|row| row.1 == op && !row.0.compares()).map(|row| Some(row.0))
    }

    // Expressions.

    fn expr(&mut self) -> Expr {
        self.depth += 1;
        let expr = if self.depth > DEEPEST {
            self.too_much(format!("this is nested more than {DEEPEST} deep"))
        } else {
            self.ternary()
        };
        self.depth -= 1;
        expr
    }

    fn too_much(&mut self, message: String) -> Expr {
        let span = self.span;
        self.complain(span, message);
        self.parts = GIVEN_UP;
        while !matches!(self.token, Token::End | Token::Sign(";" | "}" | "{")) {
            self.advance();
        }
        Expr { kind: ExprKind::Bad, span }
    }

    /// Counts a part; false when there are too many.
    fn count(&mut self) -> bool {
        self.parts = self.parts.saturating_add(1);
        self.parts <= MOST_PARTS
    }

    fn ternary(&mut self) -> Expr {
        let cond = self.binary(0);
        if !self.take("?") {
            return cond;
        }
        let elvis = self.take(":");
        let then = if elvis { cond.clone() } else { self.expr() };
        if !elvis && !self.expect(":", "in `condition ? this : that`") {
            return Expr { kind: ExprKind::Bad, span: cond.span };
        }
        let otherwise = self.expr();
        let span = cond.span.to(otherwise.span);
        let [cond, then, otherwise] = [cond, then, otherwise].map(Box::new);
        Expr { kind: ExprKind::Ternary { cond, then, otherwise }, span }
    }

    /// Operators that bind tighter than `above`.
    fn binary(&mut self, above: u8) -> Expr {
        let mut left = self.unary();
        while let Some((op, tightness)) = self.operator().filter(|op| op.1 > above) {
            if !self.count() {
                return self.too_much(format!("this expression has more than {MOST_PARTS} parts"));
            }
            self.advance();
            let right = self.binary(tightness);
            let span = left.span.to(right.span);
            left = Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, span };
        }
        left
    }

    fn operator(&self) -> Option<(BinaryOp, u8)> {
        let Token::Sign(sign) = self.token else { return None };
        if sign == "/" && self.in_predicate && self.ends_predicate() {
            return None;
        }
        BinaryOp::ALL.iter().find(|row| row.1 == sign).map(|row| (row.0, row.2))
    }

    /// Whether the slash here is followed by a block.
    fn ends_predicate(&self) -> bool {
        let mut ahead = Lexer::new(self.lexer.rest());
        ahead.skip_space();
        ahead.rest().starts_with('{') || ahead.rest().is_empty()
    }

    fn unary(&mut self) -> Expr {
        let start = self.start();
        if !self.count() {
            return self.too_much(format!("this expression has more than {MOST_PARTS} parts"));
        }
        for op in [UnaryOp::Neg, UnaryOp::Not, UnaryOp::BitNot, UnaryOp::Deref] {
            if self.at(op.text()) {
                self.advance();
                return self.prefixed(start, |of| ExprKind::Unary { op, of });
            }
        }
        for (sign, up) in [("++", true), ("--", false)] {
            if self.at(sign) {
                self.advance();
                return self.prefixed(start, |of| ExprKind::Step { of, up, prefix: true });
            }
        }
        if self.take("+") {
            return self.deeper(Self::unary);
        }
        match self.cast() {
            Some((to, stars)) => self.prefixed(start, |of| ExprKind::Cast { to, stars, of }),
            None => self.postfix(),
        }
    }

    fn prefixed(&mut self, start: usize, make: impl FnOnce(Box<Expr>) -> ExprKind) -> Expr {
        let of = self.deeper(Self::unary);
        let span = Span::new(start, of.span.end as usize);
        Expr { kind: make(Box::new(of)), span }
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Expr) -> Expr {
        self.depth += 1;
        let expr = if self.depth > DEEPEST {
            self.too_much(format!("this is nested more than {DEEPEST} deep"))
        } else {
            read(self)
        };
        self.depth -= 1;
        expr
    }

    /// `(uint32)` or `(int8 *)` before something that it could be about.
    fn cast(&mut self) -> Option<(Spanned<String>, u32)> {
        if !self.at("(") {
            return None;
        }
        let before = (self.token.clone(), self.span, self.last_end, self.lexer.at(), self.lexer.messages.len());
        let cast = self.try_cast();
        if cast.is_none() {
            let (token, span, last_end, at, said) = before;
            (self.token, self.span, self.last_end) = (token, span, last_end);
            self.lexer.go(at);
            self.lexer.messages.truncate(said);
        }
        cast
    }

    fn try_cast(&mut self) -> Option<(Spanned<String>, u32)> {
        self.advance();
        let mut words: Vec<String> = Vec::new();
        let start = self.start();
        while let Token::Word(word) = &self.token {
            words.push(word.clone());
            self.advance();
        }
        let span = self.span_from(start);
        let mut stars = 0;
        while self.take("*") {
            stars += 1;
        }
        let is_type = TYPE_WORDS.contains(&words.first()?.as_str()) || stars > 0;
        let closed = self.take(")");
        (is_type && closed).then(|| (Spanned { value: words.join(" "), span }, stars))
    }

    fn postfix(&mut self) -> Expr {
        let mut of = self.primary();
        loop {
            if !self.count() {
                return self.too_much(format!("this expression has more than {MOST_PARTS} parts"));
            }
            let start = of.span;
            let kind = match self.token {
                Token::Sign("." | "->") => self.field(of),
                Token::Sign("[") => self.index(of),
                Token::Sign(sign @ ("++" | "--")) => {
                    self.advance();
                    ExprKind::Step { of: Box::new(of), up: sign == "++", prefix: false }
                }
                _ => return of,
            };
            of = Expr { kind, span: start.to(self.span_from(start.start as usize)) };
        }
    }

    fn field(&mut self, of: Expr) -> ExprKind {
        self.advance();
        let span = self.span;
        match self.token {
            Token::Word(_) | Token::Int(_) => {
                let name = Spanned { value: self.lexer.slice(span).to_owned(), span };
                self.advance();
                ExprKind::Field { of: Box::new(of), name }
            }
            _ => {
                self.complain(span, format!("the name of a field is missing, {} stands there", self.shown()));
                ExprKind::Bad
            }
        }
    }

    fn index(&mut self, of: Expr) -> ExprKind {
        self.advance();
        let index = self.expr();
        self.expect("]", "behind the index");
        ExprKind::Index { of: Box::new(of), index: Box::new(index) }
    }

    fn primary(&mut self) -> Expr {
        let start = self.start();
        let kind = match self.token.clone() {
            Token::Int(value) => self.leaf(ExprKind::Int(value)),
            Token::Str(text) => self.leaf(ExprKind::Str(text)),
            Token::Param(number) => self.leaf(ExprKind::Param(number)),
            Token::ParamCount => self.leaf(ExprKind::ParamCount),
            Token::Var(name) => self.leaf(ExprKind::Var(name)),
            Token::Map(name) => self.map(name),
            Token::Word(word) => self.word(word),
            Token::Sign("(") => self.parenthesised(),
            _ => {
                self.complain(self.span, format!("an expression is missing, {} stands there", self.shown()));
                return Expr { kind: ExprKind::Bad, span: self.span };
            }
        };
        Expr { kind, span: self.span_from(start) }
    }

    fn leaf(&mut self, kind: ExprKind) -> ExprKind {
        self.advance();
        kind
    }

    fn map(&mut self, name: String) -> ExprKind {
        let name = Spanned { value: name, span: self.span };
        self.advance();
        // `@ [1]` is the map `@` too, as for bpftrace.
        let key = if self.take("[") { self.list("]", "behind the key") } else { Vec::new() };
        ExprKind::Map { name, key }
    }

    fn word(&mut self, word: String) -> ExprKind {
        let span = self.span;
        self.advance();
        if !self.take("(") {
            return ExprKind::Word(word);
        }
        let args = self.list(")", "behind the arguments");
        ExprKind::Call { name: Spanned { value: word, span }, args }
    }

    /// Expressions with commas between them, up to the closing sign.
    fn list(&mut self, close: &str, place: &str) -> Vec<Expr> {
        let mut exprs = Vec::new();
        while !self.at(close) && !matches!(self.token, Token::End) {
            // A slash in parentheses divides.
            let in_predicate = std::mem::replace(&mut self.in_predicate, false);
            exprs.push(self.expr());
            self.in_predicate = in_predicate;
            if !self.take(",") {
                break;
            }
        }
        self.expect(close, place);
        exprs
    }

    fn parenthesised(&mut self) -> ExprKind {
        self.advance();
        let mut exprs = self.list(")", "to close the parenthesis");
        match (exprs.pop(), exprs.is_empty()) {
            (Some(only), true) => only.kind,
            (Some(last), false) => {
                exprs.push(last);
                ExprKind::Tuple(exprs)
            }
            (None, _) => {
                self.complain(self.span_from(self.last_end.saturating_sub(1)), "there is nothing in the parentheses");
                ExprKind::Bad
            }
        }
    }
}

fn first_word(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !crate::lex::is_word(c)).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// What to say of a word that the language does not have.
fn absent(word: &str) -> Option<&'static str> {
    ABSENT.iter().find(|row| row.0 == word).map(|row| row.1)
}
