//! Types whose insides nobody asks for: their bytes are kept, and not all of their pointers are followed.
//!
//! Behind a mutex, a connection or a logger is half of the program. Without this list two pointers away from a handler's
//! arguments everything is captured but what the handler was called with.

use gobin::pattern::Pattern;

/// A type, and which of its fields are followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opaque {
    /// Matches whole names, with import paths.
    pub types: String,
    /// The fields whose pointers are followed.
    pub fields: Vec<String>,
}

/// What is opaque unless somebody says otherwise: a pattern, and behind a colon the fields that are followed all the same.
pub const DEFAULT_OPAQUE: [&str; 27] = [
    "bufio.*",
    "context.afterFuncCtx:cancelCtx",
    "context.cancelCtx:Context",
    "context.timerCtx:cancelCtx",
    "crypto/*",
    "database/sql.DB",
    "go/token.FileSet",
    "html/template.Template",
    "internal/poll.*",
    "internal/sync.*",
    "log.Logger",
    "log/slog.Logger",
    "net.netFD",
    "net.Resolver",
    "net/http.Client",
    "net/http.Server:Addr",
    "net/http.Transport",
    "net/http.body",
    "net/http.conn:remoteAddr",
    "net/http.response:status",
    "os.file:name",
    "reflect.rtype",
    "runtime.*",
    "sync.*",
    "sync/atomic.*",
    "testing.*",
    "time.Location:name",
];

impl Opaque {
    /// Reads `PATTERN[:FIELD,FIELD…]`.
    #[must_use]
    pub fn of(text: &str) -> Opaque {
        let (types, fields) = text.split_once(':').unwrap_or((text, ""));
        let fields = fields.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect();
        Opaque { types: types.to_owned(), fields }
    }
}

/// All of them, ready to be asked.
pub(super) struct Opaques {
    all: Vec<(Pattern, Vec<String>)>,
}

impl Opaques {
    pub(super) fn new(list: &[Opaque]) -> Opaques {
        Opaques { all: list.iter().map(|one| (Pattern::new(&one.types), one.fields.clone())).collect() }
    }

    /// The fields of a struct that are followed, if not all are. What comes last counts.
    pub(super) fn fields(&self, name: &str) -> Option<&[String]> {
        let name = name.split('[').next().unwrap_or(name);
        self.all.iter().rev().find(|(pattern, _)| pattern.matches(name)).map(|(_, fields)| fields.as_slice())
    }
}
