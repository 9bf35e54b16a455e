use super::*;

#[test]
fn paragraphs_leave_code_out() {
    let source = "//! One\n//! two.\n//!\n//! ```\n//! that\n//! ```\nfn f() {} // that\n    // Three.\n";
    assert_eq!(comments(source), ["One two.", "Three."]);
    assert_eq!(docs("One\ntwo.\n\n| that |\n|---|\n\n```\nthat\n```\nThree.\n"), ["One two.", "Three."]);
    assert_eq!(strings("f(\"one two three four\\n\", \"one two\") // \"a b c d e\""), ["\"one two three four \""]);
}

#[test]
fn sentences_with_most_stand_ins_come_first() {
    let text = "The probe is there. That it is what nobody wants now: yes. What is it that one so calls?".to_owned();
    let paragraph = Paragraph { file: "a.rs".to_owned(), text };
    let found: Vec<&str> = worst([&paragraph].into_iter()).into_iter().map(|(_, _, sentence)| sentence).collect();
    assert_eq!(found, ["What is it that one so calls?", "That it is what nobody wants now:"]);
    assert_eq!(counts("It's their probe, THAT one"), (5, 3));
}
