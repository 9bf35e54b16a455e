//! Go types, and calls in terms of them, as bytes: a part of the layout of schemas.

use std::collections::HashMap;

use super::{
    Call, Dynamic, GoField, GoKind, GoMap, GoType, Inlined, MapLayout, Piece, Printed, Root, Slots, Source, Start,
    TypeRow, Types,
};
use crate::encoding::{Encoded, ReadError, Reader, Writer, encoded_enum, encoded_struct};

encoded_struct! {
    TypeRow { 0 }
    GoType { name, size, kind }
    GoField { name, ty, offset, embedded, hidden }
    GoMap { key, elem, header, layout, slots }
    Slots { keys, key_stride, key_behind_pointer, elems, elem_stride, elem_behind_pointer, size }
    Dynamic { ty, direct }
    Call { binary, function, name, returns, registers, stack, values, incomplete, inlined, type_args }
    Inlined { into, file, line }
    Printed { binary, bytes, values, instances }
    Root { name, ty, pieces, lost_if }
    Piece { at, size, from }
}

encoded_enum!(GoKind {
    0: Bool {},
    1: Int { signed: signed },
    2: Float {},
    3: Complex {},
    4: String {},
    5: UnsafePointer {},
    6: Pointer { 0: to_type },
    7: Slice { 0: elem },
    8: Array { elem: elem, len: len },
    9: Struct { 0: fields },
    10: Interface { empty: empty },
    11: Map { 0: map },
    12: Chan {},
    13: Func {},
    14: Unknown {},
});

encoded_enum!(MapLayout {
    0: Swiss { directory: directory, table: table, group: group },
    1: Buckets { bucket: bucket, size: size },
});

encoded_enum!(Source { 0: Record { 0: at }, 1: FloatRegister {}, 2: NoPlace {}, 3: NotLocated {}, 4: BeyondStack {} });

encoded_enum!(Start { 0: Here { 0: root }, 1: At { name: name, ty: ty, word: word } });

impl Encoded for Types {
    fn write(&self, to: &mut Writer) {
        to.list(self.rows.iter().skip(1));
        self.dynamic.write(to);
        self.runtime.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Types, ReadError> {
        let mut types = Types::default();
        Vec::read(from)?.into_iter().for_each(|ty: GoType| {
            types.add(ty);
        });
        types.dynamic = HashMap::read(from)?;
        types.runtime = HashMap::read(from)?;
        Ok(types)
    }
}
