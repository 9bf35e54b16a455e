use expect_test::{Expect, expect};

use super::*;

/// A name with a signature, as it is understood; or what is wrong, and with which part.
fn check(text: &str, want: Expect) {
    let Some((name, signature)) = split(text) else { return want.assert_eq("no signature") };
    want.assert_eq(&match parse(signature) {
        Ok(declaration) => {
            let names = declaration.params.iter().chain(&declaration.results).filter_map(|param| param.name.clone());
            let names: Vec<String> = names.collect();
            format!("{name} {declaration} {}", names.join(" ")).trim_end().to_owned()
        }
        Err(wrong) => {
            let help = wrong.help.map_or_else(String::new, |help| format!(" ({help})"));
            format!("{}: {}{help}", signature.get(wrong.at).unwrap_or("?"), wrong.why)
        }
    });
}

#[test]
fn a_signature_stands_behind_the_name_as_in_go() {
    check("main.Fib(n int) int", expect!["main.Fib (int) int n"]);
    check("main.f()", expect!["main.f ()"]);
    check(
        "main.(*Server).Get(s *main.Server, k string) (v []byte, err error)",
        expect!["main.(*Server).Get (*main.Server, string) ([]byte, error) s k v err"],
    );
    check("net/http.Handler(int, string)", expect!["net/http.Handler (int, string)"]);
    check(
        "main.f(a, b int, rest ...string) (int, error)",
        expect!["main.f (int, int, []string) (int, error) a b rest"],
    );
    check("main.Map[int,string](m map[int]string)", expect!["main.Map[int,string] (map[int]string) m"]);
    check("main.Fib func(n int) int", expect!["main.Fib (int) int n"]);
    check(
        "main.main.func1(x struct{A, B int; C *net/http.Request; main.T})",
        expect!["main.main.func1 (struct { A int; B int; C *net/http.Request; main.T }) x"],
    );
    check(
        "main.f(c chan int, r <-chan *T, s chan<- [3]int, g func(a int) (b, c string), i interface{ M() })",
        expect!["main.f (chan int, <-chan *T, chan<- [3]int, func(int) (string, string), interface { M() }) c r s g i"],
    );
    check(
        "main.f(any, (*main.T), main.Set[int, string], unsafe.Pointer) (error)",
        expect!["main.f (any, *main.T, main.Set[int,string], unsafe.Pointer) error"],
    );
}

#[test]
fn names_and_patterns_have_none() {
    for text in
        ["main.f", "main.(*T).M", "net/http.(*conn)*", "*(*T).M", "main.Map[...]", "type:.eq.func(int)", "main.T.M-fm"]
    {
        check(text, expect!["no signature"]);
    }
    check("main.*(n int)", expect!["main.* (int) n"]);
    check("main.(*T).*(n int)", expect!["main.(*T).* (int) n"]);
}

#[test]
fn mistakes_are_told_where_they_are() {
    check("main.f(n int", expect![": `)` is missing, the signature ends there"]);
    check("main.f(n int) int string", expect!["string: `string` behind the signature means nothing"]);
    check("main.f(n int, string)", expect!["string: the type of `string` is missing"]);
    check("main.f(n int, []string, m int)", expect!["[]string: either all have names or none (`_` is a name, too)"]);
    check("main.f(n [x]int)", expect!["x: the length of an array is a number"]);
    check("main.f(n map[int)", expect![[r#"): `]` is missing, `)` stands there"#]]);
    check("main.f(,)", expect![[r#",: a type is missing, `,` stands there"#]]);
    check(&format!("main.f({}int)", "*".repeat(100)), expect!["*: this type is too deep"]);
    check("main.f(n interface{ M()", expect![": `}` is missing, the signature ends there"]);
}

#[test]
fn types_mean_the_same_with_and_without_paths() {
    let means = |mine: &str, theirs: &str| parse_type(mine).unwrap().means(&parse_type(theirs).unwrap());
    for (mine, theirs) in [
        ("byte", "uint8"),
        ("[]rune", "[]int32"),
        ("any", "interface {}"),
        ("*http.Request", "*net/http.Request"),
        ("yaml.v3.Node", "gopkg.in/yaml%2ev3.Node"),
        ("main.T", "main.T·1"),
        ("main.Set[int, string]", "main.Set[int,string]"),
        ("func(a int) error", "func(int) error"),
        ("struct{A int}", "struct { A int }"),
        ("map[string]*url.URL", "map[string]*net/url.URL"),
    ] {
        assert!(means(mine, theirs), "{mine} {theirs}");
    }
    for (mine, theirs) in [
        ("int", "int64"),
        ("*int", "int"),
        ("net/http.Request", "http.Request"),
        ("chan int", "<-chan int"),
        ("a.T", "b.T"),
    ] {
        assert!(!means(mine, theirs), "{mine} {theirs}");
    }
}
