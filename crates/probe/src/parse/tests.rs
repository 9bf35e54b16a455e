use expect_test::{Expect, expect};
use plan::Source;

use super::parse;
use crate::ast::{Attach, Code, Script};
use crate::diagnostic::render;

fn source(text: &str) -> Source {
    Source { name: String::new(), text: text.to_owned() }
}

/// The tree as text, and the messages.
fn check(text: &str, want: Expect) {
    let source = source(text);
    let (script, messages) = parse(&source);
    want.assert_eq(&format!("{script}{}", render(&messages, &source)));
}

/// The attach points of a text without mistakes.
fn check_points(text: &str, want: Expect) {
    let source = source(text);
    let (script, messages) = parse(&source);
    let points = script.clauses.iter().flat_map(|c| &c.points);
    let shown: Vec<String> = points.map(|p| format!("{:<9} {}", form(&p.attach), p.attach)).collect();
    let rest: Vec<String> =
        script.clauses.iter().filter_map(|c| c.predicate.as_ref()).map(|p| format!("/{p}/")).collect();
    want.assert_eq(&(shown.join("\n") + "\n" + &rest.join("\n") + &render(&messages, &source)));
}

fn form(attach: &Attach) -> &'static str {
    match attach {
        Attach::User(user) => match &user.code.value {
            Code::Address(_) => "address",
            Code::Function { offset: Some(_), .. } => "offset",
            Code::Function { .. } => "function",
        },
        Attach::Bad => "bad",
        _ => "other",
    }
}

/// The first expression statement.
fn check_expr(text: &str, want: &str) {
    let source = source(&format!("BEGIN {{ {text}; }}"));
    let (script, messages) = parse(&source);
    assert_eq!(render(&messages, &source), "");
    let shown = script.to_string();
    let line = shown.lines().nth(1).unwrap_or_default();
    assert_eq!(line.trim(), format!("{want};"));
}

#[test]
fn names_of_go_need_no_quotes() {
    check_points(
        "go:main.(*Server).Serve { }
         go:net/http.(*conn).serve /args.n > 3/ { }
         go:main.Map[...] {}
         go:main.Map[go.shape.int,go.shape.struct { X int }].func1 {}
         go:gopkg.in/yaml%2ev3.(*Decoder).Decode{}
         go:github.com/a-b/c.T.M-fm, goret:main.(*T).M·f {}
         go:main.init.0.func2-range1 {}
         go:main.größe {}
         goret:*.ServeHTTP {}
         go:main.* { }",
        expect![[r#"
            function  go:main.(*Server).Serve
            function  go:net/http.(*conn).serve
            function  go:main.Map[...]
            function  go:"main.Map[go.shape.int,go.shape.struct { X int }].func1"
            function  go:"gopkg.in/yaml%2ev3.(*Decoder).Decode"
            function  go:github.com/a-b/c.T.M-fm
            function  goret:"main.(*T).M·f"
            function  go:main.init.0.func2-range1
            function  go:main.größe
            function  goret:*.ServeHTTP
            function  go:main.*
            /(args.n > 3)/"#]],
    );
}

#[test]
fn a_slash_behind_a_space_begins_the_condition() {
    check_points(
        "go:net/http.(*conn).serve /args.n / 2 > 3/ { }
         go:main.f\n/ pid == 1 /\n{ }
         go:main.f // remark\n/pid/ { }
         go:main.f /* remark */ /(pid / 2) / 3/ { }
         BEGIN/1/{ }
         interval:s:1/@x/{ }
         tracepoint:sched:sched_switch/pid/ { }",
        expect![[r#"
            function  go:net/http.(*conn).serve
            function  go:main.f
            function  go:main.f
            function  go:main.f
            bad       <bad>
            other     interval:s:1
            other     tracepoint:sched:sched_switch
            /((args.n / 2) > 3)/
            /(pid == 1)/
            /pid/
            /((pid / 2) / 3)/
            /@x/
            /pid/error: there is no kind of probe called `BEGIN/1/`
             --> 8:10
              |
            8 |          BEGIN/1/{ }
              |          ^^^^^^^^
              = help: there are `go`, `goret`, `inlined`, `uprobe`, `uretprobe`, `goroutine`, `gc`, `syscall`, `tracepoint`, `interval`, `profile`, `BEGIN` and `END`
        "#]],
    );
}

#[test]
fn programs_are_named_by_path() {
    check_points(
        r#"uprobe:/usr/bin/app:main.f { }
           u:./tidb-server:"github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute"+2919 {}
           ur:"/with space:and colon":main.f {}
           uprobe::main.f+0x12 {}
           uprobe:/bin/app:0x1732d60 { }
           uprobe:/bin/app:4096 { }
           uretprobe:/bin/*:"main.f" {}
           uprobe:/bin/app:go:struct.M {}
           uprobe:app:"type:.eq.main.T" {}
           go:"main.F[a, b]" {}"#,
        expect![[r#"
            function  uprobe:/usr/bin/app:main.f
            offset    uprobe:./tidb-server:github.com/pingcap/tidb/server.(*clientConn).handleStmtExecute+0xb67
            function  uretprobe:"/with space:and colon":main.f
            offset    uprobe::main.f+0x12
            address   uprobe:/bin/app:0x1732d60
            address   uprobe:/bin/app:0x1000
            function  uretprobe:/bin/*:main.f
            function  uprobe:/bin/app:"go:struct.M"
            function  uprobe:app:"type:.eq.main.T"
            function  go:"main.F[a, b]"
        "#]],
    );
}

#[test]
fn points_are_listed_with_commas() {
    check_points(
        "go:main.f, go:main.g,\n  goret:main.h /pid/ { }\nBEGIN,END { }\nbegin, end {}",
        expect![[r#"
            function  go:main.f
            function  go:main.g
            function  goret:main.h
            other     BEGIN
            other     END
            other     BEGIN
            other     END
            /pid/"#]],
    );
}

#[test]
fn clocks_and_the_kernel() {
    check_points(
        "interval:s:1, i:ms:100, interval:us:5_000, i:hz:10, interval:1s, i:250ms { }
         profile:hz:99, p:ms:10 {}
         tracepoint:sched:sched_process_exit, t:syscalls:sys_enter_read {}
         goroutine:create, goroutine:state, goroutine:exit {}",
        expect![[r#"
            other     interval:s:1
            other     interval:ms:100
            other     interval:us:5000
            other     interval:hz:10
            other     interval:1000000000ns
            other     interval:250000000ns
            other     profile:hz:99
            other     profile:ms:10
            other     tracepoint:sched:sched_process_exit
            other     tracepoint:syscalls:sys_enter_read
            other     goroutine:create
            other     goroutine:state
            other     goroutine:exit
        "#]],
    );
}

#[test]
fn broken_points_are_told() {
    check(
        "kprobe:vfs_read { }
         uprob:/bin/app:f {}
         uprobe:/bin/app {}
         uprobe:/bin/app: {}
         go: {}
         go:main.(*T.F { }
         interval:s { }
         interval:s:0 {}
         interval:m:1 {}
         interval:s:x {}
         interval:1 {}
         uprobe:a:0xzz {}
         uprobe:a:f+99999999999999999999 {}
         goroutine {}
         BEGIN:1 {}
         , {}
         go:main.f/pid > 1/ { }
         /pid/ {}",
        expect![[r#"
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad> {
            }
            <bad>, <bad> {
            }
            <bad> /pid/ {
            }
            error: there is no kind of probe called `kprobe`
             --> 1:1
              |
            1 | kprobe:vfs_read { }
              | ^^^^^^
              = help: gospect probes programs: `uprobe`, `uretprobe`, `go`, `goret`, `goroutine`, `gc`, `syscall`; and tracepoints and clocks

            error: there is no kind of probe called `uprob`
             --> 2:10
              |
            2 |          uprob:/bin/app:f {}
              |          ^^^^^
              = help: did you mean `uprobe`?

            error: `uprobe` is written `uprobe:BIN:FUNC`
             --> 3:10
              |
            3 |          uprobe:/bin/app {}
              |          ^^^^^^^^^^^^^^^
              = help: for example `uprobe:/usr/bin/app:main.handle`

            error: the name of a function is missing
             --> 4:26
              |
            4 |          uprobe:/bin/app: {}
              |                          ^

            error: `go` is written `go:FUNC`
             --> 5:10
              |
            5 |          go: {}
              |          ^^^
              = help: for example `go:main.(*Server).Serve`

            error: a parenthesis or bracket of this name is not closed
             --> 6:10
              |
            6 |          go:main.(*T.F { }
              |          ^^^^^^^^^^^^^
              = help: a name may be written in quotes

            error: a number is missing
             --> 7:19
              |
            7 |          interval:s { }
              |                   ^
              = help: for example `s:1`, `ms:100`, `hz:99`, or `1s`

            error: a clock that never ticks
             --> 8:21
              |
            8 |          interval:s:0 {}
              |                     ^

            error: `m` is no unit of a clock
             --> 9:19
              |
            9 |          interval:m:1 {}
              |                   ^
              = help: there are s, ms, us and hz

            error: `x` is no number of times
              --> 10:21
               |
            10 |          interval:s:x {}
               |                     ^

            error: a unit is missing
              --> 11:19
               |
            11 |          interval:1 {}
               |                   ^
               = help: for example `s:1`, `ms:100`, `hz:99`, or `1s`

            error: `0xzz` is no address
              --> 12:19
               |
            12 |          uprobe:a:0xzz {}
               |                   ^^^^

            error: `99999999999999999999` does not fit into 64 bits
              --> 13:19
               |
            13 |          uprobe:a:f+99999999999999999999 {}
               |                   ^^^^^^^^^^^^^^^^^^^^^^

            error: `goroutine` is written `goroutine:EVENT`
              --> 14:10
               |
            14 |          goroutine {}
               |          ^^^^^^^^^
               = help: for example `goroutine:state`

            error: `BEGIN` is written `BEGIN`
              --> 15:10
               |
            15 |          BEGIN:1 {}
               |          ^^^^^^^
               = help: for example `BEGIN`

            error: a probe is missing, `,` stands there
              --> 16:10
               |
            16 |          , {}
               |          ^
               = help: a probe is a place, a condition if need be, and what to do: `go:main.f /args.n > 3/ { … }`

            error: a probe is missing, `{` stands there
              --> 16:12
               |
            16 |          , {}
               |            ^
               = help: a probe is a place, a condition if need be, and what to do: `go:main.f /args.n > 3/ { … }`

            error: `{` is missing behind the probe, `>` stands there
              --> 17:24
               |
            17 |          go:main.f/pid > 1/ { }
               |                        ^
               = help: a condition begins with a slash behind a space: `go:main.f /pid > 1/ { … }`

            error: a probe is missing, `/` stands there
              --> 18:10
               |
            18 |          /pid/ {}
               |          ^
               = help: a probe is a place, a condition if need be, and what to do: `go:main.f /args.n > 3/ { … }`
        "#]],
    );
}

#[test]
fn operators_bind_as_in_c() {
    check_expr("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)");
    check_expr("1 << 2 + 3 < 4 == 5", "(((1 << (2 + 3)) < 4) == 5)");
    check_expr("1 | 2 ^ 3 & 4 == 5", "(1 | (2 ^ (3 & (4 == 5))))");
    check_expr("1 || 2 && 3 || 4", "((1 || (2 && 3)) || 4)");
    check_expr("1 ? 2 : 3 ? 4 : 5", "(1 ? 2 : (3 ? 4 : 5))");
    check_expr("$x ?: 7", "($x ? $x : 7)");
    check_expr("-1 - -2", "((-1) - (-2))");
    check_expr("!$a && ~$b % +2", "((!$a) && ((~$b) % 2))");
    check_expr("8 / 4 / 2", "((8 / 4) / 2)");
}

#[test]
fn values_are_taken_apart() {
    check_expr("args.r.Tags[0].x", "args.r.Tags[0].x");
    check_expr("args->r->ID", "args.r.ID");
    check_expr("rets.0.1", "rets.0.1");
    check_expr("*args.p + 1", "((*args.p) + 1)");
    check_expr("len(args.s) + str($1, 3)", "(len(args.s) + str($1, 3))");
    check_expr("@start0[$gid, pid]", "@start0[$gid, pid]");
    check_expr("@ [1, (2, \"x\")]", "@[1, (2, \"x\")]");
    check_expr("@n++", "(@n++)");
    check_expr("--$x", "(--$x)");
}

#[test]
fn casts_are_told_from_parentheses() {
    check_expr("(uint32)$x + 1", "(((uint32)$x) + 1)");
    check_expr("(unsigned long)-1", "((unsigned long)(-1))");
    check_expr("*(uint64 *)(reg(\"r14\") + 152)", "(*((uint64*)(reg(\"r14\") + 152)))");
    check_expr("(nsecs - 1) / 1000", "((nsecs - 1) / 1000)");
    check_expr("(pid)", "pid");
    check_expr("(pid, tid)", "(pid, tid)");
}

#[test]
fn statements_of_all_kinds() {
    check(
        r#"let @big = lruhash(10 * 1000);
           BEGIN {
             $x = 1; $x += 2; @m[1] <<= 3; @a = count();;
             let $y = $x; let $z;
             if ($x > 1) { exit() } else if $x { return; } else { @n--; }
             unroll (3) { $x++ }
             { printf("%d\n", $x) }
             delete(@m[1]);
           }"#,
        expect![[r#"
            let @big = lruhash((10 * 1000));
            BEGIN {
              $x = 1;
              $x += 2;
              @m[1] <<= 3;
              @a = count();
              $y = $x;
              if (($x > 1)) {
                exit();
              } else {
                if ($x) {
                  return;
                } else {
                  (@n--);
                }
              }
              unroll (3) {
                ($x++);
              }
              {
                printf("%d\n", $x);
              }
              delete(@m[1]);
            }
        "#]],
    );
}

#[test]
fn the_last_semicolon_may_be_missing() {
    check(
        "BEGIN { @gids[tid] = reg(\"ax\")\n }\nEND {}",
        expect![[r#"
        BEGIN {
          @gids[tid] = reg("ax");
        }
        END {
        }
    "#]],
    );
}

#[test]
fn mistakes_are_told_all_at_once() {
    check(
        "BEGIN { $x = ; @y = 1 2; if { exit(); } f(1 }
         END { (1; ); print(1.5) }
         go:main.f { @m[1 = 2; $ = 3; args. ; x y }",
        expect![[r#"
            BEGIN {
              $x = <bad>;
              @y = 1;
              if (<bad>) {
                exit();
              }
              f(1);
            }
            END {
              1;
              print(0);
            }
            go:main.f {
              @m[1] = 2;
              $ = 3;
              x;
            }
            error: an expression is missing, `;` stands there
             --> 1:14
              |
            1 | BEGIN { $x = ; @y = 1 2; if { exit(); } f(1 }
              |              ^

            error: `2` stands where the statement should end
             --> 1:23
              |
            1 | BEGIN { $x = ; @y = 1 2; if { exit(); } f(1 }
              |                       ^
              = help: statements end with `;`

            error: an expression is missing, `{` stands there
             --> 1:29
              |
            1 | BEGIN { $x = ; @y = 1 2; if { exit(); } f(1 }
              |                             ^

            error: `)` is missing behind the arguments, `}` stands there
             --> 1:45
              |
            1 | BEGIN { $x = ; @y = 1 2; if { exit(); } f(1 }
              |                                             ^

            error: `)` is missing to close the parenthesis, `;` stands there
             --> 2:18
              |
            2 |          END { (1; ); print(1.5) }
              |                  ^

            error: an expression is missing, `)` stands there
             --> 2:20
              |
            2 |          END { (1; ); print(1.5) }
              |                    ^

            error: there are no fractions: numbers are integers
             --> 2:29
              |
            2 |          END { (1; ); print(1.5) }
              |                             ^^^

            error: `]` is missing behind the key, `=` stands there
             --> 3:27
              |
            3 |          go:main.f { @m[1 = 2; $ = 3; args. ; x y }
              |                           ^

            error: a variable has a name: `$x`
             --> 3:32
              |
            3 |          go:main.f { @m[1 = 2; $ = 3; args. ; x y }
              |                                ^

            error: the name of a field is missing, `;` stands there
             --> 3:45
              |
            3 |          go:main.f { @m[1 = 2; $ = 3; args. ; x y }
              |                                             ^

            error: `y` stands where the statement should end
             --> 3:49
              |
            3 |          go:main.f { @m[1 = 2; $ = 3; args. ; x y }
              |                                                 ^
              = help: statements end with `;`
        "#]],
    );
}

#[test]
fn a_missing_semicolon_is_told_where_it_is_missing() {
    check(
        "BEGIN {\n  $x = 1\n  $y = 2;\n}",
        expect![[r#"
        BEGIN {
          $x = 1;
          $y = 2;
        }
        error: `;` is missing behind this statement
         --> 2:9
          |
        2 |   $x = 1
          |         ^
    "#]],
    );
}

#[test]
fn what_bpftrace_has_besides_is_told() {
    check(
        "#include <linux/sched.h>
         struct foo { int x; };
         config = { stack_mode=perf }
         BEGIN { for ($kv : @m) { print($kv); } while (1) { $x++; } exit(); }",
        expect![[r#"
            BEGIN {
              exit();
            }
            error: there is no preprocessor
             --> 1:1
              |
            1 | #include <linux/sched.h>
              | ^^^^^^^^^^^^^^^^^^^^^^^^
              = help: Go's types come from the program, and a script is one file

            error: there is no `struct` in this language
             --> 2:10
              |
            2 |          struct foo { int x; };
              |          ^^^^^^
              = help: Go's types come from the program; there are no others

            error: there is no `config` in this language
             --> 3:10
              |
            3 |          config = { stack_mode=perf }
              |          ^^^^^^
              = help: gospect's options are given on its command line

            error: there is no `for` in this language
             --> 4:18
              |
            4 |          BEGIN { for ($kv : @m) { print($kv); } while (1) { $x++; } exit(); }
              |                  ^^^
              = help: there are no loops; `unroll (N) { … }` repeats code

            error: there is no `while` in this language
             --> 4:49
              |
            4 |          BEGIN { for ($kv : @m) { print($kv); } while (1) { $x++; } exit(); }
              |                                                 ^^^^^
              = help: there are no loops; `unroll (N) { … }` repeats code
        "#]],
    );
}

#[test]
fn an_open_block_is_told() {
    check(
        "BEGIN { if (1) { exit();",
        expect![[r#"
        BEGIN {
          if (1) {
            exit();
          }
        }
        error: this block does not end
         --> 1:7
          |
        1 | BEGIN { if (1) { exit();
          |       ^
          = help: `}` closes it

        error: this block does not end
         --> 1:16
          |
        1 | BEGIN { if (1) { exit();
          |                ^
          = help: `}` closes it
    "#]],
    );
    check(
        "go:main.f",
        expect![[r#"
        error: `{` is missing behind the probe, the end stands there
         --> 1:10
          |
        1 | go:main.f
          |          ^
    "#]],
    );
    check(
        "go:main.f /pid == 1 { exit(); }",
        expect![[r#"
        go:main.f /(pid == 1)/ {
          exit();
        }
        error: the condition is not closed by `/`, `{` stands there
         --> 1:21
          |
        1 | go:main.f /pid == 1 { exit(); }
          |                     ^
    "#]],
    );
    check(
        "let @x",
        expect![[r#"
        error: `=` is missing behind the map's name, the end stands there
         --> 1:7
          |
        1 | let @x
          |       ^
    "#]],
    );
    check(
        "} BEGIN { }",
        expect![[r#"
        BEGIN {
        }
        error: a probe is missing, `}` stands there
         --> 1:1
          |
        1 | } BEGIN { }
          | ^
          = help: a probe is a place, a condition if need be, and what to do: `go:main.f /args.n > 3/ { … }`
    "#]],
    );
}

#[test]
fn nothing_is_nothing() {
    check("", expect![]);
    check("#!/usr/bin/env -S gospect run\n// only a remark", expect![]);
}

#[test]
fn depth_and_length_have_limits() {
    for text in [
        format!("BEGIN {{ $x = {}1{}; exit(); }}", "(".repeat(9000), ")".repeat(9000)),
        format!("BEGIN {{ $x = {}1; exit(); }}", "-".repeat(9001)),
        format!("BEGIN {{ $x = 1{}; exit(); }}", " + 1".repeat(9000)),
        format!("BEGIN {{ $x = a{}; exit(); }}", ".b".repeat(9000)),
        format!("BEGIN {{ $x = {}1; exit(); }}", "1 ? 1 : ".repeat(9000)),
        format!("BEGIN {{ {} exit(); {} }}", "{".repeat(9000), "}".repeat(9000)),
        format!("BEGIN {{ if (1) {{}} {} exit(); }}", "else if (1) {}".repeat(9000)),
        format!("BEGIN {{ {} exit(); {} }}", "unroll (2) {".repeat(9000), "}".repeat(9000)),
    ] {
        let (script, messages) = parse(&source(&text));
        assert_eq!(messages.len(), 1, "{} {:?}", &text[..60], messages);
        assert_eq!(script.clauses.len(), 1);
    }
    assert_eq!(parse(&source(&" ".repeat(2 << 20))).1.len(), 1);
}

/// Both scripts of the articles that this language has to run as they are.
#[test]
fn scripts_of_bpftrace_read() {
    for text in [SEED_3, SEED_4] {
        let (script, messages) = parse(&source(text));
        assert_eq!(render(&messages, &source(text)), "");
        let again = script.to_string();
        let (script, messages) = parse(&source(&again));
        assert_eq!(render(&messages, &source(&again)), "");
        assert_eq!(script.to_string(), again);
    }
}

const SEED_3: &str = include_str!("../../tests/scripts/latency.bt");
const SEED_4: &str = include_str!("../../tests/scripts/fibonacci.bt");

/// Every way to cut a text short or to lose a byte of it ends, and what is told lies within the text.
#[test]
fn no_text_is_too_broken() {
    let text = SEED_3.replace("/home/genius/project/src/github.com/pingcap/tidb/bin/tidb-server", "/x");
    for at in (0..text.len()).filter(|&at| text.is_char_boundary(at)) {
        sane(&text[..at]);
        sane(&text[at..]);
        let behind = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        sane(&format!("{}{}", &text[..at], &text[behind..]));
    }
}

fn sane(text: &str) -> Script {
    let source = source(text);
    let (script, messages) = parse(&source);
    for message in &messages {
        assert!(message.span.start <= message.span.end && message.span.end as usize <= text.len(), "{message:?}");
        assert!(text.get(message.span.range()).is_some(), "{message:?}");
    }
    assert_eq!(render(&messages, &source).is_empty(), messages.is_empty());
    script
}

#[test]
fn a_signature_stands_behind_a_name() {
    check(
        "go:main.f(int) { } goret:\"main.(*T).M(n int) (int, error)\" { } go:\"main.f(n int)\"+0x10 { }",
        expect![[r#"
            go:main.f(int) {
            }
            goret:"main.(*T).M(n int) (int, error)" {
            }
            <bad> {
            }
            error: a signature is that of a whole function, and this is an instruction in one
             --> 1:74
              |
            1 | go:main.f(int) { } goret:"main.(*T).M(n int) (int, error)" { } go:"main.f(n int)"+0x10 { }
              |                                                                          ^^^^^^^
        "#]],
    );
    check(
        "go:main.f(n int) int { }",
        expect![[r#"
        error: `{` is missing behind the probe, `int` stands there
         --> 1:18
          |
        1 | go:main.f(n int) int { }
          |                  ^^^
          = help: a signature is put in quotes: `go:"main.f(n int) int"`
    "#]],
    );
}
