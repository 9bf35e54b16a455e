//! `gospect run`: a script of probes on a program.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use event::calls::Key;
use event::goroutine::Told;
use event::run::{Attached, Load, Program, Summary};
use event::totals::{Goroutines, Lasting};
use event::{Names, Snapshot, Value};
use session::run::{Call, Limits, Script, Show, Stopped, Values};
use session::{Group, Subject};
use ui::call::{Page, Shown, View};
use ui::go::Style;
use ui::{Format, Look, state};

use crate::failure::{Failure, Message};
use crate::fold::Fold;
use crate::line::Line;
use crate::output::Output;
use crate::patience::Patience;
use crate::typed::Width;
use crate::{Run, say};

/// No script is longer; who names a larger file has named the wrong one.
const LONGEST: u64 = 16 << 20;

pub(crate) fn run(run: &mut Run) -> Result<(), Failure> {
    let script = script(run)?;
    if let Some(stage) = run.typed.run.emit {
        return Ok(run.out.write_all(script.stage(stage)?.as_bytes())?);
    }
    if run.typed.run.list {
        return Ok(run.out.write_all(script.list()?.as_bytes())?);
    }
    go(run, script, None)
}

/// Runs a script, whoever wrote it, as the flags say that all probing commands have.
pub(crate) fn go(run: &mut Run, script: Script, fold: Option<Box<dyn Fold>>) -> Result<(), Failure> {
    let has_command = !script.command.is_empty();
    if let (Some(Subject::Group(group)), false) = (&script.subject, has_command) {
        let (duration, quiet) = (run.typed.run.duration, run.typed.run.quiet);
        group.await_go(duration, |note| {
            if !quiet {
                say(note, None);
            }
        });
    }
    let typed = &run.typed.run;
    let patient = run.is_looked_on();
    let reading = Patience::with(patient, "reading programs and writing probes");
    let prepared = script.compile();
    drop(reading);
    let prepared = prepared?;
    if !typed.quiet {
        // With standard error closed there is nobody to tell.
        let _ = io::stderr().write_all(prepared.warnings.as_bytes());
    }
    session::wait_for_orders();
    let limits = Limits { duration: typed.duration, printed: typed.printed, overhead: typed.overhead.0 };
    let (quiet, buffered, ready) = (typed.quiet, typed.buffered, typed.ready);
    // What a command prints on the same terminal would go into the line.
    let live = !quiet && io::stderr().is_terminal() && !has_command;
    let line = Line::new(live);
    let (width, mut calls) = (typed.width, Page::new(typed.view, style(&typed.values)));
    if names_several(run) {
        calls.of_several();
    }
    let attaching = Some(Patience::with(patient, "putting probes in place"));
    let of = Screen::of(&mut run.out, run.format);
    let mut screen = Screen { width, quiet, buffered, ready, line, calls, fold, attaching, ..of };
    let ended = prepared.run(limits, &mut screen);
    screen.attaching = None;
    if let Err(Stopped::Show(error)) = &ended
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        screen.note("ended because nobody reads the output any more");
    }
    let ended = ended.map_err(|stopped| unshown(stopped, &run.out))?;
    match ended.status {
        0 => Ok(()),
        status => {
            run.out.finish()?;
            Err(Failure::Asked((status & 0xff) as u8))
        }
    }
}

/// Whether flags name more than one process, or a group, which may have more at any time.
fn names_several(run: &Run) -> bool {
    let pids = &run.typed.pids;
    run.typed.choice.is_some() || pids.iter().any(|pid| *pid != pids[0])
}

/// More than usual is shown of strings if more than usual is taken.
fn style(values: &Values) -> Style {
    let (usual, strlen) = (Style::default(), usize::from(values.strlen));
    let strlen = if values.strlen == Values::default().strlen { usual.strlen } else { strlen };
    Style { strlen, ..usual }
}

/// Says where the rest is if something could not be written.
fn unshown(stopped: Stopped, out: &Output) -> Failure {
    match (stopped, out.turned_to()) {
        (Stopped::Show(error), Some(elsewhere)) => Failure::Said(Message {
            hint: Some(format!("what was gathered and had no room there is on {elsewhere}")),
            ..Message::refused(error.to_string())
        }),
        (stopped, _) => stopped.into(),
    }
}

/// What was typed as a script.
fn script(run: &Run) -> Result<Script, Failure> {
    let typed = &run.typed;
    let (name, text, params) = match (&typed.run.text, typed.words.split_first()) {
        (Some(text), _) => (String::new(), text.clone(), typed.words.as_slice()),
        (None, Some((points, rest))) if typed.run.list => (String::new(), points.to_string_lossy().into_owned(), rest),
        (None, Some((file, params))) => (file.display().to_string(), read(file)?, params),
        (None, None) => {
            return Err(Failure::usage(
                "`gospect run` needs a script: its file, `-` for standard input, or `-e TEXT`",
                "`gospect help run` shows what can be typed",
            ));
        }
    };
    Ok(Script {
        name,
        text,
        params: params.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        subject: subject(run)?,
        command: command(run)?,
        as_root: typed.run.as_root,
        engine: typed.run.engine,
        values: typed.run.values.clone(),
        restraint: typed.run.restraint,
    })
}

fn read(file: &std::ffi::OsStr) -> Result<String, Failure> {
    let unread = |e: io::Error| Failure::Said(Message::refused(format!("{} cannot be read: {e}", file.display())));
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().take(LONGEST).read_to_string(&mut text),
        _ => File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text)),
    };
    read.map(|_| text).map_err(unread)
}

/// The processes that flags name.
pub(crate) fn subject(run: &Run) -> Result<Option<Subject>, Failure> {
    if run.typed.choice.is_some() {
        if !run.typed.pids.is_empty() || run.typed.run.target.is_some() {
            let both = "a group of processes, and `-p` or `--target`, cannot both name the target";
            return Err(Failure::usage(both, "leave one out"));
        }
        return Ok(Some(Subject::Group(Group::chosen(&run.typed.choice)?)));
    }
    match (run.typed.pids.as_slice(), &run.typed.run.target) {
        ([_, ..], Some(_)) => Err(Failure::usage("`-p` and `--target` cannot both name the target", "leave one out")),
        (pids @ [_, ..], None) => Ok(Some(Subject::processes(pids))),
        ([], Some(path)) => Ok(Some(Subject::Path(path.clone()))),
        ([], None) => Ok(None),
    }
}

pub(crate) fn command(run: &Run) -> Result<Vec<std::ffi::OsString>, Failure> {
    let (by_flag, behind) = (&run.typed.run.command, &run.typed.command);
    match (by_flag.is_empty(), behind.is_empty()) {
        (false, false) => Err(Failure::usage("`-c` and `--` cannot both name the command", "leave one out")),
        (_, true) => Ok(by_flag.clone()),
        (true, false) => Ok(behind.clone()),
    }
}

/// Where a script's output goes, and notes about it.
pub(crate) struct Screen<'r> {
    pub out: &'r mut Output,
    pub format: Format,
    pub width: Width,
    /// Whether that was looked at since the last pause.
    pub fits: bool,
    pub quiet: bool,
    pub buffered: bool,
    pub ready: Option<u32>,
    pub line: Line,
    pub calls: Page,
    pub states: state::Page,
    /// A way to look at the maps.
    pub fold: Option<Box<dyn Fold>>,
    /// Until the probes are in place.
    pub attaching: Option<Patience>,
}

fn shown<'a>(call: &Call<'a>, page: &Page) -> Shown<'a> {
    Shown { call: call.call, told: call.told, types: call.types, ts: call.ts, style: page.style() }
}

impl<'r> Screen<'r> {
    /// One that is as quiet as can be.
    pub fn of(out: &'r mut Output, format: Format) -> Screen<'r> {
        Screen {
            out,
            format,
            width: Width::default(),
            fits: false,
            quiet: true,
            buffered: false,
            ready: None,
            line: Line::new(false),
            calls: Page::new(View::Ends, Style::default()),
            states: state::Page::default(),
            fold: None,
            attaching: None,
        }
    }
}

impl Screen<'_> {
    /// Before values are shown: they take the columns that there are, and whoever looks may make the terminal larger.
    fn fit(&mut self) {
        self.line.clear();
        if let (Format::Text(_), false) = (self.format, self.fits) {
            self.calls.fit(self.width.columns(self.out.width()));
            self.fits = true;
        }
    }

    /// Shows something that is a result for programs and a note for people.
    fn aside(&mut self, show: impl Fn(Format, &mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        if self.format == Format::Json {
            return show(Format::Json, self.out);
        }
        self.line.clear();
        if !self.quiet {
            let mut text = Vec::new();
            show(Format::Text(Look::default()), &mut text)?;
            // With standard error closed there is nobody to tell.
            let _ = io::stderr().write_all(&text);
        }
        Ok(())
    }

    /// Whoever waits may have gone: that is no reason not to trace.
    fn tell_ready(&self) {
        if let Some(fd) = self.ready {
            let opened = File::options().write(true).open(format!("/proc/self/fd/{fd}"));
            if opened.and_then(|mut file| file.write_all(b"\n")).is_err() {
                say(&format!("file descriptor {fd} cannot be written to"), None);
            }
        }
    }
}

impl Show for Screen<'_> {
    fn attached(&mut self, attached: &Attached) -> io::Result<()> {
        self.attaching = None;
        self.fold.iter_mut().for_each(|fold| fold.attached(attached));
        self.aside(|format, out| ui::run::show_attached(attached, format, out))?;
        // Whoever waits on the same file reads one after the other, so nothing of ours may be left half written.
        self.out.flush()?;
        self.tell_ready();
        Ok(())
    }

    fn program(&mut self, program: &Program) -> io::Result<()> {
        self.note(&ui::run::program(program));
        if self.format == Format::Json { ui::run::show_program(program, self.out) } else { Ok(()) }
    }

    fn printf(&mut self, form: &event::Format, args: &[Value], names: &dyn Names) -> io::Result<()> {
        self.fit();
        ui::printf::printf(form, args, self.calls.style(), names, self.format, self.out)
    }

    fn value(&mut self, value: &Value, names: &dyn Names) -> io::Result<()> {
        self.fit();
        ui::printf::value(value, self.calls.style(), names, self.format, self.out)
    }

    fn call(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()> {
        self.fit();
        let shown = shown(call, &self.calls);
        self.calls.ends(&shown, names, self.format, self.out)
    }

    fn begins(&mut self, call: &Call<'_>, names: &dyn Names) -> io::Result<()> {
        self.fit();
        let shown = shown(call, &self.calls);
        self.calls.begins(&shown, names, self.format, self.out)
    }

    fn drops(&mut self, call: Key, boot: u64, names: &dyn Names) -> io::Result<()> {
        self.calls.drops(call, boot, names, self.out)
    }

    fn wants_beginnings(&self) -> bool {
        self.calls.wants_beginnings()
    }

    fn time(&mut self, form: &str, boot: u64, names: &dyn Names) -> io::Result<()> {
        self.line.clear();
        ui::printf::time(form, boot, names, self.format, self.out)
    }

    fn state(&mut self, told: &Told, names: &dyn Names) -> io::Result<()> {
        self.line.clear();
        self.states.show(told, names, self.format, self.out)
    }

    fn map(&mut self, map: &Snapshot, names: &dyn Names) -> io::Result<()> {
        self.line.clear();
        match &mut self.fold {
            Some(fold) => fold.map(map, names, self.format, self.out),
            None => ui::maps::show(map, names, self.format, self.out),
        }
    }

    fn wants_goroutines(&self) -> bool {
        self.fold.as_ref().is_some_and(|fold| fold.wants_goroutines())
    }

    fn goroutines(&mut self, goroutines: &Goroutines) -> io::Result<()> {
        self.fold.iter_mut().for_each(|fold| fold.goroutines(goroutines));
        Ok(())
    }

    fn turn(&mut self, lasting: &[(Lasting, bool)]) {
        self.fold.iter_mut().for_each(|fold| fold.turn(lasting));
    }

    fn rest(&mut self, maps: &[Snapshot], names: &dyn Names) -> io::Result<()> {
        self.line.clear();
        match &mut self.fold {
            Some(fold) => {
                fold.rest(maps, names);
                Ok(())
            }
            None => ui::maps::show_rest(maps, names, self.format, self.out),
        }
    }

    fn pause(&mut self, names: &dyn Names) -> io::Result<()> {
        self.calls.pause(names, self.out)?;
        self.fits = false;
        if self.buffered { Ok(()) } else { self.out.flush() }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.line.clear();
        self.out.flush()
    }

    fn rescue(&mut self, kept: bool) {
        // If that does not work either there is nothing left to do.
        let _ = self.out.turn_away(kept);
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        if let Some(fold) = &mut self.fold {
            fold.summary(summary, self.format, self.out)?;
            // Before what is said of it.
            self.out.flush()?;
        }
        ui::run::troubles(summary).iter().for_each(|trouble| self.note(trouble));
        self.aside(|format, out| ui::run::show_summary(summary, format, out))
    }

    fn wants_load(&self) -> bool {
        self.line.is_live()
    }

    fn load(&mut self, load: &Load) -> io::Result<()> {
        // What was printed before stands above it.
        self.out.flush()?;
        if !self.out.is_in_line() {
            self.line.draw(&ui::run::load(load));
        }
        Ok(())
    }

    fn note(&mut self, note: &str) {
        self.line.clear();
        if !self.quiet {
            say(note, None);
        }
    }
}
