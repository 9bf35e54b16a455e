//! How much of the values of recorded calls is wanted.

/// How much is captured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many pointers are followed, one behind the other; strings are always.
    pub depth: u8,
    /// Bytes of a record.
    pub bytes: u32,
    /// Bytes of a string.
    pub string: u16,
    /// Elements of a slice, and about so many entries of a map.
    pub elements: u16,
    /// Types whose pointers are not all followed.
    pub opaque: Vec<Opaque>,
}

impl Default for Limits {
    fn default() -> Limits {
        let opaque = DEFAULT_OPAQUE.into_iter().map(Opaque::of).collect();
        Limits { depth: 2, bytes: 2048, string: 256, elements: 64, opaque }
    }
}

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
