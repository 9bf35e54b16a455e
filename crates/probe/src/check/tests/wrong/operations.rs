//! Functions, formats, operators and casts that do not fit, and small limits.

use expect_test::expect;

use super::check;

#[test]
fn functions_take_what_they_take() {
    check(
        r#"BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }"#,
        expect![[r#"
            error: `printf` is given 0 arguments
             --> 1:9
              |
            1 | BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(…
              |         ^^^^^^^^
              = help: it is written `printf("FORMAT", VALUE, …)`

            error: `str` is given 0 arguments
             --> 1:25
              |
            1 | BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(…
              |                         ^^^^^
              = help: it is written `str(TEXT [, LENGTH])`

            error: `hist` is given 0 arguments
             --> 1:38
              |
            1 | BEGIN { printf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(…
              |                                      ^^^^^^
              = help: it is written `hist(INT [, K])`

            error: `lhist` is given 2 arguments
             --> 1:51
              |
            1 | …intf(); print(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000…
              |                                          ^^^^^^^^^^^
              = help: it is written `lhist(INT, MIN, MAX, STEP)`

            error: `exit` is given 2 arguments
             --> 1:64
              |
            1 | …(str()); @a = hist(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e =…
              |                                          ^^^^^^^^^^
              = help: it is written `exit([STATUS])`

            error: this text has to stand in the script, in quotes
             --> 1:81
              |
            1 | …t(); @b = lhist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f =…
              |                                          ^

            error: the smallest value, 10, is not below the largest, 0
             --> 1:99
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                ^^^^^^^^

            error: this makes 1000000 buckets, at most 1000 are possible
             --> 1:124
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                                         ^^^^^^^^^^^^^

            error: this has to lie between 0 and 5
             --> 1:153
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                                                                      ^

            error: what `sum` is given is an integer, and this is text
             --> 1:166
              |
            1 | …ist(1, 2); exit(1, 2); time(1); @c = lhist(1, 10, 0, 1); @d = lhist(1, 0, 1000000, 1); @e = hist(1, 9); @f = sum("x"); }
              |                                                                                                                   ^^^
        "#]],
    );
}

#[test]
fn formats_fit_their_values() {
    check(
        r#"go:main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }"#,
        expect![[r#"
            error: `%d` takes a number, this is a string
             --> 1:36
              |
            1 | go:main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2))…
              |                                    ^^^^^^
              = help: write `%s`

            error: `%s` takes a string, this is a number
             --> 1:44
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                          ^^^^^^
              = help: write `%d`

            error: the format takes 1 argument, but 0 are given
             --> 1:60
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                          ^^^^^^
              = help: nothing is there for `%d`; a percent sign is `%%`

            error: the format takes 0 arguments, but 1 is given
             --> 1:81
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                                               ^

            error: this text has to stand in the script, in quotes
             --> 1:92
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                                                          ^^^^^^

            error: `%d` takes a number, this is a tuple
             --> 1:114
              |
            1 | …main.handle { printf("%d %s\n", args.s, args.n); printf("%d\n"); printf("x", 1); printf(args.s); printf("%d", (1, 2)); }
              |                                                                                                                ^^^^^^
              = help: write `%v`
        "#]],
    );
}

#[test]
fn operators_take_integers() {
    check(
        r#"go:main.handle { print(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }"#,
        expect![[r#"
            error: `+` takes integers, and this is text
             --> 1:24
              |
            1 | go:main.handle { print(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + c…
              |                        ^^^^^^

            error: `<` does not compare text with text, `==` and `!=` do
             --> 1:43
              |
            1 | …:main.handle { print(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + com…
              |                                          ^^^^^^^^^^

            error: text is not compared with an integer
             --> 1:62
              |
            1 | …t(args.s + 1); print(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $…
              |                                          ^^^^^^^^^

            error: what follows `-` is an integer, and this is text
             --> 1:81
              |
            1 | …t(comm < "x"); print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << …
              |                                          ^^^^

            error: a condition is an integer, and this is text
             --> 1:95
              |
            1 | … print(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm)…
              |                                          ^^^^
              = help: texts are compared: `… == "…"`

            error: `+` takes integers, and this is text
             --> 1:120
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                             ^^^^

            error: this divides by zero
             --> 1:137
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                              ^

            error: `$x` has no value here
             --> 1:141
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                                  ^^
              = help: a variable belongs to one clause, and is assigned before it is read

            error: integers have 64 bits: they are shifted by 0 to 63
             --> 1:161
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                                                      ^^

            error: a condition is an integer, and this is text
             --> 1:169
              |
            1 | …(comm == 1); print(-comm); print(!comm); print(func == 1 + comm); print(1 / 0); $x %= 0; print(1 << 64); if (comm) { } }
              |                                                                                                              ^^^^^^
              = help: texts are compared: `… == "…"`
        "#]],
    );
}

#[test]
fn names_are_compared_with_what_there_is() {
    check(
        r#"go:main.fib { print(waitreason == "chan recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }"#,
        expect![[r#"
            error: `chan recieve` is no reason to wait of this Go version
             --> 1:35
              |
            1 | go:main.fib { print(waitreason == "chan recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); prin…
              |                                   ^^^^^^^^^^^^^^
              = help: did you mean `chan receive`?

            error: `sleeping` is no state of goroutines of this Go version
             --> 1:69
              |
            1 | …on == "chan recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustac…
              |                                          ^^^^^^^^^^
              = help: there are `idle`, `runnable`, `running`, `syscall`, `waiting`, `moribund_unused`, `dead`, `enqueue_unused`, `copystack` and `preempted`

            error: there is no function `main.wroker`
             --> 1:101
              |
            1 | …recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }
              |                                                              ^^^^^^^^^^^^^
              = help: did you mean `main.worker`?

            error: a function is compared with a text that stands in the script
             --> 1:131
              |
            1 | …recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }
              |                                                                                            ^^^^

            error: a stack is not compared with text
             --> 1:154
              |
            1 | …recieve"); print(gostate == "sleeping"); print(startfunc == "main.wroker"); print(func == comm); print(ustack == "x"); }
              |                                                                                                                   ^^^
        "#]],
    );
}

#[test]
fn casts_are_to_integers() {
    check(
        r#"BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }"#,
        expect![[r#"
        error: there is no word `uint23`
         --> 1:15
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |               ^^^^^^^^

        error: `)` is missing behind the arguments, `1` stands there
         --> 1:23
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                       ^

        error: to what this points is not known
         --> 1:33
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                 ^^
          = help: say what it points to: `*(uint64 *)…`

        error: only integers are cast, and this is text
         --> 1:51
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                                   ^^^

        error: this is no pointer
         --> 1:65
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                                                 ^^^^^
          = help: `*(uint8 *)…` reads one

        error: the memory of a program is not there: no program runs here
         --> 1:81
          |
        1 | BEGIN { print((uint23)1); print(*5); print((uint8)"x"); print(*(uint8)1); print(*(uint8 *)1); }
          |                                                                                 ^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn what_does_nothing_is_told() {
    check(
        r#"BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }"#,
        expect![[r#"
        error: this does nothing
         --> 1:9
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |         ^
          = help: `print(…)` shows a value

        error: this does nothing
         --> 1:12
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |            ^^^
          = help: `print(…)` shows a value

        error: nothing is ever assigned to `@x`
         --> 1:17
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                 ^^^^^

        error: this does nothing
         --> 1:24
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                        ^^^^^^^^
          = help: `print(…)` shows a value

        error: only variables and maps are assigned to
         --> 1:34
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                                  ^
          = help: `$x = …`, `@m[key] = …`

        error: only variables and maps are counted
         --> 1:41
          |
        1 | BEGIN { 5; pid; @x[1]; str("a"); 1 = 2; pid++; }
          |                                         ^^^
          = help: `$x++`, `@m[k]--`
    "#]],
    );
}

#[test]
fn limits_are_told() {
    check(
        "BEGIN { unroll (101) { } unroll (100) { unroll (100) { @x++; } } print(str(1, 5000)); }\ngo:main.handle { @[str(args.s), comm, args.r.Name, str(args.r.Name, 1), str(args.s, 2), str(args.s, 3), str(args.s, 4), str(args.s, 5)] = count(); }",
        expect![[r#"
            error: this has to lie between 1 and 100
             --> 1:16
              |
            1 | BEGIN { unroll (101) { } unroll (100) { unroll (100) { @x++; } } print(str(1, 5000)); }
              |                ^^^^^

            error: the memory of a program is not there: no program runs here
             --> 1:72
              |
            1 | BEGIN { unroll (101) { } unroll (100) { unroll (100) { @x++; } } print(str(1, 5000)); }
              |                                                                        ^^^^^^^^^^^^

            error: this key has 576 bytes, and at most 512 are possible
             --> 2:18
              |
            2 | go:main.handle { @[str(args.s), comm, args.r.Name, str(args.r.Name, 1), str(args.s, 2), str(args.s, 3), str(args.s, 4), …
              |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        "#]],
    );
}

#[test]
fn registers_have_names() {
    check(
        r#"go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }"#,
        expect![[r#"
        error: amd64 has no register `eax` that a probe is shown
         --> 1:25
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                         ^^^^^
          = help: did you mean `ax`?

        error: amd64 has no register `x0` that a probe is shown
         --> 1:44
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                            ^^^^
          = help: there are `ax`, `bx`, `cx`, `dx`, `si`, `di`, `bp`, `sp`, `r8`, `r9`, `r10`, `r11`, `r12`, `r13`, `r14`, `r15`, `ip`, `flags`, `cs`, `ss` and `orig_ax`

        error: this text has to stand in the script, in quotes
         --> 1:62
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                                              ^^^^

        error: there is no register for argument 9
         --> 1:76
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                                                            ^^^^
          = help: arguments without a register are on the stack: sarg0, …

        error: no function has so many arguments
         --> 1:89
          |
        1 | go:main.fib { print(reg("eax")); print(reg("x0")); print(reg(comm)); print(arg9); print(sarg300); }
          |                                                                                         ^^^^^^^
    "#]],
    );
}

#[test]
fn too_much_is_kept_for_returns() {
    check(
        "goret:main.small { print(args.n); print(args.ok); print(args.p); print(*args.p); print(args.xs[0]); print(args.xs[1]); print(args.xs[2]); }",
        expect![[r#"
            error: returns of `main.small` want 7 values of the call's beginning, at most 6 are kept
             --> 1:1
              |
            1 | goret:main.small { print(args.n); print(args.ok); print(args.p); print(*args.p); print(args.xs[0]); print(args.xs[1]); p…
              | ^^^^^^^^^^^^^^^^
              = help: keep others in maps where the call begins: `@x[goid] = …`
        "#]],
    );
}
