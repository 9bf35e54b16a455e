//! Holds JSON against `docs/json.md`, whose blocks say which fields there are.

use std::collections::BTreeMap;

use serde_json::Value;

const DOCS: &str = include_str!("../../../../docs/json.md");

/// The object on `line`, if it is as documented; panics with what is wrong otherwise.
pub fn documented(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("not JSON ({e}): {line}"));
    let name = value["type"].as_str().unwrap_or_else(|| panic!("no type: {line}")).to_owned();
    assert!(line.starts_with(&format!("{{\"type\":\"{name}\"")), "the type is not the first field: {line}");
    if let Err(wrong) = is_object(&value, &name, &blocks(DOCS)) {
        panic!("{wrong}: {line}");
    }
    for arg in ["args", "rets"].iter().flat_map(|list| value[list].as_array().into_iter().flatten()) {
        is_placed(arg).unwrap_or_else(|wrong| panic!("{wrong}: {line}"));
    }
    value
}

/// Whether the places of an argument are in the words that the documentation has for them.
fn is_placed(arg: &Value) -> Result<(), String> {
    let place = arg["place"].as_str().unwrap_or_default();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let register = |name: &str| {
        let numbered = ["r", "x", "v", "xmm"].iter().any(|p| name.strip_prefix(p).is_some_and(number));
        numbered || ["rax", "rbx", "rcx", "rdi", "rsi"].contains(&name)
    };
    let known = |place: &str| {
        place == "none" || place.strip_prefix("stack+").is_some_and(number) || place.split(", ").all(register)
    };
    let guessed = arg["guess"].as_str();
    if !(known(place) || place == "unknown") || guessed.is_some_and(|guess| !known(guess)) {
        return Err(format!("no place is called {place:?}"));
    }
    if guessed.is_some() && place != "unknown" || arg["lost_after_growth"] == true && !place.split(", ").all(register) {
        return Err(format!("{place:?} is known, or in no register"));
    }
    Ok(())
}

type Blocks<'d> = BTreeMap<&'d str, Vec<(&'d str, &'d str)>>;

/// The blocks ```` ```fields NAME ````, each with its fields and their types.
fn blocks(docs: &str) -> Blocks<'_> {
    let parts = docs.split("```fields ").skip(1).map(|p| p.split("```").next().unwrap_or_default());
    let named = parts.map(|block| {
        let (name, lines) = block.split_once('\n').expect("a block has lines");
        let fields = lines.lines().map(|line| {
            let line = line.split('#').next().unwrap_or_default();
            let (field, of) = line.split_once(':').unwrap_or_else(|| panic!("not a field: {line}"));
            (field.trim(), of.trim())
        });
        (name.trim(), fields.collect())
    });
    named.collect()
}

fn is_object(value: &Value, name: &str, blocks: &Blocks) -> Result<(), String> {
    let fields = blocks.get(name).ok_or_else(|| format!("`{name}` is not documented"))?;
    let object = value.as_object().ok_or_else(|| format!("`{name}` is no object"))?;
    let required = fields.iter().map(|(field, _)| field).filter(|field| **field != "*" && !field.ends_with('?'));
    if let Some(missing) = required.into_iter().find(|field| !object.contains_key(**field)) {
        return Err(format!("`{name}.{missing}` is missing"));
    }
    object.iter().try_for_each(|(key, value)| {
        let described = fields.iter().find(|(field, _)| *field == "*" || field.trim_end_matches('?') == key);
        let (field, of) = described.ok_or_else(|| format!("`{name}.{key}` is not documented"))?;
        let field = if *field == "*" { key } else { field.trim_end_matches('?') };
        let fits = is(value, of, blocks).map_err(|inner| format!("`{name}.{field}`: {inner}"))?;
        if fits { Ok(()) } else { Err(format!("`{name}.{field}` is {value}, not {of}")) }
    })
}

/// Whether the value has this type. An error tells what is wrong inside of an object that it should be.
fn is(value: &Value, of: &str, blocks: &Blocks) -> Result<bool, String> {
    if let Some((first, rest)) = of.split_once('|') {
        let first = is(value, first, blocks);
        // Of two kinds of objects that both do not fit, the first is as good as the other to tell about.
        return if first == Ok(true) || is(value, rest, blocks) == Ok(true) { Ok(true) } else { first };
    }
    let of = of.trim();
    let inside = |open, close| of.strip_prefix(open).and_then(|o: &str| o.strip_suffix(close));
    if let Some(each) = inside('[', ']') {
        let Some(all) = value.as_array() else { return Ok(false) };
        return all.iter().try_fold(true, |fit, one| Ok(fit && is(one, each, blocks)?));
    }
    if let Some(name) = inside('{', '}') {
        return if value.is_object() { is_object(value, name, blocks).map(|()| true) } else { Ok(false) };
    }
    if let Some(word) = inside('"', '"') {
        return Ok(value == word);
    }
    Ok(match of {
        "any" => true,
        "text" => value.is_string(),
        "string" => value.as_str().is_some_and(|s| !s.is_empty()),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => return Err(format!("`{of}` is no type")),
    })
}

fn check(line: &str, expect: expect_test::Expect) {
    let docs = "```fields call\ntype: \"call\"\nname: string | null # comment: with colon\nargs: [{arg}]\n\
                note?: text\nshare?: number\nby_key?: {keys}\n```\n```fields keys\n*: integer | [any]\n```\n\
                text\n```fields arg\nplace: \"rax\" | \"rbx\"\nsize: integer\nok: boolean\n```\n";
    let value = serde_json::from_str(line).unwrap();
    expect.assert_eq(&is_object(&value, "call", &blocks(docs)).err().unwrap_or_else(|| "as documented".to_owned()));
}

#[test]
fn the_check_finds_what_is_not_as_documented() {
    use expect_test::expect;
    let arg = r#"{"place":"rbx","size":1,"ok":true}"#;
    check(&format!(r#"{{"type":"call","name":null,"args":[{arg},{arg}]}}"#), expect!["as documented"]);
    check(r#"{"type":"call","name":"f","args":[]}"#, expect!["as documented"]);
    check(r#"{"type":"call","name":"","args":[]}"#, expect![[r#"`call.name` is "", not string | null"#]]);
    check(r#"{"type":"call","name":"f"}"#, expect!["`call.args` is missing"]);
    check(r#"{"type":"call","name":"f","args":[],"more":1}"#, expect!["`call.more` is not documented"]);
    check(r#"{"type":"other","name":"f","args":[]}"#, expect![[r#"`call.type` is "other", not "call""#]]);
    check(
        r#"{"type":"call","name":"f","args":[{"place":"rcx","size":1,"ok":true}]}"#,
        expect![[r#"`call.args`: `arg.place` is "rcx", not "rax" | "rbx""#]],
    );
    check(
        r#"{"type":"call","name":"f","args":[{"place":"rax","size":1.5,"ok":true}]}"#,
        expect!["`call.args`: `arg.size` is 1.5, not integer"],
    );
    check(r#"{"type":"call","name":"f","args":[],"share":"1.5"}"#, expect![[r#"`call.share` is "1.5", not number"#]]);
    check(r#"{"type":"call","name":"f","args":[],"share":1.5}"#, expect!["as documented"]);
    check(r#"{"type":"call","name":"f","args":[],"note":"","by_key":{"a":1,"":[1,"x"]}}"#, expect!["as documented"]);
    check(r#"{"type":"call","name":"f","args":[],"note":1}"#, expect!["`call.note` is 1, not text"]);
    check(
        r#"{"type":"call","name":"f","args":[],"by_key":{"a":"x"}}"#,
        expect![[r#"`call.by_key`: `keys.a` is "x", not integer | [any]"#]],
    );
    check(r#"{"type":"call","name":"f","args":[1]}"#, expect!["`call.args` is [1], not [{arg}]"]);
}

#[test]
fn what_printing_is_tested_with_is_documented() {
    let tests = [
        include_str!("../../../ui/src/bench.rs"),
        include_str!("../../../ui/src/maps/tests.rs"),
        include_str!("../../../ui/src/printf.rs"),
        include_str!("../../../ui/src/run.rs"),
    ];
    let lines = tests.iter().flat_map(|test| test.lines()).map(str::trim).filter(|line| line.starts_with("{\"type\":"));
    let seen: std::collections::BTreeSet<String> = lines.map(|line| documented(line)["type"].to_string()).collect();
    let expect = ["attached", "bench", "hist", "map", "printf", "quantiles", "stats", "summary", "time", "value"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expect.map(|name| format!("\"{name}\"")));
}

#[test]
fn what_is_documented_can_be_read() {
    let blocks = blocks(DOCS);
    assert!(blocks.contains_key("process"));
    for (name, fields) in &blocks {
        let types = fields.iter().flat_map(|(_, of)| of.split('|'));
        for of in types.map(|of| of.trim().trim_start_matches('[').trim_end_matches(']')) {
            match of.strip_prefix('{').and_then(|o| o.strip_suffix('}')) {
                Some(inner) => assert!(blocks.contains_key(inner), "{name}: {of}"),
                None => assert!(is(&Value::Null, of, &blocks).is_ok(), "{name}: {of}"),
            }
        }
    }
}
