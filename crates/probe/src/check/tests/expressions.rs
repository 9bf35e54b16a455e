//! Values, variables, maps and actions in plans.

use expect_test::expect;

use super::{check_bodies, check_places};

#[test]
fn paths_go_through_pointers_fields_and_slices() {
    check_places(
        "go:main.handle { print(args.r); print(args.r.ID); print(args.r.Name); print(args.r.Tags[1]);
           print(args.r.Next.Next.Small); print(args.r.User.Key); print(args.r.User.Deep); print(args.r.User.Pair[1]);
           print(len(args.s)); print(len(args.r.Tags)); print(args.r == nil); print(str(args.s, 8)); print(args.r.Next == nil); }",
        expect![[r#"
            site func 0+0x6 file +0x1206 emulated entry group 0 restored 0b1 behind +0x50
            variant 0: body 0 (type Dwarf(0) 0..8 in ax#0, ax#0→0:i64, text at ax#0→8:u64, length ax#0→16:i64, text at if ax#0→32:u64 > 1: ax#0→24→16:u64, length if ax#0→32:u64 > 1: ax#0→24→24:i64, ax#0→48→48→56:u8, ax#0→64→16:i64, ax#0→64→40→8:i64, ax#0→64→28:i32, cx#2:i64, ax#0→32:i64, ax#0:u64, text at bx#1:u64, length cx#2:i64, at most 8, ax#0→48:u64)
              reads whole args.r: go
              reads args.r.ID: i64
              reads args.r.Name: str256
              reads args.r.Tags[1]: str256
              reads args.r.Next.Next.Small: u8
              reads args.r.User.Key: i64
              reads args.r.User.Deep: i64
              reads args.r.User.Pair[1]: i32
              reads len(args.s): i64
              reads len(args.r.Tags): i64
              reads args.r == nil: u64
              reads str(args.s, 8): str8
              reads args.r.Next == nil: u64"#]],
    );
    check_places(
        "go:main.many { print(args.a); print(str(args.b)); print(args.e != nil); print(len(args.m)); print(len(args.c));
           print(args.f == nil); print(args.arr[2]); print(args.b[0]); print(args.b == nil); print(buf(args.b, 4)); }",
        expect![[r#"
            site func 0+0x6 file +0x1606 emulated entry group 0
            variant 0: body 0 (text at ax#0:u64, length bx#1:i64, text at cx#2:u64, length di#3:i64, r8#5:u64, r10#7→0:i64, r11#8→0:i64, stack+0:u64, stack+16:i32, if di#3:u64 > 0: cx#2→0:u8, cx#2:u64, text at cx#2:u64, length di#3:i64, at most 4)
              reads args.a: str256
              reads args.b: str256
              reads args.e == nil: u64
              reads len(args.m): i64
              reads len(args.c): i64
              reads args.f == nil: u64
              reads args.arr[2]: i32
              reads args.b[0]: u8
              reads args.b == nil: u64
              reads buf(args.b, 4): buf4"#]],
    );
    check_places(
        "go:main.wide { print(args.w.A); print(args.w.B[8]); print(args.n); }",
        expect![[r#"
        site func 0+0x6 file +0x1706 emulated entry group 0
        variant 0: body 0 (stack+0:i64, stack+72:i64, ax#0:i64)
          reads args.w.A: i64
          reads args.w.B[8]: i64
          reads args.n: i64"#]],
    );
    check_places(
        "go:main.small { print((args.n, args.ok, *args.p, args.xs[0])); }",
        expect![[r#"
        site func 0+0x6 file +0x1306 emulated entry group 0
        variant 0: body 0 (ax#0:i8, bx#1:u8, cx#2→0:i64, if si#4:u64 > 0: di#3→0:i64)
          reads args.n: i8
          reads args.ok: u8
          reads (*args.p): i64
          reads args.xs[0]: i64"#]],
    );
    check_places(
        "go:main.handle { print(arg0); print(arg4); print(sarg1); }",
        expect![[r#"
        site func 0+0x6 file +0x1206 emulated entry group 0 restored 0b1 behind +0x50
        variant 0: body 0 (ax#0:u64, si#4:u64, stack+8:u64)
          reads arg0: u64
          reads arg4: u64
          reads sarg1: u64"#]],
    );
}

#[test]
fn types_of_maps_come_from_all_their_uses() {
    check_bodies(
        "BEGIN { @a = @b; @k[@c] = 1; } go:main.fib { @b = args.n; @c = @b + 1; @d = nsecs; @d = 0; @e = 5; @f[1] = comm;
           @f[pid] = \"x\"; @g = (pid, comm); @h++; @i -= args.n; @j *= 2; @j = 3; }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] i64 (4096)
            map 2: @k[i64] i64 (4096)
            map 3: @c[] i64 (4096)
            map 4: @d[] u64 (4096)
            map 5: @e[] i64 (4096)
            map 6: @f[i64] str16 (4096)
            map 7: @g[] (i64, str16) (4096)
            map 8: @h[] i64 (4096)
            map 9: @i[] i64 (4096)
            map 10: @j[] i64 (4096)
            body 0: clause 0 on nothing
              @a = @b:i64
              @k[@c:i64] = 1
            body 1: clause 1 on a Go call
              reads args.n: i64
              @b = args.n:i64
              @c = (@b:i64 + 1):i64
              @d = nsecs:u64
              @d = 0
              @e = 5
              @f[1] = comm:str16
              @f[pid:u32] = "x"
              @g = (pid:u32, comm:str16)
              (@h += 1, value before):i64
              (@i += (-args.n:i64):i64, value after):i64
              @j = (@j:i64 * 2):i64
              @j = 3"#]],
    );
}

#[test]
fn variables_take_the_type_of_all_that_is_assigned() {
    check_bodies(
        "go:main.fib { $x = 0; $x = nsecs; $y = 0; if ($y > 1) { $y = args.n; } $s = \"a\"; $s = comm; $x++; --$y;
           $z = $x++; @a = $y / 2; @b = $x / 2; print($s); print($z); }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] u64 (4096)
            body 0: clause 0 on a Go call
              reads args.n: i64
              var $x: u64
              var $y: i64
              var $s: str16
              var $z: u64
              $x = 0
              $x = nsecs:u64
              $y = 0
              if ($y:i64 > 1):i64
                $y = args.n:i64
              $s = "a"
              $s = comm:str16
              ($x += 1, value before):u64
              ($y += -1, value after):i64
              $z = ($x += 1, value before):u64
              @a = ($y:i64 / 2):i64
              @b = ($x:u64 / 2):u64
              print $s:str16
              print $z:u64"#]],
    );
}

#[test]
fn signs_follow_c() {
    check_bodies(
        "go:main.small { @a = args.n < 5; @b = pid - 1 > args.n; @c = nsecs / 2; @d = -args.n >> 1; @e = nsecs > args.n;
           @f = (uint8)args.n + 1; @g = $1 * 3; @h = ~0; @i = 1 ? args.n : pid; @j = 0xffffffffffffffff; @k = !args.ok; @l = (bool)pid; }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] i64 (4096)
            map 2: @c[] u64 (4096)
            map 3: @d[] i64 (4096)
            map 4: @e[] i64 (4096)
            map 5: @f[] i64 (4096)
            map 6: @g[] i64 (4096)
            map 7: @h[] i64 (4096)
            map 8: @i[] i64 (4096)
            map 9: @j[] u64 (4096)
            map 10: @k[] i64 (4096)
            map 11: @l[] i64 (4096)
            body 0: clause 0 on a Go call
              reads args.n: i8
              reads args.ok: u8
              @a = (args.n:i8 < 5):i64
              @b = ((cast(pid:u32):i64 - 1):i64 > args.n:i8):i64
              @c = (nsecs:u64 / 2):u64
              @d = ((-args.n:i8):i64 >> 1):i64
              @e = (nsecs:u64 > cast(args.n:i8):u64):i64
              @f = (cast(cast(args.n:i8):u8):i64 + 1):i64
              @g = (7 * 3):i64
              @h = (~0):i64
              @i = (1 ? args.n:i8 : cast(pid:u32):i64):i64
              @j = 18446744073709551615
              @k = (!args.ok:u8):i64
              @l = (pid:u32 != 0):u8"#]],
    );
}

#[test]
fn texts_and_names_are_compared() {
    check_bodies(
        "go:main.* /comm == str($2) || func != \"main.fib\"/ { @a = strncmp(comm, \"go\", 2); @b = startfunc == \"main.worker\";
           @c = probe == \"go:main.fib\"; @d = gostate == \"running\"; }",
        expect![[r#"
            map 0: @a[] i64 (4096)
            map 1: @b[] i64 (4096)
            map 2: @c[] i64 (4096)
            map 3: @d[] i64 (4096)
            body 0: clause 0 on a Go call
              /((comm:str16 is "app"):i64 || (func:func != 1):i64):i64/
              @a = (comm:str16 differs from "go" first 2):i64
              @b = (startfunc:startfunc == 4202752):i64
              @c = (probe:probe == 1):i64
              @d = (gostate:gostate == 2):i64
            needs goid"#]],
    );
}

#[test]
fn memory_and_registers_are_read_by_hand() {
    check_bodies(
        "uprobe:/bin/app:main.fib { @g = *(uint64 *)(reg(\"r14\") + 152); print(str(reg(\"ax\"), reg(\"bx\")));
           print(str(reg(\"ax\"))); print(buf(reg(\"ax\"), 16)); print(usym(reg(\"ip\"))); print(hex(arg0)); }",
        expect![[r#"
            map 0: @g[] u64 (4096)
            body 0: clause 0 on a Go call
              reads arg0: u64
              @g = *((reg r14:u64 + 152):u64):u64
              print bytes(reg ax:u64, reg bx:u64):str256
              print bytes(reg ax:u64):str256
              print bytes(reg ax:u64, 16):buf16
              print cast(reg ip:u64):usym
              print cast(arg0:u64):hex"#]],
    );
}

#[test]
fn aggregations_have_their_own_maps() {
    check_bodies(
        "go:main.fib { @a = sum(args.n); @b = avg(pid); @c = min(nsecs); @d = stats(1); @e = hist(args.n, 2);
           @f = lhist(args.n, -10, 10, 5); @g = quantiles(args.n); print(@a); print(@g, 5, 1000); zero(@a); }
         let @g = hash(10 * 1000); let @a = percpuhash(7);",
        expect![[r#"
            map 0: @g[] quantiles (10000)
            map 1: @a[] sum i (7)
            map 2: @b[] avg i (4096)
            map 3: @c[] min u (4096)
            map 4: @d[] stats i (4096)
            map 5: @e[] hist 2 (4096)
            map 6: @f[] lhist -10 10 5 (4096)
            body 0: clause 0 on a Go call
              reads args.n: i64
              add to @a args.n:i64
              add to @b pid:u32
              add to @c nsecs:u64
              add to @d 1
              add to @e args.n:i64
              add to @f args.n:i64
              add to @g args.n:i64
              print @a top 0 div 1
              print @g top 5 div 1000
              zero @a"#]],
    );
}

#[test]
fn actions_are_what_user_space_does() {
    check_bodies(
        "interval:s:1 { time(); time(\"%H\"); print(@x); print(@y[1]); clear(@y); delete(@y[1]); delete(@y, 2); delete(@x); exit($1);
           printf(\"%s %d %5x %%\\n\", strftime(\"%T\", nsecs), -1, 255); unroll (3) { @x++; if (@x > 2) { return; } else { @y[@x] = 1; } } }",
        expect![[r#"
            map 0: @x[] i64 (4096)
            map 1: @y[i64] i64 (4096)
            body 0: clause 0 on an interval
              time "%H:%M:%S\n"
              time "%H"
              print @x top 0 div 1
              print @y[1]:i64
              clear @y
              delete @y[1]
              delete @y[2]
              delete @x
              exit 7
              printf "%s %d %5x %%\n" cast(nsecs:u64):time "%T", -1, 255
              repeat 3
                (@x += 1, value before):i64
                if (@x:i64 > 2):i64
                  return
                else
                  @y[@x:i64] = 1"#]],
    );
}
