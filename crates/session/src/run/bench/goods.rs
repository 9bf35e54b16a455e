//! What functions are called with whose calls are recorded: values as a program of Go has them in memory, and their types.
//!
//! The process that is probed is a fork: what was made before it began is at the same addresses there.

use std::sync::Arc;

use gobin::VAddr;
use gobin::maps::swiss;
use gobin::types::{Field, Kind, Type, TypeRef};
use plan::target::DynamicType;

use super::Body;

/// The types, by number.
#[derive(Clone, Copy)]
enum Of {
    Int,
    Byte,
    String,
    StringPointer,
    Words,
    Names,
    Last,
    Block,
    BlockPointer,
    Strings,
    Bytes,
    Meta,
    Any,
    Error,
    Context,
    Request,
    RequestPointer,
    ErrorText,
    ErrorTextPointer,
    ValueContext,
    ValueContextPointer,
    Background,
    UserKey,
    TraceKey,
}

/// What the first words of interfaces point to; nobody reads it.
static DESCRIBED: [u8; 7] = [0; 7];
/// What each stands for, and whether the second word is the value itself.
const DYNAMIC: [(Of, bool); 7] = [
    (Of::Int, false),
    (Of::String, false),
    (Of::ErrorTextPointer, true),
    (Of::ValueContextPointer, true),
    (Of::Background, false),
    (Of::UserKey, false),
    (Of::TraceKey, false),
];

const fn at(of: Of) -> TypeRef {
    TypeRef::Dwarf(of as u64)
}

/// The `int` of all other functions.
pub(super) const INT: TypeRef = at(Of::Int);

/// What functions of a body that records calls take.
pub(super) fn arguments(body: Body) -> Option<&'static [(&'static str, TypeRef)]> {
    const WORDS: [(&str, TypeRef); 2] = [("n", INT), ("s", at(Of::String))];
    const STRUCT: [(&str, TypeRef); 2] = [("n", INT), ("b", at(Of::BlockPointer))];
    const HANDLER: [(&str, TypeRef); 4] =
        [("n", INT), ("ctx", at(Of::Context)), ("r", at(Of::RequestPointer)), ("body", at(Of::Bytes))];
    match body {
        Body::Words => Some(&WORDS),
        Body::Struct => Some(&STRUCT),
        Body::Handler => Some(&HANDLER),
        _ => None,
    }
}

/// A type.
pub(super) fn resolve(of: TypeRef) -> Option<Arc<Type>> {
    let TypeRef::Dwarf(number) = of else { return None };
    let (name, size, kind) = ALL.get(usize::try_from(number).ok()?)?.described();
    Some(Arc::new(Type { name: name.into(), size, kind, runtime_offset: None }))
}

/// What interfaces hold; addresses in our memory have so much more than those of the file.
pub(super) fn dynamic_types(bias: u64) -> Vec<DynamicType> {
    let all = DYNAMIC.iter().zip(&DESCRIBED);
    let one = |(&(of, direct), described): (&(Of, bool), &u8)| {
        let address = VAddr((std::ptr::from_ref(described) as u64).wrapping_sub(bias));
        DynamicType { address, ty: at(of), direct }
    };
    all.map(one).collect()
}

const ALL: [Of; 24] = [
    Of::Int,
    Of::Byte,
    Of::String,
    Of::StringPointer,
    Of::Words,
    Of::Names,
    Of::Last,
    Of::Block,
    Of::BlockPointer,
    Of::Strings,
    Of::Bytes,
    Of::Meta,
    Of::Any,
    Of::Error,
    Of::Context,
    Of::Request,
    Of::RequestPointer,
    Of::ErrorText,
    Of::ErrorTextPointer,
    Of::ValueContext,
    Of::ValueContextPointer,
    Of::Background,
    Of::UserKey,
    Of::TraceKey,
];

impl Of {
    fn described(self) -> (&'static str, u64, Kind) {
        let pointer = |to| Kind::Pointer(Some(at(to)));
        let array = |elem, len| Kind::Array { elem: at(elem), len };
        match self {
            Of::Int => ("int", 8, Kind::Int { signed: true }),
            Of::Byte => ("uint8", 1, Kind::Int { signed: false }),
            Of::String => ("string", 16, Kind::String),
            Of::StringPointer => ("*string", 8, pointer(Of::String)),
            Of::Words => ("[114]int", 912, array(Of::Int, 114)),
            Of::Names => ("[7]*string", 56, array(Of::StringPointer, 7)),
            Of::Last => ("[7]int", 56, array(Of::Int, 7)),
            Of::Block => {
                ("main.Block", 1024, fields(&[("Words", Of::Words), ("Names", Of::Names), ("Last", Of::Last)]))
            }
            Of::BlockPointer => ("*main.Block", 8, pointer(Of::Block)),
            Of::Strings => ("[]string", 24, Kind::Slice(at(Of::String))),
            Of::Bytes => ("[]uint8", 24, Kind::Slice(at(Of::Byte))),
            Of::Meta => ("map[string]string", 8, Kind::Map { key: at(Of::String), elem: at(Of::String) }),
            Of::Any => ("interface {}", 16, Kind::Interface { empty: true }),
            Of::Error => ("error", 16, Kind::Interface { empty: false }),
            Of::Context => ("context.Context", 16, Kind::Interface { empty: false }),
            Of::Request => {
                let all = [("ID", Of::Int), ("Name", Of::String), ("Tags", Of::Strings), ("Meta", Of::Meta)];
                ("main.Request", 72, fields(&[&all[..], &[("Err", Of::Error)]].concat()))
            }
            Of::RequestPointer => ("*main.Request", 8, pointer(Of::Request)),
            Of::ErrorText => ("errors.errorString", 16, fields(&[("s", Of::String)])),
            Of::ErrorTextPointer => ("*errors.errorString", 8, pointer(Of::ErrorText)),
            Of::ValueContext => {
                ("context.valueCtx", 48, fields(&[("Context", Of::Context), ("key", Of::Any), ("val", Of::Any)]))
            }
            Of::ValueContextPointer => ("*context.valueCtx", 8, pointer(Of::ValueContext)),
            Of::Background => ("context.backgroundCtx", 0, fields(&[])),
            Of::UserKey => ("main.userKey", 0, fields(&[])),
            Of::TraceKey => ("main.traceKey", 0, fields(&[])),
        }
    }
}

/// Fields one behind the other, all of whole words.
fn fields(all: &[(&str, Of)]) -> Kind {
    let mut offset = 0;
    let field = |&(name, of): &(&str, Of)| {
        let field = Field { name: name.to_owned(), ty: at(of), offset, embedded: false };
        offset += of.described().1;
        field
    };
    Kind::Struct(all.iter().map(field).collect())
}

/// The values.
#[derive(Default)]
pub(super) struct Goods {
    /// They point to each other.
    kept: Vec<Box<[u64]>>,
    words: [u64; 2],
    block: u64,
    handler: [u64; 6],
}

impl Goods {
    /// Makes them.
    pub fn new() -> Goods {
        let mut goods = Goods::default();
        goods.words = goods.text("a name");
        let name = goods.keep(&goods.words.clone());
        let mut block = [0; 128];
        block[114..121].fill(name);
        goods.block = goods.keep(&block);
        let tags = ["one", "two", "three"].map(|tag| goods.text(tag));
        let tags = goods.keep(tags.as_flattened());
        let meta = goods.map([["a", "1"], ["b", "2"]]);
        let error = goods.text("file does not exist");
        let error = goods.keep(&error);
        let [name, len] = goods.words;
        let request = [7, name, len, tags, 3, 3, meta, described(Of::ErrorTextPointer), error];
        let request = goods.keep(&request);
        let somebody = goods.text("somebody");
        let somebody = goods.keep(&somebody);
        let number = goods.keep(&[42]);
        let nothing = goods.keep(&[0]);
        let background = [described(Of::Background), nothing];
        let trace = [described(Of::TraceKey), nothing, described(Of::Int), number];
        let inner = goods.keep(&[&background[..], &trace].concat());
        let user = [described(Of::UserKey), nothing, described(Of::String), somebody];
        let context = goods.keep(&[&[described(Of::ValueContextPointer), inner][..], &user].concat());
        let [body, len] = goods.text("the body of a request, which is not long");
        goods.handler = [described(Of::ValueContextPointer), context, request, body, len, len];
        goods
    }

    /// What the registers hold behind the first one.
    pub fn registers(&self, body: Body) -> Option<[u64; 6]> {
        match body {
            Body::Words => Some([self.words[0], self.words[1], 0, 0, 0, 0]),
            Body::Struct => Some([self.block, 0, 0, 0, 0, 0]),
            Body::Handler => Some(self.handler),
            _ => None,
        }
    }

    fn keep(&mut self, words: &[u64]) -> u64 {
        self.kept.push(words.into());
        self.kept.last().map_or(0, |kept| kept.as_ptr() as u64)
    }

    /// A string. What is in the file's own constants might not be in memory yet.
    fn text(&mut self, text: &str) -> [u64; 2] {
        let mut words = vec![0; text.len().div_ceil(8)];
        for (word, bytes) in words.iter_mut().zip(text.as_bytes().chunks(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        [self.keep(&words), text.len() as u64]
    }

    /// A map with two entries, both in the only group.
    fn map(&mut self, entries: [[&str; 2]; 2]) -> u64 {
        let mut group = vec![u64::from_le_bytes([1, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80])];
        entries.iter().flatten().for_each(|word| group.extend(self.text(word)));
        group.resize((swiss::KEYS as usize + 8 * 32) / 8, 0);
        let group = self.keep(&group);
        self.keep(&[2, 0, group, 0, 0, 0])
    }
}

/// The first word of an interface that holds one.
fn described(of: Of) -> u64 {
    let place = DYNAMIC.iter().zip(&DESCRIBED).find(|((known, _), _)| *known as u64 == of as u64);
    place.map_or(0, |(_, described)| std::ptr::from_ref(described) as u64)
}
