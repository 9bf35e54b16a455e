//! Types that are shown as people know them.

use expect_test::expect;

use crate::record::{Case, words};

const MONOTONIC: u64 = 1 << 63;
/// Seconds from 1885 to 2023-11-14T22:13:20Z.
const SINCE_1885: u64 = 1_700_000_000 + 62_135_596_800 - 59_453_308_800;

#[test]
fn moments_and_durations() {
    let go = "type time.Location struct{name string; zone []int}
              type time.Time struct{wall uint64; ext int64; loc *time.Location}
              type time.Duration int64
              type time.Month int
              func f(t time.Time; u time.Time; d time.Duration; z time.Time; a any; m time.Month; n time.Month)";
    Case::new(go)
        .dynamic(0x6000, "time.Duration")
        .args(&[
            MONOTONIC | SINCE_1885 << 30 | 500_000_000,
            77,
            0xc000,
            1,
            62_135_596_800,
            0,
            1_500_000_000,
            0,
            0,
            0,
            0x6000,
            0xc100,
            3,
            13,
        ])
        .chunk(0xc000, "time.Location", words(&[0xc080, 13, 0, 0, 0]))
        .chunk(0xc080, "byte", "Europe/Berlin")
        .chunk(0xc100, "time.Duration", words(&[0_u64.wrapping_sub(2_000_000)]))
        .check(expect![[r#"
            t = 2023-11-14T22:13:20.5Z (Europe/Berlin)
                "2023-11-14T22:13:20.5Z"
            u = 1970-01-01T00:00:00.000000001Z
                "1970-01-01T00:00:00.000000001Z"
            d = 1.5s
                1500000000
            z = 0001-01-01T00:00:00Z
                "0001-01-01T00:00:00Z"
            a = time.Duration(-2ms)
                {"@type":"time.Duration","value":-2000000}
            m = time.March
                "time.March"
            n = 13
                13
        "#]]);
}

#[test]
fn addresses_of_the_internet() {
    let go = "type net.IP []byte
              type net/netip.uint128 struct{hi uint64; lo uint64}
              type net/netip.Addr struct{addr net/netip.uint128; z unsafe.Pointer}
              type net/netip.AddrPort struct{ip net/netip.Addr; port uint16}
              type net.TCPAddr struct{IP net.IP; Port int; Zone string}
              func f(a net.IP; b net.IP; c net.IP; d net/netip.Addr; e net/netip.AddrPort; g *net.TCPAddr; h net.IP)";
    Case::new(go)
        .args(&[0xc000, 4, 4, 0xc010, 16, 16, 0, 0, 0, 0, 0xffff_0a00_0001, 1, 1, 2, 1, 443, 0xc100, 0xc000, 3, 3])
        .chunk(0xc000, "byte", [10, 1, 2, 3])
        .chunk(0xc010, "byte", 0xfe80_0000_0000_0000_0000_0000_0000_0001_u128.to_be_bytes())
        .chunk(0xc100, "net.TCPAddr", words(&[0xc000, 4, 4, 80, 0, 0]))
        .check(expect![[r#"
            a = 10.1.2.3
                "10.1.2.3"
            b = fe80::1
                "fe80::1"
            c = nil
                null
            d = 10.0.0.1
                "10.0.0.1"
            e = [::1:0:0:0:2]:443
                "[::1:0:0:0:2]:443"
            g = &net.TCPAddr{IP: 10.1.2.3, Port: 80, Zone: ""}
                {"IP":"10.1.2.3","Port":80,"Zone":""}
            h = net.IP(0x0a0102)
                {"@hex":"0a0102"}
        "#]]);
}

#[test]
fn errors_say_what_they_say() {
    let go = "type errors.errorString struct{s string}
              type fmt.wrapError struct{msg string; err error}
              type syscall.Errno uintptr
              type io/fs.PathError struct{Op string; Path string; Err error}
              func f(a error; b error; c error; d syscall.Errno; e error)";
    Case::new(go)
        .dynamic(0x6000, "*errors.errorString")
        .dynamic(0x6001, "*fmt.wrapError")
        .dynamic(0x6002, "*io/fs.PathError")
        .dynamic(0x6003, "syscall.Errno")
        .args(&[0x6000, 0xc000, 0x6001, 0xc100, 0x6002, 0xc200, 9999, 0x6000, 0xc999])
        .chunk(0xc000, "errors.errorString", words(&[0xc010, 3]))
        .chunk(0xc010, "byte", "EOF")
        .chunk(0xc100, "fmt.wrapError", words(&[0xc110, 9, 0x6000, 0xc000]))
        .chunk(0xc110, "byte", "read: EOF")
        .chunk(0xc200, "io/fs.PathError", words(&[0xc210, 4, 0xc220, 2, 0x6003, 0xc230]))
        .chunk(0xc210, "byte", "open")
        .chunk(0xc220, "byte", "/x")
        .chunk(0xc230, "syscall.Errno", words(&[2]))
        .check(expect![[r#"
            a = errors.New("EOF")
                {"@type":"*errors.errorString","value":"EOF"}
            b = &fmt.wrapError{msg: "read: EOF", err: errors.New("EOF")}
                {"@type":"*fmt.wrapError","value":{"msg":"read: EOF","err":{"@type":"*errors.errorString","value":"EOF"}}}
            c = &fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}
                {"@type":"*io/fs.PathError","value":{"Op":"open","Path":"/x","Err":{"@type":"syscall.Errno","value":"syscall.ENOENT"}}}
            d = 9999
                9999
            e = (*errors.errorString)(&<not captured>)
                {"@type":"*errors.errorString","value":{"@unreadable":"not captured"}}
        "#]]);
}

#[test]
fn contexts_are_a_chain() {
    let go = "type time.Time struct{wall uint64; ext int64; loc *int}
              type context.emptyCtx struct{}
              type context.backgroundCtx struct{context.emptyCtx}
              type atomic.Value struct{v any}
              type context.cancelCtx struct{Context context.Context; err atomic.Value}
              type context.timerCtx struct{context.cancelCtx; deadline time.Time}
              type context.valueCtx struct{Context context.Context; key any; val any}
              type main.userKey struct{}
              type main.tokenKey struct{}
              type main.mine struct{N int}
              func f(c context.Context; d context.Context; e context.Context; g context.Context)";
    Case::new(go)
        .secrets(&["*token*"])
        .dynamic(0x6000, "context.backgroundCtx")
        .dynamic(0x6001, "*context.cancelCtx")
        .dynamic(0x6002, "*context.timerCtx")
        .dynamic(0x6003, "*context.valueCtx")
        .dynamic(0x6004, "main.userKey")
        .dynamic(0x6005, "string")
        .dynamic(0x6006, "main.tokenKey")
        .dynamic(0x6007, "*main.mine")
        .args(&[0x6003, 0xc000, 0x6002, 0xc200, 0x6003, 0xc400, 0x6001, 0xcccc])
        .chunk(0xc000, "context.valueCtx", words(&[0x6001, 0xc100, 0x6004, 1, 0x6005, 0xc010]))
        .chunk(0xc010, "string", words(&[0xc020, 3]))
        .chunk(0xc020, "byte", "ada")
        .chunk(0xc100, "context.cancelCtx", words(&[0x6000, 1, 0, 0]))
        .chunk(0xc200, "context.timerCtx", words(&[0x6003, 0xc300, 0x6005, 0xc010, 0, 62_135_596_800, 0]))
        .chunk(0xc300, "context.valueCtx", words(&[0x6000, 1, 0x6006, 1, 0x6005, 0xc010]))
        .chunk(0xc400, "context.valueCtx", words(&[0x6007, 0xc500, 0x6005, 0xc010, 0, 0]))
        .chunk(0xc500, "main.mine", words(&[4]))
        .check(expect![[r#"
            c = context.Background.WithCancel.WithValue(main.userKey{}, "ada")
                {"@context":["Background",{"cancel":true,"done":false},{"key":{"@type":"main.userKey","value":{}},"value":{"@type":"string","value":"ada"}}]}
            d = context.Background.WithValue(main.tokenKey{}, <redacted>).WithDeadline(1970-01-01T00:00:00Z, done)
                {"@context":["Background",{"key":{"@type":"main.tokenKey","value":{}},"value":"<redacted>"},{"deadline":"1970-01-01T00:00:00Z","done":true}]}
            e = &main.mine{N: 4}.WithValue("ada", nil)
                {"@context":[{"@type":"*main.mine","value":{"N":4}},{"key":{"@type":"string","value":"ada"},"value":null}]}
            g = (*context.cancelCtx)(<not captured>)
                {"@type":"*context.cancelCtx","value":{"@unreadable":"not captured"}}
        "#]]);
}

#[test]
fn locks_tell_their_state_in_both_layouts() {
    let go = "type noCopy struct{}
              type internal/sync.Mutex struct{state int32; sema uint32}
              type sync.Mutex struct{_ noCopy; mu internal/sync.Mutex}
              type sync/atomic.Int32 struct{_ noCopy; v int32}
              type sync.RWMutex struct{w sync.Mutex; writerSem uint32; readerSem uint32; readerCount sync/atomic.Int32; readerWait sync/atomic.Int32}
              type main.T struct{mu sync.Mutex; n int}
              func f(m sync.Mutex; rw sync.RWMutex; t main.T; p *sync.Mutex)";
    Case::new(go).args(&[1 | 16, 0, 0, 2, 1, 7, 0xc000]).chunk(0xc000, "sync.Mutex", words(&[0])).check(expect![[r#"
        m = locked, 2 waiting
            "locked, 2 waiting"
        rw = locked by 2 to read
            "locked by 2 to read"
        t = main.T{mu: locked, n: 7}
            {"mu":"locked","n":7}
        p = &sync.Mutex(unlocked)
            "unlocked"
    "#]]);
    Case::new("type sync.Mutex struct{state int32; sema uint32}\nfunc f(m sync.Mutex)").args(&[1]).check(expect![[
        r#"
        m = locked
            "locked"
    "#
    ]]);
}

#[test]
fn what_holds_a_number_is_the_number() {
    let go = "type sync/atomic.Int64 struct{v int64}
              type sync/atomic.Bool struct{v uint32}
              type math/big.nat []uint
              type math/big.Int struct{neg bool; abs math/big.nat}
              type github.com/google/uuid.UUID [16]byte
              type sync.Once struct{done uint32; m uint32}
              func f(a sync/atomic.Int64; b sync/atomic.Bool; c *math/big.Int; u github.com/google/uuid.UUID; o sync.Once; p *sync/atomic.Int64)";
    Case::new(go)
        .args(&[5, 1, 0xc000, 0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908, 1, 0xc200])
        .chunk(0xc000, "math/big.Int", words(&[1, 0xc100, 2, 2]))
        .chunk(0xc100, "uint", words(&[0, 1]))
        .chunk(0xc200, "sync/atomic.Int64", words(&[6]))
        .check(expect![[r#"
            a = 5
                5
            b = true
                true
            c = &big.Int(-18446744073709551616)
                "-18446744073709551616"
            u = 00010203-0405-0607-0809-0a0b0c0d0e0f
                "00010203-0405-0607-0809-0a0b0c0d0e0f"
            o = done
                "done"
            p = &atomic.Int64(6)
                6
        "#]]);
}

#[test]
fn a_type_that_only_has_the_name_is_shown_as_it_is() {
    let go = "type time.Time struct{sec int64}
              type net.IP struct{a int}
              type math/big.Int struct{n int}
              type sync.Mutex struct{held bool}
              func f(t time.Time; i net.IP; b math/big.Int; m sync.Mutex)";
    Case::new(go).args(&[1, 2, 3, 1]).check(expect![[r#"
        t = time.Time{sec: 1}
            {"sec":1}
        i = net.IP{a: 2}
            {"a":2}
        b = big.Int{n: 3}
            {"n":3}
        m = sync.Mutex{held: true}
            {"held":true}
    "#]]);
}
