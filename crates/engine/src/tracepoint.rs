//! Tracepoints of the kernel that events are attached to.

/// A tracepoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tracepoint {
    /// The directory that it is in, as in `sched`.
    pub category: String,
    /// Its name, as in `sched_process_exit`.
    pub name: String,
    /// The kernel's number for it.
    pub id: u64,
    /// Its fields, in order, with those that all tracepoints have.
    pub fields: Vec<Field>,
}

/// A field of a tracepoint's record, which is what its program has for a context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type as written in C, without the name.
    pub type_name: String,
    /// Where it begins.
    pub offset: u32,
    /// How many bytes it has; of all elements, if it is an array.
    pub size: u32,
    /// Whether it is signed.
    pub signed: bool,
    /// Whether it is an array, as in `char comm[16]`.
    pub array: bool,
    /// Whether these 4 bytes say where the data are: offset in the record, and length in the upper 16 bits.
    pub dynamic: bool,
}

impl Tracepoint {
    /// A field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
