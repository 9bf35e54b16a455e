//! Records that are damaged, or that lie, make strange values and nothing worse.

use event::go::{GoKind, GoType, TypeRow, call};

use crate::record::{Case, words};

/// Xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

const GO: &str = "type main.N struct{V int; S string; Next *main.N; Kids []*main.N; M map[string]*main.N; E error; B []byte}
    type time.Location struct{name string}
    type time.Time struct{wall uint64; ext int64; loc *time.Location}
    type net.IP []byte
    type context.cancelCtx struct{Context context.Context; err error}
    type context.timerCtx struct{context.cancelCtx; deadline time.Time}
    type context.valueCtx struct{Context context.Context; key any; val any}
    type math/big.nat []uint
    type math/big.Int struct{neg bool; abs math/big.nat}
    type errors.errorString struct{s string}
    func f(n *main.N; t time.Time; i net.IP; c context.Context; b *math/big.Int; a any; g func(); h chan int; z [3]main.N)";

fn case(old: bool) -> Case {
    let new = if old { Case::before_1_24 } else { Case::new };
    let part = |name| format!("{name} of map[string]*main.N");
    let case = new(GO)
        .dynamic(0x6000, "*context.valueCtx")
        .dynamic(0x6008, "*context.timerCtx")
        .dynamic(0x6010, "main.N")
        .dynamic(0x6018, "*errors.errorString")
        .args(&[
            0xc000,
            1 << 63,
            5,
            0xc100,
            0xc200,
            4,
            4,
            0x6000,
            0xc300,
            0xc400,
            0x6010,
            0xc000,
            0xc500,
            0xc500,
            1,
            0xc200,
            3,
            0xc000,
            0,
            0,
            0,
        ])
        .chunk(0xc000, "main.N", words(&[1, 0xc200, 3, 0xc000, 0xc600, 2, 2, 0xc700, 0x6018, 0xc800, 0xc200, 4, 4]))
        .chunk(0xc100, "time.Location", words(&[0xc200, 3]))
        .chunk(0xc200, "byte", b"\x0a\x00\x00\x01")
        .chunk(0xc300, "context.valueCtx", words(&[0x6008, 0xc380, 0x6010, 0xc000, 0x6018, 0xc800]))
        .chunk(0xc380, "context.timerCtx", words(&[0x6000, 0xc300, 0x6018, 0xc800, 0, 7, 0]))
        .chunk(0xc400, "math/big.Int", words(&[1, 0xc480, 2, 2]))
        .chunk(0xc480, "uint", words(&[7, 9]))
        .chunk(0xc500, "byte", words(&[0x4000, 3]))
        .chunk(0xc600, "*main.N", words(&[0xc000, 0]))
        .chunk(0xc800, "errors.errorString", words(&[0xc200, 4]));
    let case = case.chunk(0xc700, &part("header"), words(&[3, 1 << 8, 0xd000, if old { 0xd000 } else { 1 }, 0, 0]));
    if old {
        return case.chunk(0xd000, &part("bucket"), words(&[0x0909_0909_0909_0909; 2 * 26]));
    }
    case.chunk(0xd000, &part("directory"), words(&[0xd100, 0xd100]))
        .chunk(0xd100, &part("table"), words(&[0, 0, 0xd200, 1]))
        .chunk(0xd200, &part("group"), words(&[0x0101_0101_0101_8001; 2 * 25]))
}

/// Shows a record in every way; what comes out is bounded and well formed.
fn survives(case: &Case, record: &[u8]) {
    let (text, json) = case.shown(record);
    assert!(text.len() < 50 << 20 && !text.contains('\n'));
    // Not shown whole: it may be long.
    if let Err(why) = serde_json::from_str::<serde_json::Value>(&json) {
        panic!("{why}: {}", json.chars().take(2000).collect::<String>());
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    for old in [false, true] {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(old));
        let case = case(old);
        let whole = case.record();
        survives(&case, &whole);
        for _ in 0..1500 {
            let mut record = whole.clone();
            for _ in 0..=random.below(12) {
                let at = call::REGISTERS + random.below(record.len() - call::REGISTERS);
                record[at] = match random.below(4) {
                    0 => 0,
                    1 => 0xff,
                    // Another byte of the record: addresses that lead somewhere.
                    2 => record[random.below(record.len())],
                    _ => random.next() as u8,
                };
            }
            survives(&case, &record);
        }
    }
}

#[test]
fn words_taken_from_elsewhere_do_no_harm() {
    for old in [false, true] {
        let mut random = Random(0xdead_beef_0bad_cafe ^ u64::from(old));
        let case = case(old);
        let whole = case.record();
        for _ in 0..1500 {
            let mut record = whole.clone();
            for _ in 0..=random.below(6) {
                let place =
                    |random: &mut Random| call::REGISTERS + 8 * random.below((whole.len() - call::REGISTERS) / 8);
                let (to, from) = (place(&mut random), place(&mut random));
                record.copy_within(from..from + 8, to);
            }
            survives(&case, &record);
        }
    }
}

#[test]
fn records_that_end_early_do_no_harm() {
    let case = case(false);
    let whole = case.record();
    (call::REGISTERS..whole.len()).for_each(|length| survives(&case, &whole[..length]));
}

#[test]
fn types_that_lie_do_no_harm() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    for round in 0..400 {
        let mut case = case(round % 2 == 0);
        let (types, _) = case.described();
        for _ in 0..4 {
            let row = TypeRow(random.below(types.len()) as u32);
            let other = TypeRow(random.below(types.len() + 2) as u32);
            let mut ty = types.get(row).unwrap().clone();
            match random.below(4) {
                0 => ty.size = random.next() as u32,
                1 => ty.kind = GoKind::Array { elem: other, len: random.next() as u32 },
                2 => ty.kind = GoKind::Slice(other),
                _ => ty = types.get(other).map_or_else(|| GoType { kind: GoKind::Unknown, ..ty.clone() }, Clone::clone),
            }
            types.set(row, ty);
        }
        survives(&case, &case.record());
    }
}

#[test]
fn what_is_shared_again_and_again_ends() {
    // Each node has the next one twice: 2 to the power of 60 ways through 60 nodes.
    let go = "type main.Twice struct{A *main.Twice; B *main.Twice}\nfunc f(t *main.Twice)";
    let mut case = Case::new(go).args(&[0xc000]);
    for n in 0..60_u64 {
        let next = 0xc000 + 16 * (n + 1);
        case = case.chunk(next - 16, "main.Twice", words(&[next, next]));
    }
    let (text, _) = case.shown(&case.record());
    assert!(text.contains("nested too deep") && text.len() < 4 << 20, "{}", text.len());
}

#[test]
fn a_struct_that_contains_itself_ends() {
    let mut case = Case::new("type main.T struct{N int; P *int}\nfunc f(t main.T)").args(&[1, 2]);
    let (types, call) = case.described();
    let row = call.values[0].ty;
    let mut ty = types.get(row).unwrap().clone();
    if let GoKind::Struct(fields) = &mut ty.kind {
        fields[0].ty = row;
    }
    types.set(row, ty);
    survives(&case, &case.record());
}
