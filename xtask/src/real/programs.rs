//! The traced programs: source, load, and traced functions.

use std::io;
use std::path::{Path, PathBuf};

use gospect_fixtures::Variant;
use gospect_fixtures::load::Connection;

use crate::bed::{fixture, go, go_program};
use crate::root;

/// A traced program.
pub struct Program {
    pub name: &'static str,
    /// Its work under load, as the rest of a sentence.
    pub about: &'static str,
    /// Finds or builds it.
    pub path: fn() -> Result<PathBuf, String>,
    /// Patterns of traced functions.
    pub functions: &'static [&'static str],
    /// Patterns of excluded functions.
    pub except: &'static [&'static str],
    pub kind: Kind,
}

/// How a program is run.
pub enum Kind {
    Service(Service),
    Command(OneShot),
}

/// A program that answers requests while traced.
pub struct Service {
    /// Writes files into the working directory.
    pub prepare: fn(&Path, [u16; 2]) -> io::Result<()>,
    /// Makes the arguments; the service listens on the first port.
    pub args: fn([u16; 2]) -> Vec<String>,
    pub ask: Ask,
}

/// Sends the request with a number, and returns whether the answer is right.
pub type Ask = fn(&mut Connection, u64) -> io::Result<bool>;

/// A program that makes a file, traced from start to end.
pub struct OneShot {
    /// Writes files into the working directory, before each run.
    pub prepare: fn(&Path) -> io::Result<()>,
    pub args: &'static [&'static str],
    /// The output file.
    pub made: &'static str,
}

/// File with the standard output of a command.
pub const OUTPUT: &str = "output";

/// All programs.
pub const PROGRAMS: &[Program] = &[
    Program {
        name: "caddy",
        about: "serves files of 1 to 3 kB, of four requests one for a file that is not there",
        path: || go_program("github.com/caddyserver/caddy/v2/cmd/caddy@v2.10.0", ""),
        functions: &[
            "github.com/caddyserver/caddy/v2/modules/caddyhttp.*",
            "github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver.*",
        ],
        except: &[],
        kind: Kind::Service(Service {
            prepare: |at, _| (1..=3).try_for_each(|n| std::fs::write(at.join(format!("f{n}.txt")), file(n))),
            args: |[port, _]| words(&format!("file-server --listen 127.0.0.1:{port} --root .")),
            ask: |connection, n| {
                let n = n % 4;
                let answer = connection.ask(&format!("/f{n}.txt"))?;
                Ok(if n == 0 { answer.starts_with("404 ") } else { answer == format!("200 {}", file(n)) })
            },
        }),
    },
    Program {
        name: "etcd",
        about: "puts a value under one of 100 keys and gets it again",
        path: || go_program("go.etcd.io/etcd/server/v3@v3.6.4", ""),
        functions: &[
            "go.etcd.io/etcd/server/v3/etcdserver.(*EtcdServer).*",
            "go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc.*",
            "go.etcd.io/etcd/server/v3/etcdserver/txn.*",
            "go.etcd.io/etcd/server/v3/storage/mvcc.*",
        ],
        except: &[],
        kind: Kind::Service(Service {
            prepare: |_, _| Ok(()),
            args: |[port, peers]| {
                let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peers}"));
                words(&format!(
                    "--name n --data-dir data --listen-client-urls {client} --advertise-client-urls {client} \
                     --listen-peer-urls {peer} --initial-advertise-peer-urls {peer} --initial-cluster n={peer}"
                ))
            },
            ask: |connection, n| {
                let (key, value) = (base64(&format!("key{:03}", n % 100)), base64(&format!("value{n:010}")));
                let put = connection.post("/v3/kv/put", &format!(r#"{{"key":"{key}","value":"{value}"}}"#))?;
                let got = connection.post("/v3/kv/range", &format!(r#"{{"key":"{key}"}}"#))?;
                // No two of the four connections use the same key, because 100 is a multiple of four.
                Ok(put.starts_with("200 ") && got.contains(&format!(r#""value":"{value}""#)))
            },
        }),
    },
    Program {
        name: "prometheus",
        about: "works out sums that it is asked for, and scrapes itself each second",
        path: || go_program("github.com/prometheus/prometheus/cmd/prometheus@v0.305.0", ""),
        functions: &[
            "github.com/prometheus/prometheus/promql.*",
            "github.com/prometheus/prometheus/web/api/v1.*",
            "github.com/prometheus/prometheus/scrape.*",
            "github.com/prometheus/prometheus/tsdb.(*Head).*",
        ],
        except: &[],
        kind: Kind::Service(Service {
            prepare: |at, [port, _]| {
                let text = format!(
                    "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: self\n  static_configs:\n  \
                     - targets: ['127.0.0.1:{port}']\n"
                );
                std::fs::write(at.join("prometheus.yml"), text)
            },
            args: |[port, _]| {
                words(&format!(
                    "--config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=127.0.0.1:{port}"
                ))
            },
            ask: |connection, n| {
                let answer = connection.ask(&format!("/api/v1/query?query={n}%2B1"))?;
                Ok(answer.starts_with("200 ") && answer.contains(&format!(r#""{}"]"#, n + 1)))
            },
        }),
    },
    Program {
        name: "gin",
        about: "answers with Fibonacci numbers",
        path: || fixture("gin", Variant::NoInline),
        functions: &[
            "main.*",
            "github.com/gin-gonic/gin.*",
            "github.com/gin-gonic/gin/render.*",
            "net/http.(*response).*",
        ],
        except: &[],
        kind: Kind::Service(Service {
            prepare: |_, _| Ok(()),
            args: |[port, _]| vec![format!("127.0.0.1:{port}")],
            ask: |connection, n| {
                let n = n % 50 + 1;
                let right = (1..n).fold((0_u64, 1_u64), |(p, q), _| (q, p + q)).1;
                Ok(connection.ask(&format!("/fibonacci?num={n}"))? == format!(r#"200 {{"ret":{right}}}"#))
            },
        }),
    },
    Program {
        name: "go-build",
        about: "compiles and links a small program (`go build`)",
        path: || go_program("cmd/go", ""),
        functions: &["cmd/go/internal/work.*", "cmd/go/internal/load.*", "cmd/go/internal/modload.*"],
        except: &[],
        kind: Kind::Command(OneShot {
            prepare: |at| {
                std::fs::write(at.join("go.mod"), "module example.com/made\n\ngo 1.21\n")?;
                // New source, so nothing comes from the build cache, with the same result.
                std::fs::write(at.join("main.go"), format!("{MADE}\n// {:?}\n", std::time::SystemTime::now()))
            },
            args: &["build", "-trimpath", "-ldflags=-buildid=", "-o", "made", "."],
            made: "made",
        }),
    },
    Program {
        name: "go-list",
        about: "describes the standard library (`go list -json std`), traced with every function outside of the runtime",
        path: || go_program("cmd/go", ""),
        functions: &["*"],
        except: &["runtime.*", "runtime/*", "internal/runtime/*"],
        kind: Kind::Command(OneShot { prepare: |_| Ok(()), args: &["list", "-json", "std"], made: OUTPUT }),
    },
];

/// The program built by `go build`.
const MADE: &str = "package main\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n)\n\nfunc main() {\n\tfmt.Println(strings.ToUpper(\"made\"))\n}\n";

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn file(n: u64) -> String {
    n.to_string().repeat(1000 * n as usize)
}

/// Environment for a go command outside of its GOROOT.
pub fn go_env() -> Result<Vec<(String, String)>, String> {
    let root = go(&root(), &["env", "GOROOT"])?;
    Ok([("GOROOT", root.as_str()), ("GOFLAGS", ""), ("GOWORK", "off"), ("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec())
}

/// RFC 4648.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, n| bits << 8 | u32::from(three.get(n).copied().unwrap_or(0)));
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn texts_in_base64() {
        assert_eq!(["", "f", "fo", "foo", "foob"].map(base64), ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
