//! What the runtime itself knows of a function's arguments: the words that its tracebacks print.
//!
//! Every compiled function has a list of its argument words, offset and size, grouped as structs, strings and so on
//! are. No names, no types; integers, pointers and floats look the same, and after ten words it ends. For a file
//! without DWARF it is all there is about functions that are no methods (of methods, see `rtype`), so what is made of
//! it here is a [`Guess`] and must be shown as one.
//!
//! Follows cmd/compile/internal/ssagen (`EmitArgInfo`) and runtime/traceback.go, the same since Go 1.19.

use crate::error::Error;

/// A part of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A value of up to eight bytes, at an offset from where arguments start.
    Word {
        /// The offset: of its place on the stack, or of the slot that a register is spilled to.
        offset: u8,
        /// Its bytes.
        size: u8,
    },
    /// A struct, array, string, slice, interface or complex number.
    Group(Vec<Node>),
    /// A value too far away to be told where.
    Far,
    /// There is more that is not told.
    More,
}

impl Node {
    /// The words in it, each with its offset and its size; `None` if not all of them are told.
    #[must_use]
    pub fn words(&self) -> Option<Vec<(u8, u8)>> {
        match self {
            Node::Word { offset, size } => Some(vec![(*offset, *size)]),
            Node::Group(parts) => {
                let parts: Vec<Vec<(u8, u8)>> = parts.iter().map(Node::words).collect::<Option<_>>()?;
                Some(parts.concat())
            }
            Node::Far | Node::More => None,
        }
    }
}

/// Where a parameter is at entry, as far as its words tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    /// In the integer registers of these numbers, one for each of its words, unless it or one before it is a float.
    Registers(std::ops::Range<usize>),
    /// On the stack, this far from where arguments start.
    Stack(u8),
    /// It takes no space.
    Nothing,
    /// The words do not tell.
    Unclear,
}

/// What else is known of a function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// How many integer registers carry arguments.
    pub registers: usize,
    /// Registers taken by a parameter that is not in the list, see [`hidden`]; `None` if that is not known.
    pub hidden: Option<usize>,
    /// The first byte of its ArgLiveInfo: some register is spilled to this offset, and nothing from there on is an
    /// argument on the stack.
    pub spilled_from: Option<u8>,
}

// +rtype 1.24- const internal/abi.TraceArgsEndSeq = 255
// +rtype 1.24- const internal/abi.TraceArgsStartAgg = 254
// +rtype 1.24- const internal/abi.TraceArgsEndAgg = 253
// +rtype 1.24- const internal/abi.TraceArgsDotdotdot = 252
// +rtype 1.24- const internal/abi.TraceArgsOffsetTooLarge = 251
// +rtype 1.24- const internal/abi.TraceArgsSpecial = 240
const END: u8 = 0xff;
const OPEN: u8 = 0xfe;
const CLOSE: u8 = 0xfd;
const MORE: u8 = 0xfc;
const FAR: u8 = 0xfb;
pub(crate) const SPECIAL: u8 = 0xf0;

/// The compiler writes no more; a list without an end is damage.
// +rtype 1.24- const internal/abi.TraceArgsMaxLen = 171
const LONGEST: usize = 171;

/// Reads the list at the beginning of `data`, which may go on behind it.
///
/// # Errors
/// A list that does not end, or whose groups do not fit into each other.
pub fn words(data: &[u8]) -> Result<Vec<Node>, Error> {
    let damaged = |why: &str| Error::malformed("argument list", why);
    let mut bytes = data.iter().copied().take(LONGEST);
    let mut open: Vec<Vec<Node>> = Vec::new();
    let mut nodes = Vec::new();
    loop {
        match bytes.next().ok_or_else(|| damaged("it does not end"))? {
            END if open.is_empty() => return Ok(nodes),
            END => return Err(damaged("it ends within a group")),
            OPEN => open.push(std::mem::take(&mut nodes)),
            CLOSE => {
                let outer = open.pop().ok_or_else(|| damaged("a group ends that did not begin"))?;
                let group = std::mem::replace(&mut nodes, outer);
                nodes.push(Node::Group(group));
            }
            MORE => nodes.push(Node::More),
            FAR => nodes.push(Node::Far),
            SPECIAL.. => return Err(damaged("it has a mark that no Go version writes")),
            offset => {
                let size = bytes.next().ok_or_else(|| damaged("it does not end"))?;
                nodes.push(Node::Word { offset, size });
            }
        }
    }
}

/// How many registers the first parameter takes that the list leaves out.
///
/// The compiler means to leave out dictionaries, and leaves out whatever is the first parameter of a function with
/// type arguments in its name: of a method the receiver, and then the list begins with the dictionary if there is one.
/// What a closure or a method on a value loses is not to be known.
#[must_use]
pub fn hidden(name: &str) -> Option<usize> {
    let Some(open) = name.find('[') else { return Some(0) };
    let pointer_method =
        name[..open].contains("(*") && name.rsplit_once("]).").is_some_and(|(_, m)| !m.contains(['.', '-']));
    let shape_function = name[open..].contains("go.shape.") && name.ends_with(']');
    (pointer_method || shape_function).then_some(1)
}

/// Where each parameter of the list is when the function is entered.
///
/// Registers are given out in order, so the first parameter that is unclear leaves those behind it unclear.
#[must_use]
pub fn guess(params: &[Node], known: Known) -> Vec<Guess> {
    let mut next = known.hidden.unwrap_or(0);
    let mut last_spilled = None;
    let mut lost = known.hidden.is_none();
    let place = |param: &Node| {
        let Some(leaves) = param.words().filter(|_| !lost) else {
            lost = true;
            return Guess::Unclear;
        };
        let Some(&(first, _)) = leaves.first() else { return Guess::Nothing };
        if last_spilled.is_some_and(|last| first < last) {
            return Guess::Stack(first); // slots of registers ascend, and lie behind the stack's
        }
        let spilled = known.spilled_from.is_some_and(|from| first >= from);
        let scalar = matches!(param, Node::Word { .. });
        let fits = next + leaves.len() <= known.registers;
        if !fits || !spilled && !scalar {
            // A float among them, or an array, which is never in registers and looks like a struct.
            lost = true;
            return Guess::Unclear;
        }
        last_spilled = Some(first);
        let taken = next..next + leaves.len();
        next = taken.end;
        Guess::Registers(taken)
    };
    params.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::{Expect, expect};

    use super::*;

    /// `list` is written as `0:8 {8:8 16:8} ... _`, the way tracebacks group.
    fn check(list: &str, known: Known, want: Expect) {
        let mut data = Vec::new();
        for token in list.split_inclusive(['{', '}', ' ']).map(str::trim).filter(|t| !t.is_empty()) {
            encode(token, &mut data);
        }
        data.extend([END, 1, 2, 3]);
        let text = match words(&data) {
            Ok(params) => guess(&params, known).iter().fold(String::new(), |mut text, g| {
                let _ = write!(text, "{g:?} ");
                text
            }),
            Err(error) => error.to_string(),
        };
        want.assert_eq(text.trim_end());
    }

    fn encode(token: &str, data: &mut Vec<u8>) {
        let (token, close) = token.strip_suffix('}').map_or((token, false), |t| (t, true));
        match token {
            "" => {}
            "{" => data.push(OPEN),
            "..." => data.push(MORE),
            "_" => data.push(FAR),
            word => {
                let (offset, size) = word.split_once(':').unwrap();
                data.extend([offset.parse::<u8>().unwrap(), size.parse::<u8>().unwrap()]);
            }
        }
        data.extend(close.then_some(CLOSE));
    }

    const AMD64: Known = Known { registers: 9, hidden: Some(0), spilled_from: Some(0) };

    #[test]
    fn words_take_integer_registers_in_order() {
        check("0:8 {8:8 16:8} 24:1", AMD64, expect!["Registers(0..1) Registers(1..3) Registers(3..4)"]);
    }

    #[test]
    fn a_dictionary_takes_the_first_register() {
        check("0:8", Known { hidden: Some(1), ..AMD64 }, expect!["Registers(1..2)"]);
    }

    #[test]
    fn the_first_parameter_of_a_generic_function_is_left_out() {
        let names = [
            "main.f",
            "main.Map[go.shape.int]",
            "main.(*Set[go.shape.int]).Add",
            "main.(*Set[main.Pair[int,*main.T]]).Add",
            "main.Set[int].Add",
            "main.Map[go.shape.int].func1",
            "main.(*Set[int]).Add.func1",
            "main.(*Set[int]).Add-fm",
            "main.(*Set[int]).Add-range1",
        ];
        let text: String = names.iter().map(|name| format!("{name}: {:?}\n", hidden(name))).collect();
        expect![[r#"
            main.f: Some(0)
            main.Map[go.shape.int]: Some(1)
            main.(*Set[go.shape.int]).Add: Some(1)
            main.(*Set[main.Pair[int,*main.T]]).Add: Some(1)
            main.Set[int].Add: None
            main.Map[go.shape.int].func1: None
            main.(*Set[int]).Add.func1: None
            main.(*Set[int]).Add-fm: None
            main.(*Set[int]).Add-range1: None
        "#]]
        .assert_eq(&text);
        check("0:8", Known { hidden: None, ..AMD64 }, expect!["Unclear"]);
    }

    #[test]
    fn a_slot_below_one_before_it_is_on_the_stack() {
        let known = Known { spilled_from: Some(16), ..AMD64 };
        check("16:8 {0:8 8:8} 24:8", known, expect!["Registers(0..1) Stack(0) Registers(1..2)"]);
    }

    #[test]
    fn a_group_that_may_be_an_array_leaves_all_behind_it_unclear() {
        let known = Known { spilled_from: None, ..AMD64 };
        check("0:8 {8:8 16:8} 24:8", known, expect!["Registers(0..1) Unclear Unclear"]);
    }

    #[test]
    fn more_words_than_registers_show_a_float_somewhere() {
        let known = Known { registers: 2, ..AMD64 };
        check("0:8 8:8 16:8", known, expect!["Registers(0..1) Registers(1..2) Unclear"]);
    }

    #[test]
    fn what_is_cut_or_far_away_is_unclear() {
        check("0:8 _ 8:8", AMD64, expect!["Registers(0..1) Unclear Unclear"]);
        check("{0:8 ...} 8:8", AMD64, expect!["Unclear Unclear"]);
    }

    #[test]
    fn an_empty_struct_takes_nothing() {
        check("{} 0:8", AMD64, expect!["Nothing Registers(0..1)"]);
    }

    #[test]
    fn damage_is_said() {
        check("0:8}", AMD64, expect!["damaged argument list: a group ends that did not begin"]);
        check("{0:8", AMD64, expect!["damaged argument list: it ends within a group"]);
        check("243:8", AMD64, expect!["damaged argument list: it has a mark that no Go version writes"]);
        assert!(words(&[0; 400]).is_err());
        assert!(words(&[]).is_err());
    }
}
