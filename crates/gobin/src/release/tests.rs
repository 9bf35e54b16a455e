use super::*;

#[test]
fn each_row_is_of_the_release_after_the_one_before() {
    assert!(RELEASES.windows(2).all(|pair| pair[1].minor == pair[0].minor + 1));
    assert_eq!((*tested().start(), *covered().start()), (21, 19));
}

#[test]
fn releases_outside_the_table_are_like_the_nearest_row_without_its_dangerous_facts() {
    let (older, newer) = (Release::of(9), Release::of(99));
    assert_eq!((older.minor, older.support, older.layouts.len()), (9, Support::Older, 0));
    assert_eq!((newer.minor, newer.support, newer.layouts.len()), (99, Support::Newer, 0));
    assert_eq!((newer.map_descriptor, newer.wrapper_id, newer.syscall6), (None, None, None));
    assert!(newer.coroutines && newer.syscalls_without_casgstatus && !newer.late_goid);
}

#[test]
fn entries_of_a_row_are_in_the_order_of_releases() {
    let fields = fields::rows().all(|row| row.is_sorted_by(|a, b| a.release < b.release));
    let names = [names::G_STATES, names::WAIT_REASONS].into_iter().flatten();
    assert!(fields && names.into_iter().all(|(_, row)| row.is_sorted_by(|a, b| a.release < b.release)));
}

#[test]
fn a_value_holds_until_the_next_entry() {
    const ROW: Row<u8> = &[since(20, 1), patched(23, 12, 2), since(24, 1), gone(26)];
    let values = [(19, 9), (20, 0), (23, 11), (23, 12), (24, 0), (25, 9), (26, 0), (99, 0)].map(|at| value_in(ROW, at));
    assert_eq!(values, [None, Some(1), Some(1), Some(2), Some(1), Some(1), None, None]);
}
