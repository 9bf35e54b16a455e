//! Types whose insides nobody asks for: their bytes are kept, and not all of their pointers are followed.
//!
//! Behind a mutex, a connection or a logger is half of the program. Without this list two pointers away from a handler's
//! arguments everything is captured but what the handler was called with.

use gobin::pattern::Pattern;

/// Types, and whether somebody wants to look into them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opaque {
    /// Matches whole names, with import paths.
    pub types: String,
    /// The fields that are followed and shown all the same; nothing where all are.
    pub fields: Option<Vec<String>>,
    /// Names without import paths match, too.
    pub short: bool,
}

/// What is opaque unless somebody says otherwise: a pattern, and behind a colon the fields that are followed all the same.
pub const DEFAULT_OPAQUE: [&str; 45] = [
    "bufio.*",
    "context.afterFuncCtx:cancelCtx",
    "context.cancelCtx:Context",
    "context.timerCtx:cancelCtx",
    "crypto/*",
    "database/sql.DB",
    "github.com/gin-gonic/gin.Context:Request,Writer,Params,index,fullPath,Keys,Errors",
    "github.com/gin-gonic/gin.Engine",
    "github.com/go-chi/chi/v5.Mux",
    "github.com/go-redis/redis/*",
    "github.com/gofiber/fiber/v2.App",
    "github.com/gorilla/mux.Router",
    "github.com/jackc/pgx/v5/pgxpool.Pool",
    "github.com/labstack/echo/v4.Echo",
    "github.com/labstack/echo/v4.context:request,response,path,pnames,pvalues",
    "github.com/redis/go-redis/v9.*",
    "github.com/rs/zerolog.Logger",
    "github.com/sirupsen/logrus.Logger",
    "go.mongodb.org/mongo-driver/mongo.*",
    "go.uber.org/zap.*",
    "go.uber.org/zap/*",
    "go/token.FileSet",
    "google.golang.org/grpc.ClientConn",
    "google.golang.org/grpc.Server",
    "gorm.io/gorm.Config",
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
        Opaque { types: types.to_owned(), fields: Some(fields), short: false }
    }

    /// The same as somebody types it, who knows names as they are shown.
    #[must_use]
    pub fn typed(text: &str) -> Opaque {
        Opaque { short: true, ..Opaque::of(text) }
    }

    /// Types that are not opaque after all, as somebody types them.
    #[must_use]
    pub fn followed(types: &str) -> Opaque {
        Opaque { types: types.to_owned(), fields: None, short: true }
    }
}

/// All of them, ready to be asked.
pub(super) struct Opaques {
    all: Vec<(Vec<Pattern>, Opaque)>,
}

impl Opaques {
    pub(super) fn new(list: &[Opaque]) -> Opaques {
        // Types are often written as the pointers to them; or the star stands for any characters.
        let patterns = |one: &Opaque| {
            let texts = [Some(one.types.as_str()), one.types.strip_prefix('*')];
            texts.into_iter().flatten().map(Pattern::new).collect()
        };
        Opaques { all: list.iter().map(|one| (patterns(one), one.clone())).collect() }
    }

    /// The fields of a struct that are followed, if not all are. What comes last counts.
    pub(super) fn fields(&self, name: &str) -> Option<&[String]> {
        let name = name.split('[').next().unwrap_or(name);
        let short = name.rsplit('/').next().unwrap_or(name);
        let is = |(patterns, one): &&(Vec<Pattern>, Opaque)| {
            patterns.iter().any(|pattern| pattern.matches(name) || one.short && pattern.matches(short))
        };
        self.all.iter().rev().find(is).and_then(|(_, one)| one.fields.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::{Opaque, Opaques};

    #[test]
    fn an_opaque_type_keeps_the_fields_that_are_named() {
        let list = ["a/b.*", "a/b.T:x,y"].map(Opaque::of);
        let opaques = Opaques::new(&list);
        let none: &[String] = &[];
        assert_eq!(opaques.fields("a/b.U[int]"), Some(none));
        assert_eq!(opaques.fields("a/b.T"), Some(&["x".to_owned(), "y".to_owned()][..]));
        assert_eq!(opaques.fields("a/c.T"), None);
        assert_eq!(opaques.fields("c/a/b.T"), None);
        let typed = [&list[..], &[Opaque::typed("*b.V:z"), Opaque::followed("b.T")]].concat();
        let opaques = Opaques::new(&typed);
        assert_eq!(opaques.fields("a/b.V"), Some(&["z".to_owned()][..]));
        assert_eq!(opaques.fields("c/b.V[int]"), Some(&["z".to_owned()][..]));
        assert_eq!(opaques.fields("a/b.T"), None);
        assert_eq!(opaques.fields("a/b.U"), Some(none));
    }
}
