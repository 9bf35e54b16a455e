use super::*;
use crate::schema::RowId;

fn header(goid: u64, time: u64) -> Header {
    Header { time, pid: 10, tid: 11, goid, row: RowId(0), stat: 0, process: 10, place: Some(0), g: 0 }
}

/// A record of a call with nothing in it but the call's number, beginning, depth and end.
fn record(id: u64, started: u64, depth: u32, end: u32) -> Record {
    let mut bytes = vec![0; crate::go::call::REGISTERS];
    bytes[ID..ID + 8].copy_from_slice(&id.to_le_bytes());
    bytes[STARTED..STARTED + 8].copy_from_slice(&started.to_le_bytes());
    bytes[DEPTH..DEPTH + 4].copy_from_slice(&depth.to_le_bytes());
    bytes[END..END + 4].copy_from_slice(&end.to_le_bytes());
    Record { call: 0, bytes }
}

fn short(id: u64, inner_hits: u64) -> Short {
    Short { id, started: 0, depth: 0, end: 0, inner_hits, function: 0, panic: 0 }
}

fn begin(calls: &mut Calls, goid: u64, id: u64, time: u64) {
    calls.begins(header(goid, time), record(id, time, 0, 0)).unwrap();
}

#[test]
fn returns_find_their_own_calls() {
    let mut calls = Calls::default();
    begin(&mut calls, 1, 7, 100);
    begin(&mut calls, 2, 7, 110);
    begin(&mut calls, 1, 8, 120);
    let inner = calls.returns(header(1, 150), record(8, 120, 1, 1)).unwrap();
    let other = calls.returns(header(2, 160), record(7, 110, 0, 1)).unwrap();
    let outer = calls.returns(header(1, 170), record(7, 100, 0, 2)).unwrap();
    let told = |call: &Finished| (call.key.goid, call.key.id, call.started, call.elapsed, call.end);
    assert_eq!(told(&inner), (1, 8, 120, Some(30), End::Return));
    assert_eq!(told(&other), (2, 7, 110, Some(50), End::Return));
    assert_eq!(told(&outer), (1, 7, 100, Some(70), End::Tail));
    assert!(inner.returned.is_some() && calls.open() == 0 && calls.bytes == 0 && calls.order.is_empty());
}

#[test]
fn ends_without_results_and_ends_that_nobody_wants() {
    let mut calls = Calls::default();
    (1..=3).for_each(|id| begin(&mut calls, 1, id, 100));
    let panicked = calls.ends(header(1, 130), &short(1, 6), End::Unwound).unwrap();
    assert_eq!((panicked.end, panicked.elapsed, panicked.returned), (End::Unwound, Some(30), None));
    assert_eq!(panicked.inner_hits, 6);
    calls.dropped(header(1, 140), 2);
    calls.dropped(header(1, 140), 99);
    assert!(calls.ends(header(1, 150), &short(99, 0), End::Goexit).is_none());
    assert_eq!(calls.tally(), Tally { finished: 1, dropped: 1, forgotten: 0, unknown: 2 });
    assert_eq!(calls.open(), 1);
}

#[test]
fn what_is_open_at_the_end_is_told_in_order() {
    let mut calls = Calls::default();
    [(2, 5, 100), (1, 4, 110), (3, 6, 120)].into_iter().for_each(|(goid, id, time)| begin(&mut calls, goid, id, time));
    let detached = calls.close(End::Detached, |key, _| key.goid == 1);
    assert_eq!(detached.iter().map(|call| (call.key.id, call.end)).collect::<Vec<_>>(), [(4, End::Detached)]);
    let open = calls.close(End::Open, |_, _| true);
    assert_eq!(
        open.iter().map(|call| (call.key.id, call.end, call.elapsed)).collect::<Vec<_>>(),
        [(5, End::Open, None), (6, End::Open, None)]
    );
    assert_eq!(calls.open(), 0);
}

#[test]
fn there_is_room_for_so_many_and_the_oldest_goes() {
    let mut calls = Calls::new(Room { calls: 2, bytes: 1 << 20 });
    (1..=5).for_each(|id| begin(&mut calls, 1, id, 100 + id));
    assert_eq!((calls.open(), calls.tally().forgotten), (2, 3));
    assert!(calls.returns(header(1, 200), record(1, 101, 0, 1)).is_none());
    assert!(calls.returns(header(1, 200), record(5, 105, 0, 1)).is_some());

    let size = record(0, 0, 0, 0).bytes.len();
    let mut calls = Calls::new(Room { calls: 100, bytes: 3 * size });
    (1..=5).for_each(|id| begin(&mut calls, 1, id, 100 + id));
    assert_eq!((calls.open(), calls.bytes), (3, 3 * size));
}

#[test]
fn a_number_that_comes_again_is_a_new_call() {
    let mut calls = Calls::default();
    begin(&mut calls, 1, 7, 100);
    begin(&mut calls, 1, 7, 200);
    assert_eq!((calls.open(), calls.order.len()), (1, 1));
    assert_eq!(calls.returns(header(1, 230), record(7, 200, 0, 1)).unwrap().elapsed, Some(30));
}

#[test]
fn damaged_records_are_no_calls() {
    let mut calls = Calls::default();
    let bytes = record(1, 1, 1, 1).bytes;
    for length in 0..bytes.len() {
        let cut = Record { call: 9, bytes: bytes[..length].to_vec() };
        calls.begins(header(1, 5), cut.clone());
        if let Some(call) = calls.returns(header(1, 6), cut) {
            assert!(call.elapsed.is_some());
        }
    }
    assert_eq!(calls.open(), 0);
}

#[test]
fn calls_on_a_system_stack_end_whichever_goroutine_it_works_for_then() {
    let mut calls = Calls::default();
    let on_system_stack = (0x5a_0000 << SYSTEM_CALLS_AT) + 1;
    begin(&mut calls, 7, on_system_stack, 100);
    begin(&mut calls, 7, 1, 110);
    let switched = calls.ends(header(0, 130), &short(on_system_stack, 0), End::Switched).unwrap();
    assert_eq!((switched.key.goid, switched.end, switched.elapsed), (7, End::Switched, Some(30)));
    assert!(calls.ends(header(0, 140), &short(1, 0), End::Goexit).is_none(), "a goroutine's own calls are its own");
}
