//! Positions in a plan's lists.

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
            pub struct $name(pub u32);

            impl $name {
                /// As an index.
                #[must_use]
                pub const fn index(self) -> usize {
                    self.0 as usize
                }
            }
        )*
    };
}

numbers! {
    /// A string in [`Plan::strings`](crate::Plan::strings).
    StringNo;
    /// A map in [`Plan::maps`](crate::Plan::maps).
    MapNo;
    /// A `$variable` of one body, in [`Body::vars`](crate::Body::vars).
    VarNo;
    /// An argument, result or part of one, in [`Body::accesses`](crate::Body::accesses) and, with its place, in [`Variant::accesses`](crate::Variant::accesses).
    AccessNo;
    /// An attach point in [`Plan::points`](crate::Plan::points).
    PointNo;
    /// An executable in [`Plan::binaries`](crate::Plan::binaries).
    BinaryNo;
    /// A function in [`Plan::functions`](crate::Plan::functions): the row that records and `func` name.
    FuncNo;
    /// A body in [`Plan::bodies`](crate::Plan::bodies).
    BodyNo;
    /// A variant in [`Plan::variants`](crate::Plan::variants).
    VariantNo;
    /// A group in [`Plan::groups`](crate::Plan::groups).
    GroupNo;
    /// What entries keep for returns, in [`Plan::saves`](crate::Plan::saves).
    SaveNo;
}
