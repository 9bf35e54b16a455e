//! From arguments to a command and what was typed for it, by way of clap; and clap's errors in gospect's words.

use std::ffi::{OsStr, OsString};

use clap::builder::{OsStringValueParser, PossibleValuesParser, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches};

use crate::failure::Failure;
use crate::table::{COMMANDS, Command, Flag, GLOBAL, JSON, Several, Value};
use crate::typed::Typed;

/// The id under which all words of a command are kept.
const WORDS: &str = "WORDS";

/// Reads a command line, the program's name first. No command is no error here: `--help` needs none.
///
/// # Errors
/// What is wrong with it, and what was probably meant.
pub fn parse(args: Vec<OsString>) -> Result<(Option<&'static Command>, Typed), Failure> {
    let named = args.iter().skip(1).find_map(|a| Command::named(a));
    let (args, behind) = match named.filter(|command| command.starts) {
        Some(_) => split_at_dashes(args),
        None => (args, Vec::new()),
    };
    let args = named.map_or_else(|| args.clone(), |command| with_numbers(&args, command));
    let matches = parser().try_get_matches_from(args).map_err(|e| usage(&e, named))?;
    let mut typed = Typed { command: behind, ..Typed::default() };
    let Some((name, matches)) = matches.subcommand() else {
        GLOBAL.iter().try_for_each(|flag| keep(flag, &matches, &mut typed, None))?;
        return Ok((None, typed));
    };
    let command = Command::named(OsStr::new(name)).expect("clap knows no other commands than the table's");
    if matches.get_flag(JSON) && !command.json {
        let sentence = format!("what `gospect {name}` writes is a text, and no JSON");
        return Err(Failure::usage(sentence, format!("leave `--{JSON}` out")));
    }
    command.all_flags().try_for_each(|flag| keep(flag, matches, &mut typed, Some(command)))?;
    if !command.words.is_empty() {
        typed.words = matches.get_raw(WORDS).into_iter().flatten().map(OsStr::to_owned).collect();
    }
    Ok((Some(command), typed))
}

/// What stands behind `--` is a command with its own flags.
fn split_at_dashes(mut args: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let Some(at) = args.iter().position(|a| a == "--") else { return (args, Vec::new()) };
    let behind = args.split_off(at + 1);
    args.pop();
    (args, behind)
}

/// The number that stands behind a flag whose value may be missing is its value, as if `=` stood between them: no function,
/// and hardly a file, has such a name.
fn with_numbers(args: &[OsString], command: &Command) -> Vec<OsString> {
    let flags: Vec<String> =
        command.own_flags().filter(|flag| matches!(flag.value, Value::Maybe(_))).map(long).collect();
    let mut joined: Vec<OsString> = Vec::new();
    for arg in args {
        let is_number = !arg.is_empty() && arg.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        match joined.last_mut().filter(|last| is_number && flags.iter().any(|flag| *last == flag.as_str())) {
            Some(flag) => {
                flag.push("=");
                flag.push(arg);
            }
            None => joined.push(arg.clone()),
        }
    }
    joined
}

/// `--name`
fn long(flag: &Flag) -> String {
    format!("--{}", flag.long)
}

fn parser() -> clap::Command {
    clap::Command::new("gospect")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .args(GLOBAL.iter().map(|flag| arg(flag).global(true)))
        .subcommands(COMMANDS.iter().map(subcommand))
}

fn subcommand(command: &Command) -> clap::Command {
    let most = command.words.iter().map(|w| w.most).fold(0, usize::saturating_add);
    let words = Arg::new(WORDS).num_args(0..=most).value_parser(OsStringValueParser::new());
    clap::Command::new(command.name)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(command.own_flags().map(arg))
        .args((most > 0).then_some(words))
}

fn arg(flag: &Flag) -> Arg {
    let parser: ValueParser = match flag.value {
        Value::OneOf(_, words) => PossibleValuesParser::new(words).into(),
        _ => OsStringValueParser::new().into(),
    };
    let arg = Arg::new(flag.long).long(flag.long);
    let arg = if flag.several == Several::Last { arg.overrides_with(flag.long) } else { arg };
    let arg = arg.allow_hyphen_values(flag.may_be_negative);
    let arg = if let Some(short) = flag.short { arg.short(short) } else { arg };
    match flag.value {
        Value::None => arg.action(ArgAction::SetTrue),
        Value::Maybe(_) => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("")
            .value_parser(parser),
        Value::Any(_) | Value::OneOf(..) => {
            let last = flag.several == Several::Last;
            arg.action(if last { ArgAction::Set } else { ArgAction::Append }).value_parser(parser)
        }
    }
}

fn keep(flag: &Flag, from: &ArgMatches, typed: &mut Typed, command: Option<&Command>) -> Result<(), Failure> {
    let values: Vec<&OsStr> = match flag.value {
        Value::None => from.get_flag(flag.long).then_some(OsStr::new("")).into_iter().collect(),
        Value::Any(_) | Value::OneOf(..) | Value::Maybe(_) => from.get_raw(flag.long).into_iter().flatten().collect(),
    };
    let skipped = match (flag.several, values.len()) {
        (Several::Never, 2..) => {
            let sentence = format!("`--{}` is there {} times, and only one can be meant", flag.long, values.len());
            return Err(Failure::usage(sentence, "leave all but one out"));
        }
        (Several::Last, several) => several.saturating_sub(1),
        _ => 0,
    };
    values.into_iter().skip(skipped).try_for_each(|value| {
        let is_flag =
            |command: &Command| flag.may_be_negative && command.all_flags().any(|other| value == &*long(other));
        if command.is_some_and(is_flag) {
            return Err(Failure::usage(format!("`--{}` needs a value", flag.long), more(command)));
        }
        flag.keep(typed, value).map_err(|why| {
            let value = value.display();
            Failure::usage(format!("`{value}` cannot be the value of `--{}`: {why}", flag.long), more(command))
        })
    })
}

fn usage(error: &clap::Error, command: Option<&Command>) -> Failure {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg).map(flag_only).unwrap_or_default();
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let meant = |kind| text(kind).map(|s| format!("did you mean `{s}`?"));
    let (sentence, hint) = match error.kind() {
        ErrorKind::InvalidSubcommand => (
            format!("unknown command `{}`", text(ContextKind::InvalidSubcommand).unwrap_or_default()),
            meant(ContextKind::SuggestedSubcommand),
        ),
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            (format!("unknown option `{argument}`"), meant(ContextKind::SuggestedArg))
        }
        ErrorKind::UnknownArgument => (format!("`{argument}` is one argument too many"), None),
        ErrorKind::InvalidValue if value.is_empty() => (format!("`{argument}` needs a value"), words(error)),
        ErrorKind::InvalidValue => (format!("`{value}` cannot be the value of `{argument}`"), words(error)),
        ErrorKind::TooManyValues if argument.starts_with('-') => (format!("`{argument}` takes no value"), None),
        ErrorKind::TooManyValues => (format!("`{value}` is one argument too many"), None),
        ErrorKind::InvalidUtf8 => ("a command or an option is not valid UTF-8".to_owned(), None),
        other => (format!("the command line is not understood: {other}"), None),
    };
    Failure::usage(sentence, hint.unwrap_or_else(|| more(command)))
}

/// clap adds the value's name: `--color <WHEN>`, `-o <FILE>...`.
fn flag_only(argument: &str) -> &str {
    argument.split([' ', '=']).next().unwrap_or(argument)
}

fn words(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::Strings(words)) = error.get(ContextKind::ValidValue) else { return None };
    let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    (!words.is_empty()).then(|| format!("it takes {}", words.join(", ")))
}

fn more(command: Option<&Command>) -> String {
    match command {
        Some(command) => format!("`gospect help {}` shows what can be typed", command.name),
        None => "`gospect help` lists the commands".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::USAGE;
    use expect_test::{Expect, expect};

    /// What is made of a command line that is split at blanks.
    fn check(line: &str, expect: Expect) {
        let args = line.split(' ').filter(|a| !a.is_empty()).map(OsString::from);
        let answer = match parse(["gospect".into()].into_iter().chain(args).collect()) {
            Ok((command, typed)) => format!("{}:{}", command.map_or("(none)", |c| c.name), changed(&typed)),
            Err(Failure::Said(message)) => {
                assert_eq!(message.status, USAGE);
                format!("{}\nhint: {}", message.sentence, message.hint.unwrap())
            }
            Err(other) => format!("{other:?}"),
        };
        expect.assert_eq(&answer);
    }

    /// The fields that are not as they are when nothing was typed.
    fn changed(typed: &Typed) -> String {
        let default = format!("{:#?}", Typed::default());
        let lines = format!("{typed:#?}");
        lines.lines().filter(|l| !default.lines().any(|d| d == *l)).map(|l| format!(" {}", l.trim())).collect()
    }

    #[test]
    fn clap_finds_no_fault_in_the_table() {
        parser().debug_assert();
    }

    #[test]
    fn flags_of_every_command_may_stand_before_and_behind_it() {
        check("", expect!["(none):"]);
        check("--json ps", expect!["ps: json: true,"]);
        check("ps --json -o out --color=never", expect![[r#"ps: json: true, output: Some( "out", ), color: Never,"#]]);
        check("-h", expect!["(none): help: true,"]);
        check("help ps", expect![[r#"help: words: [ "ps", ],"#]]);
    }

    #[test]
    fn the_last_of_several_counts() {
        check(
            "ps --color never -o a --json --color always -o b --json",
            expect![[r#"ps: json: true, output: Some( "b", ), color: Always,"#]],
        );
    }

    #[test]
    fn of_what_says_what_is_looked_at_there_is_one() {
        check(
            "run --user a -e x --user b",
            expect![[r#"
                `--user` is there 2 times, and only one can be meant
                hint: leave all but one out"#]],
        );
    }

    #[test]
    fn a_value_may_begin_with_a_minus_where_that_makes_sense() {
        check(
            "hist --lhist -3,10,2 ./app f",
            expect![[r#"hist: linear: Some( "-3, 10, 2", words: [ "./app", "f", ],"#]],
        );
        check("hist --lhist=-3,10,2 --of -1", expect![[r#"hist: of: Some( "-1", linear: Some( "-3, 10, 2","#]]);
        check(
            "hist --lhist --live ./app f",
            expect![[r#"
            `--lhist` needs a value
            hint: `gospect help hist` shows what can be typed"#]],
        );
        check("trace --if -args.n<3", expect![[r#"trace: condition: Some( "-args.n<3","#]]);
        check(
            "trace --except -n",
            expect![[r#"
            `--except` needs a value
            hint: `gospect help trace` shows what can be typed"#]],
        );
    }

    #[test]
    fn how_many_frames_may_stand_behind_a_blank() {
        check("trace --stack 3 ./app f", expect![[r#"trace: stack: Some( 3, words: [ "./app", "f", ],"#]]);
        check(
            "trace ./app f --stack -- ./3",
            expect![[r#"trace: stack: Some( 0, command: [ "./3", ], words: [ "./app", "f", ],"#]],
        );
        check("states --stack 20 -p 3", expect!["states: pids: [ Pid( 3, ], stack: Some( 20,"]);
        check(
            "trace ./app f --stack 33",
            expect![[r#"
            `33` cannot be the value of `--stack`: it is not a number from 1 to 32
            hint: `gospect help trace` shows what can be typed"#]],
        );
    }

    #[test]
    fn what_is_written_as_text_alone_is_not_asked_for_as_json() {
        check(
            "completions --json bash",
            expect![[r#"
            what `gospect completions` writes is a text, and no JSON
            hint: leave `--json` out"#]],
        );
        check(
            "--json help",
            expect![[r#"
            what `gospect help` writes is a text, and no JSON
            hint: leave `--json` out"#]],
        );
    }

    #[test]
    fn an_unknown_command_is_named_with_the_nearest_known() {
        check(
            "pz",
            expect![[r#"
                unknown command `pz`
                hint: `gospect help` lists the commands"#]],
        );
        check(
            "hlep",
            expect![[r#"
                unknown command `hlep`
                hint: did you mean `help`?"#]],
        );
        check(
            "xyzzy",
            expect![[r#"
                unknown command `xyzzy`
                hint: `gospect help` lists the commands"#]],
        );
    }

    #[test]
    fn an_unknown_option_is_named_with_the_nearest_known() {
        check(
            "ps --jsn",
            expect![[r#"
                unknown option `--jsn`
                hint: did you mean `--json`?"#]],
        );
        check(
            "ps -x",
            expect![[r#"
                unknown option `-x`
                hint: `gospect help ps` shows what can be typed"#]],
        );
        check(
            "--xyzzy",
            expect![[r#"
                unknown option `--xyzzy`
                hint: `gospect help` lists the commands"#]],
        );
    }

    #[test]
    fn words_that_a_command_does_not_take_are_refused() {
        check(
            "ps foo",
            expect![[r#"
                `foo` is one argument too many
                hint: `gospect help ps` shows what can be typed"#]],
        );
        check(
            "help language hist x",
            expect![[r#"
                `x` is one argument too many
                hint: `gospect help help` shows what can be typed"#]],
        );
    }

    #[test]
    fn values_are_checked() {
        check(
            "ps --color",
            expect![[r#"
                `--color` needs a value
                hint: it takes `auto`, `always`, `never`"#]],
        );
        check(
            "ps --color sometimes",
            expect![[r#"
                `sometimes` cannot be the value of `--color`
                hint: it takes `auto`, `always`, `never`"#]],
        );
        check(
            "ps --output",
            expect![[r#"
                `--output` needs a value
                hint: `gospect help ps` shows what can be typed"#]],
        );
        check(
            "ps -o",
            expect![[r#"
                `--output` needs a value
                hint: `gospect help ps` shows what can be typed"#]],
        );
        check(
            "ps --json=yes",
            expect![[r#"
                `--json` takes no value
                hint: `gospect help ps` shows what can be typed"#]],
        );
    }
}
